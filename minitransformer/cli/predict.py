"""`predict`: the class of a text, what speaks for it and against it, and the attention."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.cells import cell_len

from minitransformer.backend import choose_device
from minitransformer.cli.options import DEVICE, RUN
from minitransformer.cli.standard_input import given_texts
from minitransformer.data import tokenize
from minitransformer.data.corpora.table_rows import is_table
from minitransformer.runs import RunFolder, draw, explain
from minitransformer.runs.figures import check_drawing, check_place

WIDTH = 80


def predict(
    run: Annotated[Path, RUN],
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            help="Texts in quotes. Without any, or for -, standard input is read, one per line."
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
    words: Annotated[
        bool,
        typer.Option(
            "--explain/--no-explain", help="Whether to explain predictions, which takes longer."
        ),
    ] = True,
    device: Annotated[str, DEVICE] = "cpu",
):
    """Classify texts, and show which words speak for the predicted class and which against it."""
    folder = RunFolder.open(run, "classification")
    model = folder.load_model().to(choose_device(device))
    given = given_texts(texts, "text")
    _name_files(texts or ())
    for number, text in enumerate(given, start=1):
        if text.strip() and not tokenize(text):
            raise ValueError(f"text {number} has no word and no punctuation mark: {text[:40]!r}")
    if figure is not None:
        if len(given) > 1:
            raise ValueError(f"--figure draws one text, but {len(given)} were given")
        check_place(figure)
        check_drawing()
    found = explain(folder, model, [text for text in given if text.strip()], windows, words=words)
    for text in given:
        if not text.strip():  # gives one line of output too
            print("null" if as_json else "")
        elif as_json:
            print(json.dumps(next(found).as_dict(), ensure_ascii=False))
        else:
            show(next(found))
    if figure is not None:
        draw(folder, model, given[0], figure)


def _name_files(texts):
    """Warn about texts that are names of files: they are classified as they are."""
    for text in texts:
        if os.path.isfile(text):
            way_out = f"to classify the lines of the file, use predict RUN < {shlex.quote(text)}"
            if is_table(text):
                way_out = (
                    "to score a table, use evaluate RUN --data; to classify its texts, write them "
                    "to a file, one per line, and use predict RUN < FILE"
                )
            warning = f"{text!r} is a file, but its name is classified as a text; {way_out}"
            print(f"warning: {warning}", file=sys.stderr)


def show(prediction):
    """Print a prediction; on a terminal, the words are coloured by what they contribute."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, emoji=False)
    label, p = prediction.label, prediction.probabilities.max()
    colours = console.is_terminal and prediction.tokens
    body = coloured(prediction) if colours else " ".join(prediction.text.split())
    console.print(f"{label}  {p:.3f}  ", end="", markup=False, style="bold")
    console.print(body, markup=False)
    for line in remarks(prediction):
        console.print(line, markup=False)
    if colours:
        console.print(f"  orange words speak for {label}, blue words against it", markup=False)


def remarks(prediction):
    """Lines with what should be known about a prediction: doubts, contributions, attention."""
    if len(prediction.unknown) == prediction.words:
        yield "  warning: the model knows no word of this text, so its answer means nothing"
    elif 2 * len(prediction.unknown) >= prediction.words:
        unknown = f"{len(prediction.unknown)} of {prediction.words} words"
        yield f"  warning: the model does not know {unknown} of this text"
    if prediction.cut:
        unread = f"the text is too long, so {prediction.cut:,} of its tokens were not read"
        yield f"  warning: {unread}; see --windows"
    if not prediction.tokens:
        return
    pushed = [f"{w} {c:+.2f}" for w, c in prediction.strongest(prediction.contributions)]
    total = prediction.contributions.sum()
    yield fitting("  + for, - against:", pushed, f"all words {total:+.2f}")
    if not prediction.complete:
        yield f"  warning: together they should be {total - prediction.gap:+.2f}: do not trust them"
    if prediction.attention.any():
        received = [f"{w} {a:.2f}" for w, a in prediction.strongest(prediction.attention)]
        yield fitting("  attention:", received)


def fitting(name, cells, last=None):
    """A line of at most 80 columns with as many of the `cells` as fit, and the `last` cell."""
    end = [] if last is None else [last]
    while len(cells) > 1 and cell_len("  ".join([name, *cells, *end])) > WIDTH:
        cells = cells[:-1]
    return "  ".join([name, *cells, *end])


def coloured(prediction):
    """The tokens: orange speaks for the predicted label, blue against it."""
    from rich.text import Text

    strongest = np.abs(prediction.contributions).max() or 1.0
    text = Text()
    for token, weight in zip(prediction.tokens, prediction.contributions / strongest, strict=True):
        full = (213, 94, 0) if weight > 0 else (0, 114, 178)
        ground = (round(255 - abs(weight) * 0.75 * (255 - channel)) for channel in full)
        text.append(f" {token} ", style="black on rgb({},{},{})".format(*ground))
    return text
