"""The published tables of GPT-2 and BERT, where this machine has them, and the stored ids."""

import json
import os
from pathlib import Path

import pytest

from minitransformer.storage.download import VARIABLE

STORED = json.loads((Path(__file__).parent / "reference" / "token_ids.json").read_text("ascii"))


def published(place):
    """The path of a published table in the folder of data; without it the test is skipped."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} is not set: {place} is published elsewhere and not part of this")
    if not (Path(folder) / place).exists():
        pytest.skip(f"the folder in {VARIABLE} holds no {place}")
    return Path(folder) / place


def write_small_bpe(folder, names=("vocab.json", "merges.txt")):
    """The small stored table as the two files of GPT-2."""
    stored = STORED["small bpe"]
    (folder / names[0]).write_text(json.dumps(stored["vocabulary"]), encoding="utf-8")
    (folder / names[1]).write_text("\n".join(["#version: 0.2", *stored["merges"], ""]), "utf-8")
    return folder
