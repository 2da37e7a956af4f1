"""The process that runs one submission: ``python -m minitransformer.exercises.submissions.child``.

Its arguments are a file for the results, a seed, the names of the exercises joined by commas, and
the submission's files. Before and after each step that the submitted code could crash, it appends a
line of JSON to the file of results. So the parent process can see how far the child got.
"""

import json
import runpy
import sys
from pathlib import Path

from minitransformer.exercises.catalogue.registry import EXERCISES
from minitransformer.exercises.judge import judge
from minitransformer.exercises.verdict import NOT_WRITTEN

ERROR, TIMED_OUT = "error", "timed out"
LOADING = "loading"
MEMORY = 4 << 30  # in bytes of address space


def limit_memory():
    """Limit the memory, if the system can; a submission that exceeds it gets a MemoryError."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def run(results, seed, names, files):
    """Load the files and check every exercise."""

    def write(**line):
        with open(results, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    write(begin=LOADING)
    functions, errors = {}, []
    for path in files:
        sys.path.insert(0, str(Path(path).resolve().parent))
        try:
            found = runpy.run_path(path)
            answers = found.get("__answers__", found)  # set only for a notebook
            functions |= {name: found[name] for name in answers if name in found}
        except BaseException as error:
            errors.append(f"{Path(path).name}: {type(error).__name__}: {error}")
    for name in names:
        write(begin=name)
        if name in functions:
            verdict = judge(EXERCISES[name], functions[name], seed)
            write(name=name, state=verdict.state, fault=verdict.fault)
        elif errors:
            write(name=name, state=ERROR, fault=f"does not load: {'; '.join(errors)}")
        else:
            write(name=name, state=NOT_WRITTEN, fault="")


if __name__ == "__main__":
    limit_memory()
    run(sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4:])
