"""How the site is built: rows of annotated source, links, maths, and where it may be written."""

import ast
import doctest
import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes

from docs.build import build
from docs.builder import annotate, api, docstrings, facts, katex, progress, search, segments
from docs.builder.stage import Stage, folders_below
from minitransformer import functional

ROOT = Path(__file__).parents[2]
SOURCE = '''"""What it is."""
import numpy as np

# Why two.
TWO = 2


def double(x):
    """Twice, y = 2x."""
    y = TWO * x
    return y
'''


@pytest.mark.parametrize("module", [api, docstrings, katex, segments], ids=lambda m: m.__name__)
def test_the_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0


def test_a_file_is_cut_into_rows_and_no_line_of_code_is_lost():
    intro, rows = segments.segments(SOURCE)
    assert intro == "What it is."
    assert [(row.comment, row.name, row.docstring, row.lines) for row in rows] == [
        ("", "", "", [2]), ("Why two.", "", "", [5]),
        ("", "double", "Twice, y = 2x.", [8, 10, 11]),
    ]  # fmt: skip
    assert segments.assignments(rows[2].node) == {"y": 10, "return": 11}
    twice = ast.parse("def f():\n  a = 1\n  a += 2\n  return a").body[0]
    assert segments.assignments(twice) == {"a": 2, "return": 4}


def test_paragraphs_after_the_last_section_are_not_part_of_it():
    text = docstrings.as_rst("One.\n\nReturns\n-------\ny : array\n\nSource: a paper.")
    assert ":Returns: **y** (*array*)" in text.splitlines()
    assert "Source: a paper." in text.splitlines()


@pytest.mark.parametrize("folder", ["functional", "layers", "models"])
def test_every_line_of_code_of_the_source_is_shown(folder):
    for file in (ROOT / "minitransformer" / folder).rglob("*.py"):
        text = file.read_text("utf-8")
        shown = [n for row in segments.segments(text)[1] for n in row.lines]
        assert shown == sorted(set(shown))
        prose = {ast.Constant, ast.JoinedStr}
        lines = {
            node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)
            and not (isinstance(node, ast.Expr) and type(node.value) in prose)
        }  # fmt: skip
        assert lines <= set(shown), file


def test_every_pair_has_its_derivation_notebook_test_and_measured_error():
    known = facts.Facts(ROOT)
    for key, pair in functional.PAIRS.items():
        name = pair.forward.__name__
        assert known.derivations(name, None), key
        assert known.tests_of(name), key
        path = pair.forward.__wrapped__ if hasattr(pair.forward, "__wrapped__") else pair.forward
        file = path.__module__.replace(".", "/") + ".py"
        assert known.notebook(file, pair.forward.__doc__), key
        assert any(m.name == key for m in known.measured(name)), f"{key}: measure it again"


def test_links_lead_to_the_pages_of_the_site(tmp_path):
    stage = Stage(ROOT, tmp_path)
    text = "[a](../minitransformer/functional/softmax.py#L3) [b](gone.json) [c](#The-End)"
    changed = stage.with_links(text, "notebooks/x.ipynb")
    assert changed == "[a](../minitransformer/functional/softmax.rst#L3) `b` [c](#the-end)"
    code = "```\n[a](../x.py)\n```\n"
    assert stage.with_links(code + "\n" + code, "docs/x.md") == code + "\n" + code


def test_attributes_that_are_modules_are_left_out():
    assert docstrings.skip_modules(None, "class", "ops", functional, False, {}) is True
    assert docstrings.skip_modules(None, "class", "seed", 0, False, {}) is None


def test_the_folders_inside_a_level_are_annotated_too():
    folders = list(folders_below(ROOT / "minitransformer", ("layers", "models")))
    assert folders[:2] == ["layers", "models"]
    assert "models/pretrained" in folders


def test_a_formula_that_cannot_be_read_is_an_error_and_one_that_can_is_html():
    assert "katex-html" in katex.render(r"\frac{1}{2}", True)
    with pytest.raises(ValueError, match="Undefined control sequence"):
        katex.render(r"\nosuch", True)


def test_an_equation_is_linked_to_its_line():
    page = annotate.Annotator(facts.Facts(ROOT)).page("minitransformer/functional/softmax.py")
    places = next(line for line in page.splitlines() if ":repo:`y: line" in line)
    for word in ("derivation <docs/", "notebook <notebooks/", "test <tests/", "gradient error "):
        assert word in places


def test_only_an_earlier_site_is_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SystemExit, match="must be empty or an earlier site"):
        build(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_the_reference_has_every_public_name():
    for name in api.PACKAGES:
        package = importlib.import_module(f"minitransformer.{name}")
        names = api.offered(package)
        assert len(names) > 5
        page = api.page(name)
        assert [n for n in names if f"{n}\n" not in page] == []


def test_the_index_of_the_reference_has_a_line_for_each_name():
    lines = api.index().splitlines()
    for name in api.PACKAGES:
        package = importlib.import_module(f"minitransformer.{name}")
        named = [n for n in api.offered(package) if callable(getattr(package, n))]
        assert [n for n in named if f"   {n}" not in lines] == []


def test_the_pages_of_a_folder_follow_the_links_of_its_first_page(tmp_path):
    stage = Stage(ROOT, tmp_path)
    stage.write_page("docs/derivations/index.md", "[b](b.md), [a](a.md), [b](b.md), [x](../x.md)")
    text = (tmp_path / "docs/derivations/index.md").read_text()
    assert text.partition(":hidden:")[2].split() == ["b", "a", "```"]


def test_a_build_says_how_far_it_is(capsys):
    calls = {}
    progress.setup(SimpleNamespace(connect=calls.__setitem__))
    env = SimpleNamespace(found_docs=["a", "b", "c"])
    calls["env-before-read-docs"](None, env, ["a", "b", "c"])
    calls["env-merge-info"](None, env, ["a"], None)
    calls["env-merge-info"](None, env, ["b", "c"], None)
    calls["env-check-consistency"](None, env)
    said = ["reading 3 pages...", "  read 1 of 3", "  read 3 of 3", "writing the pages..."]
    assert capsys.readouterr().out.splitlines() == said


def test_the_text_that_the_search_shows_has_no_formulas_and_no_titles():
    page = nodes.document(None, None)
    page += nodes.title("", "Softmax")
    page += nodes.paragraph("", "", nodes.Text("With "), nodes.math("", "x^2"), nodes.Text(" two"))
    page += nodes.paragraph("", "lines\nof text")
    assert search.text_of(page) == "With … two lines of text"


def test_the_stored_ledger_has_no_wrong_gradient():
    ledger = json.loads((ROOT / "docs" / "ledger.json").read_text("utf-8"))
    assert ledger["ok"] is True
    assert {line["name"] for line in ledger["lines"]} >= set(functional.PAIRS)
