"""The convolutions over a text and over an image."""

import math
from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.functional.windowed.windows import check_padding, check_steps
from minitransformer.layers.base import Layer, generator
from minitransformer.layers.linear import glorot_uniform
from minitransformer.layers.parameters import Parameter
from minitransformer.layers.shown import by_shape


@by_shape
class ConvolutionCache(NamedTuple):
    """x is the input, (B, T, D) or (B, R, C, D)."""

    x: Any


class _Convolution(Layer):
    """What Conv1D and Conv2D share."""

    def _make(self, n_axes, size, d_in, d_out, stride, padding, bias, rng, dtype, ops):
        kernel = check_steps("size", size, n_axes)
        check_steps("stride", stride, n_axes)
        check_padding(padding)
        places = math.prod(kernel)
        W = glorot_uniform(generator(rng), places * d_in, places * d_out, dtype, width=d_out)
        self.W = Parameter(W.reshape(*kernel, d_in, d_out))
        self.b = Parameter(np.zeros(d_out, dtype)) if bias else None
        self.stride, self.padding, self.ops = stride, padding, ops

    def _convolve(self, function, x):
        b = None if self.b is None else self.b.value
        y = function(x, self.W.value, b, stride=self.stride, padding=self.padding)
        return y, ConvolutionCache(x)

    def _back(self, function, dy, cache):
        dx, dW, db = function(dy, cache.x, self.W.value, stride=self.stride, padding=self.padding)
        self.W.grad += dW
        if self.b is not None:
            self.b.grad += db
        return dx


class Conv1D(_Convolution):
    r"""Convolution over a text, :func:`~minitransformer.functional.conv1d`.

    Parameters
    ----------
    d_in, d_out : int
        D and F: the number of features of a token, and the number of filters.
    size : int
        K, the number of tokens in a window.
    stride : int
        Step from one window to the next.
    padding : {"valid", "same"}
        "valid": only windows inside the text. "same": zeros are put around it.
    bias : bool
        Whether to add b.
    rng : Generator or int
        Draws the initial filters (Glorot uniform with K D inputs and K F outputs, as in Keras). The
        bias starts at 0.
    dtype : dtype
        The dtype of the parameters.
    ops : module
        The module of the equations: ``functional`` or ``fused``.

    Raises
    ------
    TypeError
        If the size or the stride is not a whole number.
    ValueError
        If the size or the stride is below 1, or the padding is unknown.
    """

    def __init__(
        self, d_in, d_out, size, *, stride=1, padding="valid", bias=True, rng=0, dtype="float32",
        ops=functional,
    ):  # fmt: skip
        self._make(1, size, d_in, d_out, stride, padding, bias, rng, dtype, ops)

    def forward(self, x, *, mask=None, rng=None):
        """x (B, T, D) -> y (B, T', F), :class:`ConvolutionCache`. The mask is not used."""
        return self._convolve(self.ops.conv1d, x)

    def backward(self, dy, cache):
        """dy (B, T', F) -> dx (B, T, D)."""
        return self._back(self.ops.conv1d_backward, dy, cache)


class Conv2D(_Convolution):
    r"""Convolution over an image, :func:`~minitransformer.functional.conv2d`.

    Parameters
    ----------
    d_in, d_out : int
        D and F: the number of channels, and the number of filters.
    size : int or (int, int)
        K and L, the rows and columns of a window; a single number stands for both.
    stride : int or (int, int)
        Step from one window to the next, along rows and columns.
    padding : {"valid", "same"}
        "valid": only windows inside the image. "same": zeros are put around it.
    bias : bool
        Whether to add b.
    rng : Generator or int
        Draws the initial filters (Glorot uniform with K L D inputs and K L F outputs, as in Keras).
        The bias starts at 0.
    dtype : dtype
        The dtype of the parameters.
    ops : module
        The module of the equations: ``functional`` or ``fused``.

    Raises
    ------
    TypeError
        If the size or the stride is not a whole number.
    ValueError
        If the size or the stride is below 1, or the padding is unknown.
    """

    def __init__(
        self, d_in, d_out, size, *, stride=1, padding="valid", bias=True, rng=0, dtype="float32",
        ops=functional,
    ):  # fmt: skip
        self._make(2, size, d_in, d_out, stride, padding, bias, rng, dtype, ops)

    def forward(self, x, *, mask=None, rng=None):
        """x (B, R, C, D) -> y (B, R', C', F), :class:`ConvolutionCache`. The mask is not used."""
        return self._convolve(self.ops.conv2d, x)

    def backward(self, dy, cache):
        """dy (B, R', C', F) -> dx (B, R, C, D)."""
        return self._back(self.ops.conv2d_backward, dy, cache)
