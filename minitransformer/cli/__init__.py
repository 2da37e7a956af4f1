"""The commands: ``python -m minitransformer train``, ``predict``, ... Thin: they call the rest."""

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
    help="A transformer you can open: train it, ask it, prove its gradients.",
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
    """Entry point of the command ``minitransformer``."""
    app(prog_name="minitransformer")
