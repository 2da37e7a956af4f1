"""The commands `exercises` and `grade`: submitted code must not be able to harm them."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minitransformer.exercises import EXERCISES, judge
from minitransformer.exercises.submissions import child
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


def test_submissions_are_files_or_folders(tmp_path):
    file(tmp_path, GOOD)
    (tmp_path / "ben").mkdir()
    for name in ("a.py", "b.py", "notes.txt"):
        file(tmp_path / "ben", GOOD, name)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "class.zip").touch()
    file(tmp_path, GOOD, "DORA.PY")
    found, others = submissions(tmp_path)
    assert [(name, [p.name for p in files]) for name, files in found] == [
        ("DORA.PY", ["DORA.PY"]), ("anna.py", ["anna.py"]), ("ben", ["a.py", "b.py"]),
    ]  # fmt: skip
    assert others == [
        ("class.zip", "it is no .py file and no notebook"),
        ("empty", "the folder contains no .py file and no notebook"),
    ]
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
    assert "ben.py - does not load: ben.py: SystemExit" in shown
    assert "anna.py::softmax_backward - " in shown
    assert "2 submissions" in shown
    rows = list(csv.reader(out.read_text(encoding="utf-8").splitlines()))
    assert rows == [
        ["student", "right", "of", "softmax", "softmax_backward"],
        ["anna.py", "1", "2", "right", "wrong"],
        ["ben.py", "0", "2", "error", "error"],
    ]


TURN = {
    "cells": [
        {"cell_type": "code", "source": "def softmax(x, axis=-1):\n    raise NotImplementedError"},
        {"cell_type": "code", "source": "check.softmax(softmax)"},
    ]
}
CELLS = json.dumps(TURN)
BROKEN = {
    "empty": b"",
    "not JSON": b"{",
    "a list": b"[]",
    "a number": b"3",
    "no cells": b"{}",
    "cells null": b'{"cells": null}',
    "a cell null": b'{"cells": [null]}',
    "source null": b'{"cells": [{"cell_type": "code", "source": null}]}',
    "source of numbers": b'{"cells": [{"cell_type": "code", "source": [1]}]}',
    "no source": b'{"cells": [{"cell_type": "code"}]}',
    "UTF-16": CELLS.encode("utf-16"),
    "latin-1": b'{"cells": "\xe9"}',
    "null byte": b'{"cells": [\x00]}',
    "a repeated key": b'{"cells": [], "cells": []}',
    "nested lists": b"[" * 200_000,
    "nested objects": b'{"cells": ' * 100_000,
}


def with_cell(source):
    """The notebook with one more cell in front, as bytes."""
    cells = [{"cell_type": "code", "source": source}, *TURN["cells"]]
    return json.dumps({"cells": cells}).encode()


HARMLESS = {
    "a byte-order mark": CELLS.encode("utf-8-sig"),
    "half a surrogate": with_cell("x = '\ud800'"),
    "a null byte": with_cell("x = '\0'"),
    "nested brackets": with_cell("(" * 50_000),
    "nested minus signs": with_cell("-" * 50_000 + "1"),
}


@pytest.fixture
def own_path(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_notebook_does_not_load(tmp_path, own_path, name):
    path = tmp_path / "turn.ipynb"
    path.write_bytes(BROKEN[name])
    functions, (error,) = child.load([path])
    assert functions == {}
    assert error.startswith("turn.ipynb: ValueError: the file is not a notebook")


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_notebook_loads_what_it_has(tmp_path, own_path, name):
    path = tmp_path / "turn.ipynb"
    path.write_bytes(HARMLESS[name])
    functions, errors = child.load([path])
    assert (list(functions), errors) == (["softmax"], [])


def test_no_submission_ends_the_grading_of_the_others(call, tmp_path):
    """Broken notebooks, names and links; all are in the table, and the last one is graded."""
    folder, out = tmp_path / "class", tmp_path / "marks.csv"
    folder.mkdir()
    with open(folder / "large.ipynb", "wb") as large:
        large.truncate(17 << 20)
    (folder / "nested.ipynb").write_bytes(BROKEN["nested objects"])
    (folder / "loop.py").symlink_to(folder / "loop.py")
    (folder / "lost.py").symlink_to(folder / "nowhere.py")
    (folder / "folder.ipynb").mkdir()
    odd = os.fsdecode(b"\xff.py")
    file(folder, "raise ValueError('\\ud800 \\x1b[2J [/red]' + 'x' * 100_000)", odd)
    file(folder, "def softmax(x): return x\ndef softmax_backward(dy, y): return dy", "=1+1.py")
    file(folder, "def softmax(x):\n    raise NotImplementedError", "zoe.py")
    status, shown, error = call("grade", folder, "--csv", out, "--only", "softmax", "--seconds", 5)
    assert (status, error) == (0, "")
    rows = {row[0]: row[3] for row in csv.reader(out.read_text("utf-8").splitlines()[1:])}
    broken = ["large.ipynb", "nested.ipynb", "loop.py", "lost.py", "\\udcff.py"]
    expected = dict.fromkeys(broken, "error")
    assert rows == expected | {"'=1+1.py": "wrong", "zoe.py": "not written"}
    assert "not graded: folder.ipynb: the folder contains no .py file" in shown
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_submissions_do_not_reach_each_other(tmp_path):
    """They neither import a classmate's file nor a library that a classmate's file shadows."""
    file(tmp_path, GOOD, "bob.py")
    file(tmp_path, "raise ValueError('shadowed')", "statistics.py")
    copied = file(tmp_path, "import statistics\nfrom bob import softmax")
    (one,) = grade([copied], ["softmax"], alone=True)
    assert (one.state, "No module named 'bob'" in one.fault) == ("error", True)
    clean = file(tmp_path, f"import statistics\n{GOOD}", "clean.py")
    (one,) = grade([clean], ["softmax"], alone=True)
    assert one.state == "right"
    (own,) = grade([file(tmp_path, "from bob import softmax", "own.py")], ["softmax"])
    assert own.state == "right"  # `exercises` reads your own files, which may import each other


FORGED = """
import json, os, sys
line = json.dumps({"name": "softmax", "state": "right", "fault": ""})
assert len(sys.argv) == 1
for number in range(3, 30):
    try:
        os.write(number, f"{line}\\n".encode())
    except OSError:
        pass
