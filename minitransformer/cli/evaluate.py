"""`evaluate`: evaluate a trained run on the test texts."""

from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.cli.options import DEVICE, RUN, say
from minitransformer.cli.table_options import (
    Clean,
    Delimiter,
    Encoding,
    Header,
    Quoting,
    SkipEmpty,
    given_options,
)
from minitransformer.runs import RunFolder
from minitransformer.runs import evaluate as evaluate_run


def evaluate(
    run: Annotated[Path, RUN],
    data_dir: Annotated[
        Path | None, typer.Option(help="Location of the published data set.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Another file, which is scored whole; or the new place of the run's own file, "
            "whose test part is scored."
        ),
    ] = None,
    target: Annotated[
        Path | None, typer.Option(help="The translations of --data, line by line.")
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(help="The column of --data with the texts, if its name differs."),
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option(help="The column of --data with the labels, if its name differs."),
    ] = None,
    delimiter: Delimiter = None,
    quoting: Quoting = None,
    encoding: Encoding = None,
    header: Header = None,
    skip_empty: SkipEmpty = None,
    clean: Clean = None,
    windows: Annotated[
        bool | None,
        typer.Option(
            "--windows/--no-windows",
            help="Read long texts whole, in overlapping windows. By default as in training.",
        ),
    ] = None,
    device: Annotated[str, DEVICE] = "cpu",
):
    """Evaluate a run on data that training never saw: loss and accuracy, exact strings, or BLEU.

    A file given with --data is scored whole, and the output says how many of its texts the model
    was trained on. How it is written is found by its content; if that fails, it is read like the
    run's own file.
    """
    table = given_options(
        delimiter=delimiter, quoting=quoting, encoding=encoding, header=header,
        skip_empty=skip_empty, clean=clean,
    )  # fmt: skip
    evaluate_run(
        RunFolder.open(run), data=data, target=target, text_column=text_column,
        label_column=label_column, table=table, data_dir=data_dir, windows=windows,
        device=choose_device(device), on_progress=say,
    )  # fmt: skip
