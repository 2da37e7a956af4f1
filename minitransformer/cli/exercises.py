"""`exercises`: your progress through the exercises."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.padding import Padding
from rich.text import Text

from minitransformer.exercises import EXERCISES, NOT_WRITTEN, RIGHT, RIGHT_BUT_FLOAT64, WRONG
from minitransformer.exercises.submissions.grading import files_of, grade
from minitransformer.exercises.submissions.stubs import stubs

STYLES = {RIGHT: "green", RIGHT_BUT_FLOAT64: "green", WRONG: "red", NOT_WRITTEN: "dim"}


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
    """The exercises of each notebook: for each its state and name, and what is wrong with it.

    There are no columns, so that nothing is lost on a narrow terminal.
    """
    right = sum(one.state in (RIGHT, RIGHT_BUT_FLOAT64) for one in graded)
    lines = [Text(f"{right} of {len(graded)} right", style="italic")]
    notebook = None
    for one in graded:
        if EXERCISES[one.name].notebook != notebook:
            notebook = EXERCISES[one.name].notebook
            lines.append(Text(f"\n{notebook}", style="bold"))
        lines.append(Text.assemble((one.state, STYLES.get(one.state, "yellow")), f"  {one.name}"))
        if one.fault:
            lines.append(Padding(Text(" ".join(one.fault.split())), (0, 0, 0, 4)))
    return Group(*lines)
