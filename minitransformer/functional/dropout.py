r"""Dropout: the mask is drawn separately, so that the pair that applies it is pure."""

import math

import numpy as np

from minitransformer.backend import random_lanes
from minitransformer.functional._checks import require_broadcast, require_one_device

LEVELS = 1 << 16  # 16 random bits per entry


def check_probability(name, p):
    """Refuse a probability of dropping an entry that is not a number in [0, 1)."""
    if isinstance(p, bool) or not isinstance(p, int | float | np.number):
        raise TypeError(f"{name} must be a number in [0, 1), got {p!r}")
    if not 0 <= p < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {p}")


def drop_threshold(p):
    """How many of the LEVELS equally likely numbers mean that the entry is dropped."""
    return min(round(p * LEVELS), LEVELS - 1)


def dropout_mask(rng, shape, p, dtype):
    r"""Draw a dropout mask, already divided by :math:`1 - p`.

    .. math:: \mathrm{keep} = \frac{b}{1 - p}, \qquad b \sim \mathrm{Bernoulli}(1 - p)

    The division preserves the expected value: the entries that are kept make up for those that are
    dropped. The probability is rounded to a multiple of 1/65,536, and the division uses the rounded
    value. So 16 random bits per entry are enough. They are drawn four at a time, which is four
    times as fast as drawing random floats.

    Parameters
    ----------
    rng : Generator
        A random generator of NumPy or CuPy. The mask is an array of the same library.
    shape : tuple of int
    p : float
        Probability of dropping an entry, 0 <= p < 1.
    dtype : dtype

    Returns
    -------
    keep : array of `shape` and `dtype`
        0, or 1 / (1 - p).

    Raises
    ------
    TypeError
        If p is not a number.
    ValueError
        If p is outside [0, 1).

    Source: Srivastava et al. 2014, section 4 (inverted, as in section 10).
    """
    check_probability("p", p)
    threshold = drop_threshold(p)
    lanes = random_lanes(rng, math.prod(shape)).reshape(shape)
    keep = (lanes >= threshold).astype(dtype)
    keep *= LEVELS / (LEVELS - threshold)
    return keep


def dropout(x, keep):
    r"""Drop entries and scale the rest, :math:`y = x \odot \mathrm{keep}`.

    Parameters
    ----------
    x : (...) array
    keep : array that broadcasts to x
        From :func:`dropout_mask`, with values 0 or 1 / (1 - p).

    Returns
    -------
    y : (...) array

    Raises
    ------
    ValueError
        If keep does not broadcast to x.

    Source: Vaswani et al. 2017, section 5.4.
    """
    require_one_device(x=x, keep=keep)
    require_broadcast("keep", keep, "x", x.shape)
    return x * keep


def dropout_backward(dy, keep):
    r"""Vector-Jacobian product of :func:`dropout`.

    .. math:: \frac{\partial L}{\partial x}
        = \frac{\partial L}{\partial y} \odot \mathrm{keep}

    Parameters
    ----------
    dy : (...) array
        Gradient of the loss with respect to `y`.
    keep : array that broadcasts to dy
        The mask of the forward pass, not a new mask.

    Returns
    -------
    dx : (...) array

    Derivation: docs/derivations/dropout.md, equation (6).
    Notebook: notebooks/08_the_block.ipynb.
    """
    require_one_device(dy=dy, keep=keep)
    return dy * keep
