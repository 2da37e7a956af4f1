"""`evaluate`: evaluate a trained run on the test texts."""

from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.cli.options import DEVICE, RUN, say
from minitransformer.runs import RunFolder
from minitransformer.runs import evaluate as evaluate_run


def evaluate(
    run: Annotated[Path, RUN],
    data_dir: Annotated[
        Path | None, typer.Option(help="Location of the published data set.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The file with your own texts, if it has been moved.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option(help="The file with their translations, if it has been moved.")
    ] = None,
    windows: Annotated[
        bool | None,
        typer.Option(
            "--windows/--no-windows",
            help="Read long texts whole, in overlapping windows. By default as in training.",
        ),
    ] = None,
    device: Annotated[str, DEVICE] = "cpu",
):
    """Evaluate a run on data that training never saw: loss and accuracy, exact strings, or BLEU."""
    evaluate_run(
        RunFolder.open(run), data=data, target=target, data_dir=data_dir, windows=windows,
        device=choose_device(device), on_progress=say,
    )  # fmt: skip
