"""`generate`: continue a prompt with a trained run of the task language-model."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.cli.options import DEVICE, RUN, refuse
from minitransformer.cli.standard_input import given_prompt
from minitransformer.inference.beam import LENGTH_PENALTY
from minitransformer.runs import RunFolder
from minitransformer.runs import generate as continue_prompt
from minitransformer.runs.generation import NEW_TOKENS, room
from minitransformer.runs.tasks.language_model import TEMPERATURE


def generate(
    run: Annotated[Path, RUN],
    prompt: Annotated[
        str | None,
        typer.Argument(help="The text to continue. Without one, or for -, standard input is read."),
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            help=f"Maximum number of tokens to generate: by default {NEW_TOKENS}; with --beams or "
            "--no-slide, at most as many as still fit into the context."
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help=f"Above 0; a lower temperature is more cautious. By default {TEMPERATURE}."
        ),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(help="Sample from the k most probable tokens.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Sample from the most probable tokens that together reach p."),
    ] = None,
    greedy: Annotated[
        bool, typer.Option("--greedy", help="Always take the most probable token.")
    ] = False,
    repetition_penalty: Annotated[
        float, typer.Option(help="Above 1, tokens that have occurred become less probable.")
    ] = 1.0,
    no_repeat_ngram: Annotated[
        int | None, typer.Option(help="Never repeat an n-gram of this length.")
    ] = None,
    beams: Annotated[int | None, typer.Option(help="Use beam search with this many beams.")] = None,
    length_penalty: Annotated[
        float | None, typer.Option(help="For beam search: a higher value favours longer texts.")
    ] = None,
    slide: Annotated[
        bool | None,
        typer.Option(
            "--slide/--no-slide",
            help="When the text outgrows the context, read only its last tokens. This is the "
            "default for what is generated, but not for a prompt that is too long.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
    device: Annotated[str, DEVICE] = "cpu",
):
    """Continue a prompt, printing tokens as they are generated."""
    folder = RunFolder.open(run, "language-model")
    if temperature is not None and temperature <= 0:
        raise ValueError(
            f"--temperature must be above 0, got {temperature}; "
            "for the most probable token every time, use --greedy"
        )
    sampling = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    sampling = {name: value for name, value in sampling.items() if value is not None}
    if beams is None:
        if length_penalty is not None:
            raise ValueError("--length-penalty belongs to --beams, which is missing")
        refuse("--greedy samples nothing", sampling if greedy else {})
        options = {**sampling, "repetition_penalty": repetition_penalty, "seed": seed}
    else:
        rest = {"greedy": greedy, "slide": slide, "repetition_penalty": repetition_penalty != 1}
        given = [name for name, value in rest.items() if value]
        refuse("--beams searches for the most probable text", [*sampling, *given])
        alpha = LENGTH_PENALTY if length_penalty is None else length_penalty
        options = {"length_penalty": alpha}
    prompt = given_prompt(prompt)
    model, ids = folder.load_model().to(choose_device(device)), folder.tokenizer.encode(prompt)
    _check_room(model, len(ids), max_new_tokens, slide, beams)
    pieces = continue_prompt(
        folder, model, ids, max_new_tokens=max_new_tokens, beams=beams, slide=slide, greedy=greedy,
        no_repeat_ngram=no_repeat_ngram, **options,
    )  # fmt: skip
    show(prompt, pieces)


def _check_room(model, length, max_new_tokens, slide, beams):
    """Raise ValueError if a prompt of `length` tokens, or its continuation, does not fit.

    The messages suggest options of the command, but only those compatible with the given ones.
    """
    max_len = model.max_len
    if length > max_len and not slide:
        hint = ", or use --slide to read only its last tokens" if beams is None else ""
        raise ValueError(
            f"the prompt has {length} tokens, but the model reads at most {max_len}: "
            f"make it shorter{hint}"
        )
    left = room(model, length)
    must_fit = beams is not None or slide is False
    if must_fit and max_new_tokens is not None and max_new_tokens > left:
        hint = ", or leave out --no-slide" if beams is None else ""
        raise ValueError(
            f"--max-new-tokens is {max_new_tokens}, but the context of {max_len} tokens has "
            f"room for {left} after the prompt: ask for fewer{hint}"
        )


def show(beginning, pieces):
    """Print `beginning`, then each piece of text as it comes, then a newline in any case."""
    sys.stdout.write(beginning)
    sys.stdout.flush()
    try:
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
    finally:
        print(flush=True)
