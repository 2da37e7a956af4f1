"""The commands: ``python -m minitransformer train``, ``predict``, ... Thin: they call the rest."""

import typer

from minitransformer.cli.evaluate import evaluate
from minitransformer.cli.gradcheck import gradcheck
from minitransformer.cli.info import info
from minitransformer.cli.options import command, recipe_options
from minitransformer.cli.predict import predict
from minitransformer.cli.train import train

app = typer.Typer(
    name="minitransformer",
    help="A transformer you can open: train it, ask it, prove its gradients.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(command(recipe_options(train)))
for function in (evaluate, predict, gradcheck, info):
    app.command()(command(function))


def main():
    """Entry point of the command ``minitransformer``."""
    app(prog_name="minitransformer")
