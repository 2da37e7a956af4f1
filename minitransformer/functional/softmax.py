r"""Softmax and its logarithm."""

import numpy as np

from minitransformer.backend import array_module
from minitransformer.functional._checks import in_one_dtype, require_same_shape


@in_one_dtype
def softmax(x, axis=-1):
    r"""Turn scores into weights that are positive and sum to 1.

    .. math:: y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}

    The maximum is subtracted first. The result is the same, because softmax does not change when
    all scores are shifted, and nothing overflows. A row that contains only -inf has nothing to
    choose from, and gives 0.

    Parameters
    ----------
    x : (..., S) array
        Scores.
    axis : int
        The axis that is normalised.

    Returns
    -------
    y : (..., S) array

    Source: Vaswani et al. 2017, section 3.2.1, inside equation (1).
    """
    return softmax_steps(x, axis)


def softmax_steps(x, axis=-1, out=None):
    """The three steps of softmax: subtract the maximum, exponentiate, divide by the sum.

    Parameters
    ----------
    x, axis
        As for :func:`softmax`.
    out : array, optional
        Where the result is written; it may be `x` itself.

    Returns
    -------
    y : array
    """
    y, total, _ = exponentials(x, axis, out)
    y /= total
    return y


def exponentials(x, axis=-1, out=None):
    """The first two steps of softmax, for callers that divide later.

    Returns
    -------
    y : array
        exp(x - maximum), in `out` if it is given.
    total : array
        The divisor, from :func:`sum_or_one`.
    maximum : array
        The maximum that was subtracted, from :func:`max_or_zero`.
    """
    xp = array_module(x)
    maximum = max_or_zero(x, axis)
    with np.errstate(
        over="ignore"
    ):  # a difference beyond the range is -inf, whose exponential is 0
        y = xp.subtract(x, maximum, out=out)
    xp.exp(y, out=y)
    return y, sum_or_one(y, axis), maximum


def max_or_zero(x, axis=-1):
    """The maximum, or 0 where it is -inf: -inf minus -inf would be NaN."""
    xp = array_module(x)
    if x.shape[axis] == 0:
        return xp.zeros((), x.real.dtype)  # without entries, there is no maximum
    maximum = x.real.max(axis=axis, keepdims=True)
    return xp.where(maximum == -xp.inf, xp.zeros_like(maximum), maximum)


def sum_or_one(y, axis=-1):
    """The sum of exponentials, or 1 where all of them are 0: those rows stay 0 when divided."""
    xp = array_module(y)
    total = y.sum(axis=axis, keepdims=True)
    return xp.where(total == 0, xp.ones_like(total), total)


@in_one_dtype
def softmax_backward(dy, y, axis=-1):
    r"""Vector-Jacobian product of :func:`softmax`.

    .. math:: \frac{\partial L}{\partial x_i}
        = y_i \Big(\frac{\partial L}{\partial y_i}
        - \sum_j y_j \frac{\partial L}{\partial y_j}\Big)

    Parameters
    ----------
    dy : (..., S) array
        Gradient of the loss with respect to `y`.
    y : (..., S) array
        Output of :func:`softmax`; the input itself is not needed.
    axis : int
        The axis that was normalised.

    Returns
    -------
    dx : (..., S) array

    Derivation: docs/derivations/softmax.md, equation (4).
    Notebook: notebooks/01_softmax_and_cross_entropy.ipynb.
    """
    require_same_shape("dy", dy, "y", y)
    # y_i = exp(x_i) / sum_j exp(x_j): x_i changes y_i in the numerator, and every y_j in the sum
    dx = dy - (y * dy).sum(axis=axis, keepdims=True)
    dx *= y
    return dx


@in_one_dtype
def log_softmax(x, axis=-1):
    r"""Logarithm of softmax, without forming the softmax.

    .. math:: y_i = x_i - \log \sum_j e^{x_j}

    Parameters
    ----------
    x : (..., S) array
        Scores (logits).
    axis : int
        The axis that is normalised.

    Returns
    -------
    y : (..., S) array
        Log-probabilities, at most 0, in nats. A row that contains only -inf stays as it is: its
        softmax is 0.

    Source: Goodfellow et al. 2016, section 6.2.2.3.
    """
    xp = array_module(x)
    with np.errstate(over="ignore"):  # a difference beyond the range is -inf
        y = x - max_or_zero(x, axis)
    y -= xp.log(sum_or_one(xp.exp(y), axis))
    return y


@in_one_dtype
def log_softmax_backward(dy, y, axis=-1):
    r"""Vector-Jacobian product of :func:`log_softmax`.

    .. math:: \frac{\partial L}{\partial x_i} = \frac{\partial L}{\partial y_i}
        - e^{y_i} \sum_j \frac{\partial L}{\partial y_j}

    Parameters
    ----------
    dy : (..., S) array
        Gradient of the loss with respect to `y`.
    y : (..., S) array
        Output of :func:`log_softmax`.
    axis : int
        The axis that was normalised.

    Returns
    -------
    dx : (..., S) array

    Derivation: docs/derivations/log_softmax.md, equation (5).
    Notebook: notebooks/01_softmax_and_cross_entropy.ipynb.
    """
    xp = array_module(y)
    require_same_shape("dy", dy, "y", y)
    # y_i = x_i - log sum_j exp(x_j), and exp(y) is the softmax
    dx = xp.exp(y)
    dx *= -dy.sum(axis=axis, keepdims=True)
    dx += dy
    return dx
