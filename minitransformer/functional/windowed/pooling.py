r"""Pooling over windows: the largest or the mean of the neighbouring values, feature by feature."""

import math

from minitransformer.backend import array_module
from minitransformer.functional._checks import in_one_dtype, require_same_shape
from minitransformer.functional.windowed.windows import (
    add_windows,
    check_inside,
    check_steps,
    counts,
    require_upstream,
    windows,
)


@in_one_dtype
def max_pool1d(x, size, stride=None):
    r"""Maximum over windows of neighbouring tokens, feature by feature.

    .. math:: y_{td} = \max_{0 \le k < K} x_{ts+k,\,d}

    Parameters
    ----------
    x : (B, T, D) array
    size : int
        K, the number of tokens of a window.
    stride : int, optional
        s, the step from one window to the next; by default `size`, so that windows do not overlap.
        Tokens at the end that fill no window are left out, as in Keras and PyTorch.

    Returns
    -------
    y : (B, T', D) array
        T' = (T - K) // s + 1.
    index : (B, T', D) int array
        Place of the maximum in its window, 0 to K - 1: the first such place if several are equal.

    Raises
    ------
    TypeError
        If the size or the stride is not a whole number.
    ValueError
        If x has another shape, a window is larger than the text, or the size or the stride is below
        1.

    Source: Goodfellow et al. 2016, section 9.3.
    """
    return _max_pool(x, size, stride, "T")


@in_one_dtype
def max_pool1d_backward(dy, index, length, size, stride=None):
    r"""Vector-Jacobian product of :func:`max_pool1d`: each maximum gets the whole gradient.

    .. math:: \frac{\partial L}{\partial x_{ud}} = \sum_t
        [\, ts + \mathrm{index}_{td} = u \,] \, \frac{\partial L}{\partial y_{td}}

    Parameters
    ----------
    dy : (B, T', D) array
        Gradient of the loss with respect to `y`.
    index : (B, T', D) int array
        From :func:`max_pool1d`.
    length : int
        T, the number of tokens of the input.
    size, stride
        As in the forward pass.

    Returns
    -------
    dx : (B, T, D) array

    Derivation: docs/derivations/max_pool1d.md, equation (4).
    Notebook: notebooks/17_convolutions.ipynb.
    """
    return _max_pool_backward(dy, index, (length,), size, stride)


@in_one_dtype
def max_pool2d(x, size, stride=None):
    r"""Maximum over windows of an image, feature by feature.

    .. math:: y_{ijd} = \max_{0 \le k < K,\, 0 \le l < L} x_{is+k,\,js+l,\,d}

    Parameters
    ----------
    x : (B, R, C, D) array
    size : int or (int, int)
        K and L, the rows and columns of a window.
    stride : int or (int, int), optional
        s, the step from one window to the next; by default `size`, so that windows do not overlap.
        Rows and columns at the end that fill no window are left out, as in Keras and PyTorch.

    Returns
    -------
    y : (B, R', C', D) array
    index : (B, R', C', D) int array
        Place of the maximum in its window, counted row by row, 0 to K L - 1: the first such place
        if several are equal.

    Raises
    ------
    TypeError
        If the size or the stride is not whole numbers.
    ValueError
        If x has another shape, a window is larger than the image, or the size or the stride is
        below 1.

    Source: Goodfellow et al. 2016, section 9.3.
    """
    return _max_pool(x, size, stride, "R, C")


@in_one_dtype
def max_pool2d_backward(dy, index, sizes, size, stride=None):
    r"""Vector-Jacobian product of :func:`max_pool2d`: each maximum gets the whole gradient.

    .. math:: \frac{\partial L}{\partial x_{uvd}} = \sum_{ij}
        [\, \text{the maximum of window } ij \text{ is at } uv \,] \,
        \frac{\partial L}{\partial y_{ijd}}

    Parameters
    ----------
    dy : (B, R', C', D) array
        Gradient of the loss with respect to `y`.
    index : (B, R', C', D) int array
        From :func:`max_pool2d`.
    sizes : (int, int)
        R and C, the rows and columns of the input.
    size, stride
        As in the forward pass.

    Returns
    -------
    dx : (B, R, C, D) array

    Derivation: docs/derivations/max_pool2d.md, equation (4).
    Notebook: notebooks/17_convolutions.ipynb.
    """
    return _max_pool_backward(dy, index, sizes, size, stride)


