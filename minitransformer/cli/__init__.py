"""The commands: ``python -m minitransformer train``, ``predict``, ...

They turn the arguments of the command line into function calls, and errors into one-line messages.
The work is done in the other packages.
"""

import os
import sys
from typing import Annotated

import typer

from minitransformer import __version__
from minitransformer.cli import (
    bench,
    evaluate,
    exercises,
    generate,
    gradcheck,
    grade,
    info,
    predict,
    train,
    translate,
)
from minitransformer.cli.options import OnceCommand, command, recipe_options
from minitransformer.cli.suggestions import SuggestingGroup

app = typer.Typer(
    name="minitransformer",
    cls=SuggestingGroup,
    help="A transformer you can look inside: train it, use it, check its gradients.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(cls=OnceCommand)(command(recipe_options(train.train)))
for function in (
    evaluate.evaluate,
    predict.predict,
    generate.generate,
    translate.translate,
    gradcheck.gradcheck,
    exercises.exercises,
    grade.grade,
    info.info,
    bench.bench,
):
    app.command(cls=OnceCommand)(command(function))


def _show_version(asked):
    if asked:
        print(f"minitransformer {__version__}")
        raise typer.Exit


@app.callback()
def _minitransformer(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
):
    """A transformer you can look inside: train it, use it, check its gradients."""


def main():
    """The entry point of the command ``minitransformer``."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, or a program without a console
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
    app(prog_name="minitransformer")
