"""The derivations: a page for each pair, numbered equations, and numbers that the code gives."""

import doctest
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import minitransformer
from minitransformer import functional
from tests.support.derivation_pages import BY_FUNCTION, FOLDER, PAGES, ROOT, text_of
from tests.support.worked_examples import chains, check_chain

FUNCTIONS = sorted({pair.forward.__name__ for pair in functional.PAIRS.values()})
SECTIONS = [
    "The equation", "Shapes", "Derivation, index by index", "As matrices", "Worked example",
    "What must be remembered", "Cost", "Numerical pitfalls",
]  # fmt: skip
CODE = re.compile(r"^```\w*\n.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
FORMULA = re.compile(r"^\$\$\n(.*?)\n\$\$$|\$([^$\n]+)\$", re.MULTILINE | re.DOTALL)
NUMBERS = r"equations? (\(\d+\)(?:(?:,| and| to) \(\d+\))*)"
ELSEWHERE = re.compile(r"\]\((\w+)\.md(?:#[\w-]+)?\), " + NUMBERS)
CITED = re.compile(r"docs/derivations/(\w+)\.md, " + NUMBERS)
OF_PAGES = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
OF_FUNCTIONS = pytest.mark.parametrize("page", BY_FUNCTION, ids=lambda page: page.stem)


def tags(page):
    return [int(n) for n in re.findall(r"\\tag\{(\d+)\}", text_of(page))]


def worked_example(text):
    return text.partition("\n## Worked example\n")[2].partition("\n## ")[0]


def docstrings():
    """File and text, in one line, of every docstring in the package."""
    for path in sorted(Path(minitransformer.__file__).parent.glob("**/*.py")):
        for found in re.findall(r'"""(.*?)"""', path.read_text("utf-8"), re.DOTALL):
            yield path.name, " ".join(found.split())


def test_every_pair_has_its_page_and_the_index_names_them_all():
    assert [page.stem for page in BY_FUNCTION] == FUNCTIONS
    linked = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \|", text_of(FOLDER / "index.md"), re.MULTILINE)
    assert set(linked) == set(FUNCTIONS)


@OF_FUNCTIONS
def test_a_page_has_its_parts_in_order(page):
    text = CODE.sub(lambda found: found[0].replace("\n#", "\n"), text_of(page))
    assert len(re.findall(r"^# .+$", text, re.MULTILINE)) == 1
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    for section in SECTIONS:
        body = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
        assert len(body.split()) > 15, section


@OF_FUNCTIONS
def test_a_page_names_its_source_notebook_and_pairs(page):
    forward = getattr(functional, page.stem)
    source = Path(inspect.getsourcefile(inspect.unwrap(forward))).relative_to(ROOT).as_posix()
    notebook = notebook_of(page.stem)
    shown = notebook  # a link once it is there
    if (ROOT / "notebooks" / f"{notebook}.ipynb").exists():
        shown = f"[{notebook}](../../notebooks/{notebook}.ipynb)"
    pairs = [f"`{n}`" for n, p in functional.PAIRS.items() if p.forward.__name__ == page.stem]
    assert text_of(page).splitlines()[2] == (
        f"Source: [{source}](../../{source}). Notebook: {shown}. Pairs: {', '.join(pairs)}."
    )


def notebook_of(name):
    docstring = " ".join(getattr(functional, f"{name}_backward").__doc__.split())
    (notebook,) = re.findall(r" Notebook: notebooks/(\w+)\.ipynb\.$", docstring)
    return notebook


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_backward_ends_with_its_derivation_and_its_notebook(name):
    docstring = " ".join(getattr(functional, f"{name}_backward").__doc__.split())
    ending = rf" Derivation: docs/derivations/{name}\.md, equations? \(\d+\)[^.]*\. Notebook: "
    assert re.search(ending + r"notebooks/\w+\.ipynb\.$", docstring), docstring[-160:]


@OF_PAGES
def test_equations_are_numbered_from_one_and_each_has_its_number(page):
    blocks = re.findall(r"^\$\$\n(.*?)\n\$\$$", text_of(page), re.MULTILINE | re.DOTALL)
    assert text_of(page).count("$$") == 2 * len(blocks)
    assert [len(re.findall(r"\\tag\{\d+\}$", block)) for block in blocks] == [1] * len(blocks)
    assert tags(page) == list(range(1, len(blocks) + 1))
    assert len(blocks) >= 3


@OF_PAGES
def test_every_equation_that_a_page_cites_exists(page):
    prose = " ".join(CODE.sub("", FORMULA.sub("", text_of(page))).split())
    for name, cited in ELSEWHERE.findall(prose):
        numbers = {int(n) for n in re.findall(r"\d+", cited)}
        assert numbers <= set(tags(FOLDER / f"{name}.md")), f"{name}, equation {cited}"
    here = {int(n) for n in re.findall(r"\((\d+)\)", ELSEWHERE.sub("", prose))}
    assert here <= set(tags(page)), sorted(here - set(tags(page)))


def test_every_equation_that_a_docstring_cites_exists():
    found = 0
    for module, docstring in docstrings():
        assert docstring.count("docs/derivations/") == len(CITED.findall(docstring)), module
        for name, cited in CITED.findall(docstring):
            numbers = {int(n) for n in re.findall(r"\d+", cited)}
            assert numbers <= set(tags(FOLDER / f"{name}.md")), f"{module}: {name}, {cited}"
            found += 1
    assert found >= len(FUNCTIONS)


@OF_PAGES
def test_formulas_are_closed_and_survive_markdown(page):
    """A backslash before punctuation is Markdown's own; \\cr ends the row of a matrix instead."""
    displayed = False
    for line in CODE.sub("", text_of(page)).splitlines():
        if line == "$$":
            displayed = not displayed
        elif displayed:
            assert line.strip(), "an empty line ends a formula"
            assert not re.match(r"([-+*#>]|\d+\.) ", line), line
        else:
            assert line.count("$") % 2 == 0, line
    assert not displayed
    for found in FORMULA.finditer(text_of(page)):
        assert not re.search(r"\\[^A-Za-z]|[*<]", found[0]), found[0]
        depth = [found[0].count(c) for c in "{}"]
        assert depth[0] == depth[1], found[0]


@OF_FUNCTIONS
def test_every_number_in_a_worked_example_is_what_the_code_gives(page):
    text = text_of(page)
    unfenced = re.sub(r"^```\w*$", "", text, flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(unfenced, {}, page.name, str(page), 0)
    assert f"{page.stem}_backward(" in worked_example(text)
    failures = []
    runner = doctest.DocTestRunner(verbose=False)
    with np.printoptions():  # restores what a page sets
        runner.run(test, out=failures.append, clear_globs=False)
    assert not failures, "\n".join(failures)
    section = re.sub(r"^```.*?^```$", "", worked_example(text), flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"\((\d+)\)", "", FORMULA.sub("", section))
    assert not re.search(r"(?<![A-Za-z])\d", prose), "a number outside a formula is not checked"
    checked = 0
    for displayed, inline in FORMULA.findall(section):
        for chain in chains(displayed or inline):
            checked += check_chain(chain, test.globs)
    assert checked >= 6


def test_a_wrong_number_in_a_chain_is_found():
    names = {"y": [[0.25, 0.75]], "L": 0.693147, "dx": [[0.1875, -0.1875]]}
    right = [
        r"y = \begin{pmatrix} 0.25 & 0.75 \end{pmatrix}", "L = 0.6931",
        r"dx_{11} = 0.25 \cdot (1 - 0.25) = 0.1875", r"y^\top = \begin{pmatrix} 0.25 \cr 0.75 "
        r"\end{pmatrix}", r"y \odot y = \begin{pmatrix} 0.0625 & 0.5625 \end{pmatrix}",
    ]  # fmt: skip
    for formula in right:
        assert [check_chain(chain, names) for chain in chains(formula)][0] >= 2
    wrong = [
        r"y = \begin{pmatrix} 0.25 & 0.76 \end{pmatrix}", "L = 0.6932", "dx_{12} = 0.1875",
        r"y \odot y = \begin{pmatrix} 0.0625 & 0.5 \end{pmatrix}", "0.25", "z = 0.25",
        r"y_{11} = 0.25 \cdot (2 - 0.25)", r"L = \sum_j 3 j",
    ]  # fmt: skip
    for formula in wrong:
        with pytest.raises(AssertionError):
            [check_chain(chain, names) for chain in chains(formula)]
