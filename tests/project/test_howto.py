"""The how-to pages are programs: they run and print what the pages show, and named tests exist.

Numbers may differ, because rounding and times differ between machines. Words may not.
"""

import ast
import re
import shlex
from pathlib import Path

import pytest

from tests.support.code_blocks import BLOCK, blocks, run_example

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NAMING = [DOCS / "reliability.md", *sorted((DOCS / "howto").glob("*.md"))]
NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d*)?(e[-+]?\d+)?")


def steps(page):
    """Each program or command of a page, and the output that the page shows below it, or None."""
    found = BLOCK.findall(page.read_text("utf-8"))
    for (kind, body), (next_kind, shown) in zip(found, [*found[1:], ("", "")], strict=True):
        if kind in ("python", "bash"):
            yield kind, body, shown if next_kind == "text" else None


def form(line):
    """A line without its numbers, and without the words that depend on them."""
    line = re.sub(r"^(  (?:attention|\+ for, - against):).*", r"\1", line)
    line = re.sub(r"^loading .*", "loading", line)
    return " ".join(NUMBER.sub("#", line).split())


def assert_as_shown(printed, shown):
    """Compare line by line; "..." stands for any number of lines."""
    forms = [re.escape(form(line)) for line in shown.splitlines()]
    pattern = "".join(r"(?:.*\n)*?" if f == re.escape("...") else f + r"\n" for f in forms)
    text = "".join(form(line) + "\n" for line in printed.splitlines())
    assert re.fullmatch(pattern, text), f"printed\n{printed}\nwhere the page shows\n{shown}"


def run_program(body, names, folder, capfd):
    """Run a block with the names of the blocks before it, and add its own; return its output."""
    capfd.readouterr()
    names |= run_example(body, names, folder)
    return capfd.readouterr().out


