"""`grade`: grade a folder of submissions, for teachers."""

import csv
import io
import os
import textwrap
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from minitransformer.exercises import EXERCISES, NOT_WRITTEN, RIGHT, RIGHT_BUT_FLOAT64, WRONG
from minitransformer.exercises.contract import printable
from minitransformer.exercises.submissions.child import ERROR, TIMED_OUT
from minitransformer.exercises.submissions.grading import check_limits, submissions
from minitransformer.exercises.submissions.grading import grade as grade_one
from minitransformer.runs.figures import check_place
from minitransformer.storage import write_text

MARKS = {
    RIGHT: ".", RIGHT_BUT_FLOAT64: "d", WRONG: "F", NOT_WRITTEN: "s", ERROR: "E", TIMED_OUT: "T",
}  # fmt: skip
LINE, MARKS_PER_LINE = 80, 50
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs a cell that begins like this


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
    check_limits(seconds, seed)
    if csv_file is not None:
        check_csv(csv_file)
    found, others = submissions(folder)
    rows = []
    for student, files in found:
        alone = [path.name for path in files] == [student]  # a file, not a folder
        graded = grade_one(files, names, seconds=seconds, seed=seed, alone=alone)
        rows.append((printable(student), graded))
        print_marks(*rows[-1])
    print_faults(rows)
    for name, reason in others:
        print(f"not graded: {printable(name)}: {reason}")
    Console().print(summary(rows))
    print("; ".join(f"{mark} {state}" for state, mark in MARKS.items()))
    if csv_file is not None:
        write_text(csv_file, table(rows, names))


def chosen(only):
    """The exercises named in `only`, separated by commas; by default all exercises."""
    names = tuple(EXERCISES) if only is None else tuple(n.strip() for n in only.split(","))
    unknown = [name for name in names if name not in EXERCISES]
    if unknown:
        raise ValueError(f"there is no exercise {unknown[0]!r}; there are {', '.join(EXERCISES)}")
    return tuple(dict.fromkeys(names))


def check_csv(path):
    """ValueError if the table cannot be written to `path`; called before the work begins."""
    check_place(path, ".csv")
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise ValueError(f"{path} cannot be written")


def print_marks(student, graded):
    """Print one mark per exercise, as pytest does."""
    marks = "".join(MARKS[one.state] for one in graded)
    for start in range(0, len(marks), MARKS_PER_LINE):
        name = student if start == 0 else ""
        print(f"{name:<24} {marks[start : start + MARKS_PER_LINE]}", flush=True)


def print_faults(rows):
    """Print what is wrong, in the form of pytest's failures; the same fault is printed once."""
    lines = []
    for student, graded in rows:
        names = {}  # fault -> the exercises that have it
        for one in graded:
            if one.fault:
                names.setdefault(one.fault, []).append(one.name)
        for fault, those in names.items():
            where = "" if len(those) == len(graded) > 1 else f"::{', '.join(those)}"
            lines += textwrap.wrap(
                f"{student}{where} - {fault}", LINE, subsequent_indent="    ",
                break_on_hyphens=False,
            )  # fmt: skip
    if lines:
        print(f"\n{' faults '.center(LINE, '=')}", *lines, sep="\n")


def summary(rows):
    """A table with one row per student: how many exercises are right, wrong, and so on."""
    result = Table(title=f"\n{len(rows)} submissions", title_justify="left")
    for heading in ("student", *MARKS.values()):
        left = heading == "student"
        result.add_column(heading, justify="left" if left else "right", overflow="fold")
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
        right = sum(one.state in (RIGHT, RIGHT_BUT_FLOAT64) for one in graded)
        writer.writerow([cell(student), right, len(graded), *(one.state for one in graded)])
    return text.getvalue()


def cell(text):
    """`text` as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
