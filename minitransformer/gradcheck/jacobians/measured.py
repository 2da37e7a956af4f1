"""Rules of last resort: what was measured, without a story about the cause."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.fault import close
from minitransformer.gradcheck.jacobians.hidden import products
from minitransformer.gradcheck.jacobians.places import where

UNKNOWN = "the cause is not known; measured:"
FORMS = {
    "{}": lambda t: t,
    "{} minus its mean": lambda t: t - t.mean(axis=-1, keepdims=True),
    "|{}|": np.abs,
    "{}^2": lambda t: t * t,
    "tanh({})": np.tanh,
    "sigmoid({})": lambda t: 1 / (1 + np.exp(-t)),
    "exp({})": np.exp,
    "relu({})": lambda t: np.maximum(t, 0),
}


def another_factor(fault):
    """Each output's gradient of a matrix is an outer product with the wrong rows."""
    j = fault.jacobian
    if j.x.ndim != 2 or min(j.x.shape) < 2:
        return None
    right, claimed = (_left(m.reshape(-1, *j.x.shape)) for m in (j.right, j.claimed))
    if right is None or claimed is None:
        return None
    used, needed = _rows(fault, claimed), _rows(fault, right)
    if used is None or needed is None or used == needed:
        return None
    return (
        f"for each output, the gradient of {fault.name} is an outer product with a row of {used}, "
        f"but the right one is one with the rows of {needed}: the wrong values meet dy in the "
        "product"
    )


def _left(matrices):
    """Unit vectors u with matrix = u v^T, for each matrix that is not 0; None if there is none."""
    matrices = matrices[np.abs(matrices).max(axis=(1, 2)) > 0]
    if not len(matrices):
        return None
    u, s, _ = np.linalg.svd(matrices)
    return u[:, :, 0] if (s[:, 1] <= 1e-7 * s[:, 0]).all() else None


def _rows(fault, vectors):
    """The array, or function of one, of which each vector is a multiple of a row."""
    made = {
        words: product
        for words, one, other, _, product in products(fault.arrays("f"))
        if fault.name not in (one, other)
    }
    for form, function in FORMS.items():
        for key, value in {**fault.arrays("f"), **made}.items():
            if key == fault.name or value.ndim < 2 or value.shape[-1] != vectors.shape[1]:
                continue
            rows = function(value).reshape(-1, vectors.shape[1])
            norm = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
            cosines = np.abs(vectors @ (rows / np.where(norm, norm, 1.0)).T)
            if (cosines.max(axis=1) > 1 - 1e-10).all():
                return form.format(key)
    return None


def masks_applied(fault):
    """The entries that get a gradient are those of another mask than in the forward pass."""
    j = fault.jacobian
    right, claimed = (j.nonzero(m).any(axis=0).reshape(j.x.shape) for m in (j.right, j.claimed))
    if (right == claimed).all():
        return None
    masks = {k: v != 0 for k, v in fault.arrays("fb").items() if v.shape == j.x.shape}
    masks = {k: v for k, v in masks.items() if v.any() and not v.all()}
    for one, a in masks.items():
        for other, b in masks.items():
            if one == other or (claimed != b).any():
                continue
            if (right == a).all():
                return (
                    f"{other} is used in the backward pass in place of the mask {one}: the "
                    f"gradient is 0 where {other} is 0, but must be 0 where {one} is 0"
                )
            if (right == (a & b)).all():
                return (
                    f"the mask {one} is not applied: the gradient is 0 only where {other} is 0, "
                    f"but must be 0 where {one} is 0 too"
                )
    return None


def summary(fault):
    """Where the Jacobians differ, and by how much."""
    j = fault.jacobian
    gap = j.difference
    if not gap.any():
        return None
    parts = []
    for axis, shape, name in ((0, j.x.shape, fault.name), (1, j.y.shape, "dy")):
        wrong = gap.any(axis=axis)
        if not wrong.all():
            what = "in the entries" if axis == 0 else "in what comes from"
            parts.append(f"only {what} {where(wrong.reshape(shape), name)} it is wrong")
    right, claimed = j.nonzero(j.right), j.nonzero(j.claimed)
    if (right == claimed).all():
        parts.append("the same entries act on the same outputs as in the forward pass")
    else:
        lost, extra = (right & ~claimed).sum(), (claimed & ~right).sum()
        parts.append(
            f"{lost} of {right.sum()} derivatives are 0 but should not be, and "
            f"{extra} are not 0 but should be"
        )
    parts += _sums(j)
    both = right & claimed
    if both.any():
        ratio = j.claimed[both] / j.right[both]
        low, middle, high = np.quantile(ratio, (0.05, 0.5, 0.95))
        signs = (ratio < 0).mean()
        wrong = np.abs(ratio - 1) > 1e-6
        if wrong.any() and not wrong.all() and np.ptp(ratio[wrong]) <= 1e-6:
            return f"{UNKNOWN} {'; '.join(parts)}; {_one_factor(j, both, wrong, ratio)}"
        parts.append(
            f"most are {low:.3g} to {high:.3g} times the right ones (median {middle:.3g}"
            + (f", {signs:.0%} have the wrong sign)" if signs else ")")
        )
    return f"{UNKNOWN} {'; '.join(parts)}"


def _one_factor(j, both, wrong, ratio):
    i, k = np.argwhere(both)[wrong.argmax()]
    y, x = (
        ", ".join(map(str, np.unravel_index(at, shape)))
        for at, shape in ((i, j.y.shape), (k, j.x.shape))
    )
    return (
        f"{wrong.sum()} of {wrong.size} derivatives are {ratio[wrong][0]:.4g} times the right "
        f"ones, such as that of y[{y}] by [{x}], and the others are right (one of several paths "
        "has a wrong factor)"
    )


def _sums(j):
    """Axes along which only one of the two Jacobians sums to 0, or both sum to the same."""
    found = []
    for axis in range(j.x.ndim):
        if j.x.shape[axis] < 2:
            continue
        right, claimed = (m.reshape(-1, *j.x.shape).sum(axis + 1) for m in (j.right, j.claimed))
        zero = [np.abs(s).max() <= 1e-9 * j.size for s in (right, claimed)]
        if zero[0] and not zero[1]:
            found.append(f"it must sum to 0 along axis {axis}, but does not (a sum term is wrong)")
        elif zero[1] and not zero[0]:
            found.append(f"it sums to 0 along axis {axis}, but should not (a path is missing)")
        elif not zero[0] and close(right, claimed):
            found.append(f"its sums along axis {axis} are right, so only its distribution is wrong")
    return found


FIRST = (masks_applied,)
RULES = (another_factor,)
LAST = (summary,)
