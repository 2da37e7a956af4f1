"""`grade`: grade a folder of submissions, for teachers."""

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from minitransformer.exercises import EXERCISES, NOT_WRITTEN, RIGHT, WRONG
from minitransformer.exercises.submissions.child import ERROR, TIMED_OUT
from minitransformer.exercises.submissions.grading import grade as grade_one
from minitransformer.exercises.submissions.grading import submissions
from minitransformer.storage import write_text

MARKS = {RIGHT: ".", WRONG: "F", NOT_WRITTEN: "s", ERROR: "E", TIMED_OUT: "T"}
LINE = 100


def grade(
    folder: Annotated[
        Path, typer.Argument(help="A folder with one .py file, notebook or folder per student.")
    ],
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv", help="Write a CSV table with one row per student.", show_default=False
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(help="Names of exercises, separated by commas.", show_default=False),
    ] = None,
    seconds: Annotated[float, typer.Option(help="Time limit for each exercise.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Seed of the random inputs.")] = 0,
):
    """Grade submissions: show which exercises are right, and what is wrong with the rest.

    Each submission runs in a separate process with a time limit per exercise, so an endless loop, a
    crash or an error affects nobody else's result. That is not a sandbox: the code can do all that
    you can do, such as read and delete files and use the network, and it can cheat. Run code that
    you do not trust in a container without a network.
    """
    names = chosen(only)
    rows = []
    for student, files in submissions(folder):
        graded = grade_one(files, names, seconds=seconds, seed=seed)
        rows.append((student, graded))
        marks = "".join(MARKS[one.state] for one in graded)
        print(f"{student:<24} {marks}", flush=True)
    print_faults(rows)
    Console().print(summary(rows))
    if csv_file is not None:
        write_text(csv_file, table(rows, names))


def chosen(only):
    """The exercises named in `only`, separated by commas; by default all exercises."""
    names = tuple(EXERCISES) if only is None else tuple(n.strip() for n in only.split(","))
    unknown = [name for name in names if name not in EXERCISES]
    if unknown:
        raise ValueError(f"there is no exercise {unknown[0]!r}; there are {', '.join(EXERCISES)}")
    return names


def print_faults(rows):
    """Print what is wrong, one line per fault, in the form of pytest's failures."""
    faults = [
        f"{student}::{one.name} - {one.fault}"
        for student, graded in rows
        for one in graded
        if one.fault
    ]
    if faults:
        print(f"\n{' faults '.center(LINE, '=')}", *faults, sep="\n")


def summary(rows):
    """A table with one row per student: how many exercises are right, wrong, and so on."""
    result = Table(title=f"\n{len(rows)} submissions", title_justify="left")
    for heading in ("student", *MARKS):
        result.add_column(heading, justify="left" if heading == "student" else "right")
    for student, graded in rows:
        counts = Counter(one.state for one in graded)
        result.add_row(student.replace("[", "\\["), *(str(counts[state]) for state in MARKS))
    return result


def table(rows, names):
    """The same table as CSV, with the state of every exercise."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "right", "of", *names])
    for student, graded in rows:
        right = sum(one.state == RIGHT for one in graded)
        writer.writerow([student, right, len(graded), *(one.state for one in graded)])
    return text.getvalue()
