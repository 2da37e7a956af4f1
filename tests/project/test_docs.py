"""README and docs: every link leads somewhere, and every command and example works."""

import ast
import inspect
import re
import shlex
from pathlib import Path

import pytest

from minitransformer.cli import app
from tests.support.code_blocks import BLOCK, blocks, run_example
from tests.support.tolerances import TOLERANCES, markdown

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")), ROOT / "notebooks" / "README.md",
    *sorted((ROOT / "docs").glob("**/*.md")),
]  # fmt: skip
CHECKS = ("'", '"', "array_module(", "require_")


def commands():
    """Every shell command in the pages, one per line, and those in tables."""
    for page in PAGES:
        for body in blocks(page, "bash"):
            yield from ((page.name, line) for line in body.splitlines() if line)
        for line in page.read_text("utf-8").splitlines():
            if line.startswith("|"):
                found = re.findall(r"`(python -m [^`]+)`", line)
                yield from ((page.name, command) for command in found)


def headings(page):
    """Anchors of a page, as GitHub makes them from its headings."""
    text = BLOCK.sub("", page.read_text("utf-8"))
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text("utf-8")))
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert target.exists(), f"{page.name} links to {link}, which is not there"
        if anchor:
            assert anchor in headings(target), f"{page.name} links to {link}: no such heading"


def test_the_readme_has_the_commands_and_ci_finds_them():
    text = (ROOT / "README.md").read_text("utf-8")
    lines = re.findall(r"^python -m pip install -e .+ && python -m .+$", text, re.MULTILINE)
    assert lines == [
        "python -m pip install -e . && python -m minitransformer train",
        'python -m pip install -e ".[test]" && python -m pytest -n auto',
        'python -m pip install -e ".[notebooks]" && python -m pytest --notebooks',
        'python -m pip install -e ".[docs]" && python -m pytest --site',
    ]
    assert "'^python -m pip install -e .+ && python -m .+$' README.md" in (
        ROOT / ".ci" / "run"
    ).read_text("utf-8")


def known_options(name):
    """Options of a subcommand, from the signature of its function."""
    function = next(c.callback for c in app.registered_commands if c.callback.__name__ == name)
    found = {"--" + p.replace("_", "-") for p in inspect.signature(function).parameters}
    return found | {"--help", "--json", "--no-windows"}


def test_there_are_commands_to_check():
    assert len(list(commands())) >= 15


@pytest.mark.parametrize(("page", "line"), list(commands()))
def test_every_command_exists(page, line):
    for part in line.split(" && "):
        words = shlex.split(part)
        assert words[:2] == ["python", "-m"], f"{page}: {line}"
        module, arguments = words[2], words[3:]
        if module == "minitransformer":
            options = known_options(arguments[0])
            for word in arguments[1:]:
                assert not word.startswith("--") or word in options, f"{page}: no {word}"
        elif module == "pip":
            assert arguments[0] == "install"
        elif module not in ("pytest", "jupyterlab"):
            assert (ROOT / (module.replace(".", "/") + ".py")).exists(), f"{page}: no {module}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_block_is_python(page):
    for body in blocks(page, "python"):
        ast.parse(body)


def test_the_first_examples_of_the_readme_run(tmp_path):
    found = blocks(ROOT / "README.md", "python")
    training = next(b for b in found if "train_data, train_labels" in b)
    looking_inside = next(b for b in found if "cache.blocks[0]" in b)
    small = training.replace("20_000", "50").replace("epochs=10", "epochs=1, verbose=0")
    assert "vocab_size=50" in small
    assert "verbose=0" in small
    reviews, labels = [[5, 17, 3], [8, 2], [4, 4, 9, 1]], [0, 1, 1]
    names = {
        "train_data": reviews, "train_labels": labels, "val_data": reviews, "val_labels": labels,
        "test_data": reviews,
    }  # fmt: skip
    names = run_example(small, names, tmp_path)
    assert names["predictions"].shape == (3, 2)
    assert names["predicted_labels"].shape == (3,)
    names = run_example(looking_inside, {"model": names["model"]}, tmp_path)
    assert names["cache"].blocks[0].attention.P.shape == (1, 4, 4, 4)


def test_the_example_of_a_check_runs(tmp_path, capsys):
    example = next(b for b in blocks(ROOT / "README.md", "python") if "gradcheck.check" in b)
    run_example(example, {}, tmp_path)
    assert capsys.readouterr().out.splitlines()[0].endswith(": ok")


def test_the_code_beside_the_equation_is_the_code():
    example = next(b for b in blocks(ROOT / "README.md", "python") if "def softmax_backward" in b)
    path = ROOT / "minitransformer" / "functional" / "softmax.py"
    assert same_body(path, example, "softmax_backward")


def same_body(path, example, name):
    """Whether a function is the same in a file and in an example.

    The example leaves out the docstring and the argument checks.
    """

    def body(source):
        tree = ast.parse(source)
        found = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
        lines = [ast.unparse(statement) for statement in found.body]
        essential = [line for line in lines if not line.startswith(CHECKS)]
        return ast.unparse(found.args), essential

    return body(path.read_text("utf-8")) == body(example)


def test_the_ledger_in_the_readme_has_the_columns_of_the_ledger():
    from minitransformer.gradcheck.ledger import HEADINGS

    shown = next(b for b in blocks(ROOT / "README.md", "text") if "complex step" in b)
    first, *rest = shown.splitlines()
    assert re.split(r"  +", first.strip()) == list(HEADINGS)
    assert rest
    assert all(line.startswith("ok ") or line == "..." for line in rest)


def test_the_tolerances_in_the_docs_are_those_of_the_tests():
    text = (ROOT / "docs" / "numerics.md").read_text("utf-8")
    _, _, rest = text.partition("<!-- tolerances -->\n")
    table, _, _ = rest.partition("<!-- end of tolerances -->")
    printed = "replace the table by what `python -m tests.support.tolerances` prints"
    assert table.strip() == markdown().strip(), printed


def test_the_layout_in_the_docs_is_the_layout():
    """The tables of the architecture page name every part of the package and every folder in it."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## Who may import")[0]
    rows = "".join(re.findall(r"^\|.*\n", text, re.MULTILINE))
    named = set(re.findall(r"`([a-z_/]+(?:/|\.py))`", rows))
    package = ROOT / "minitransformer"
    folders = {
        f.parent.relative_to(package).as_posix() + "/" for f in package.glob("*/__init__.py")
    }
    rooms = {
        f.parent.relative_to(package).as_posix() + "/" for f in package.glob("*/*/__init__.py")
    }
    assert [name for name in sorted(named) if not (package / name).exists()] == ["bpe/"]
    assert sorted((folders | rooms) - named) == []


def test_no_tolerance_is_far_from_what_was_measured():
    for name, (limit, worst) in TOLERANCES.items():
        assert 0 < worst <= limit, f"{name}: measured {worst:g}, tolerance {limit:g}"
        assert limit <= 100 * worst, f"{name}: {limit:g} is more than 100 times {worst:g}"


def test_every_page_that_the_source_names_exists():
    named = set()
    for path in (ROOT / "minitransformer").glob("**/*.py"):
        named |= set(re.findall(r"\bdocs/[\w/.-]+\.\w+", path.read_text("utf-8")))
    assert "docs/derivations/softmax.md" in named
    assert [page for page in sorted(named) if not (ROOT / page).exists()] == []
