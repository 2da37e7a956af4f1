"""Texts out of a model, token by token."""

import inspect
from dataclasses import dataclass

import numpy as np

from minitransformer.checks import check_count, near_names
from minitransformer.inference.decoding import Decoding, check_logits
from minitransformer.inference.prompts import (
    SLIDE_HINT,
    batches_by_length,
    check_ends,
    read_limits,
    read_prompts,
    reads_sources,
)
from minitransformer.inference.repetition import Repetition
from minitransformer.inference.sampling import Sampling


def generate(model, prompts, *, on_token=None, **options):
    """Go on with each prompt, or translate each source sentence.

    Parameters
    ----------
    model : GPT or Transformer
    prompts : list of B int arrays or lists
        What a GPT goes on with, or source sentences; the lengths may differ.
    on_token : function (row, id), optional
        Called with every token as soon as it is chosen; `row` counts the prompts from 0.
    **options
        Those of :func:`tokens`.

    Returns
    -------
    list of B int64 arrays
        The new tokens, without prompt, start and end token.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, or a logit is not finite.
    """
    check_options("generate", options, "on_token")
    written = tokens(model, prompts, **options)
    texts = [[] for _ in prompts]
    for row, token in written:
        texts[row].append(token)
        if on_token is not None:
            on_token(row, token)
    return [np.array(text, dtype=np.int64) for text in texts]


def check_options(owner, options, *more):
    """Refuse options that neither :func:`tokens` has nor `more` names, with the near ones.

    Raises
    ------
    TypeError
    """
    known = {*inspect.signature(tokens).parameters, *more} - {"model", "prompts"}
    for name in options:
        if name not in known:
            raise TypeError(f"{owner} has no option {name!r}; {near_names(name, known)}")


def tokens(
    model,
    prompts,
    *,
    max_new_tokens=None,
    greedy=False,
    temperature=1.0,
    top_k=None,
    top_p=None,
    repetition_penalty=1.0,
    no_repeat_ngram=None,
    start_id=None,
    end_id=None,
    seed=0,
    slide=False,
    batch_size=64,
):
    """Like :func:`generate`, as an iterator of (row, id), each as soon as it is chosen.

    Arguments are checked at once, not when the first token is asked for.

    Parameters
    ----------
    model : GPT or Transformer
    prompts : list of int arrays or lists
    max_new_tokens : int, optional
        By default as many as the model's `max_len` has room for; with `slide` it is needed. The
        last token is not read again, so ``max_len + 1 - len(prompt)`` fit.
    greedy, temperature, top_k, top_p
        See :class:`~minitransformer.inference.sampling.Sampling`.
    repetition_penalty, no_repeat_ngram
        See :class:`~minitransformer.inference.repetition.Repetition`. A text ends where everything
        is forbidden.
    start_id : int, optional
        What the decoder of a Transformer reads first; needed there, and only there.
    end_id : int, optional
        Ends a text; needed for a Transformer.
    seed : int
        Row i draws from ``default_rng([seed, i])``: its text does not depend on what stands in the
        other rows.
    slide : bool
        Where a text becomes longer than `max_len`, go on with its last `max_len` tokens as context
        instead of refusing. From there on a token costs a whole forward pass.
    batch_size : int
        Most prompts that are computed together.

    Yields
    ------
    row, id : int
    """
    sampling = Sampling(greedy, temperature, top_k, top_p).checked()
    repetition = Repetition(repetition_penalty, no_repeat_ngram).checked()
    start_id, end_id = check_ends(model, start_id, end_id)
    if not isinstance(slide, bool | np.bool_):
        raise TypeError(f"slide must be True or False, got {slide!r}")
    longest = None if slide else model.config["max_len"]
    sequences = read_prompts(model, prompts, longest, SLIDE_HINT)
    limits = read_limits(model, sequences, max_new_tokens, slide)
    check_count("seed", seed, 0)
    check_count("batch_size", batch_size)
    choice = Choice(sampling, repetition, end_id)
    every = [Row(i, prompt, limit, seed) for i, prompt, limit in _counted(sequences, limits)]
    if reads_sources(model):
        for row in every:
            row.forget(start_id)
    return _all_batches(model, sequences, every, choice, batch_size, start_id)


def _counted(sequences, limits):
    return zip(range(len(sequences)), sequences, limits, strict=True)


class Row:
    """One text that is being written, with the generator that decides it.

    Attributes
    ----------
    number : int
        Its place among the prompts.
    left : int
        How many tokens may still follow.
    """

    def __init__(self, number, prompt, limit, seed):
        self.number, self.left = number, limit
        self.rng = np.random.default_rng([seed, number])
        self._ids, self._length = prompt, len(prompt)

    def forget(self, start_id):
        """Begin at the start token: the source sentence is not part of the text."""
        self._ids, self._length = np.array([start_id]), 1

    @property
    def history(self):
        """Every token so far, the prompt's included."""
        return self._ids[: self._length]

    def append(self, token):
        if self._length == len(self._ids):  # doubled: an array grows seldom
            self._ids = np.concatenate([self._ids, np.zeros_like(self._ids)])
        self._ids[self._length] = token
        self._length, self.left = self._length + 1, self.left - 1


@dataclass(frozen=True)
class Choice:
    """How the next tokens are chosen, and which of them end a text."""

    sampling: Sampling
    repetition: Repetition
    end_id: int | None

    def next_ids(self, logits, rows):
        """The next token of each row, (B,); -1 where the text ends.

        Parameters
        ----------
        logits : (B, V) array
        rows : list of B Row
        """
        numbers = [row.number for row in rows]
        highest = logits.max(axis=-1)
        check_logits(highest, numbers)
        stuck = np.zeros(len(rows), dtype=bool)
        if self.repetition:
            logits = self.repetition.apply(logits, [row.history for row in rows])
            stuck = logits.max(axis=-1) == -np.inf
            logits[stuck] = 0  # chosen from, and then not taken
        ids = self.sampling.choose(logits, [row.rng for row in rows])
        ended = stuck if self.end_id is None else stuck | (ids == self.end_id)
        return np.where(ended, -1, ids)


def _all_batches(model, sequences, every, choice, batch_size, start_id):
    for indices in batches_by_length(sequences, batch_size):
        rows, batch = [every[i] for i in indices], [sequences[i] for i in indices]
        steps = max(row.left for row in rows)
        yield from _one_batch(Decoding(model, batch, steps, start_id=start_id), rows, choice)


def _one_batch(decoding, rows, choice):
    """Write until every row has ended; rows that have ended leave the batch."""
    logits = decoding.begin()
    while True:
        ids = choice.next_ids(logits, rows)
        stay = []
        for i, (row, token) in enumerate(zip(rows, ids.tolist(), strict=True)):
            if token < 0:
                continue
            row.append(token)
            yield row.number, token
            if row.left:
                stay.append(i)
        if not stay:
            return
        if len(stay) < len(rows):
            rows = [rows[i] for i in stay]
            decoding.select(np.array(stay))
            ids = ids[stay]
        logits = decoding.next(ids)