def test_the_programs_on_your_own_layer_print_what_the_page_shows(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    names, compared = {}, 0
    for kind, body, shown in steps(DOCS / "howto" / "own_layer.md"):
        assert kind == "python"
        printed = run_program(body, names, tmp_path, capfd)
        assert bool(printed) == (shown is not None), body
        if shown is not None:
            assert_as_shown(printed, shown)
            compared += 1
    assert compared == 6
    assert names["model"].evaluate(names["digits"][1600:], names["labels"][1600:])[1] > 0.9


def test_the_programs_and_commands_on_your_own_data_print_what_the_page_shows(
    tmp_path, monkeypatch, capfd, call
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letters" / "billing").mkdir(parents=True)
    (tmp_path / "letters" / "billing" / "1.txt").write_text("twice, again", "utf-8")
    names, seen = {}, []
    for kind, body, shown in steps(DOCS / "howto" / "own_data.md"):
        if kind == "python":
            printed = run_program(body, names, tmp_path, capfd)
            if 'open("tickets.csv", "w"' in body:
                printed = (tmp_path / "tickets.csv").read_text("utf-8")
        elif "my.txt" in body:
            continue  # files that the reader brings; the options are checked in test_docs.py
        else:
            printed = "".join(run_command(call, line) for line in body.splitlines())
        if shown is not None:
            assert_as_shown(printed, shown)
            seen.append(kind)
    assert seen == ["python", "bash", "bash", "bash", "python", "python"]
    letters = (tmp_path / "letters.csv").read_text("utf-8").splitlines()
    assert letters == ["message,department", '"twice, again",billing']


def run_command(call, line):
    """Run a command line of a page, with few epochs; return what it printed."""
    words = shlex.split(line)
    assert words[:3] == ["python", "-m", "minitransformer"]
    short = ["--epochs", "4"] if words[3] == "train" and "--epochs" not in words else []
    status, out, err = call(*words[3:], *short)
    assert (status, err) == (0, "")
    return out


def test_a_page_that_shows_something_else_is_noticed():
    assert_as_shown("a 1.5e-16 ok\nb\nc\n", "a 2.0e-15 ok\n...\n")
    for printed, shown in (("a ok\n", "a WRONG\n"), ("a\n", "a\nb\n"), ("a\nb\n", "a\n")):
        with pytest.raises(AssertionError, match="where the page shows"):
            assert_as_shown(printed, shown)


def test_the_table_of_refusals_says_what_the_program_says(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "howto" / "own_data.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ([\w -]+) \| `(.+)` \|$", text, re.MULTILINE))
    files = {
        "a misspelt column name": (b"message,department\nhello,billing\n", "mesage"),
        "an empty text": (b"message,department\nhello,billing\n,fault\n", "message"),
        "not UTF-8": (b"message,department\nhello\xff,billing\n", "message"),
        "two rows": (b"message,department\nhello,billing\nx,fault\n", "message"),
    }
    assert rows.keys() == files.keys()
    for name, (content, column) in files.items():
        Path("tickets.csv").write_bytes(content)
        columns = ["--text-column", column, "--label-column", "department"]
        status, _, err = call("train", "--data", "tickets.csv", *columns)
        assert status == 2
        assert err.strip().replace(f"{tmp_path.resolve()}/", "") == f"error: {rows[name]}"


def named_tests(page):
    """Links of a page whose text is a test: the test's name, and the file."""
    text = BLOCK.sub("", page.read_text("utf-8"))
    links = re.findall(r"\[`?(test_\w+)`?\]\(([^)\s#]+\.py)\)", text)
    return [(name, (page.parent / target).resolve()) for name, target in links]


@pytest.mark.parametrize("page", NAMING, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page):
    for name, path in named_tests(page):
        tree = ast.parse(path.read_text("utf-8"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in defined, f"{page.name}: {path.name} has no {name}"


def test_every_promise_names_its_test():
    text = (DOCS / "reliability.md").read_text("utf-8").partition("## What is not promised")[0]
    promises = re.findall(r"^- \*\*.*\n(?:  .*\n)*", text, re.MULTILINE)
    assert len(promises) == text.count("\n- ") >= 40
    for promise in promises:
        assert re.search(r"\n  Tested by \[test_\w+\]\(\.\./tests/[\w/]+\.py\)", promise), promise


def test_the_commands_of_the_gpu_page_are_those_of_the_performance_page():
    def named(page):
        lines = "\n".join(blocks(DOCS / page, "bash")).splitlines()
        return {line for line in lines if " bench " in line or line.endswith("--device gpu")}

    measured = named("performance.md")
    shown = {line for line in named("howto/gpu.md") if " bench " in line}
    assert len(shown) >= 3
    assert shown <= measured


def test_the_figures_of_the_gpu_page_are_those_of_the_performance_page():
    measured = (DOCS / "performance.md").read_text("utf-8")
    shown = (DOCS / "howto" / "gpu.md").read_text("utf-8")
    devices = measured.partition("<!-- devices -->")[2].partition("<!-- end of devices -->")[0]
    gains = dict(re.findall(r"^\| ([\d,]+) \|.* \| (\S+) \|$", devices, re.MULTILINE))
    rows = re.findall(r"^\| ([\d,]+) \| (\S+) \|$", shown, re.MULTILINE)
    assert len(rows) == 4
    assert all(gains[width] == gain for width, gain in rows)
    beside = measured.partition("**Compared with PyTorch on")[2]
    ratios = re.findall(r" \| (\d\.\d+) \| \d+ / \d+ MB \|$", beside, re.MULTILINE)
    low, high, writing = (round(float(ratio), 1) for ratio in ratios)
    words = " ".join(shown.split())
    assert f"a step takes {low} to {high} times as long" in words
    assert f"generating a text takes {writing} times as long" in words
    ((passed, time),) = re.findall(
        r"`pytest --device gpu`, (\d+) tests passed in (\d+ s)", measured
    )
    assert f"{passed} passed in {time}" in words
