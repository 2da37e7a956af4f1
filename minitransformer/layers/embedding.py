"""The embedding: a table with one vector per token."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.layers.base import Layer, generator
from minitransformer.layers.parameters import Parameter
from minitransformer.layers.shown import by_shape

MAX_DRAWN = 1 << 20
"""Number of normal numbers that are drawn at a time."""


def draw_normal(rng, std, out):
    """Fill the array `out` with normally distributed numbers of standard deviation `std`.

    They are drawn in pieces, because the generator returns float64. Otherwise, a second, float64
    copy of a large table would be in memory.
    """
    rows = out.reshape(len(out), -1)
    step = max(1, MAX_DRAWN // rows.shape[1])
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        part[...] = std * rng.standard_normal(part.shape)


@by_shape
class EmbeddingCache(NamedTuple):
    """ids (...) are the integers that were looked up."""

    ids: Any


class Embedding(Layer):
    r"""Table of token vectors, :math:`y = s \, W_{\mathrm{ids}}`.

    Parameters
    ----------
    vocab_size, d_model : int
        V, the number of tokens, and D, the number of features of each vector.
    scale : float
        s. The paper multiplies embeddings by :math:`\sqrt{D}` (section 3.4): the vectors, whose
        entries have variance 1/D in the table, are then about as large as the position vectors
        added to them.
    rng : Generator or int
        Draws the initial table: normal with variance 1/D.
    dtype : dtype
        The dtype of the table.
    ops : module
        The module of the equations: ``functional`` or ``fused``.
    """

    def __init__(self, vocab_size, d_model, *, scale=1.0, rng=0, dtype="float32", ops=functional):
        table = np.empty((vocab_size, d_model), dtype)
        draw_normal(generator(rng), d_model**-0.5, table)
        self.W = Parameter(table)
        self.scale = float(scale)  # a NumPy scalar would turn a float32 model into float64
        self.ops = ops

    def forward(self, ids, *, mask=None, rng=None):
        """ids (...), integers -> y (..., D), :class:`EmbeddingCache`."""
        y = self.ops.embedding(ids, self.W.value)
        if self.scale != 1.0:
            y *= self.scale
        return y, EmbeddingCache(ids)

    def backward(self, dy, cache):
        """dy (..., D) -> None: ids have no gradient. Adds to the gradient of the table."""
        # y = scale * W[ids]
        if self.scale != 1.0:
            dy = dy * self.scale
        rows, dW_rows = self.ops.embedding_row_gradients(dy, cache.ids, self.W.shape[0])
        self.W.grad[rows] += dW_rows
