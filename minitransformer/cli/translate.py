"""`translate`: translate a sentence with a trained encoder-decoder run."""

from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.cli.generate import show
from minitransformer.cli.options import DEVICE, RUN
from minitransformer.cli.standard_input import given_texts
from minitransformer.runs import RunFolder
from minitransformer.runs import translate as translate_sentences


def translate(
    run: Annotated[Path, RUN],
    sentences: Annotated[
        list[str] | None,
        typer.Argument(
            help="Sentences in quotes. Without any, or for -, standard input is read, one per line."
        ),
    ] = None,
    beams: Annotated[
        int | None,
        typer.Option(help="Number of beams; 1 is greedy. By default as in training."),
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option(
            help="For beam search: a higher value favours longer translations. By default as in "
            "training."
        ),
    ] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="The same as --beams 1.")] = False,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of tokens per translation. By default as many as the model allows."
        ),
    ] = None,
    device: Annotated[str, DEVICE] = "cpu",
):
    """Translate sentences, or reverse or copy strings, depending on the task of the run."""
    folder = RunFolder.open(run, "translation", "reverse", "copy")
    if greedy and beams not in (None, 1):
        raise ValueError(f"--greedy uses one beam: leave out --beams {beams}")
    model = folder.load_model().to(choose_device(device))
    given = given_texts(sentences, "sentence")
    read = list(filter(str.strip, given))
    written = translate_sentences(
        folder, model, read, beams=1 if greedy else beams, length_penalty=length_penalty,
        max_new_tokens=max_new_tokens,
    )  # fmt: skip
    for sentence in given:  # a blank line of standard input gives a blank line
        show("", next(written) if sentence.strip() else ())
