"""Models that are tables: what they generate, and how probable it is, can be computed by hand."""

import itertools
from types import SimpleNamespace

import numpy as np


class MarkovState:
    """The number of tokens so far, and the shift of each row, which comes from its source."""

    def __init__(self, n_rows, capacity, shifts=None):
        self.capacity, self.length = capacity, 0
        self.shifts = np.zeros(n_rows, int) if shifts is None else shifts

    def select(self, rows):
        self.shifts = self.shifts[rows]


class MarkovModel:
    """A model whose next token depends only on the last one.

    Parameters
    ----------
    table : (V, V) float64 array
        Logits of the next token, one row per last token.
    max_len : int
        Maximum number of tokens in a text.
    """

    def __init__(self, table, max_len=16):
        self.table = np.asarray(table, dtype=float)
        self.config = {"vocab_size": len(self.table), "max_len": max_len}
        self.flat = SimpleNamespace(values=self.table)
        self.calls = self.max_rows = 0

    def start(self, n_rows, capacity):
        assert 1 <= capacity <= self.config["max_len"]
        return MarkovState(n_rows, capacity)

    def extend(self, ids, state, *, mask=None, last=False):
        assert last
        assert len(ids) == len(state.shifts)
        assert mask is None or mask[:, -1].all()
        state.length += ids.shape[1]
        assert state.length <= state.capacity
        self.calls, self.max_rows = self.calls + 1, max(self.max_rows, len(ids))
        logits = self.table[ids[:, -1]]
        return np.stack([np.roll(z, s) for z, s in zip(logits, state.shifts, strict=True)])


class MarkovTranslator(MarkovModel):
    """The first token of the source says by how many ids each row of the table is shifted."""

    def encode(self):
        raise AssertionError("start must encode the source itself")

    def start(self, source, source_mask, capacity):
        return MarkovState(len(source), capacity, source[:, 0])


def random_table(V, seed, scale=2.0):
    """A (V, V) table of logits."""
    return scale * np.random.default_rng(seed).standard_normal((V, V))


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def log_probability(table, first, text):
    """log p of the tokens `text`, given that they follow the token `first`."""
    log_p, path = log_softmax(table), [first, *text]
    return sum(log_p[a, b] for a, b in itertools.pairwise(path))


def every_text(V, limit, end_id):
    """All texts that end within `limit` tokens, including the end token."""
    others = [token for token in range(V) if token != end_id]
    for length in range(limit):
        for text in itertools.product(others, repeat=length):
            yield (*text, end_id)
