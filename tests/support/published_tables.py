"""The published tables of GPT-2 and BERT, if they are on this machine, and the stored ids."""

import json
import os
from pathlib import Path

import pytest

from minitransformer.storage.download import VARIABLE

STORED = json.loads((Path(__file__).parent / "reference" / "token_ids.json").read_text("ascii"))


def published(place):
    """The path of a published table in the data folder; without it, the test is skipped."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} is not set: {place} is not part of the project")
    if not (Path(folder) / place).exists():
        pytest.skip(f"the folder in {VARIABLE} has no {place}")
    return Path(folder) / place


def write_small_bpe(folder, names=("vocab.json", "merges.txt")):
    """The small stored table as the two files of GPT-2."""
    stored = STORED["small bpe"]
    (folder / names[0]).write_text(json.dumps(stored["vocabulary"]), encoding="utf-8")
    (folder / names[1]).write_text("\n".join(["#version: 0.2", *stored["merges"], ""]), "utf-8")
    return folder
