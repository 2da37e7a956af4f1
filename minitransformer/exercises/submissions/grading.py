"""Grading of submitted functions, each submission in its own process with a time limit.

A submission fails an exercise if its function loops endlessly or crashes, and all exercises if one
of its files does not load. Other submissions are not affected. This is not a sandbox: the code has
all the rights of the user who runs it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from minitransformer.exercises.catalogue.registry import EXERCISES
from minitransformer.exercises.submissions.child import ERROR, LOADING, TIMED_OUT
from minitransformer.exercises.submissions.notebook import functions_of
from minitransformer.storage import strict_json

CHILD = "minitransformer.exercises.submissions.child"
PACKAGES = Path(__file__).parents[3]
START = 60.0  # seconds that the process may take to import the package
SUFFIXES = (".py", ".ipynb")


@dataclass(frozen=True)
class Graded:
    """One exercise of one submission; `state` is the verdict's, or "error", or "timed out"."""

    name: str
    state: str
    fault: str


def submissions(folder):
    """(name, files) of each submission in a folder with one file or folder per student.

    Raises
    ------
    ValueError
        If `folder` is not a folder, or contains no submission.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    found = [
        (path.name, files_of(path))
        for path in sorted(folder.iterdir())
        if not path.name.startswith((".", "_")) and (path.is_dir() or path.suffix in SUFFIXES)
    ]
    found = [(name, files) for name, files in found if files]
    if not found:
        raise ValueError(
            f"{folder} contains no submission: it must have a .py file, a notebook or a folder per "
            "student"
        )
    return found


def files_of(path):
    """The files of one submission: the file itself, or those in the folder."""
    path = Path(path)
    if not path.is_dir():
        return [path]
    return [p for p in sorted(path.iterdir()) if p.suffix in SUFFIXES and p.name[0] not in "._"]


def grade(files, names=tuple(EXERCISES), *, seconds=10.0, seed=0):
    """Check the functions of one submission.

    Parameters
    ----------
    files : list of path
        .py files and notebooks, of which only the imports and functions are used.
    names : sequence of str
        The exercises to check.
    seconds : float
        Time limit for each exercise, and for loading the files.
    seed : int
        Seed of the random inputs.

    Returns
    -------
    list of Graded, in the order of `names`
    """
    done = {}
    with tempfile.TemporaryDirectory() as folder:
        sources = [_as_python(path, folder, i) for i, path in enumerate(files)]
        while left := [name for name in names if name not in done]:
            results = Path(folder) / f"results{len(done)}.jsonl"
            end = _run(results, sources, left, seconds, seed, folder)
            found, begun = _read(results)
            done |= {graded.name: graded for graded in found}
            if all(name in done for name in left):
                break
            if begun is None or begun == LOADING:
                done |= {name: Graded(name, *end) for name in left if name not in done}
            else:
                done[begun] = Graded(begun, *end)
    return [done[name] for name in names]


def _as_python(path, folder, number):
    """The path of a .py file with a submission's functions."""
    path = Path(path)
    if path.suffix != ".ipynb":
        return path.resolve()
    source = Path(folder) / f"{path.stem}_{number}.py"
    source.write_text(functions_of(path), encoding="utf-8")
    return source


def _run(results, sources, names, seconds, seed, folder):
    """Run the process to its end; return state and words for the step that it did not finish."""
    command = [sys.executable, "-m", CHILD, str(results), str(seed)]
    path = os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH"))))
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [*command, ",".join(names), *map(str, sources)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=folder, env={**os.environ, **threads, "PYTHONPATH": path,
                         "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,
    )  # fmt: skip
    try:
        if _wait(process, results, seconds):
            return ERROR, f"it ended the process with exit status {process.returncode}"
        return TIMED_OUT, f"it took more than {seconds:g} s: an endless loop?"
    finally:
        _kill(process)


def _wait(process, results, seconds):
    """Wait: True once the process has ended, False if it writes no line within its time."""
    size, since = 0, time.monotonic()
    while True:
        try:
            process.wait(0.05)
            return True
        except subprocess.TimeoutExpired:
            now = results.stat().st_size if results.exists() else 0
            if now != size:
                size, since = now, time.monotonic()
            if time.monotonic() - since > (seconds if size else START):
                return False


def _kill(process):
    """Kill the process, and all processes in its group; these were started by it."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    else:
        process.kill()
    process.wait()


def _read(results):
    """The exercises that were graded, and the one that was running when the process ended."""
    found, begun = [], None
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    for line in lines:
        try:
            entry = strict_json(line)
        except ValueError:
            continue  # the line was cut off in the middle
        if "begin" in entry:
            begun = entry["begin"]
        elif entry.get("name") in EXERCISES:
            found.append(Graded(entry["name"], str(entry["state"]), str(entry["fault"])))
            begun = None if entry["name"] == begun else begun
    return found, begun
