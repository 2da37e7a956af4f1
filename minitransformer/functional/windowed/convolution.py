r"""Convolutions over a text and over an image, as one product of matrices."""

import math

from minitransformer.functional._checks import in_one_dtype
from minitransformer.functional.windowed.windows import (
    add_windows,
    check_steps,
    margins,
    pad,
    require_upstream,
    unpad,
    windows,
)

_WINDOWS = {1: "K", 2: "K, L"}


@in_one_dtype
def conv1d(x, W, b=None, *, stride=1, padding="valid"):
    r"""Convolution over a text: the same filters read every window of K neighbouring tokens.

    .. math:: y_{tf} = b_f + \sum_{k=0}^{K-1} \sum_d x_{ts+k,\,d} \, W_{kdf}

    As in every deep-learning library, the filters are not reversed, so strictly speaking this is a
    cross-correlation.

    Parameters
    ----------
    x : (B, T, D) array
    W : (K, D, F) array
        F filters, in the layout of Keras. PyTorch stores the same numbers as (F, D, K).
    b : (F,) array, optional
    stride : int
        s, the step from one window to the next.
    padding : {"valid", "same"}
        "valid": only windows that lie inside the text, T' = (T - K) // s + 1 of them. "same": zeros
        before and after the text, so that T' = ceil(T / s). If their number is odd, the additional
        zero comes after, as in Keras. (PyTorch has "same" for s = 1 only, where the two agree.)

    Returns
    -------
    y : (B, T', F) array

    Raises
    ------
    TypeError
        If the stride is not a whole number.
    ValueError
        If the shapes do not fit together, a window is larger than the text, the stride is below 1,
        or the padding is unknown.

    Source: Kim 2014, section 2, equation (2), without the activation.
    """
    return _convolve(x, W, b, stride, padding, "T")


@in_one_dtype
def conv1d_backward(dy, x, W, *, stride=1, padding="valid"):
    r"""Vector-Jacobian product of :func:`conv1d`.

    .. math::
        \frac{\partial L}{\partial x_{ud}} &= \sum_{ts+k=u} \sum_f
            \frac{\partial L}{\partial y_{tf}} \, W_{kdf} \\
        \frac{\partial L}{\partial W_{kdf}} &= \sum_{\text{texts}} \sum_t x_{ts+k,\,d} \,
            \frac{\partial L}{\partial y_{tf}}, \qquad
        \frac{\partial L}{\partial b_f} = \sum_{\text{texts}} \sum_t
            \frac{\partial L}{\partial y_{tf}}

    Parameters
    ----------
    dy : (B, T', F) array
        Gradient of the loss with respect to `y`.
    x : (B, T, D) array
        Input of :func:`conv1d`.
    W : (K, D, F) array
    stride, padding
        As in the forward pass.

    Returns
    -------
    dx : (B, T, D) array
    dW : (K, D, F) array
    db : (F,) array

    Derivation: docs/derivations/conv1d.md, equations (6) to (8).
    Notebook: notebooks/17_convolutions.ipynb.
    """
    return _convolve_backward(dy, x, W, stride, padding)


@in_one_dtype
def conv2d(x, W, b=None, *, stride=1, padding="valid"):
    r"""Convolution over an image: the same filters read every window of K rows and L columns.

    .. math:: y_{ijf} = b_f + \sum_{k=0}^{K-1} \sum_{l=0}^{L-1} \sum_d
        x_{is+k,\,js+l,\,d} \, W_{kldf}

    Parameters
    ----------
    x : (B, R, C, D) array
        Images of R rows, C columns and D channels; the channels come last, as in Keras.
    W : (K, L, D, F) array
        F filters, in the layout of Keras. PyTorch stores the same numbers as (F, D, K, L).
    b : (F,) array, optional
    stride : int or (int, int)
        s, the step from one window to the next, along rows and columns.
    padding : {"valid", "same"}
        As in :func:`conv1d`, along rows and columns.

    Returns
    -------
    y : (B, R', C', F) array

    Raises
    ------
    TypeError
        If the stride is not whole numbers.
    ValueError
        If the shapes do not fit together, a window is larger than the image, the stride is below 1,
        or the padding is unknown.

    Source: LeCun et al. 1998, section II.A; Goodfellow et al. 2016, equation (9.6).
    """
    return _convolve(x, W, b, stride, padding, "R, C")


