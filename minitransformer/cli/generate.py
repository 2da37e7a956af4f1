"""`generate`: a text goes on, as a run of the task language-model has learned it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.inference import beam_search, continuation, stream
from minitransformer.inference.beam import LENGTH_PENALTY
from minitransformer.runs.run_folder import RunFolder
from minitransformer.runs.tasks.language_model import TEMPERATURE

NEW_TOKENS = 200


def generate(
    run: Annotated[Path, typer.Argument(help="Folder that train wrote.", show_default=False)],
    prompt: Annotated[str, typer.Argument(help="What the text begins with.", show_default=False)],
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            help=f"Most tokens to write. {NEW_TOKENS} by default; with --beams or --no-slide at "
            "most what the context has room for."
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(help=f"Above 0; lower is more cautious. {TEMPERATURE} by default."),
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw from the k most probable.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Draw from the most probable that together reach p.")
    ] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="Always the most probable.")] = False,
    repetition_penalty: Annotated[
        float, typer.Option(help="Above 1: what has occurred becomes less probable.")
    ] = 1.0,
    no_repeat_ngram: Annotated[
        int | None, typer.Option(help="No so many tokens in a row may occur twice.")
    ] = None,
    beams: Annotated[int | None, typer.Option(help="Beam search, with so many beams.")] = None,
    length_penalty: Annotated[
        float | None, typer.Option(help="Of beam search: higher favours longer texts.")
    ] = None,
    slide: Annotated[
        bool | None,
        typer.Option(
            "--slide/--no-slide",
            help="Beyond the context, read its last tokens only. By default where the text "
            "outgrows it, but not for a prompt that is longer.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides what is drawn.")] = 0,
    device: Annotated[
        str, typer.Option(help="cpu, gpu, or auto: the GPU where one can be used.")
    ] = "cpu",
):
    """Go on with a text, and show it while it is written."""
    folder = RunFolder.open(run, "language-model")
    if temperature is not None and temperature <= 0:
        raise ValueError(
            f"--temperature must be above 0, got {temperature}; "
            "for the most probable token every time say --greedy"
        )
    drawing = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    drawing = {name: value for name, value in drawing.items() if value is not None}
    if beams is None:
        if length_penalty is not None:
            raise ValueError("--length-penalty belongs to --beams, which is missing")
        _refuse("--greedy draws nothing", drawing if greedy else {})
    else:
        others = {"greedy": greedy, "slide": slide, "repetition_penalty": repetition_penalty != 1}
        given = [name for name, value in others.items() if value]
        _refuse("--beams searches for the most probable text", [*drawing, *given])
    if not prompt:
        raise ValueError("the prompt is empty: it needs at least one character")
    model, ids = folder.load_model().to(choose_device(device)), folder.tokenizer.encode(prompt)
    new_tokens = _room(model.max_len, len(ids), max_new_tokens, slide, beams)
    limits = {"max_new_tokens": new_tokens, "no_repeat_ngram": no_repeat_ngram}
    if beams is not None:
        alpha = LENGTH_PENALTY if length_penalty is None else length_penalty
        end_id = folder.tokenizer.end_id
        (text,), _ = beam_search(
            model, [ids], beams=beams, length_penalty=alpha, end_id=end_id, **limits
        )
        show(prompt, [continuation(folder.tokenizer, ids, text)])
        return
    if not greedy:
        drawing.setdefault("temperature", TEMPERATURE)
    pieces = stream(
        model, folder.tokenizer, ids, greedy=greedy, repetition_penalty=repetition_penalty,
        seed=seed, slide=slide is not False, **drawing, **limits,
    )  # fmt: skip
    show(prompt, pieces)


def _room(max_len, length, max_new_tokens, slide, beams):
    """How many tokens to write behind a prompt of `length` tokens; ValueError if they do not fit.

    The hints name options of the command, and only those that go with the ones given.
    """
    if length > max_len and not slide:
        hint = ", or let it read the last ones with --slide" if beams is None else ""
        raise ValueError(
            f"the prompt has {length} tokens, the model reads at most {max_len}: "
            f"make it shorter{hint}"
        )
    room = max_len + 1 - length  # the last token is not read again
    if max_new_tokens is None:
        return NEW_TOKENS if beams is None and slide is not False else min(NEW_TOKENS, room)
    if max_new_tokens > room and (beams is not None or slide is False):
        hint = ", or leave out --no-slide" if beams is None else ""
        raise ValueError(
            f"--max-new-tokens is {max_new_tokens}, but the context of {max_len} tokens leaves "
            f"room for {room} behind the prompt: ask for fewer{hint}"
        )
    return max_new_tokens


def _refuse(reason, names):
    if names:
        given = ", ".join("--" + name.replace("_", "-") for name in names)
        raise ValueError(f"{reason}: leave out {given}")


def show(beginning, pieces):
    """Print a text while its pieces come, and a line end however it ends."""
    sys.stdout.write(beginning)
    sys.stdout.flush()
    try:
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
    finally:
        print(flush=True)
