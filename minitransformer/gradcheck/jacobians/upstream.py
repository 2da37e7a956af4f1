"""Rules for backward passes that are not linear in the upstream gradient."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.fault import close


def not_linear(fault):
    """The gradient for 2 dy is not twice the gradient for dy."""
    jacobian = fault.jacobian
    dy = np.concatenate([np.ravel(part) for part in fault.upstream])
    once, twice = jacobian.backward(dy), jacobian.backward(2 * dy)
    minus, zero = jacobian.backward(-dy), jacobian.constant
    other = jacobian.backward(np.random.default_rng(3).standard_normal(dy.shape))
    size = max(np.abs(once).max(), np.abs(twice).max(), np.abs(zero).max())
    linear = lambda a, b: np.abs(a - b).max() <= 1e-7 * size  # noqa: E731
    if linear(once, dy @ jacobian.claimed) and linear(zero, 0 * zero):
        return None
    if words := _one_sign(fault):
        return words
    if words := _clipped(np.ravel(fault.a), twice, np.ravel(fault.n)):
        return words
    if linear(once, zero) and linear(other, zero) and not linear(once, 0 * once):
        return "the upstream gradient is ignored: the result is the same for every dy"
    if not linear(zero, 0 * zero):
        return _constant_part(fault, once, zero)
    if linear(twice, 4 * once):
        return "the upstream gradient is used twice: the result grows with the square of dy"
    if linear(twice, once):
        return (
            "the result does not grow with the upstream gradient (it is the same for 2 dy): it is "
            "normalised or clipped, or only the sign of dy is used"
        )
    if linear(twice, 2 * once) and linear(minus, once):
        return "the sign of the upstream gradient is lost: -dy gives the same result as dy"
    if linear(twice, 2 * once):
        return (
            "a mask (or a maximum) is taken from the upstream gradient instead of the input: the "
            "result is not linear in dy, and depends on the sign of dy"
        )
    return "it is not linear in the upstream gradient: 2 dy must give twice the result of dy"


def _clipped(once, twice, n):
    """The bounds to which the results for dy and for 2 dy are clipped, in words, or None."""
    low, high = min(once.min(), twice.min()), max(once.max(), twice.max())
    bound = max(-low, high)
    for below, above in ((-bound, bound), (low, high)):
        clips = (2 * n).min() < below or above < (2 * n).max()
        fits = close(once, np.clip(n, below, above)) and close(twice, np.clip(2 * n, below, above))
        if below < 0 < above and clips and fits:
            return f"the gradient is clipped to [{below:.4g}, {above:.4g}]: clip in the optimiser"
    return None


def _one_sign(fault):
    """Upstream gradients of one sign only are used, and these are right."""
    j = fault.jacobian
    if j.constant.any() or j.y.size < 2:
        return None
    minus = -np.stack([j.backward(-row) for row in np.eye(j.y.size)])
    for right, other, sign in ((j.claimed, minus, "negative"), (minus, j.claimed, "positive")):
        if not j.nonzero(other).any() and j.same(right, j.right):
            return f"{sign} upstream gradients are set to 0; only the input may decide what passes"
    return None


def _constant_part(fault, once, zero):
    words = (
        "a part of it does not depend on the upstream gradient: it is not 0 for dy = 0, so a term "
        "is added that is not multiplied by dy"
    )
    if close(once - zero, np.ravel(fault.n)):
        for key, value in fault.arrays("f").items():
            factor = _multiple(zero, np.ravel(value))
            if factor:
                return f"{factor:.4g} * {key} is added to it (weight decay?), which is not a part"
    return words


def _multiple(a, b):
    """The factor f with a = f b, or None."""
    if a.shape != b.shape or not b.any():
        return None
    factor = float(a @ b / (b @ b))
    return factor if close(a, factor * b) else None


RULES = (not_linear,)
