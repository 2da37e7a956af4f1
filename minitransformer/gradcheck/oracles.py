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

import itertools
import warnings
from collections import namedtuple

import numpy as np

COMPLEX_STEP = 1e-20
SMALLEST_STEP = 1e-150  # the square of a smaller number is 0
FIRST_STEP = 2.0**-8  # relative to one of the sizes of the input; a power of 2 adds no rounding
HALVINGS = 13  # at the last step, 2^-20 = 1e-6, the difference still has ten correct digits
ORDER = 3  # steps combined at a time; earlier, larger steps may cross a kink
AGREEMENT = 1e-10  # accept two combinations that agree this well, relative to the scale
KINK = 1e-5  # a kink: the slopes on both sides differ by more than this, relative to the slopes
DOUBT = 10.0  # a derivative may be off by this many times its gap
UNSETTLED = 100.0  # without such an agreement, two combinations may be near each other by chance
LAST_RESORT = 2.0**-13  # much smaller steps, for functions that vary faster than their argument
RESOLVED = 0.1  # a gap above this fraction of the slopes is mostly rounding
KINK_RESOLVED = 1e-3  # the same, where wider steps see a kink
ROUNDED = 1e-7  # the last bit of the outputs may be this fraction of a derivative that agrees
VARIES = 1e-3  # a function that changes by this fraction over the smallest step varies too fast
NEAR = 30.0  # two sizes closer than this factor need no steps of their own

Derivative = namedtuple("Derivative", ["value", "gap", "kink", "slope"])
Derivative.__doc__ = "A derivative, its uncertainty, whether it is at a kink, and the larger slope."


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
    largest = float(np.abs(values[name]).max(initial=0.0))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        for index in np.ndindex(point.shape):
            original = complex(point[index])
            step = _complex_step(abs(original) or largest)
            point[index] = original + 1j * step
            gradient[index] = np.imag(terms(shifted).sum()) / step
            point[index] = original
    return gradient


def _complex_step(size):
    """The step for a number of this size: smaller for numbers below 1, but no smaller than needed.

    A power of 2 times 1e-20, which changes no digit of the result.
    """
    if not 0 < size < 1e-3:
        return COMPLEX_STEP
    return max(COMPLEX_STEP * 2.0 ** np.floor(np.log2(size)), SMALLEST_STEP)


def along(terms, values, name, direction):
    """The function t -> terms at ``values[name] + t * direction``."""
    return lambda t: terms({**values, name: values[name] + t * direction})


def sizes_of(x, largest):
    """The sizes of the steps to try for an input `x`: 1, and `x` itself where that is far from 1.

    A function may vary over a distance of 1 (exp), or in proportion to its argument (log). The last
    size is for functions that vary faster.
    """
    sizes = [1.0]
    for size in (float(x), largest):
        if size > 0 and all(max(size / s, s / size) > NEAR for s in sizes):
            sizes.append(2.0 ** np.floor(np.log2(size)))
    return [*sizes, min(sizes) * LAST_RESORT]


def central_derivative(moved, scale, sizes=(1.0,)):
    """Derivative of ``moved(t).sum()`` at t = 0, by extrapolated central differences.

    Parameters
    ----------
    moved : callable
        t -> 1-D array. Subtracting before summing loses fewer digits.
    scale : float
        The expected size of the gradient. Agreement is judged relative to it.
    sizes : sequence of float
        Steps are relative to these sizes. The next size is tried if steps of this size do not
        agree, meet a kink, or see no change at all.

    Returns
    -------
    Derivative
        `gap` is the difference between two combinations, plus the rounding of the outputs. `kink`
        is True if the slopes on the two sides do not converge to each other as the step shrinks, or
        are not finite. There is then no derivative to compare with.
    """
    tried = {}
    for size in sizes:
        with np.errstate(all="ignore"):  # wide steps may leave the domain, or overflow
            found, settled = _extrapolated(moved, scale, FIRST_STEP * size)
        tried[size] = found
        if settled and found.value and not found.kink and len(tried) == 1:
            break
    best = _most_certain([tried[size] for size in sorted(tried)], scale)
    return best if len(tried) < len(sizes) else _unless_too_fast(best, moved, sorted(sizes))


