"""Faults in which a term of the formula is missing: the error looks like the missing term."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.fault import CLOSE, close


def softmax_sum(fault):
    """dx = y (dy - sum y dy) without the sum: the difference is y times one number per row."""
    for y in fault.outputs:
        if _rowwise(fault.a - fault.n, y):
            return (
                "the difference is a multiple of the output in each row: softmax's "
                "sum term, - y * sum(y * dy), is missing or wrong"
            )
    return None


def softmax_sum_in_attention(fault):
    """The same inside attention: the error of dQ is a multiple of P K in each row."""
    Q, K = fault.inputs.get("Q"), fault.inputs.get("K")
    if fault.name != "Q" or K is None or K.shape[:-2] != Q.shape[:-2]:
        return None
    scores = Q @ K.swapaxes(-1, -2) / Q.shape[-1] ** 0.5
    if fault.inputs.get("bias") is not None:
        scores = scores + fault.inputs["bias"]
    if fault.inputs.get("mask") is not None:
        scores = np.where(fault.inputs["mask"], scores, -1e300)
    P = np.exp(scores - scores.max(axis=-1, keepdims=True))
    P /= P.sum(axis=-1, keepdims=True)
    if _rowwise(fault.a - fault.n, P @ K):
        return (
            "the difference is a multiple of P K in each row: the sum term of softmax's "
            "backward pass is missing from the scores' gradient"
        )
    return None


def norm_mean(fault):
    """A norm's gradient without the mean term: the difference is constant along a row."""
    difference = fault.a - fault.n
    if difference.ndim and _rowwise(difference, np.ones_like(difference)):
        return (
            "the difference is the same along the last axis: the mean term of the norm's "
            "backward pass, - mean(gamma * dy), is missing or wrong"
        )
    return None


def norm_variance(fault):
    """A norm's gradient without the variance term: the difference is a multiple of xhat."""
    if not fault.n.ndim or fault.x.shape[-1] < 3:
        return None
    difference, xhat = fault.a - fault.n, fault.x - fault.x.mean(axis=-1, keepdims=True)
    if _rowwise(difference, xhat) or _rowwise(difference, fault.x):
        return (
            "the difference is a multiple of the normalised input in each row: the variance "
            "term, - xhat * mean(gamma * dy * xhat), is missing or wrong"
        )
    centred = difference - difference.mean(axis=-1, keepdims=True)
    if fault.x.shape[-1] > 3 and _rowwise(centred, xhat):
        return "both the mean and the variance term of the norm's backward pass are wrong"
    return None


def residual_through_norm(fault):
    """The skip path was sent through a norm: rows of the gradient sum to 0, but should not."""
    if fault.n.ndim < 2 or fault.n.shape[-1] < 2 or fault.n.shape != fault.upstream[0].shape:
        return None
    size = np.abs(fault.a).max()
    if np.abs(fault.a.sum(axis=-1)).max() <= CLOSE * size < np.abs(fault.n.sum(axis=-1)).max():
        return (
            "its rows sum to 0, like every gradient that has passed through a layer norm, but the "
            "rows of the right one do not: the residual (skip) path is sent through the norm"
        )
    return None


def factor_transposed(fault):
    """A square factor is used instead of its transpose: the shapes fit, the numbers do not."""
    for key, M in fault.arrays("f").items():
        if key == fault.name or M.ndim < 2 or M.shape[-1] != M.shape[-2] or M.shape[-1] < 2:
            continue
        if fault.n.ndim < 2 or fault.n.shape[-1] != M.shape[-1]:
            continue
        for right in (M, M.swapaxes(-1, -2)):
            try:
                rest = np.linalg.solve(right.swapaxes(-1, -2), fault.n.swapaxes(-1, -2))
            except (np.linalg.LinAlgError, ValueError):
                continue
            if close(fault.a, rest.swapaxes(-1, -2) @ right.swapaxes(-1, -2)):
                return f"{key} is used instead of its transpose: square shapes hide it"
    return None


def _rowwise(difference, pattern):
    """Whether the difference is, in each row along the last axis, a multiple of the pattern."""
    if difference.shape != pattern.shape or difference.ndim < 1 or difference.shape[-1] < 2:
        return False
    norm = (pattern * pattern).sum(axis=-1, keepdims=True)
    if not norm.all():
        return False
    factors = (difference * pattern).sum(axis=-1, keepdims=True) / norm
    return close(difference, factors * pattern)


RULES = (
    softmax_sum,
    softmax_sum_in_attention,
    norm_mean,
    norm_variance,
    residual_through_norm,
    factor_transposed,
)
