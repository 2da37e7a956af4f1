"""Is a small error rounding? Both gradients are computed again at inputs that differ in last bits.

If a true gradient is 0, or is a difference of numbers that almost cancel, a right backward pass
returns rounding noise. Noise changes whenever the last bits of the inputs change. The error of a
wrong formula does not: it stays the same to many digits. So an error that is large relative to the
oracle's gradient is forgiven only if changes of last bits can explain its size.
"""

from __future__ import annotations

import numpy as np

PROBES = 3  # how often all inputs and upstream gradients are moved
MARGIN = 1e3  # an error may be this many times the largest change that was seen
EPS = float(np.finfo(np.float64).eps)


def is_rounding(problem, name, oracle, known):
    """Whether rounding can explain the error of the gradient of `name`.

    Parameters
    ----------
    problem : Problem
    name : str
    oracle : callable
        ``oracle(values, upstream)`` -> the oracle's gradient of `name`.
    known : bool array
        The entries to compare. The others are at a kink, or were not visited.

    Returns
    -------
    bool
    """
    a, n = problem.gradients[name], oracle(problem.values, problem.upstream)
    rng = np.random.default_rng(0)
    # Where the function is constant, rounding inside need not depend on anything that is moved: a
    # loss with one class is 0, and its gradient what is left of 1 - 1.
    noise = 0.0 if n[known].any() else EPS * max(map(_size, problem.upstream), default=0.0)
    for _ in range(PROBES):
        values = {key: _moved(x, rng) for key, x in problem.values.items()}
        upstream = tuple(_moved(dy, rng) for dy in problem.upstream)
        again = problem.backward(values, upstream).get(name)
        if again is None or np.shape(again) != a.shape:
            return False  # a backward pass that fails nearby is not excused
        for change in (again - a, oracle(values, upstream) - n):
            noise = max(noise, _largest(change, known))
    return _largest(a - n, known) <= MARGIN * noise


def _size(x):
    return float(np.abs(x).max(initial=0.0))


def _largest(x, known):
    """max|x| over the finite entries among those to compare."""
    known = known & np.isfinite(x)
    return float(np.abs(x, where=known, out=np.zeros(np.shape(x))).max(initial=0.0))


def _moved(x, rng):
    """`x` moved by up to four units in the last place; zeros move by those of the largest entry."""
    size = np.abs(x)
    floor = size.max(initial=0.0) or 1.0
    step = EPS * np.where(size > 0, size, floor)
    return x + step * rng.integers(-4, 5, np.shape(x))
