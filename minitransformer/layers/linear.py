"""The linear layer."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.layers.base import Layer, generator
from minitransformer.layers.parameters import Parameter
from minitransformer.layers.shown import by_shape


def glorot_uniform(rng, d_in, d_out, dtype, width=None):
    r"""Initial weights that preserve the scale of activations and of gradients.

    .. math:: W_{ij} \sim U\Big(-\sqrt{\tfrac{6}{d_{in} + d_{out}}},
        \sqrt{\tfrac{6}{d_{in} + d_{out}}}\Big)

    `width` is the number of columns of W if several (d_in, d_out) maps are side by side in it.

    Source: Glorot and Bengio 2010, equation (16).
    """
    limit = (6 / (d_in + d_out)) ** 0.5
    return rng.uniform(-limit, limit, (d_in, width or d_out)).astype(dtype)


@by_shape
class LinearCache(NamedTuple):
    """x (..., D_in) is the input."""

    x: Any


class Linear(Layer):
    r"""Affine map, :math:`y = xW + b`.

    Parameters
    ----------
    d_in, d_out : int
        Number of features of the input and of the output.
    bias : bool
        Whether to add b.
    rng : Generator or int
        Draws the initial weights (Glorot uniform). The bias starts at 0.
    dtype : dtype
        The dtype of the parameters.
    ops : module
        The module of the equations: ``functional`` or ``fused``.
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
