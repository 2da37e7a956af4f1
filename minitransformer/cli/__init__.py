"""The commands: ``python -m minitransformer train``, ``predict``, ...

They turn the arguments of the command line into function calls, and errors into one-line messages.
The work is done in the other packages.
"""

import typer

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
from minitransformer.cli.options import command, recipe_options

app = typer.Typer(
    name="minitransformer",
    help="A transformer you can look inside: train it, use it, check its gradients.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(command(recipe_options(train.train)))
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
    app.command()(command(function))


def main():
    """The entry point of the command ``minitransformer``."""
    app(prog_name="minitransformer")
