"""The layers of one equation each: linear, embedding, dropout."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.functional import check_probability
from minitransformer.layers.base import Layer, Parameter, generator

MOST_DRAWN = 1 << 20
"""Normal numbers that are drawn at a time."""


def glorot_uniform(rng, d_in, d_out, dtype, width=None):
    r"""Weights that keep the size of activations and gradients alike.

    .. math:: W_{ij} \sim U\Big(-\sqrt{\tfrac{6}{d_{in} + d_{out}}},
        \sqrt{\tfrac{6}{d_{in} + d_{out}}}\Big)

    `width` is the number of columns drawn, where several (d_in, d_out) maps stand side by side.

    Source: Glorot and Bengio 2010, equation (16).
    """
    limit = (6 / (d_in + d_out)) ** 0.5
    return rng.uniform(-limit, limit, (d_in, width or d_out)).astype(dtype)


def draw_normal(rng, std, out):
    """Fill an array with normal numbers of standard deviation `std`.

    The generator gives float64: in pieces, so that a large table is not held in it too.
    """
    rows = out.reshape(len(out), -1)
    step = max(1, MOST_DRAWN // rows.shape[1])
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        part[...] = std * rng.standard_normal(part.shape)


class LinearCache(NamedTuple):
    """x (..., D_in), the input."""

    x: Any


class Linear(Layer):
    r"""Affine map, :math:`y = xW + b`.

    Parameters
    ----------
    d_in, d_out : int
    bias : bool
    rng : Generator or int
        Draws the initial weights (Glorot uniform); biases start at 0.
    dtype : dtype
    ops : module
        Where the equations come from.
    """

    def __init__(self, d_in, d_out, *, bias=True, rng=0, dtype="float32", ops=functional):
        self.W = Parameter(glorot_uniform(generator(rng), d_in, d_out, dtype))
        self.b = Parameter(np.zeros(d_out, dtype)) if bias else None
        self.ops = ops

    def forward(self, x, *, mask=None, rng=None):
        """x (..., D_in) -> y (..., D_out), :class:`LinearCache`."""
        y = self.ops.linear(x, self.W.value, None if self.b is None else self.b.value)
        return y, LinearCache(x)

    def backward(self, dy, cache):
        """dy (..., D_out) -> dx (..., D_in)."""
        dx, dW, db = self.ops.linear_backward(dy, cache.x, self.W.value)
        self.W.grad += dW
        if self.b is not None:
            self.b.grad += db
        return dx


class EmbeddingCache(NamedTuple):
    """ids (...), the integers that were looked up."""

    ids: Any


class Embedding(Layer):
    r"""Table of token vectors, :math:`y = s \, W_{\mathrm{ids}}`.

    Parameters
    ----------
    vocab_size, d_model : int
    scale : float
        s. The paper multiplies embeddings by :math:`\sqrt{D}` (section 3.4), so that a table
        whose entries have variance 1/D gives vectors on a par with the positions.
    rng : Generator or int
        Draws the initial table: normal with variance 1/D.
    dtype : dtype
    ops : module
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
        """dy (..., D) -> None: ids have no gradient; the table's is added to."""
        # y = scale * W[ids]
        if self.scale != 1.0:
            dy = dy * self.scale
        rows, dW_rows = self.ops.embedding_row_gradients(dy, cache.ids, self.W.shape[0])
        self.W.grad[rows] += dW_rows


class DropoutCache(NamedTuple):
    """keep, of the input's shape, or None where dropout was off."""

    keep: Any


class Dropout(Layer):
    """Dropout, on exactly when a generator is passed.

    Parameters
    ----------
    p : float
        Probability of dropping an entry, 0 <= p < 1.
    ops : module

    Raises
    ------
    TypeError
        If p is no number.
    ValueError
        If p is outside [0, 1).
    """

    def __init__(self, p, *, ops=functional):
        check_probability("p", p)
        self.p = p
        self.ops = ops

    def forward(self, x, *, mask=None, rng=None):
        """x (...) -> y (...), :class:`DropoutCache`; y is x itself without a generator."""
        if rng is None or self.p == 0:
            return x, DropoutCache(None)
        keep = self.ops.dropout_mask(rng, x.shape, self.p, x.dtype)
        return self.ops.dropout(x, keep), DropoutCache(keep)

    def backward(self, dy, cache):
        """dy (...) -> dx (...)."""
        return dy if cache.keep is None else self.ops.dropout_backward(dy, cache.keep)
