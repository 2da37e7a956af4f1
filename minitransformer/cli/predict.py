"""`predict`: the class of a text, and the words with the most attention or largest gradients."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from minitransformer.backend import choose_device
from minitransformer.cli.options import DEVICE, RUN
from minitransformer.cli.standard_input import given_lines
from minitransformer.runs import RunFolder, draw, explain
from minitransformer.runs.figures import check_place


def predict(
    run: Annotated[Path, RUN],
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            help="Texts in quotes. Without any, texts are read from standard input, one per line."
        ),
    ] = None,
    windows: Annotated[
        bool | None,
        typer.Option(
            "--windows/--no-windows",
            help="Read long texts whole, in overlapping windows. By default as in training.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw the attention weights for one text into this .png file."),
    ] = None,
    device: Annotated[str, DEVICE] = "cpu",
):
    """Classify texts, and show the words with most attention and the largest gradients."""
    folder = RunFolder.open(run, "classification")
    model = folder.load_model().to(choose_device(device))
    given = texts or given_lines("text")
    for number, text in enumerate(given, start=1):
        if not text.strip():
            raise ValueError(f"text {number} is empty: every text needs at least one word")
    if figure is not None:
        if len(given) > 1:
            raise ValueError(f"--figure draws one text, but {len(given)} were given")
        check_place(figure)
    for prediction in explain(folder, model, given, windows):
        if as_json:
            print(json.dumps(prediction.as_dict(), ensure_ascii=False))
        else:
            show(prediction)
    if figure is not None:
        draw(folder, model, given[0], figure)


def show(prediction):
    """Print a prediction; on a terminal, the words are coloured according to their gradients."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, emoji=False)
    label, p = prediction.label, prediction.probabilities.max()
    body = coloured(prediction) if console.is_terminal else " ".join(prediction.text.split())
    console.print(f"{label}  {p:.3f}  ", end="", markup=False, style="bold")
    console.print(body, markup=False)
    received = prediction.strongest(prediction.attention)
    console.print("  attention:", *(f"{w} {a:.2f}" for w, a in received), sep="  ", markup=False)
    pushed = prediction.strongest(prediction.gradient)
    console.print("  gradient: ", *(f"{w} {g:+.2f}" for w, g in pushed), sep="  ", markup=False)


def coloured(prediction):
    """The tokens, coloured by gradient: orange speaks for the predicted label, blue against it."""
    from rich.text import Text

    strongest = np.abs(prediction.gradient).max() or 1.0
    text = Text()
    for token, weight in zip(prediction.tokens, prediction.gradient / strongest, strict=True):
        full = (213, 94, 0) if weight > 0 else (0, 114, 178)
        ground = (round(255 - abs(weight) * 0.75 * (255 - channel)) for channel in full)
        text.append(f" {token} ", style="black on rgb({},{},{})".format(*ground))
    return text
