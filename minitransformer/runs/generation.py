"""Text from generative runs: the continuation of a prompt, the translation of a sentence."""

from minitransformer.inference import beam_search, continuation, stream
from minitransformer.inference.beam import LENGTH_PENALTY
from minitransformer.runs.tasks.encoder_decoder import encode_source
from minitransformer.runs.tasks.language_model import TEMPERATURE

NEW_TOKENS = 200
"""Default number of tokens to generate."""


def generate(
    folder, model, prompt, *, max_new_tokens=None, beams=None, slide=None, greedy=False, **options
):
    """Continue a prompt with the model of a run of the task language-model.

    Parameters
    ----------
    folder : RunFolder
        A run of the task language-model.
    model : GPT
        The result of ``folder.load_model()``, on any device.
    prompt : str or (T,) int array
        The text to continue, or its token ids.
    max_new_tokens : int, optional
        Maximum number of tokens to generate. The default is 200; for beam search and with
        ``slide=False``, it is at most the number that still fits into the context.
    beams : int, optional
        Use beam search with this many beams.
    slide : bool, optional
        Whether to read only the last tokens when the text outgrows the context. The default is
        True, except for beam search, which cannot do this.
    greedy : bool
        Whether to always take the most probable token.
    **options
        The options of :func:`~minitransformer.inference.beam_search` if `beams` is given, otherwise
        those of :func:`~minitransformer.inference.stream`. By default, `temperature` is 0.8.

    Returns
    -------
    iterator of str
        The continuation, piece by piece, without the prompt.
    """
    tokenizer = folder.tokenizer
    ids = tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
    slide = beams is None and slide is not False
    if max_new_tokens is None:
        max_new_tokens = NEW_TOKENS if slide else min(NEW_TOKENS, room(model, len(ids)))
    if beams is not None:
        (text,), _ = beam_search(
            model, [ids], beams=beams, end_id=tokenizer.end_id, max_new_tokens=max_new_tokens,
            **options,
        )  # fmt: skip
        return iter([continuation(tokenizer, ids, text)])
    if not greedy:
        options.setdefault("temperature", TEMPERATURE)
    return stream(
        model, tokenizer, ids, greedy=greedy, slide=slide, max_new_tokens=max_new_tokens, **options
    )


def room(model, length):
    """Number of tokens that fit into the context after a prompt of `length` tokens."""
    return model.max_len + 1 - length  # the last generated token is not read


def translate(
    folder, model, sentences, *, beams=None, length_penalty=None, max_new_tokens=None
):  # fmt: skip
    """Translate sentences, or reverse or copy strings, depending on the task of the run.

    Parameters
    ----------
    folder : RunFolder
        A run of the task translation, reverse or copy.
    model : Transformer
        The result of ``folder.load_model()``, on any device.
    sentences : list of str
    beams : int, optional
        Number of beams in beam search; 1 is greedy. The default is the run's setting.
    length_penalty : float, optional
        For more than one beam: a higher value favours longer translations. The default is the run's
        setting.
    max_new_tokens : int, optional
        Maximum number of tokens per translation; by default as many as the model allows.

    Returns
    -------
    iterator of iterators of str
        For each sentence, the pieces of its translation.

    Raises
    ------
    ValueError
        If a sentence is empty, or longer than the model reads.
    """
    recipe, tokenizer = folder.config.recipe, folder.tokenizer
    if beams is None:
        beams = getattr(recipe, "beams", 1)
    if beams == 1 and length_penalty is not None:
        raise ValueError("length_penalty compares several beams, but there is one")
    if length_penalty is None:
        length_penalty = getattr(recipe, "length_penalty", LENGTH_PENALTY)
    sources = [
        _encoded(tokenizer, model, number, sentence)
        for number, sentence in enumerate(sentences, start=1)
    ]
    options = {
        "max_new_tokens": max_new_tokens, "start_id": tokenizer.start_id,
        "end_id": tokenizer.end_id,
    }  # fmt: skip
    if beams == 1:
        return (stream(model, tokenizer, source, greedy=True, **options) for source in sources)
    found, _ = beam_search(model, sources, beams=beams, length_penalty=length_penalty, **options)
    return (iter([tokenizer.decode(ids)]) for ids in found)


def _encoded(tokenizer, model, number, sentence):
    """The ids of a sentence; ValueError if it is empty or longer than the model reads."""
    if not sentence.strip():
        raise ValueError(f"sentence {number} is empty: every sentence needs at least one word")
    ids = encode_source(tokenizer, sentence)
    if len(ids) > model.max_len:
        raise ValueError(
            f"sentence {number} has {len(ids)} tokens including its end, but the model reads at "
            f"most {model.max_len}: split it in two"
        )
    return ids
