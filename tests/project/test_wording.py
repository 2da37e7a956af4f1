"""Plain English: phrases that a reader stumbles over stay out of everything people read.

Each phrase is listed with a plainer one. A failing test prints both, with the line.
"""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROSE = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/*.md")]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
SOURCES = [p for name in ("minitransformer", "tests", "docs") for p in ROOT.glob(f"{name}/**/*.py")]
FILES = [path for path in sorted([*PROSE, *SOURCES]) if path != Path(__file__)]

UNIT = "(?:token|letter|character|head|query|row|line|core)"
# Regular expressions, and what to write instead. A space also matches a line break.
BANNED = {
    r"\bst(?:and|ood)s? (?:there|beside|behind|for itself)\b": "is, appears, comes",
    r"\bstands in (?!for\b)": "is in, appears in",
    r"\bwhoever\b": "anyone who, if you",
    r"\b(?!there\b)\w+ is no (?:number|list|array|string|model|file|dict|integer)\b": "is not a",
    r"\bha(?:s|ve) not (?:the|its|their|that)\b": "does not have the",
    r"\b(?!(?:and|do)\b)\w+ so (?:is|are|has|have|grows|means|be|gives|costs)\b": "so at the start",
    r"\bbesides[.,;:]": "also",
    r"\bgo(?:es|ing|ne)? on with\b": "continue",
    r"\bmodels? that writes?\b": "generative models",
    r"\bthe engine\b": "the package",
    r"\brounds? otherwise\b": "rounds differently",
    r"\bembedded (?:film )?reviews\b": "bundled reviews",
    r"\bheld-out loss an? ": "held-out loss per",
    rf"\b(?:one|an?) (?!(?:for|of|if|where)\b)\w+ a {UNIT}\b": "per",
    r"\b(?:tokens|operations|steps|texts|words|bytes|numbers) a second\b": "per second",
    r"\bproved by machine\b": "checked numerically",
    r"\bunless told otherwise\b": "by default",
    r"\bnot told\b": "unknown",
    r"\bquarter points?\b": "quartiles",
}
GAP = r"""[\s#"'`{}]+"""  # between two words: also the end of a line of a comment or a message
PHRASES = [(re.compile(p.replace(" ", GAP), re.IGNORECASE), words) for p, words in BANNED.items()]


def stumbles(text):
    """Line, phrase and plainer words of every banned phrase in a text."""
    for phrase, instead in PHRASES:
        for found in phrase.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"line {line}: {' '.join(found[0].split())!r} (write: {instead})"


def cells(path):
    """The text of each cell of a notebook, without its outputs."""
    return ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_file_has_no_banned_phrase(path):
    assert list(stumbles(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_has_no_banned_phrase(path):
    found = [f"cell {n}, {s}" for n, text in enumerate(cells(path)) for s in stumbles(text)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "x = 1  # the mask stands in\n# a row",
        "Whoever reads",
        'f"{x} is no "\n"number"',
        "if it\nhas not the shape",
        "Memory so grows with T",
        "and three of them besides.",
        "it goes on with the text",
        "the size of the\n    engine",
        "held-out loss a letter",
        "one row a token",
        "models that write",
    ],
)
def test_a_banned_phrase_is_noticed(text):
    assert len(list(stumbles(text))) == 1


def test_what_is_said_of_a_phrase_has_its_line():
    (found,) = stumbles("one\ntwo\nand the engine\n")
    assert found == "line 3: 'the engine' (write: the package)"


@pytest.mark.parametrize(
    "text",
    ["There is no file", "as it is, and so are these", "a stand-in for it", "T stands for tokens"],
)
def test_plain_english_is_not_noticed(text):
    assert list(stumbles(text)) == []
