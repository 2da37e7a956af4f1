"""A vector-Jacobian product is linear in the vector, the upstream gradient.

The two oracles use one upstream gradient. A backward pass that returns what it once computed for
that one, or that clips, would pass them.
"""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.noise import is_rounding
from minitransformer.gradcheck.problem import largest

LARGE = 2.0**20  # a power of two changes no digit
TOLERANCE = 1e-9  # relative to the gradients that are added up
EXCUSED = 1e-2  # rounding never excuses a larger error, relative to the natural scale


class _Law:
    """One consequence of being linear: g(`changed` dy) is the sum of g of the `parts`."""

    def __init__(self, what, wanted, changed, right):
        self.what, self.wanted, self.changed, self.right = what, wanted, changed, right

    def error(self, gradient, values, dy):
        """The gradient that is found, and how far it is from the one that is wanted."""
        found = gradient(values, [self.changed(part) for part in dy])
        return found, found - self.right(gradient, values, dy)


def _large(gradient, values, dy):
    return LARGE * gradient(values, dy)


def _nothing(gradient, values, dy):
    return 0.0


def _sum(gradient, values, dy):
    return gradient(values, dy) + gradient(values, [np.ones_like(part) for part in dy])


LAWS = (
    _Law("2^20 dy", "2^20 times the result of dy", lambda dy: LARGE * dy, _large),
    _Law("dy = 0", "0", lambda dy: 0 * dy, _nothing),
    _Law("dy + 1", "the sum of the results of dy and of 1", lambda dy: dy + 1, _sum),
)


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

    def gradient(values, upstream):
        return np.asarray(problem.backward(values, tuple(upstream))[name])

    for law in LAWS:
        try:
            if _breaks(law, gradient, problem, natural):
                return (
                    "the backward pass is not linear in the upstream gradient dy: for "
                    f"{law.what} it must return {law.wanted}"
                )
        except Exception as error:  # any function may be checked, and fail in any way
            return (
                f"the backward pass fails for another upstream gradient, {law.what}: {error!r:.120}"
            )
    return None


def _breaks(law, gradient, problem, natural):
    dy, values = problem.upstream, problem.values
    with np.errstate(all="ignore"):
        found, gap = law.error(gradient, values, dy)
    if not np.isfinite(gap).all():
        return np.isfinite(law.right(gradient, values, dy)).all()
    size = max(map(largest, dy), default=0.0) or 1.0
    scale = natural * max(1.0, max(largest(law.changed(part)) for part in dy) / size)
    error = largest(gap)
    if error <= TOLERANCE * max(largest(found), scale):
        return False
    return error > EXCUSED * scale or not is_rounding(
        problem, lambda *at: law.error(gradient, *at)[1], scale
    )
