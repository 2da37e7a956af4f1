"""The commands `exercises` and `grade`: submitted code must not be able to harm them."""

import csv
import json
import pathlib
import time

import pytest

from minitransformer.exercises import EXERCISES, judge
from minitransformer.exercises.submissions.grading import files_of, grade, submissions
from minitransformer.exercises.submissions.stubs import stubs

GOOD = """
import numpy as np
print("loading " * 1000)
def softmax(x, axis=-1):
    print("x" * 10000)
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
def softmax_backward(dy, y):
    return dy * y
def linear(x, W, b):
    raise NotImplementedError
"""
HARMFUL = """
import os, sys
def softmax(x):
    while True:
        pass
def softmax_backward(dy, y):
    os._exit(7)
def linear(x, W, b):
    sys.exit(3)
def gelu(x):
    return gelu(x)
def swiglu(gate, up):
    return gate / (1 + __import__("numpy").exp(-gate)) * up
"""
NAMES = ("softmax", "softmax_backward", "linear", "gelu", "swiglu")


def file(folder, text, name="anna.py"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def states(path, seconds=5.0, names=NAMES):
    return {one.name: one for one in grade([path], names, seconds=seconds)}


def test_a_submission_is_judged_whatever_it_prints(tmp_path, capfd):
    found = states(file(tmp_path, GOOD))
    assert [found[name].state for name in NAMES] == [
        "right", "wrong", "not written", "not written", "not written",
    ]  # fmt: skip
    assert "sum(y dy) is missing" in found["softmax_backward"].fault
    assert capfd.readouterr() == ("", "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["anna.py"]


def test_a_loop_and_a_crash_cost_one_exercise_each(tmp_path):
    began = time.monotonic()
    found = states(file(tmp_path, HARMFUL), seconds=1.5)
    assert found["softmax"].state == "timed out"
    assert "1.5 s" in found["softmax"].fault
    assert found["softmax_backward"].state == "error"
    assert "exit status 7" in found["softmax_backward"].fault
    assert found["linear"].state == "wrong"
    assert "SystemExit" in found["linear"].fault
    assert "RecursionError" in found["gelu"].fault
    assert found["swiglu"].state == "right"
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        ("import no_such_package", "error", "ModuleNotFoundError"),
        ("def softmax(x:\n", "error", "SyntaxError"),
        ("import sys; sys.exit()", "error", "SystemExit"),
        ("import os; os._exit(5)", "error", "exit status 5"),
        ("while True: pass", "timed out", "endless loop"),
        ("x = bytearray(6 << 30)", "error", "MemoryError"),
    ],
)
def test_a_file_that_does_not_load_is_reported(tmp_path, text, state, words):
    found = states(file(tmp_path, text), seconds=2.0)
    assert {one.state for one in found.values()} == {state}
    assert words in found["softmax"].fault


def test_what_a_submission_started_is_ended_with_it(tmp_path):
    flag = tmp_path / "alive"
    text = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c",
    "import time, pathlib; time.sleep(3); pathlib.Path({str(flag)!r}).touch()"])
while True: pass
"""
    states(file(tmp_path, text), seconds=1.0)
    time.sleep(3)
    assert not flag.exists()


def test_a_notebook_s_functions_are_read_without_running_its_cells(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# def softmax"]},
        {"cell_type": "code", "source": "%matplotlib inline\nimport numpy as np\n1 / 0"},
        {"cell_type": "code", "source": "from nowhere_at_all import Picture"},
        {"cell_type": "code", "source": ["def softmax_backward(dy, y):\n", "    return dy * y\n"]},
        {"cell_type": "code", "source": "check.softmax_backward(softmax_backward)"},
        {"cell_type": "code", "source": "this is not Python"},
        {"cell_type": "code", "source": "def softmax(x): return x  # a lesson's own, not checked"},
    ]
    path = file(tmp_path, json.dumps({"cells": cells}), "turn.ipynb")
    found = states(path)
    assert found["softmax_backward"].state == "wrong"
    assert found["softmax"].state == "not written"
    with pytest.raises(ValueError, match="is not a notebook"):
        states(file(tmp_path, "{}", "empty.ipynb"))


def test_submissions_are_files_or_folders(tmp_path):
    file(tmp_path, GOOD)
    (tmp_path / "ben").mkdir()
    for name in ("a.py", "b.py", "notes.txt"):
        file(tmp_path / "ben", GOOD, name)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "empty").mkdir()
    found = submissions(tmp_path)
    assert [(name, [p.name for p in files]) for name, files in found] == [
        ("anna.py", ["anna.py"]), ("ben", ["a.py", "b.py"]),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="contains no submission"):
        submissions(tmp_path / "empty")


def test_the_stubs_are_all_not_written_and_show_no_solution(tmp_path):
    text = stubs("mine.py")
    space = {}
    exec(compile(text, "mine.py", "exec"), space)  # noqa: S102 - our own text
    for name, exercise in EXERCISES.items():
        assert judge(exercise, space[name]).state == "not written"
        assert exercise.results[0] in space[name].__doc__
    assert ".. math::" not in text
    assert "(B, H, T, E) array" in text


def test_grade_prints_faults_and_writes_a_table(call, tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    file(folder, GOOD)
    file(folder, "import sys; sys.exit()", "ben.py")
    out = tmp_path / "marks.csv"
    status, shown, _ = call("grade", folder, "--csv", out, "--only", "softmax, softmax_backward")
    assert status == 0
    assert "anna.py                  .F" in shown
    assert "ben.py                   EE" in shown
    assert "anna.py::softmax_backward - " in shown
    assert "2 submissions" in shown
    rows = list(csv.reader(out.read_text(encoding="utf-8").splitlines()))
    assert rows == [
        ["student", "right", "of", "softmax", "softmax_backward"],
        ["anna.py", "1", "2", "right", "wrong"],
        ["ben.py", "0", "2", "error", "error"],
    ]


def test_grade_refuses_what_it_does_not_know(call, tmp_path):
    file(tmp_path, GOOD)
    status, _, error = call("grade", tmp_path, "--only", "sofmax")
    assert status == 2
    assert "there is no exercise 'sofmax'" in error
    assert call("grade", tmp_path / "nowhere")[0] == 2


def test_exercises_shows_progress(call, tmp_path):
    status, shown, _ = call("exercises", file(tmp_path, GOOD))
    assert status == 0
    assert f"1 of {len(EXERCISES)} right" in shown
    for name in EXERCISES:
        assert name in shown
    assert "missing" in shown


def test_exercises_writes_stubs_once(call, tmp_path):
    path = tmp_path / "mine.py"
    status, shown, _ = call("exercises", "--new", path)
    assert status == 0
    assert f"{len(EXERCISES)} functions to write" in shown
    assert call("exercises", "--new", path)[0] == 2
    assert call("exercises", tmp_path / "none.py")[0] == 2


@pytest.mark.parametrize("name", ["exercises", "grade"])
def test_help_says_that_it_is_not_a_sandbox(call, name):
    assert "not a sandbox" in " ".join(call(name, "--help")[1].replace("│", " ").split())


def test_nothing_in_the_notebooks_as_they_come_counts_as_an_answer():
    """Notebooks define functions that have exercises' names, and some cells need other packages."""
    files = files_of(pathlib.Path(__file__).parents[2] / "notebooks")
    assert files
    assert {one.state for one in grade(files)} == {"not written"}
