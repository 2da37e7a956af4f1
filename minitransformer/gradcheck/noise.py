"""Is a small error rounding? Both gradients again, where only last bits differ.

A gradient whose true value is 0 comes out of a right backward pass as rounding noise, and so does
a difference of numbers that almost cancel. Noise changes from one last bit to the next. The error
of a wrong formula does not: it is the same to many digits. So an error that is large beside the
oracle's gradient is forgiven only if it is no larger than what last bits do.
"""

from __future__ import annotations

import numpy as np

PROBES = 3  # times that all inputs and upstream gradients are moved
MARGIN = 1e3  # an error may exceed the largest change that was seen by this factor
EPS = float(np.finfo(np.float64).eps)


def is_rounding(problem, name, oracle, known):
    """Whether the error of the gradient of `name` is of the size that rounding has there.

    Parameters
    ----------
    problem : Problem
    name : str
    oracle : callable
        ``oracle(values, upstream)`` -> the oracle's gradient of `name`.
    known : bool array
        Entries to be compared: the others are at a kink.

    Returns
    -------
    bool
    """
    a, n = problem.gradients[name], oracle(problem.values, problem.upstream)
    rng = np.random.default_rng(0)
    noise = 0.0
    for _ in range(PROBES):
        values = {key: _moved(x, rng) for key, x in problem.values.items()}
        upstream = tuple(_moved(dy, rng) for dy in problem.upstream)
        again = problem.backward(values, upstream).get(name)
        if np.shape(again) != a.shape:
            return False  # a backward pass that fails nearby is not excused
        for change in (again - a, oracle(values, upstream) - n):
            noise = max(noise, _largest(change, known))
    return _largest(a - n, known) <= MARGIN * noise


def _largest(x, known):
    """max|x| over the entries to be compared that are finite."""
    known = known & np.isfinite(x)
    return float(np.abs(x, where=known, out=np.zeros(np.shape(x))).max(initial=0.0))


def _moved(x, rng):
    """`x` moved by up to four units in its last place; zeros move beside the largest entry."""
    size = np.abs(x)
    floor = size.max(initial=0.0) or 1.0
    step = EPS * np.where(size > 0, size, floor)
    return x + step * rng.integers(-4, 5, np.shape(x))