@in_one_dtype
def avg_pool2d(x, size, stride=None):
    r"""Mean over windows of an image, feature by feature.

    .. math:: y_{ijd} = \frac{1}{KL} \sum_{k=0}^{K-1} \sum_{l=0}^{L-1} x_{is+k,\,js+l,\,d}

    Parameters
    ----------
    x : (B, R, C, D) array
    size, stride
        As in :func:`max_pool2d`.

    Returns
    -------
    y : (B, R', C', D) array

    Raises
    ------
    TypeError
        If the size or the stride is not whole numbers.
    ValueError
        If x has another shape, a window is larger than the image, or the size or the stride is
        below 1.

    Source: LeCun et al. 1998, section II.A, without the trainable factor and bias.
    """
    kernel, stride = _steps(x, size, stride, "R, C")
    return windows(x, kernel, stride).mean(axis=-2)


@in_one_dtype
def avg_pool2d_backward(dy, sizes, size, stride=None):
    r"""Vector-Jacobian product of :func:`avg_pool2d`: equal parts.

    .. math:: \frac{\partial L}{\partial x_{uvd}} = \frac{1}{KL} \sum_{ij}
        [\, \text{window } ij \text{ contains } uv \,] \, \frac{\partial L}{\partial y_{ijd}}

    Parameters
    ----------
    dy : (B, R', C', D) array
        Gradient of the loss with respect to `y`.
    sizes : (int, int)
        R and C, the rows and columns of the input.
    size, stride
        As in the forward pass.

    Returns
    -------
    dx : (B, R, C, D) array

    Derivation: docs/derivations/avg_pool2d.md, equation (4).
    Notebook: notebooks/17_convolutions.ipynb.
    """
    kernel, stride = _kernel_and_stride(size, stride, 2)
    require_windows(dy, sizes, kernel, stride)
    n = math.prod(kernel)
    # y = sum over the window / n
    share = (dy / n)[..., None, :]
    dX = array_module(dy).broadcast_to(share, (*dy.shape[:-1], n, dy.shape[-1]))
    return add_windows(dX, (dy.shape[0], *sizes, dy.shape[-1]), kernel, stride)


def _kernel_and_stride(size, stride, n_axes):
    kernel = check_steps("size", size, n_axes)
    return kernel, kernel if stride is None else check_steps("stride", stride, n_axes)


def _steps(x, size, stride, axes):
    n_axes = len(axes.split(", "))
    if x.ndim != n_axes + 2:
        raise ValueError(f"x must be (B, {axes}, D), got shape {x.shape}")
    kernel, stride = _kernel_and_stride(size, stride, n_axes)
    check_inside("size must be", kernel, x.shape[1:-1])
    return kernel, stride


def require_windows(dy, sizes, kernel, stride):
    """Refuse an upstream gradient whose shape does not fit the number of windows."""
    require_upstream(dy, (dy.shape[0], *counts(sizes, kernel, stride), dy.shape[-1]))


def _max_pool(x, size, stride, axes):
    X = windows(x, *_steps(x, size, stride, axes))  # (B, ..., K, D)
    index = X.real.argmax(axis=-2)
    y = array_module(x).take_along_axis(X, index[..., None, :], axis=-2)
    return y[..., 0, :], index


def _max_pool_backward(dy, index, sizes, size, stride):
    kernel, stride = _kernel_and_stride(size, stride, len(sizes))
    require_windows(dy, sizes, kernel, stride)
    require_same_shape("index", index, "dy", dy)
    places = array_module(dy).arange(math.prod(kernel))[:, None]
    # y = the entry of the window at index
    dX = (index[..., None, :] == places) * dy[..., None, :]
    return add_windows(dX, (dy.shape[0], *sizes, dy.shape[-1]), kernel, stride)
