"""The derivations: every backward has its section, and the formulas are numbered and closed."""

import re
from pathlib import Path

import pytest

from minitransformer import functional

PAGE = (Path(__file__).parent.parent / "docs" / "derivations.md").read_text(encoding="utf-8")
SECTIONS = [line[3:].lower() for line in PAGE.splitlines() if line.startswith("## ")]
BACKWARDS = [name for name in functional.__all__ if name.endswith("_backward")]


@pytest.mark.parametrize("name", BACKWARDS)
def test_every_backward_names_a_section_that_derives_it(name):
    docstring = getattr(functional, name).__doc__
    (section,) = re.findall(r"Derivation: docs/derivations\.md, (.+)\.$", docstring, re.MULTILINE)
    assert section in SECTIONS
    text = PAGE.lower().split(f"## {section}\n")[1].split("\n## ")[0]
    assert f"`{name.removesuffix('_backward')}(" in text


def test_every_displayed_equation_has_its_own_number():
    blocks = re.findall(r"^\$\$\n(.*?)\n\$\$$", PAGE, re.MULTILINE | re.DOTALL)
    tags = [re.findall(r"\\tag\{([\d.]+)\}", block) for block in blocks]
    assert len(blocks) > 50
    assert PAGE.count("$$") == 2 * len(blocks)
    assert [len(found) for found in tags] == [1] * len(blocks)
    numbers = [tuple(map(int, found[0].split("."))) for found in tags]
    assert numbers == sorted(set(numbers))


def test_every_reference_is_to_an_equation_that_exists():
    text = re.sub(r"\\tag\{[\d.]+\}", "", PAGE)
    references = set(re.findall(r"\((\d+\.\d+)\)", text))
    assert len(references) > 15
    assert references <= set(re.findall(r"\\tag\{([\d.]+)\}", PAGE))


def test_links_to_sections_exist():
    links = re.findall(r"\]\(#([a-z-]+)\)", PAGE)
    assert set(links) == {section.replace(" ", "-") for section in SECTIONS}


def test_formulas_stay_on_their_line_and_start_no_list():
    displayed = False
    for line in PAGE.splitlines():
        if line == "$$":
            displayed = not displayed
        elif displayed:
            assert not re.match(r"([-+*#>]|\d+\.) ", line), line
        else:
            assert line.count("$") % 2 == 0, line
    assert not displayed
