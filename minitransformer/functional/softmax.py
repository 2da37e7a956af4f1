r"""Softmax and its logarithm."""

from minitransformer.backend import array_module
from minitransformer.functional._checks import in_one_dtype, require_same_shape


def largest_or_zero(x, axis=-1):
    """What softmax subtracts: the largest entry, or 0 where every entry is -inf."""
    xp = array_module(x)
    largest = x.real.max(axis=axis, keepdims=True)
    return xp.where(largest == -xp.inf, xp.zeros_like(largest), largest)


@in_one_dtype
def softmax(x, axis=-1):
    r"""Turn scores into weights that are positive and sum to 1.

    .. math:: y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}

    The largest score is subtracted first: the result is the same (softmax does not see a shift)
    and nothing overflows. A row of -inf only, which has nothing to choose from, gives 0.

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
    if x.shape[axis] == 0:
        return x.copy()
    y = x - largest_or_zero(x, axis)
    normalise_exponentials(y, axis)
    return y


def normalise_exponentials(y, axis=-1):
    """exp(y) / sum exp(y) in place, for a caller that owns `y`; a sum of 0 leaves zeros."""
    xp = array_module(y)
    xp.exp(y, out=y)
    total = y.sum(axis=axis, keepdims=True)
    y /= xp.where(total == 0, xp.ones_like(total), total)


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
    array_module(dy=dy, y=y)
    require_same_shape("dy", dy, "y", y)
    # y_i = exp(x_i) / sum_j exp(x_j): each x_i moves y_i by itself, and every y_j by the sum.
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
        Log-probabilities, at most 0, in nats. A row of -inf only stays -inf: its softmax is 0.

    Source: Goodfellow et al. 2016, section 6.2.2.3.
    """
    if x.shape[axis] == 0:
        return x.copy()
    xp = array_module(x)
    y = x - largest_or_zero(x, axis)
    total = xp.exp(y).sum(axis=axis, keepdims=True)
    y -= xp.log(xp.where(total == 0, xp.ones_like(total), total))
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
    xp = array_module(dy=dy, y=y)
    require_same_shape("dy", dy, "y", y)
    # y_i = x_i - log sum_j exp(x_j), and exp(y) is the softmax
    dx = xp.exp(y)
    dx *= -dy.sum(axis=axis, keepdims=True)
    dx += dy
    return dx