@in_one_dtype
def conv2d_backward(dy, x, W, *, stride=1, padding="valid"):
    r"""Vector-Jacobian product of :func:`conv2d`.

    .. math::
        \frac{\partial L}{\partial x_{uvd}} &= \sum_{is+k=u} \sum_{js+l=v} \sum_f
            \frac{\partial L}{\partial y_{ijf}} \, W_{kldf} \\
        \frac{\partial L}{\partial W_{kldf}} &= \sum_{\text{images}} \sum_{ij}
            x_{is+k,\,js+l,\,d} \, \frac{\partial L}{\partial y_{ijf}}, \qquad
        \frac{\partial L}{\partial b_f} = \sum_{\text{images}} \sum_{ij}
            \frac{\partial L}{\partial y_{ijf}}

    Parameters
    ----------
    dy : (B, R', C', F) array
        Gradient of the loss with respect to `y`.
    x : (B, R, C, D) array
        Input of :func:`conv2d`.
    W : (K, L, D, F) array
    stride, padding
        As in the forward pass.

    Returns
    -------
    dx : (B, R, C, D) array
    dW : (K, L, D, F) array
    db : (F,) array

    Derivation: docs/derivations/conv2d.md, equations (5) to (7).
    Notebook: notebooks/17_convolutions.ipynb.
    """
    return _convolve_backward(dy, x, W, stride, padding)


def _convolve(x, W, b, stride, padding, axes):
    """Both convolutions; `axes` names the axes along which the windows move, for messages."""
    n_axes = len(axes.split(", "))
    kernel = W.shape[:-2]
    if x.ndim != n_axes + 2:
        raise ValueError(f"x must be (B, {axes}, D), got shape {x.shape}")
    if W.ndim != n_axes + 2 or W.shape[-2] != x.shape[-1] or 0 in kernel:
        raise ValueError(
            f"W must be ({_WINDOWS[n_axes]}, D, F) with D = {x.shape[-1]} and a window of at least "
            f"1, got shape {W.shape}"
        )
    if b is not None and b.shape != W.shape[-1:]:
        raise ValueError(f"b must have shape {W.shape[-1:]} to fit W {W.shape}, got {b.shape}")
    stride = check_steps("stride", stride, n_axes)
    margin = margins(x.shape[1:-1], kernel, stride, padding)
    X = windows(pad(x, margin), kernel, stride)  # (B, ..., K, D)
    y = _rows(X, 2) @ _rows(W, 1)
    if b is not None:
        y += b
    return y.reshape(*X.shape[:-2], W.shape[-1])


def _convolve_backward(dy, x, W, stride, padding):
    kernel = W.shape[:-2]
    stride = check_steps("stride", stride, len(kernel))
    margin = margins(x.shape[1:-1], kernel, stride, padding)
    padded = pad(x, margin)
    X = windows(padded, kernel, stride)
    require_upstream(dy, (*X.shape[:-2], W.shape[-1]))
    dy_rows = _rows(dy, 1)
    # y = X W + b, where each row of X is a window
    dW = (_rows(X, 2).T @ dy_rows).reshape(W.shape)
    db = dy_rows.sum(axis=0)
    dX = (dy_rows @ _rows(W, 1).T).reshape(X.shape)
    # X = the windows of the padded x
    dx = add_windows(dX, padded.shape, kernel, stride)
    return unpad(dx, x.shape, margin), dW, db


def _rows(x, n):
    """x as a matrix whose columns are its last `n` axes."""
    return x.reshape(math.prod(x.shape[:-n]), math.prod(x.shape[-n:]))
