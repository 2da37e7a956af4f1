"""Rules for normalisations: each row of the Jacobian's blocks is a sum of a few known terms."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.fault import close

FIT = 1e-7


def targets_differ(fault):
    """The difference is the same for every input: another target."""
    j = fault.jacobian
    if j.right.shape[0] != 1 or j.x.ndim < 2:
        return None
    gap = j.difference.reshape(j.x.shape)
    for key, labels in fault.arrays("iu").items():
        if labels.shape != j.x.shape[:-1] or not gap.any():
            continue
        classes = j.x.shape[-1]
        if labels.min() < 0 or labels.max() >= classes:
            continue
        chosen = np.eye(classes, dtype=bool)[labels]
        if np.ptp(gap[chosen]) <= 1e-9 and np.ptp(gap[~chosen]) <= 1e-9:
            return (
                f"the targets differ: the difference is {gap[chosen][0]:.4g} at the labels in "
                f"{key} and {gap[~chosen][0]:.4g} elsewhere, whatever the input "
                "(label smoothing, or a target that is not subtracted)"
            )
    return None


def norm_terms(fault):
    """The Jacobian of a norm: a * I + b * ones + c * x x^T along one axis."""
    j = fault.jacobian
    if j.y.shape != j.x.shape or not j.x.ndim:
        return None
    for axis in range(j.x.ndim):
        if j.x.shape[axis] < 3:
            continue
        for gain_name, gain in _gains(fault, axis):
            for centred in (True, False):
                right = _fit(j, j.right, axis, gain, centred)
                if right is None or not _is_norm(right, _variances(j, axis, centred)):
                    continue
                claimed = _fit(j, j.claimed, axis, gain, centred)
                if claimed is not None:
                    return _norm_words(j, axis, centred, right, claimed)
                if gain_name and _fit(j, j.claimed, axis, None, centred) is not None:
                    return f"{gain_name} is left out of it"
    return None


def _variances(j, axis, centred):
    """The variance, or the mean square, of the input in each row along the axis."""
    rows = np.moveaxis(j.x, axis, -1).reshape(-1, j.x.shape[axis])
    return rows.var(axis=1) if centred else (rows * rows).mean(axis=1)


def _is_norm(coefficients, variances):
    """Whether the term in x x^T is there: without it, the function is no norm."""
    return (np.abs(coefficients[:, 2]) * variances > 1e-6 * np.abs(coefficients[:, 0])).all()


def _gains(fault, axis):
    yield None, None
    size = fault.jacobian.x.shape[axis]
    for key, value in fault.arrays("f").items():
        if value.shape == (size,) and value.all():
            yield key, value


def _blocks(j, matrix, axis):
    """Blocks (rows, n, n) along one axis, or None if the Jacobian is not 0 outside them."""
    n = j.x.shape[axis]
    places = np.moveaxis(np.arange(j.x.size).reshape(j.x.shape), axis, -1).reshape(-1, n)
    rest = matrix.copy()
    for row in places:
        rest[np.ix_(row, row)] = 0.0
    if np.abs(rest).max(initial=0.0) > FIT * np.abs(matrix).max():
        return None
    return np.stack([matrix[np.ix_(row, row)] for row in places])


def _fit(j, matrix, axis, gain, centred):
    """Coefficients (rows, 3) of I, ones / n and c c^T / n in each block, or None."""
    blocks = _blocks(j, matrix, axis)
    if blocks is None:
        return None
    n = j.x.shape[axis]
    rows = np.moveaxis(j.x, axis, -1).reshape(-1, n)
    found = []
    for block, x in zip(blocks, rows, strict=True):
        c = x - x.mean() if centred else x
        basis = [np.eye(n), np.ones((n, n)) / n, np.outer(c, c) / n]
        if not centred:
            basis.pop(1)
        if gain is not None:
            basis = [gain[:, None] * each for each in basis]
        design = np.stack([each.ravel() for each in basis], axis=1)
        solution, *_ = np.linalg.lstsq(design, block.ravel(), rcond=None)
        if np.abs(design @ solution - block.ravel()).max() > FIT * np.abs(matrix).max():
            return None
        if not centred:
            solution = np.array([solution[0], 0.0, solution[1]])
        found.append(solution)
    return np.array(found)


def _norm_words(j, axis, centred, right, claimed):
    same = [
        close(right[:, k], claimed[:, k]) or not (right[:, k].any() or claimed[:, k].any())
        for k in range(3)
    ]
    scale, mean, variance = same
    if scale and mean and not variance:
        if not np.abs(claimed[:, 2]).max() > 1e-9 * np.abs(right[:, 2]).max():
            return (
                "the variance term is missing, - xhat * mean(dy * xhat): the standard deviation "
                "(or the norm) is treated as constant"
            )
        if close(claimed[:, 2], -right[:, 2]):
            return "the variance term (the projection on the input) has the wrong sign"
        factors = claimed[:, 2] / right[:, 2]
        if close(factors, 1 / right[:, 0]) or close(factors, right[:, 0]):
            return (
                "the variance term (the projection on the input) is wrong by a factor of the norm "
                "or the standard deviation"
            )
        factor = np.median(factors)
        return f"the variance term, - xhat * mean(dy * xhat), is {factor:.4g} times the right one"
    if scale and variance and not mean:
        if np.abs(claimed[:, 1]).max() <= 1e-9 * np.abs(right[:, 1]).max():
            return "the mean term is missing, - mean(dy): the mean is treated as constant"
        factor = np.median(claimed[:, 1] / right[:, 1])
        return f"the mean term, - mean(dy), is {factor:.4g} times the right one"
    if scale:
        lost = np.abs(claimed[:, 1:]).max() <= 1e-9 * np.abs(right[:, 1:]).max()
        what = "missing: the statistics are treated as constants" if lost else "wrong"
        return f"both the mean and the variance term of the norm's backward pass are {what}"
    return _scale_words(j, axis, centred, right[:, 0], claimed[:, 0])


def _scale_words(j, axis, centred, right, claimed):
    """The factor in front of all terms, 1 / sqrt(variance + eps), is wrong."""
    n, variance = j.x.shape[axis], _variances(j, axis, centred)
    eps, other = 1 / right**2 - variance, 1 / claimed**2 - variance
    outside = 1 / np.abs(claimed) - np.sqrt(variance)
    if not np.allclose(eps, eps[0], rtol=1e-4, atol=1e-10):
        return "the factor of the norm (one over the standard deviation) is wrong"
    if np.allclose(other, other[0], rtol=1e-4, atol=1e-10):
        return f"eps is {other[0]:.3g} in the backward pass, but {eps[0]:.3g} in the forward pass"
    if np.allclose(outside, outside[0], rtol=1e-4, atol=1e-10):
        return "eps is added outside the square root, to the standard deviation"
    if np.allclose(other - eps, variance / (n - 1), rtol=1e-4):
        return "the variance is divided by n - 1 instead of n (Bessel's correction)"
    if np.allclose(claimed, 1 / (variance + eps)):
        return "it divides by the variance: the square root is missing"
    return "the factor of the norm (one over the standard deviation) is wrong"


def row_terms(fault):
    """The difference is, for each output, a multiple of the input, of a constant, or of y."""
    j = fault.jacobian
    gap = j.difference
    if not gap.any() or not j.x.ndim or j.x.shape[-1] < 3:
        return None
    rows = gap.reshape(-1, j.x.shape[-1])
    x = np.broadcast_to(j.x, (j.right.shape[0], *j.x.shape)).reshape(rows.shape)
    filled = rows[rows.any(axis=1)]
    is_constant = np.ptp(filled) <= FIT * np.abs(filled).max()  # a constant term, not a mean
    is_constant = is_constant and j.y.shape != j.x.shape
    means = np.broadcast_to(rows.mean(axis=-1, keepdims=True), rows.shape)
    if not is_constant and close(rows, means):
        return (
            "the difference is the same along the last axis: the mean term is missing or wrong (a "
            "mean that is not subtracted, or that is treated as constant)"
        )
    if _multiples(rows, x):
        return (
            "the difference is a multiple of the input in each row: the variance term (through the "
            "norm or the standard deviation) is missing or wrong, as if that were constant"
        )
    if _multiples(rows, x - x.mean(axis=-1, keepdims=True)):
        return (
            "the difference is a multiple of the normalised input in each row: the variance term, "
            "- xhat * mean(gamma * dy * xhat), is missing or wrong"
        )
    return None


def _multiples(rows, pattern):
    norm = (pattern * pattern).sum(axis=-1, keepdims=True)
    factors = (rows * pattern).sum(axis=-1, keepdims=True) / np.where(norm, norm, 1.0)
    return close(rows, factors * pattern)


def not_normalised(fault):
    """An array is used where the right Jacobian has it shifted and scaled in each row."""
    j = fault.jacobian
    right, claimed = j.right[j.nonzero(j.right)], j.claimed[j.nonzero(j.right)]
    for key, value in fault.arrays("f").items():
        if value.size == right.size and value.ndim >= 2 and j.right.shape[0] == value.size:
            flat = j.claimed.sum(axis=1)
            if close(flat, value.ravel()) and not close(j.right.sum(axis=1), value.ravel()):
                del claimed
                return (
                    f"{key} itself is used, where the right one has it shifted and scaled in each "
                    "row (normalised)"
                )
    return None


FIRST = (norm_terms,)
RULES = (targets_differ, not_normalised, row_terms)
