"""The process that runs one submission: ``python -m minitransformer.exercises.submissions.child``.

It reads one line of JSON from standard input: what to check, and a key. Before and after each step
that the submitted code could crash, it writes a line of JSON to what was its standard output, so
the parent process can see how far it got. Each line begins with the key, which the submitted code
is not given. When the parent ends, however it ends, this process ends too.
"""

import json
import os
import runpy
import signal
import sys
import tempfile
import threading
from pathlib import Path

from minitransformer.exercises.catalogue.registry import EXERCISES
from minitransformer.exercises.contract import error_words, printable
from minitransformer.exercises.judge import judge
from minitransformer.exercises.submissions.notebook import MAX_FILE, functions_of
from minitransformer.exercises.verdict import NOT_WRITTEN
from minitransformer.storage import strict_json

ERROR, TIMED_OUT = "error", "timed out"
LOADING = "loading"
MEMORY = 4 << 30  # in bytes of address space


def limit_resources(seconds):
    """Limit memory and processor time, if the system can.

    A submission that exceeds the memory gets a MemoryError. The time is a last resort, for code
    that lets no other thread run.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def end_with_parent(stream):
    """End this process, and what it started, when `stream` ends: its other end is the parent's."""

    def wait():
        stream.read()
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def load(files):
    """The functions in the files, by name, and one line per file that does not load."""
    functions, errors = {}, []
    for path in files:
        try:
            found = run_file(Path(path))
            answers = found.get("__answers__", found)  # set only for a notebook
            functions |= {name: found[name] for name in answers if name in found}
        except BaseException as error:  # a submission may raise anything
            errors.append(printable(f"{os.fsdecode(Path(path).name)}: {error_words(error)}"))
    return functions, errors


def run_file(path):
    """The variables of a file after it has run; the functions of a notebook."""
    if path.stat().st_size > MAX_FILE:
        size = path.stat().st_size
        raise ValueError(f"the file has {size:,} bytes; at most {MAX_FILE:,} are read")
    # A submission may import its own files. The Python that runs this file knows no others.
    sys.path.insert(0, str(path.parent))
    if path.suffix.lower() != ".ipynb":
        return runpy.run_path(str(path))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{path.stem}.py"
        source.write_text(functions_of(path), encoding="utf-8")
        return runpy.run_path(str(source))


def run(write, seed, names, files):
    """Load the files and check every exercise; ``write(**line)`` sends a line to the parent."""
    write(begin=LOADING)
    functions, errors = load(files)
    for name in names:
        write(begin=name)
        if name in functions:
            verdict = judge(EXERCISES[name], functions[name], seed)
            write(name=name, state=verdict.state, fault=printable(verdict.fault))
        elif errors:
            write(name=name, state=ERROR, fault=f"does not load: {'; '.join(errors)}")
        else:
            write(name=name, state=NOT_WRITTEN, fault="")


def main():
    """Read what to check, and check it."""
    parent, lines = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "w", encoding="ascii")
    request = strict_json(parent.readline())
    end_with_parent(parent)
    # Whatever the submission prints does not reach the parent.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nowhere, stream)
    key = request.pop("key")

    def write(**line):
        print(key + json.dumps(line), file=lines, flush=True)

    limit_resources(request.pop("seconds"))
    del sys.argv[1:]
    run(write, request["seed"], request["names"], request["files"])
    sys.stdout.flush()
    os._exit(0)  # without waiting for threads that the submission started


if __name__ == "__main__":
    main()
