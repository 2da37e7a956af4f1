"""Rules for functions of each entry alone: both Jacobians are diagonal."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.jacobians.expressions import is_constant_along_an_axis, name
from minitransformer.gradcheck.jacobians.places import threshold

EXACT = 1e-12  # a right derivative has no larger error
MIN_SIMILAR = 4


def another_mask(fault):
    """Both derivatives are 0 or one constant, but at different places."""
    j = fault.jacobian
    if not j.is_elementwise or j.x.size < 3:
        return None
    right, claimed = np.diag(j.right), np.diag(j.claimed)
    on, claimed_on = j.nonzero(right), j.nonzero(claimed)
    if on.all() or not on.any() or claimed_on.all() or not claimed_on.any():
        return None
    factor = right[on].mean()
    if not (np.allclose(right[on], factor) and np.allclose(claimed[claimed_on], factor)):
        return None
    if (on == claimed_on).all():
        return None
    if threshold(j.x.ravel(), on != claimed_on, fault.name):
        return None
    if (on == ~claimed_on).all():
        return "the mask is inverted: exactly the entries that are dropped get a gradient"
    return (
        "another mask is used than in the forward pass: the gradient is 0 at other entries (a mask "
        "that is drawn anew, or taken from another array)"
    )


def wrong_on_one_side(fault):
    """The derivative is wrong only where the input is below or above a threshold."""
    j = fault.jacobian
    if not j.is_elementwise or j.x.size < 4:
        return None
    x, right, claimed = j.x.ravel(), np.diag(j.right), np.diag(j.claimed)
    wrong = np.abs(claimed - right) > EXACT * j.size
    if not 1 < wrong.sum() < wrong.size - 1:
        return None
    side = threshold(x, wrong, fault.name)
    if side is None:
        return None
    arrays = _arrays(fault, wrong)
    return (
        f"wrong only where {side}: there the derivative is {_formula(right[wrong], arrays)}, but "
        f"the backward pass uses {_formula(claimed[wrong], arrays)}"
    )


def _formula(values, arrays):
    if not np.abs(values).max() > 1e-12:
        return "0"
    if np.ptp(values) <= 1e-9 * np.abs(values).max():
        return f"the constant {values[0]:.4g}"
    if np.ptp(np.abs(values)) <= 1e-9 * np.abs(values).max():
        return f"+-{abs(values[0]):.4g}"
    return name(values, arrays) or "another function"


def _arrays(fault, at=None):
    """The input, the output and all other inputs at the entries of the diagonal."""
    j = fault.jacobian
    found = {fault.name: np.real(j.x)}
    if "y" not in fault.inputs:
        found["y"] = np.real(j.y)
    for key, value in fault.arrays("f").items():
        try:
            found.setdefault(key, np.broadcast_to(value, j.x.shape))
        except ValueError:
            continue
    return {k: v.ravel() if at is None else v.ravel()[at] for k, v in found.items()}


def clipped_derivative(fault):
    """One of the two derivatives is the other one, clipped."""
    j = fault.jacobian
    if not j.is_elementwise or j.x.size < MIN_SIMILAR:
        return None
    right, claimed = np.diag(j.right), np.diag(j.claimed)
    for inner, outer, words in (
        (right, claimed, "the derivative is clipped to {}, but it leaves this range"),
        (claimed, right, "the derivative must be clipped to {}, but is not"),
    ):
        low, high = outer.min(), outer.max()
        inside = (inner > low) & (inner < high)
        fits = np.abs(np.clip(inner, low, high) - outer).max() <= EXACT * j.size
        if fits and np.unique(inner[inside]).size > 1 and not inside.all():
            bounds = [
                f"{bound:.4g}" if (beyond.sum() > 1) else f"{'-' * (not i)}inf"
                for i, (bound, beyond) in enumerate(((low, inner <= low), (high, inner >= high)))
            ]
            return words.format(f"[{', '.join(bounds)}]")
    return None


def other_derivative(fault):
    """The claimed derivative, or what is missing from it, is a simple expression."""
    j = fault.jacobian
    if not j.is_elementwise:
        return None
    arrays = _arrays(fault)
    right, claimed = np.diag(j.right), np.diag(j.claimed)
    with np.errstate(all="ignore"):
        ratio = claimed / right
    if np.isfinite(ratio).all() and is_constant_along_an_axis(ratio.reshape(j.x.shape)):
        return None  # a factor per row or column
    shown, computed = name(right, arrays), name(claimed, arrays)
    if computed and shown:
        if shown != computed and shown.replace("y", fault.name) == computed:
            return f"the formula {shown} is applied to the input {fault.name}, not to the output y"
        return f"the derivative is {shown}, but the backward pass computes {computed}"
    if np.isfinite(ratio).all() and (factor := name(ratio, arrays)):
        return _factor_words(factor, name(1 / ratio, arrays))
    lost = name(right - claimed, arrays)
    if lost:
        start = f"it computes {computed}: " if computed else ""
        return f"{start}a term of the derivative is missing (product or chain rule): {lost}"
    if computed:
        return f"the backward pass computes {computed}, which is not the derivative"
    return None


def _factor_words(factor, inverse):
    if factor.startswith("1 / ") or " / " in factor:
        return f"the factor {inverse or factor} is missing"
    return f"a factor {factor} too much"


def depends_on_other_function(fault):
    """The backward pass is right for another, similar function."""
    j = fault.jacobian
    if not j.is_elementwise or j.x.size < MIN_SIMILAR:
        return None
    gap = np.abs(j.difference).max()
    if 0 < gap <= 0.03 * np.abs(j.right).max():
        return (
            "nearly right everywhere: the derivative of an approximate form (erf, tanh or 1.702 "
            "confused, a constant of the formula, eps), or a factor inside the formula"
        )
    return None


RULES = (
    another_mask,
    wrong_on_one_side,
    clipped_derivative,
    other_derivative,
    depends_on_other_function,
)