def _unless_too_fast(found, moved, sizes):
    """The derivative, but as uncertain as it must be if the function varies within one small step.

    The phase of sin(x^3) is lost for large x. Wide steps then see small slopes, which mean nothing.
    """
    for size in sizes:
        step = FIRST_STEP * size / 2 ** (HALVINGS - 1)
        with np.errstate(all="ignore"):
            middle, right, left = moved(0.0), moved(step), moved(-step)
            change = max(float(np.abs(y - middle).max(initial=0.0)) for y in (right, left))
        if change:  # otherwise the step is too small for the input
            fast = change > VARIES * np.abs(middle).max(initial=0.0)
            lost = fast and change / step > 10 * abs(found.value)
            return found._replace(gap=max(found.gap, change / step)) if lost else found
    return found


def _most_certain(found, scale):
    """The derivative with the smallest gap that does not contradict one from smaller steps.

    The derivatives are sorted by the size of their steps. Steps that are too wide see nothing of a
    function that varies faster, and may agree on a wrong result. Steps that are too small see only
    rounding, and do not count.
    """
    resolved = [each for each in found if each.gap <= RESOLVED * max(each.slope, scale)] or found
    smooth = [each for each in resolved if not each.kink] or resolved
    if len(smooth) < len(resolved):  # a kink that rounding hides is one, too
        clear = [each.gap <= KINK_RESOLVED * max(each.slope, scale) for each in smooth]
        smooth = [each for each, fits in zip(smooth, clear, strict=True) if fits] or resolved
    best = smooth[0]
    for i, new in enumerate(smooth):
        fits = all(abs(new.value - each.value) <= DOUBT * each.gap for each in smooth[:i])
        if fits and new.gap < best.gap:
            best = new
    return best


def _extrapolated(moved, scale, first_step):
    """The derivative from steps that start at `first_step`, and whether two of them agree."""
    middle = moved(0.0)
    last_bit = float(np.spacing(np.abs(middle).max(initial=0.0)))  # of 0, the smallest number
    row, best, best_gap, bends, slopes, settled = [], 0.0, np.inf, [], 0.0, False
    for halving in range(HALVINGS):
        step = first_step / 2**halving
        right, left = moved(step), moved(-step)
        bends.append(float(((right - middle) + (left - middle)).sum()) / step)
        row, older = [float((right - left).sum()) / (2 * step)], row
        slopes = max(abs(row[0]), abs(bends[-1]) / 2)
        for order, coarse in enumerate(older[: ORDER - 1], start=1):
            row.append(row[-1] + (row[-1] - coarse) / (4**order - 1))
            gap = max(abs(row[-1] - row[-2]), abs(row[-1] - coarse))
            size = max(abs(row[-1]), scale)
            # differences of a few last bits may agree by chance, or because they are all 0
            settled = settled or (gap <= AGREEMENT * size and last_bit / step <= ROUNDED * size)
            if gap + last_bit / step <= best_gap and np.isfinite(row[-1]):
                best, best_gap = row[-1], gap + last_bit / step
        if settled:
            break
    else:
        best_gap *= UNSETTLED
    kink = _is_kink(bends, max(KINK * slopes, 10 * AGREEMENT * scale, 8 * last_bit / step))
    return Derivative(best, best_gap, kink or not np.isfinite(best_gap), slopes), settled


def _is_kink(bends, threshold):
    """Whether the slopes on the two sides still differ as the step h shrinks to 0.

    (f(h) - 2 f(0) + f(-h)) / h is their difference plus a term in proportion to h. Two steps remove
    that term. What is left stays the same at a kink, shrinks like h^3 if f is smooth, and is
    random if it is rounding.
    """
    last = bends[-3:]
    left = [2 * b - a for a, b in itertools.pairwise(last)]
    if not left or not abs(left[-1]) > threshold:
        return False
    return len(left) < 2 or (left[0] != 0 and 0.5 < left[-1] / left[0] < 2)


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
    gaps : array of the same shape
        The uncertainty of each entry; 0 for entries that are not among `indices`.
    kinks : int
        Number of entries at which the function has a kink.
    """
    point = values[name]
    gradient, gaps, kinks = np.full(point.shape, np.nan), np.zeros(point.shape), 0
    largest = float(np.abs(point).max(initial=0.0))
    for index in np.ndindex(point.shape) if indices is None else indices:
        direction = np.zeros(point.shape)
        direction[index] = 1.0
        moved = along(terms, values, name, direction)
        found = central_derivative(moved, scale, sizes_of(abs(point[index]), largest))
        kinks += found.kink
        gradient[index] = np.nan if found.kink and not at_kinks else found.value
        gaps[index] = 0.0 if found.kink else found.gap
    return gradient, gaps, kinks
