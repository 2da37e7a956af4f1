"""Is a small error rounding? Computes both gradients again with the inputs' last bits changed.

If a true gradient is 0, or is a difference between numbers that almost cancel, a correct backward
pass returns rounding noise. Noise changes whenever the last bits of the inputs change. The error of
a wrong formula does not: it stays the same to many digits. So an error that is large relative to
the oracle's gradient is accepted only if changes of the last bits can explain its size.
"""

from __future__ import annotations

import numpy as np

PROBES = 3  # how many times all inputs and upstream gradients are perturbed
MARGIN = 1e3  # an error may be at most this many times the largest change seen
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
        The entries to compare. The others are at a kink, or were not checked.

    Returns
    -------
    bool
    """
    a, n = problem.gradients[name], oracle(problem.values, problem.upstream)
    rng = np.random.default_rng(0)
    # If the function is constant, its rounding errors need not depend on the perturbed values. For
    # example, a loss with one class is 0, and its gradient is the rounding error of 1 - 1.
    noise = 0.0 if n[known].any() else EPS * max(map(_size, problem.upstream), default=0.0)
    for _ in range(PROBES):
        values = {key: _moved(x, rng) for key, x in problem.values.items()}
        upstream = tuple(_moved(dy, rng) for dy in problem.upstream)
        again = problem.backward(values, upstream).get(name)
        if again is None or np.shape(again) != a.shape:
            return False  # rounding does not explain a backward pass that fails nearby
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
    """`x` perturbed by up to four units in the last place; zeros, by units of the largest entry."""
    size = np.abs(x)
    floor = size.max(initial=0.0) or 1.0
    step = EPS * np.where(size > 0, size, floor)
    return np.asarray(x + step * rng.integers(-4, 5, np.shape(x)))  # 0-d arrays stay arrays
