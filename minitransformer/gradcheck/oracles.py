r"""Two numerical derivatives that do not use the formulas that they check.

Complex step (Squire and Trapp, SIAM Review 40, 1998, eq. 2): for an analytic function

.. math:: f'(x) = \operatorname{Im} f(x + i h) / h + O(h^2)

There is no subtraction, so `h` may be 1e-20 and the result is exact to rounding.

Central differences with Neville extrapolation (Ridders, Advances in Engineering Software 4, 1982):

.. math:: f'(x) = \frac{f(x + h) - f(x - h)}{2h} + c_2 h^2 + c_4 h^4 + \dots

The even powers are removed by combining the steps h, h/2 and h/4. The step is halved until two
combinations agree. This oracle works for any real function, and it also finds kinks.
"""

from __future__ import annotations

import numpy as np

COMPLEX_STEP = 1e-20
FIRST_STEP = 4e-3
HALVINGS = 13  # at the last step, 4e-3 / 2^12 = 1e-6, the difference still has ten correct digits
ORDER = 3  # steps combined at a time; earlier, larger steps may cross a kink
AGREEMENT = 1e-10  # accept two combinations that agree this well, relative to the scale
KINK = 1e-3  # a kink: the slopes on both sides differ by more than this, relative to the scale


def complex_gradient(terms, values, name):
    """Gradient of ``terms(values).sum()`` with respect to one variable, by the complex step.

    Parameters
    ----------
    terms : callable
        Takes a dict of arrays and returns a 1-D array whose sum is differentiated.
    values : dict of str to array
        All variables, as real arrays. All of them are converted to complex, so that an array
        that `terms` allocates in the dtype of any variable can store the imaginary part.
    name : str
        The variable to differentiate with respect to.

    Returns
    -------
    gradient : float64 array of the shape of ``values[name]``, on the host
    """
    shifted = {key: value.astype(np.complex128) for key, value in values.items()}
    point = shifted[name]
    gradient = np.zeros(point.shape)
    if not terms(shifted).size:
        return gradient  # there is no output, for example for a batch of 0
    for index in np.ndindex(point.shape):
        original = complex(point[index])
        point[index] = original + 1j * COMPLEX_STEP
        gradient[index] = terms(shifted).sum().imag / COMPLEX_STEP
        point[index] = original
    return gradient


def along(terms, values, name, direction):
    """The function t -> terms at ``values[name] + t * direction``."""

    def moved(t):
        return terms({**values, name: values[name] + t * direction})

    return moved


def central_derivative(moved, scale):
    """Derivative of ``moved(t).sum()`` at t = 0, by extrapolated central differences.

    Parameters
    ----------
    moved : callable
        t -> 1-D array. Subtracting before summing loses fewer digits.
    scale : float
        The expected size of the gradient. Agreement and kinks are judged relative to it.

    Returns
    -------
    derivative : float
    kink : bool
        True if the slopes on the two sides do not converge to each other as the step shrinks, or
        are not finite. There is then no derivative to compare with.
    """
    middle = moved(0.0)
    row, best, best_gap, bends = [], 0.0, np.inf, []
    for halving in range(HALVINGS):
        step = FIRST_STEP / 2**halving
        right, left = moved(step), moved(-step)
        bends.append(abs(float(((right - middle) + (left - middle)).sum())) / step)
        row, older = [float((right - left).sum()) / (2 * step)], row
        for order, coarse in enumerate(older[: ORDER - 1], start=1):
            row.append(row[-1] + (row[-1] - coarse) / (4**order - 1))
            gap = max(abs(row[-1] - row[-2]), abs(row[-1] - coarse))
            if gap <= best_gap:
                best, best_gap = row[-1], gap
        size = max(abs(best), scale)
        if best_gap <= AGREEMENT * size:
            break
    # |f(h) - 2 f(0) + f(-h)| / h shrinks in proportion to h if f is smooth, but not at a kink.
    kink = bends[-1] > KINK * size and bends[-1] > 0.6 * bends[0]
    return best, bool(kink) or not np.isfinite(best_gap)


def central_gradient(terms, values, name, scale, indices=None, *, at_kinks=False):
    """Partial derivatives by central differences.

    Parameters
    ----------
    terms, values, name
        As for :func:`complex_gradient`.
    scale : float
        As for :func:`central_derivative`.
    indices : sequence of index tuples, optional
        The entries to compute; every entry by default.
    at_kinks : bool, default False
        Whether to return values for entries at a kink too.

    Returns
    -------
    gradient : float64 array of the shape of ``values[name]``
        NaN for entries that are not among `indices`, or are at a kink (unless `at_kinks`).
    kinks : int
        Number of entries at which the function has a kink.
    """
    point = values[name]
    gradient, kinks = np.full(point.shape, np.nan), 0
    for index in np.ndindex(point.shape) if indices is None else indices:
        direction = np.zeros(point.shape)
        direction[index] = 1.0
        value, kink = central_derivative(along(terms, values, name, direction), scale)
        kinks += kink
        gradient[index] = np.nan if kink and not at_kinks else value
    return gradient, kinks
