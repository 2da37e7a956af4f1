"""Grading of submitted functions, each submission in its own process with a time limit.

A submission fails an exercise if its function loops endlessly or crashes, and all exercises if one
of its files does not load. Other submissions are not affected. This is not a sandbox: the code has
all the rights of the user who runs it.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from minitransformer.checks import check_count, check_number
from minitransformer.exercises.catalogue.registry import EXERCISES
from minitransformer.exercises.contract import error_words
from minitransformer.exercises.submissions.child import ERROR, LOADING, TIMED_OUT
from minitransformer.exercises.submissions.notebook import MAX_FILE
from minitransformer.storage import strict_json

CHILD = "minitransformer.exercises.submissions.child"
PACKAGES = Path(__file__).parents[3]
START = 60.0  # seconds that the process may take to import the package
MAX_SECONDS = 3600.0
SUFFIXES = (".py", ".ipynb")
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Graded:
    """One exercise of one submission; `state` is the verdict's, or "error", or "timed out"."""

    name: str
    state: str
    fault: str


def submissions(folder):
    """The submissions in a folder with one file or folder per student.

    Hidden files and ``__pycache__`` are skipped.

    Returns
    -------
    found : list of (name, files)
        The submissions, sorted by name.
    others : list of (name, reason)
        What else is in the folder, and why it is not graded.

    Raises
    ------
    ValueError
        If `folder` is not a folder, or contains no submission.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    found, others = [], []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__pycache__":
            continue
        try:
            files = files_of(path)
        except OSError as error:
            others.append((path.name, error.strerror or "it cannot be read"))
            continue
        if files:
            found.append((path.name, files))
        else:
            kind = "the folder contains" if path.is_dir() else "it is"
            others.append((path.name, f"{kind} no .py file and no notebook"))
    if not found:
        raise ValueError(
            f"{folder} contains no submission: it must have a .py file, a notebook or a folder per "
            "student"
        )
    return found, others


def files_of(path):
    """The files of one submission: the file itself, or those in the folder."""
    path = Path(path)
    if not path.is_dir():
        return [path] if path.suffix.lower() in SUFFIXES else []
    return [
        p for p in sorted(path.iterdir())
        if p.suffix.lower() in SUFFIXES and p.name[0] not in "._" and not p.is_dir()
    ]  # fmt: skip


def grade(files, names=tuple(EXERCISES), *, seconds=10.0, seed=0, alone=False):
    """Check the functions of one submission.

    Parameters
    ----------
    files : list of path
        .py files and notebooks. Of a notebook, only the imports and functions are used.
    names : sequence of str
        The exercises to check.
    seconds : float
        Time limit for each exercise, and for loading the files: above 0, and at most an hour.
    seed : int
        Seed of the random inputs, 0 or more.
    alone : bool
        Whether to copy each file into a folder of its own first. It then cannot import the files
        beside it, which may be those of other students.

    Returns
    -------
    list of Graded, in the order of `names`

    Raises
    ------
    ValueError
        If `seconds` or `seed` is not allowed. Nothing in a submission raises an error.
    """
    seconds, seed = check_limits(seconds, seed)
    done = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            sources = [_copied(path, folder) if alone else Path(path).resolve() for path in files]
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a link to itself
            fault = f"does not load: {error_words(error)}"
            return [Graded(name, ERROR, fault) for name in names]
        while left := [name for name in names if name not in done]:
            found, begun, end = _run(sources, left, seconds, seed, folder)
            done |= found
            if begun is None or begun == LOADING:
                done |= {name: Graded(name, *end) for name in left if name not in done}
            else:
                done[begun] = Graded(begun, *end)
    return [done[name] for name in names]


def check_limits(seconds, seed):
    """The time limit and the seed of :func:`grade`; ValueError if one is not allowed."""
    seconds = check_number("seconds", seconds, above=0, high=MAX_SECONDS)
    return seconds, check_count("seed", seed, low=0)


def _copied(path, folder):
    """A copy of the file in a new folder."""
    if (size := Path(path).stat().st_size) > MAX_FILE:
        raise ValueError(f"the file has {size:,} bytes; at most {MAX_FILE:,} are read")
    return shutil.copyfile(path, Path(tempfile.mkdtemp(dir=folder)) / Path(path).name)


def _run(sources, names, seconds, seed, folder):
    """Run the process to its end.

    Returns
    -------
    found : dict of str to Graded
        The exercises that were graded.
    begun : str or None
        The step that was not finished.
    end : (str, str)
        The state and words for that step.
    """
    slow = TIMED_OUT, f"it took more than {seconds:g} s: an endless loop?"
    with _Child(folder) as child:
        limit = int(START + seconds * (len(names) + 1)) + 1
        child.send(seed=seed, names=names, files=list(map(str, sources)), seconds=limit)
        found, begun, patience = {}, None, START
        while len(found) < len(names):
            try:
                line = child.lines.get(timeout=patience)
                if line is None:
                    return found, begun, (ERROR, _how_it_ended(child.process.wait(seconds)))
            except (queue.Empty, subprocess.TimeoutExpired):
                return found, begun, slow
            patience = seconds
            if "begin" in line:
                begun = line["begin"]
            else:
                found[line["name"]] = Graded(line["name"], line["state"], line["fault"])
                begun = None
    return found, None, None


def _how_it_ended(status):
    if status < 0:
        return f"it ended the process by signal {-status}"
    return f"it ended the process with exit status {status}"


class _Child:
    """A process for one submission; a context manager that ends the process.

    Attributes
    ----------
    lines : queue.Queue
        What the process reports, as dicts, and None when it has ended.
    """

    def __init__(self, folder):
        path = os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH"))))
        self.key, self.lines = secrets.token_hex(16), queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", CHILD],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def send(self, **request):
        """Tell the process what to check. Standard input stays open as long as this process."""
        try:
            self.process.stdin.write(json.dumps({"key": self.key, **request}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the process has ended already, and `lines` says so

    def _listen(self):
        key = self.key.encode()
        for line in iter(lambda: self.process.stdout.readline(1 << 20), b""):
            if line.startswith(key):  # no other line is the process's own
                self.lines.put(strict_json(line.removeprefix(key)))
        self.lines.put(None)

    def __exit__(self, *error):
        """Kill the process, and all processes in its group; these were started by it."""
        if hasattr(os, "killpg"):
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        else:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass
