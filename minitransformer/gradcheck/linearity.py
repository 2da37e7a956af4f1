"""A vector-Jacobian product is linear in the vector, the upstream gradient.

The two oracles use one upstream gradient. A backward pass that returns what it once computed for
that one, or that clips, would pass them.
"""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.problem import largest

LARGE = 2.0**20  # a power of two changes no digit
# relative to the gradients, and to their natural scale: saturated gradients are rounding noise
TOLERANCE, NATURAL_TOLERANCE = 1e-9, 1e-6


def not_linear(problem, name, natural):
    """Why the gradient of one variable is not linear in the upstream gradient dy; None if it is.

    Parameters
    ----------
    problem : Problem
    name : str
    natural : float
        The natural scale of this gradient, see :meth:`Problem.natural_scales`.

    Returns
    -------
    str or None
    """
    dy, given = problem.upstream, problem.gradients[name]
    ones = tuple(np.ones_like(part) for part in dy)
    cases = (
        ("2^20 dy", tuple(LARGE * part for part in dy), "2^20 times the result of dy",
         lambda: LARGE * given),
        ("dy = 0", tuple(0 * part for part in dy), "0", lambda: 0 * given),
        ("dy + 1", tuple(part + 1 for part in dy), "the sum of the results of dy and of 1",
         lambda: given + _gradient(problem, name, ones)),
    )  # fmt: skip
    for what, upstream, wanted, right in cases:
        try:
            with np.errstate(all="ignore"):
                found, expected = _gradient(problem, name, upstream), right()
        except Exception as error:  # any function may be checked, and fail in any way
            return f"the backward pass fails for another upstream gradient, {what}: {error!r:.120}"
        if np.shape(found) != np.shape(expected):
            return f"the shape of the gradient depends on the upstream gradient: {what}"
        scale = natural * max(1.0, _size(upstream) / _size(dy))
        limit = max(TOLERANCE * largest(expected), NATURAL_TOLERANCE * scale)
        if np.isfinite(expected).all() and not largest_gap(found, expected) <= limit:
            return (
                "the backward pass is not linear in the upstream gradient dy: for "
                f"{what} it must return {wanted}"
            )
    return None


def _size(dy):
    return max(map(largest, dy), default=0.0) or 1.0


def _gradient(problem, name, upstream):
    return np.asarray(problem.backward(problem.values, upstream)[name])


def largest_gap(found, expected):
    """max|found - expected|; infinite where `found` is not finite."""
    if not np.isfinite(found).all():
        return np.inf
    return float(np.abs(found - expected).max(initial=0.0))
