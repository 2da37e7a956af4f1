"""Is a small error rounding? Computes it again with the inputs' last bits changed.

If a true gradient is 0, or is a difference between numbers that almost cancel, a correct backward
pass returns rounding noise. Noise changes whenever the last bits of the inputs change. The error of
a wrong formula does not: it stays the same to many digits, however much the gradient itself
changes. So an error above the tolerance is accepted only if it changes as much as it is large.
"""

from __future__ import annotations

import numpy as np

PROBES = 3  # how many times all inputs and upstream gradients are perturbed by each size
EPS = float(np.finfo(np.float64).eps)
# Relative sizes of the perturbations, and the margin for each. If a small number is the difference
# of large ones, a change of its last bit changes none of their roundings, but a larger change does.
LEVELS = ((EPS, 1e2), (1e-11, 10.0))
# The rounding of a probability of 1 - 1e-9 changes only if that number moves by its last bit, which
# takes larger changes. These move wrong formulas, too, so they count only for the smallest errors.
LAST_BITS = (1e-8, 2.0)
FEW = 1e3 * EPS  # relative to the natural scale of the gradient


def is_rounding(problem, error, natural=0.0, constant=False):
    """Whether rounding can explain an error.

    Parameters
    ----------
    problem : Problem
    error : callable
        ``error(values, upstream)`` -> array: the difference between two gradients at these inputs,
        or None if one of them cannot be computed there.
    natural : float
        The natural scale of the gradient: see :meth:`Problem.natural_scales`.
    constant : bool
        Whether the true gradient is exactly 0. The rounding errors of a constant function need not
        depend on its inputs: the loss with one class is 0, and its gradient is that of 1 - 1.

    Returns
    -------
    bool
    """
    first = error(problem.values, problem.upstream)
    rng = np.random.default_rng(0)
    size = _size(first)
    if constant and size <= 1e2 * EPS * max(map(_size, problem.upstream), default=0.0):
        return True
    levels = (*LEVELS, LAST_BITS) if size <= FEW * natural else LEVELS
    for level, margin in levels:
        for _ in range(PROBES):
            values = {key: _moved(x, rng, level) for key, x in problem.values.items()}
            upstream = tuple(_moved(dy, rng, level) for dy in problem.upstream)
            again = error(values, upstream)
            if again is None or np.shape(again) != np.shape(first):
                return False  # rounding does not explain a backward pass that fails nearby
            if size <= margin * _size(again - first):
                return True
    return False


def _size(x):
    """max|x| over the finite entries."""
    return float(np.abs(x, where=np.isfinite(x), out=np.zeros(np.shape(x))).max(initial=0.0))


def _moved(x, rng, level):
    """`x` perturbed by up to four times `level`; zeros, relative to the largest entry."""
    size = np.abs(x)
    floor = size.max(initial=0.0) or 1.0
    step = level * np.where(size > 0, size, floor)
    return np.asarray(x + step * rng.integers(-4, 5, np.shape(x)))  # 0-d arrays stay arrays