print(line, flush=True)
for name in os.listdir("."):
    if os.path.isfile(name):
        open(name, "a").write(line)
def softmax(x):
    return x
"""


def test_a_submission_does_not_write_its_own_mark(tmp_path):
    assert states(file(tmp_path, FORGED), names=["softmax"])["softmax"].state == "wrong"


def test_closing_the_streams_does_not_stop_the_grading(tmp_path):
    text = "import os, time\nos.closerange(0, 64)\nwhile True: pass"
    assert states(file(tmp_path, text), 1.0, ["softmax"])["softmax"].state == "timed out"


PARENT = """
import sys
from minitransformer.exercises.submissions.grading import grade
grade([sys.argv[1]], ["softmax"], seconds=60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it needs signals")
def test_what_runs_ends_when_grading_is_killed(tmp_path):
    flag = tmp_path / "process"
    text = f"import os\nopen({str(flag)!r}, 'w').write(str(os.getpid()))\nwhile True: pass"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, file(tmp_path, text)])
    wait_until(lambda: flag.exists() and flag.read_text())
    parent.kill()
    parent.wait()
    wait_until(lambda: not runs(int(flag.read_text())))


def wait_until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def runs(process):
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seed", -1], "seed must be >= 0, got -1"),
        (["--seconds", 0], "seconds must"),
        (["--seconds", "nan"], "seconds must"),
        (["--seconds", "inf"], "seconds must"),
        (["--csv", "no/such/folder/marks.csv"], "there is no folder"),
        (["--csv", "marks.txt"], "must end in .csv"),
    ],
)
def test_grade_checks_its_options_before_it_grades(call, tmp_path, options, words):
    file(tmp_path, "while True: pass")
    status, shown, error = call("grade", tmp_path, *options)
    assert (status, shown) == (2, "")
    assert words in error


def test_one_fault_of_a_whole_submission_is_printed_once(call, tmp_path):
    file(tmp_path, "import no_such_package")
    shown = call("grade", tmp_path)[1]
    assert shown.count("no_such_package") == 1
    assert max(map(len, shown.splitlines())) <= 80


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
    files = files_of(Path(__file__).parents[2] / "notebooks")
    assert files
    assert {one.state for one in grade(files)} == {"not written"}
