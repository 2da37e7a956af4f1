"""The map from features to token scores, whose weights are the embedding's table."""

import numpy as np

from minitransformer import functional
from minitransformer.layers.base import Layer
from minitransformer.layers.linear import LinearCache
from minitransformer.layers.parameters import Parameter


class TiedHead(Layer):
    r"""Scores of all tokens, computed with the embedding's table: :math:`y = x W^\top + b`.

    W is the same parameter as in the embedding. It appears once among a model's parameters. Its
    gradient is the sum of the gradients from the head and from the embedding.

    Parameters
    ----------
    embedding : Embedding
        The layer whose table W (V, D) is used. Its scale is not.
    bias : bool
        Whether to add b.
    ops : module
        The module of the equations: ``functional`` or ``fused``.

    Source: Vaswani et al. 2017, section 3.4; Press and Wolf 2017.
    """

    def __init__(self, embedding, *, bias=False, ops=functional):
        self.W = embedding.W
        self.b = Parameter(np.zeros(self.W.shape[0], self.W.value.dtype)) if bias else None
        self.ops = ops

    def forward(self, x, *, mask=None, rng=None):
        """x (..., D) -> y (..., V), :class:`LinearCache`."""
        y = self.ops.linear(x, self.W.value.T, None if self.b is None else self.b.value)
        return y, LinearCache(x)

    def backward(self, dy, cache):
        """dy (..., V) -> dx (..., D)."""
        V, D = self.W.shape
        dy_rows, x_rows = dy.reshape(-1, V), cache.x.reshape(-1, D)
        if x_rows.size:  # without tokens there is no gradient
            # y = x W^T, so dW = dy^T x, which has the layout of W: no transpose is needed
            self.W.grad += self.ops.linear(dy_rows.T, x_rows)
        if self.b is not None:
            self.b.grad += dy_rows.sum(axis=0, dtype=self.b.grad.dtype)
        # y = x W^T
        return self.ops.linear(dy, self.W.value)
