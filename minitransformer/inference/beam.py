r"""Beam search: several candidate texts grow side by side, and the best one is returned.

A beam is the beginning of a text, y, with its log-probability. In each step, each of the K beams is
extended by every token, and the K best results are kept. A text that has ended gets the score

.. math:: s(y) = \frac{\log p(y \mid x)}{lp(y)}, \qquad
    lp(y) = \frac{(5 + |y|)^\alpha}{(5 + 1)^\alpha}

where |y| is its number of tokens, including the end token. With alpha = 0, the sum of logarithms
would favour short texts. Without an end token, all texts grow to the same length, and the most
probable one wins.

Source: Wu et al. 2016, section 7, equation (14), without its coverage penalty.
"""

import numpy as np

from minitransformer.checks import check_count, check_number
from minitransformer.inference.decoding import Decoding, check_logits
from minitransformer.inference.prompts import (
    batches_by_length,
    check_ends,
    read_limits,
    read_prompts,
    read_vocab_size,
)
from minitransformer.inference.repetition import repeating
from minitransformer.inference.sampling import largest
from minitransformer.inference.search import Rules, Search

LENGTH_PENALTY, LARGEST_ALPHA = 0.6, 10.0
"""Default and maximum of `length_penalty`.

Published values are below 2. Up to this maximum, lp(y) is finite for any length.
"""


def beam_search(
    model,
    prompts,
    *,
    beams=5,
    length_penalty=LENGTH_PENALTY,
    max_new_tokens=None,
    start_id=None,
    end_id="model",
    no_repeat_ngram=None,
    vocab_size=None,
    batch_size=16,
):
    """Find the best continuation of each prompt, or the best translation of each source sentence.

    A search ends when K texts have ended and no beam, at its present length, would score better
    than the worst of these texts. Ties are broken by the earlier beam, then by the lower id. If no
    text ends within its limit, the best beam is returned.

    Parameters
    ----------
    model : GPT or Transformer
    prompts : list of B int arrays or lists
        Prompts for a GPT, or source sentences for a Transformer. The lengths may differ.
    beams : int
        K, at most the size of the vocabulary. With 1, the search is greedy.
    length_penalty : float
        alpha, from 0 to 10. Larger values favour longer texts; 0 compares log-probabilities.
    max_new_tokens : int, optional
        Maximum length of a text in tokens, including the end token. By default, texts may fill the
        model's `max_len`.
    start_id : int, optional
        The first token that the decoder of a Transformer reads. Required for a Transformer, and
        not allowed for a GPT.
    end_id, vocab_size
        As for :func:`~minitransformer.inference.generate.tokens`. Without an end token, every text
        has `max_new_tokens` tokens.
    no_repeat_ngram : int, optional
        n: no n-gram of this length may occur twice in a text. The scores still use the model's
        unchanged probabilities.
    batch_size : int
        Maximum number of prompts that are computed together, each with K beams.

    Returns
    -------
    texts : list of B int64 arrays
        The new tokens, without prompt, start token and end token.
    scores : (B,) float64 array
        s(y), in nats.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or a logit is not finite.
    """
    beams, size = check_count("beams", beams), read_vocab_size(model, vocab_size)
    if beams > size:
        raise ValueError(f"beams must be at most the size of the vocabulary, {size}, got {beams}")
    alpha = check_number("length_penalty", length_penalty, 0, LARGEST_ALPHA)
    start_id, end_ids = check_ends(model, start_id, end_id)
    sequences = read_prompts(model, prompts, model.config["max_len"])
    limits = read_limits(model, sequences, max_new_tokens)
    if no_repeat_ngram is not None:
        check_count("no_repeat_ngram", no_repeat_ngram)
    check_count("batch_size", batch_size)
    rules = Rules(beams, alpha, end_ids, no_repeat_ngram)
    texts, scores = [None] * len(sequences), np.empty(len(sequences))
    for indices in batches_by_length(sequences, batch_size):
        batch, steps = [sequences[i] for i in indices], max(limits[i] for i in indices)
        starts = batch if start_id is None else [np.array([start_id])] * len(batch)
        searches = [Search(i, start, limits[i]) for i, start in zip(indices, starts, strict=True)]
        decoding = Decoding(model, batch, steps, start_id=start_id, vocab_size=size)
        _search(decoding, searches, rules)
        for i, search in zip(indices, searches, strict=True):
            scores[i], texts[i] = search.best(rules)
    return texts, scores


def _search(decoding, searches, rules):
    """Run the searches of a batch, one row per beam, until all are over."""
    logits, live = decoding.begin(), searches
    while True:
        rows, first, ids, unfinished = [], 0, [], []
        candidates, log_p = _candidates(logits, live, rules)
        for search in live:
            own = slice(first, first + len(search.written))
            parents = search.step(candidates[own], log_p[own], rules)
            if len(parents):
                rows.append(first + parents)
                ids.append(search.written[:, -1])
                unfinished.append(search)
            first = own.stop
        if not unfinished:
            return
        live, rows = unfinished, np.concatenate(rows)
        if not np.array_equal(rows, np.arange(first)):
            decoding.select(rows)
        logits = decoding.next(np.concatenate(ids))


def _candidates(logits, searches, rules):
    """The tokens that may follow each beam, best first, and their log-probabilities.

    Returns
    -------
    candidates : (R, n) int array
    log_p : (R, n) float64 array
        -inf for forbidden tokens.
    """
    highest = logits.max(axis=-1, keepdims=True)
    numbers = [search.number for search in searches for _ in search.written]
    check_logits(highest[:, 0], numbers)
    exponentials = np.exp((logits - highest).astype(np.result_type(logits.dtype, np.float32)))
    sums = exponentials.sum(axis=-1, keepdims=True, dtype=np.float64)
    if rules.no_repeat_ngram is not None:
        beams = [(search.prompt, beam) for search in searches for beam in search.written]
        for z, parts in zip(logits, beams, strict=True):
            z[repeating(np.concatenate(parts), rules.no_repeat_ngram)] = -np.inf
    candidates = largest(logits, min(rules.n_candidates, logits.shape[1]))
    best = np.take_along_axis(logits, candidates, axis=-1)
    return candidates, best.astype(np.float64) - highest - np.log(sums)
