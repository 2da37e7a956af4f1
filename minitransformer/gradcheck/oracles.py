r"""Two numerical derivatives that know nothing of the formulas they judge.

Complex step (Squire and Trapp, SIAM Review 40, 1998, eq. 2): for an analytic function

.. math:: f'(x) = \operatorname{Im} f(x + i h) / h + O(h^2)

nothing is subtracted, so `h` may be 1e-20 and the result is right to rounding.

Central differences with Neville extrapolation (Ridders, Advances in Engineering Software 4, 1982):

.. math:: f'(x) = \frac{f(x + h) - f(x - h)}{2h} + c_2 h^2 + c_4 h^4 + \dots

the even powers are removed by combining steps h, h/2 and h/4, and the step keeps halving until two
combinations agree. This one needs nothing but a real function, and also finds kinks.
"""

from __future__ import annotations

import numpy as np

COMPLEX_STEP = 1e-20
FIRST_STEP = 4e-3
HALVINGS = 13  # the last step, 4e-3 / 2^12 = 1e-6, still leaves ten digits of the difference
ORDER = 3  # steps combined at a time; older ones may lie beyond a kink
AGREEMENT = 1e-10  # two combinations that agree so well, relative to the scale, are taken as right
KINK = 1e-3  # slopes on both sides that differ by more than this, relative to the scale


def complex_gradient(terms, values, name):
    """Gradient of ``terms(values).sum()`` with respect to one variable, by complex step.

    Parameters
    ----------
    terms : callable
        Takes a dict of arrays and returns a 1-D array whose sum is differentiated.
    values : dict of str to array
        All variables, real. Every one is made complex, so that arrays which `terms` allocates in
        the dtype of any of them can hold the imaginary part.
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
        return gradient  # no output, as with a batch of 0: nothing depends on anything
    for index in np.ndindex(point.shape):
        kept = complex(point[index])
        point[index] = kept + 1j * COMPLEX_STEP
        gradient[index] = terms(shifted).sum().imag / COMPLEX_STEP
        point[index] = kept
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
        t -> 1-D array. The difference is taken before the sum, which loses fewer digits.
    scale : float
        Size that a gradient is expected to have; agreement and kinks are judged against it.

    Returns
    -------
    derivative : float
    kink : bool
        True when the slopes on the two sides do not come together as the step shrinks, or are not
        finite: there is no derivative to compare with.
    """
    middle = moved(0.0)
    row, best, best_gap, bends = [], 0.0, np.inf, []
    for halving in range(HALVINGS):
        step = FIRST_STEP / 2**halving
        ahead, behind = moved(step), moved(-step)
        bends.append(abs(float(((ahead - middle) + (behind - middle)).sum())) / step)
        row, older = [float((ahead - behind).sum()) / (2 * step)], row
        for order, coarse in enumerate(older[: ORDER - 1], start=1):
            row.append(row[-1] + (row[-1] - coarse) / (4**order - 1))
            gap = max(abs(row[-1] - row[-2]), abs(row[-1] - coarse))
            if gap <= best_gap:
                best, best_gap = row[-1], gap
        size = max(abs(best), scale)
        if best_gap <= AGREEMENT * size:
            break
    # |f(h) - 2 f(0) + f(-h)| / h shrinks like h where f is smooth and stays where it has a kink.
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
        The entries wanted; every entry by default.
    at_kinks : bool, default False
        Keep the value of an entry that has a kink.

    Returns
    -------
    gradient : float64 array of the shape of ``values[name]``
        NaN where an entry was not asked for, or has a kink.
    kinks : int
        Number of entries left out because the function has a kink there.
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
