"""Faults that can be seen in the numbers themselves: factors, places, rows."""

from __future__ import annotations

import itertools

import numpy as np

from minitransformer.gradcheck.factors import factor_words
from minitransformer.gradcheck.fault import CLOSE, close


def rounding_only(fault):
    """The error exceeds the tolerance, but nine digits are right: no formula is wrong."""
    if np.abs(fault.a - fault.n).max() <= 1e-9 * np.abs(fault.n).max():
        return (
            "no more than rounding: the inputs are close to a point where the function is "
            "badly conditioned, or the tolerance is too tight"
        )
    return None


def zero_gradient(fault):
    """The backward pass returns zeros."""
    # 0 apart from rounding
    if fault.n.any() and np.abs(fault.a).max() <= 1e-12 * np.abs(fault.n).max():
        return "the gradient is 0 everywhere; a check through y.sum() would not have seen it"
    return None


def constant_factor(fault):
    """The gradient is right except for one factor."""
    if not fault.n.any() or not fault.a.any():
        return None
    size = np.abs(fault.n).max()
    a, n = fault.a / size, fault.n / size  # products of tiny gradients would underflow
    factor = float((a * n).sum() / (n * n).sum())
    return factor_words(fault, factor) if close(fault.a, factor * fault.n) else None


def exchanged(fault):
    """The gradients of two inputs are exchanged."""
    for other, oracle in fault.oracles.items():
        if other != fault.name and close(fault.a, oracle):
            return f"this is the gradient of {other}: the gradients of two inputs are exchanged"
    return None


def gradient_added(fault):
    """The gradients of several inputs were added into one."""
    for other, oracle in fault.oracles.items():
        if other != fault.name and close(fault.a - fault.n, oracle):
            return f"the gradient of {other} is added to it"
    return None


def transposed(fault):
    """The numbers are right, but axes are exchanged, or an axis is reversed."""
    for axes in itertools.permutations(range(fault.n.ndim)):
        if list(axes) != sorted(axes) and close(fault.a, fault.n.transpose(axes)):
            return f"transposed: its axes are in the order {axes}"
    for axis in range(fault.n.ndim):
        if fault.n.shape[axis] > 1 and close(fault.a, np.flip(fault.n, axis)):
            return f"reversed along axis {axis}"
    return None


def other_places(fault):
    """The numbers are right, but in the wrong places: a reshape mixes axes."""
    if fault.n.size > 3 and close(np.sort(fault.a, axis=None), np.sort(fault.n, axis=None)):
        return (
            "the right numbers in the wrong places: a reshape where a transpose is needed mixes "
            "positions (or heads) with features"
        )
    return None


def repeated_ids(fault):
    """In the gradient of a table, only the rows of ids that occur more than once are wrong."""
    if fault.n.ndim != 2:
        return None
    wrong = np.abs(fault.a - fault.n).max(axis=1) > CLOSE * np.abs(fault.n).max()
    for key, ids in fault.arrays("iu").items():
        if not ids.size or ids.min() < 0 or ids.max() >= len(wrong):
            continue
        repeated = np.bincount(ids.ravel(), minlength=len(wrong)) > 1
        if wrong.any() and not (wrong & ~repeated).any():
            return (
                f"wrong only in rows whose id is repeated in {key}: `dW[ids] += dy` keeps only "
                "the last of them, but they must be added up"
            )
    return None


def upstream_path(fault):
    """The upstream gradient itself is missing or counted twice: a residual connection."""
    for dy in fault.upstream:
        if close(fault.n - fault.a, dy):
            return "the upstream gradient is missing from it: the residual (skip) path is lost"
        if close(fault.a - fault.n, dy):
            return "the upstream gradient is counted once too often in it"
    return None


def factor_is_an_input(fault):
    """The elementwise ratio to the right gradient is one of the inputs."""
    for key, value in fault.arrays("f").items():
        if value.size < 2 or not value.any():
            continue
        try:
            value = np.broadcast_to(value, fault.n.shape)
        except ValueError:
            continue
        if close(fault.a, fault.n * value):
            return f"a factor {key} too much"
        if close(fault.a * value, fault.n):
            return f"the factor {key} is missing"
    return None


def factor_per_place(fault):
    """The gradient is right except for a factor that varies along one axis only."""
    for axis in range(fault.n.ndim):
        others = tuple(i for i in range(fault.n.ndim) if i != axis)
        norm = (fault.n * fault.n).sum(axis=others, keepdims=True)
        if fault.n.shape[axis] == fault.n.size or not norm.all():
            continue
        factors = (fault.a * fault.n).sum(axis=others, keepdims=True) / norm
        if close(fault.a, factors * fault.n):
            shown = ", ".join(f"{f:.4g}" for f in factors.ravel()[:4])
            return f"right except for a factor that depends on axis {axis} only: {shown} ..."
    return None


def single_precision(fault):
    """About seven digits are right, which would fit many patterns: float32."""
    if close(fault.a, fault.n):
        return "right to about 7 digits: computed in float32 (or rounded)"
    return None


def approximate(fault):
    """The gradient is nearly right: the derivative of another form, or too few digits."""
    gap = np.abs(fault.a - fault.n).max()
    if gap <= 0.02 * np.abs(fault.n).max():
        return (
            "nearly right everywhere: the derivative of an approximate form (erf and tanh "
            "confused, eps forgotten), or lost precision"
        )
    return None


EXACT = (
    rounding_only,
    zero_gradient,
    constant_factor,
    exchanged,
    gradient_added,
    transposed,
    repeated_ids,
    upstream_path,
)
LOOSE = (single_precision, factor_is_an_input, factor_per_place, other_places, approximate)
