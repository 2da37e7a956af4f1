"""Symbols: a letter that is a size in the table of symbols is never the name of an array."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIZES = "BTSDHEFMC"  # V is both, as the table says: the values, and in shapes the vocabulary
# A gradient of it, or an entry of it: dS, S_{ij}, S_ts. D_in and D_out are sizes too.
AS_ARRAY = re.compile(
    rf"(?<![A-Za-z\\{{_])(?:d[{SIZES}](?![A-Za-z])|[{SIZES}]_(?!in|out)\{{?[a-z])"
)
FILES = [
    *sorted((ROOT / "docs").glob("derivations/*.md")),
    *sorted((ROOT / "docs").glob("solutions/*.md")),
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
    *sorted((ROOT / "minitransformer" / "functional").rglob("*.py")),
]


def text_of(file):
    text = file.read_text("utf-8")
    if file.suffix != ".ipynb":
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


@pytest.mark.parametrize("text", ["$dS_{ij} = 0$", "$S_{ts} - m_h$", "    return dS @ K"])
def test_a_size_that_names_an_array_is_found(text):
    assert AS_ARRAY.search(text)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_size_never_names_an_array(file):
    assert AS_ARRAY.findall(text_of(file)) == []


def test_the_table_of_symbols_has_each_letter_once():
    text = text_of(ROOT / "docs/derivations/index.md").partition("## Symbols")[2]
    text = text.partition("\n## ")[0]
    rows = re.findall(r"^\| (\$.+?) \| ", text, re.MULTILINE)
    letters = [symbol for row in rows for symbol in re.findall(r"\$(\w+)\$", row)]
    assert set(SIZES) <= set(letters)
    assert [s for s in letters if letters.count(s) > 1] == ["V", "V"]
