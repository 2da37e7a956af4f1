"""`exercises`: your progress through the exercises."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from minitransformer.exercises import EXERCISES, NOT_WRITTEN, RIGHT, WRONG
from minitransformer.exercises.submissions.grading import files_of, grade
from minitransformer.exercises.submissions.stubs import stubs

STYLES = {RIGHT: "green", WRONG: "red", NOT_WRITTEN: "dim"}


def exercises(
    path: Annotated[
        Path, typer.Argument(help="A .py file, a notebook, or a folder of them.")
    ] = Path("notebooks"),
    new: Annotated[
        Path | None,
        typer.Option(
            help="Write a template with every function left to fill in.", show_default=False
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="Time limit for each exercise.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Seed of the random inputs.")] = 0,
):
    """Show which of your exercises are right, wrong, or not written yet.

    Your functions are read from a .py file or from the cells of notebooks. Only their imports and
    functions are run, in a separate process with a time limit. That is not a sandbox: run only code
    that you trust.
    """
    if new is not None:
        write_stubs(new)
        return
    if not path.exists():
        raise ValueError(f"{path} does not exist; `exercises --new FILE` writes a template")
    files = files_of(path)
    if not files:
        raise ValueError(f"{path} contains no .py file and no notebook")
    graded = grade(files, seconds=seconds, seed=seed)
    Console().print(progress(graded))


def write_stubs(path):
    """Write a template with every function left to fill in; FileExistsError if `path` exists."""
    with open(path, "x", encoding="utf-8") as file:
        file.write(stubs(path))
    print(f"{path}: {len(EXERCISES)} functions to write; then: minitransformer exercises {path}")


def progress(graded):
    """The table of all exercises: for each its notebook, its state, and what is wrong."""
    right = sum(one.state == RIGHT for one in graded)
    table = Table(title=f"{right} of {len(graded)} right", title_justify="left")
    for heading in ("exercise", "notebook", "state", "fault"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "exercise")
    for one in graded:
        number = EXERCISES[one.name].notebook.partition("_")[0]
        state = f"[{STYLES.get(one.state, 'yellow')}]{one.state}"
        table.add_row(one.name, number, state, one.fault.replace("[", "\\["))
    return table
