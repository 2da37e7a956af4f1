"""`translate`: what a run of encoder and decoder makes of a sentence."""

from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.cli.generate import show
from minitransformer.cli.standard_input import given_lines
from minitransformer.inference import beam_search, stream
from minitransformer.inference.beam import LENGTH_PENALTY
from minitransformer.runs.run_folder import RunFolder
from minitransformer.runs.tasks.encoder_decoder import encode_source


def translate(
    run: Annotated[Path, typer.Argument(help="Folder that train wrote.", show_default=False)],
    sentences: Annotated[
        list[str] | None,
        typer.Argument(help="Sentences in quotes; without any, one a line from standard input."),
    ] = None,
    beams: Annotated[
        int | None, typer.Option(help="Of beam search; 1 is greedy. By default as in training.")
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option(help="Of beam search: higher favours longer ones. As in training."),
    ] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="The same as --beams 1.")] = False,
    max_new_tokens: Annotated[
        int | None, typer.Option(help="Most tokens to write. By default what the model can.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="cpu, gpu, or auto: the GPU where one can be used.")
    ] = "cpu",
):
    """Translate sentences, or reverse or copy strings: what the run has learned."""
    folder = RunFolder.open(run, "translation", "reverse", "copy")
    if greedy and beams not in (None, 1):
        raise ValueError(f"--greedy keeps one beam: leave out --beams {beams}")
    recipe = folder.config.recipe
    if beams is None:
        beams = 1 if greedy else getattr(recipe, "beams", 1)
    if beams == 1 and length_penalty is not None:
        raise ValueError("--length-penalty compares several beams, and there is one")
    if length_penalty is None:
        length_penalty = getattr(recipe, "length_penalty", LENGTH_PENALTY)
    tokenizer, model = folder.tokenizer, folder.load_model().to(choose_device(device))
    sentences = sentences or given_lines("sentence")
    sources = [_read(tokenizer, model, *pair) for pair in enumerate(sentences, start=1)]
    ends = {"start_id": tokenizer.start_id, "end_id": tokenizer.end_id}
    if beams == 1:
        for source in sources:
            pieces = stream(
                model, tokenizer, source, greedy=True, max_new_tokens=max_new_tokens, **ends
            )
            show("", pieces)
        return
    found, _ = beam_search(
        model, sources, beams=beams, length_penalty=length_penalty,
        max_new_tokens=max_new_tokens, **ends,
    )  # fmt: skip
    for text in found:
        print(tokenizer.decode(text))


def _read(tokenizer, model, number, sentence):
    """The ids of a sentence; ValueError if it is empty or longer than the model reads."""
    if not sentence.strip():
        raise ValueError(f"sentence {number} is empty: every sentence needs at least one word")
    ids = encode_source(tokenizer, sentence)
    if len(ids) > model.max_len:
        raise ValueError(
            f"sentence {number} has {len(ids)} tokens with its end, the model reads at most "
            f"{model.max_len}: make two of it"
        )
    return ids
