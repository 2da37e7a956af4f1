"""Generating texts, token by token."""

import inspect
from dataclasses import dataclass

import numpy as np

from minitransformer.checks import check_count, check_flag, near_names
from minitransformer.inference.decoding import Decoding, check_logits
from minitransformer.inference.prompts import (
    SLIDE_HINT,
    batches_by_length,
    check_ends,
    read_limits,
    read_prompts,
    read_vocab_size,
    reads_sources,
)
from minitransformer.inference.repetition import Repetition
from minitransformer.inference.sampling import Sampling


def generate(model, prompts, *, on_token=None, **options):
    """Continue each prompt, or translate each source sentence.

    Parameters
    ----------
    model : GPT or Transformer
    prompts : list of B int arrays or lists
        Prompts for a GPT, or source sentences for a Transformer. The lengths may differ.
    on_token : function (row, id), optional
        Called with every token as soon as it is chosen; `row` is the index of the prompt.
    **options
        The options of :func:`tokens`.

    Returns
    -------
    list of B int64 arrays
        The new tokens, without prompt, start token and end token.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or a logit is not finite.
    """
    check_options("generate", options, "on_token")
    chosen = tokens(model, prompts, **options)
    texts = [[] for _ in prompts]
    for row, token in chosen:
        texts[row].append(token)
        if on_token is not None:
            on_token(row, token)
    return [np.array(text, dtype=np.int64) for text in texts]


def check_options(owner, options, *more):
    """Refuse options that are neither in :func:`tokens` nor in `more`; suggest close matches.

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
    end_id="model",
    vocab_size=None,
    seed=0,
    slide=False,
    batch_size=64,
):
    """Like :func:`generate`, but yield (row, id) as soon as a token is chosen.

    Arguments are checked immediately, not when the first token is requested.

    Parameters
    ----------
    model : GPT or Transformer
    prompts : list of B int arrays or lists
        As for :func:`generate`.
    max_new_tokens : int, optional
        Maximum number of new tokens per text. By default, texts may fill the model's `max_len`.
        Required with `slide`. There is room for ``max_len + 1 - len(prompt)`` new tokens, because
        the model need not read the last one.
    greedy, temperature, top_k, top_p
        See :class:`~minitransformer.inference.sampling.Sampling`.
    repetition_penalty, no_repeat_ngram
        See :class:`~minitransformer.inference.repetition.Repetition`. A text ends when every token
        is forbidden.
    start_id : int, optional
        The first token that the decoder of a Transformer reads. Required for a Transformer, and
        not allowed for a GPT.
    end_id : int, sequence of int, None or "model"
        The token that ends a text, or several, each of which does; None if there is none. By
        default, the model's own `end_ids`, which :meth:`GPT.from_pretrained` sets; other models
        have none. A Transformer needs at least one.
    vocab_size : int, optional
        Ids from this number on are never chosen. By default, the number of tokens of
        ``model.tokenizer``, which :meth:`GPT.from_pretrained` sets; without one, all ids may be
        chosen.
    seed : int
        Row i draws from ``default_rng([seed, i])``, so its text does not depend on the other rows.
    slide : bool
        Whether a text may become longer than `max_len`. Its last `max_len` tokens are then the
        context, and each new token costs a full forward pass. If False, a request for a longer text
        is refused.
    batch_size : int
        Maximum number of prompts that are computed together.

    Yields
    ------
    row, id : int
        The index of the prompt, and the new token.
    """
    sampling = Sampling(greedy, temperature, top_k, top_p).checked()
    repetition = Repetition(repetition_penalty, no_repeat_ngram).checked()
    start_id, end_ids = check_ends(model, start_id, end_id)
    vocab_size = read_vocab_size(model, vocab_size)
    check_flag("slide", slide)
    max_tokens = None if slide else model.config["max_len"]
    sequences = read_prompts(model, prompts, max_tokens, SLIDE_HINT)
    limits = read_limits(model, sequences, max_new_tokens, slide)
    check_count("seed", seed, 0)
    check_count("batch_size", batch_size)
    choice = Choice(sampling, repetition, end_ids)
    pairs = zip(sequences, limits, strict=True)
    rows = [Row(i, prompt, limit, seed) for i, (prompt, limit) in enumerate(pairs)]
    if reads_sources(model):
        for row in rows:
            row.start_at(start_id)
    options = {"start_id": start_id, "vocab_size": vocab_size}
    return _all_batches(model, sequences, rows, choice, batch_size, options)


class Row:
    """One text that is being generated, with its own random generator.

    Attributes
    ----------
    number : int
        Index of the prompt.
    left : int
        Number of tokens that may still follow.
    rng : Generator
    """

    def __init__(self, number, prompt, limit, seed):
        self.number, self.left = number, limit
        self.rng = np.random.default_rng([seed, number])
        self._ids, self._length = prompt, len(prompt)

    def start_at(self, start_id):
        """Begin with the start token, because the source sentence is not part of the text."""
        self._ids, self._length = np.array([start_id]), 1

    @property
    def history(self):
        """All tokens so far, including those of the prompt."""
        return self._ids[: self._length]

    def append(self, token):
        if self._length == len(self._ids):  # double the array, so that it rarely has to grow
            self._ids = np.concatenate([self._ids, np.zeros_like(self._ids)])
        self._ids[self._length] = token
        self._length, self.left = self._length + 1, self.left - 1


@dataclass(frozen=True)
class Choice:
    """How the next tokens are chosen, and which of them end a text."""

    sampling: Sampling
    repetition: Repetition
    end_ids: tuple

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
            logits[stuck] = 0  # any token may be chosen here, since it is discarded below
        ids = self.sampling.choose(logits, [row.rng for row in rows])
        ended = stuck | np.isin(ids, self.end_ids)
        return np.where(ended, -1, ids)


def _all_batches(model, sequences, rows, choice, batch_size, options):
    for indices in batches_by_length(sequences, batch_size):
        batch_rows, batch = [rows[i] for i in indices], [sequences[i] for i in indices]
        steps = max(row.left for row in batch_rows)
        decoding = Decoding(model, batch, steps, **options)
        yield from _one_batch(decoding, batch_rows, choice)


def _one_batch(decoding, rows, choice):
    """Generate until every row has ended. Rows that have ended leave the batch."""
    logits = decoding.begin()
    while True:
        ids = choice.next_ids(logits, rows)
        unfinished = []
        for i, (row, token) in enumerate(zip(rows, ids.tolist(), strict=True)):
            if token < 0:
                continue
            row.append(token)
            yield row.number, token
            if row.left:
                unfinished.append(i)
        if not unfinished:
            return
        if len(unfinished) < len(rows):
            rows = [rows[i] for i in unfinished]
            decoding.select(np.array(unfinished))
            ids = ids[unfinished]
        logits = decoding.next(ids)
