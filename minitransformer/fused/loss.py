"""Faster cross-entropy for NumPy arrays on a CPU.

If the vocabulary is large, the logits are the largest array of a model. The rows are processed a
few at a time, so that they stay in the caches: the forward and the backward pass each read one
array of the logits' size from memory and write one.
"""

import numpy as np

from minitransformer import functional
from minitransformer.functional.loss import (
    CrossEntropySaved,
    check_arguments,
    reciprocal_or_zero,
    target_weights,
    what_counts,
)
from minitransformer.functional.softmax import max_or_zero
from minitransformer.fused.cpu import stands_for

# Number of logits processed at a time: 0.5 MB in float32.
_BLOCK = 1 << 17


def _pieces(targets, *arrays):
    """Pieces of a few rows: their slice, (their indices, their targets or 0), and their arrays."""
    C = arrays[0].shape[-1]
    rows, flat = [array.reshape(-1, C) for array in arrays], np.maximum(targets.reshape(-1), 0)
    size = max(1, _BLOCK // C)
    for start in range(0, flat.size, size):
        part = slice(start, start + size)
        y = flat[part]
        yield part, (np.arange(y.size), y), *(array[part] for array in rows)


@stands_for(functional.cross_entropy)
def cross_entropy(logits, targets, *, label_smoothing=0.0, class_weights=None, ignore_index=None):
    check_arguments(logits, targets, label_smoothing, class_weights)
    y, w, w_y = what_counts(logits, targets, class_weights, ignore_index)
    normaliser, eps, C = w_y.sum(), label_smoothing, logits.shape[-1]
    p = np.empty(logits.shape, logits.dtype)
    # log p_c = z_c - log sum exp z, with z = logits - maximum
    z_y, wz, log_total = np.zeros((3, y.size), logits.dtype)
    ones = np.ones(C, logits.dtype)
    for part, at_y, x, z in _pieces(y, logits, p):
        with np.errstate(over="ignore"):  # a difference beyond the range is -inf
            np.subtract(x, max_or_zero(x), out=z)
        z_y[part] = z[at_y]
        if eps:
            wz[part] = (z if w.all() else np.where(w != 0, z, 0)) @ w
        np.exp(z, out=z)
        total = z @ ones
        total[total == 0] = 1
        np.log(total, out=log_total[part])
        z *= np.reciprocal(total, out=total)[:, None]
    w_y, counts = w_y.reshape(-1), y.reshape(-1) >= 0
    loss = (1 - eps) * (w_y * np.where((w_y != 0) & (eps < 1), z_y - log_total, 0)).sum()
    if eps:
        loss += eps / C * np.where(counts, wz - w.sum() * log_total, 0).sum()
    loss = -loss * reciprocal_or_zero(normaliser)
    return loss, CrossEntropySaved(p, y, w, normaliser, eps)


@stands_for(
    functional.cross_entropy_backward, lambda dloss, saved: (saved.probabilities, saved.weights)
)
def cross_entropy_backward(dloss, saved):
    p, y, w, normaliser, eps = saved
    C = p.shape[-1]
    # as in the plain form, with dloss / Z included in s, w_y and the smoothing of each class
    scale = np.where(y >= 0, dloss * reciprocal_or_zero(normaliser), 0).astype(p.dtype).reshape(-1)
    w_y = (1 - eps) * target_weights(y, w).reshape(-1) * scale
    smoothing = eps / C * scale
    s = w_y + smoothing * w.sum()
    dlogits = np.empty(p.shape, p.dtype)
    for part, at_y, p_part, d in _pieces(y, p, dlogits):
        np.multiply(p_part, s[part, None], out=d)
        d[at_y] -= w_y[part]
        if eps:
            d -= smoothing[part, None] * w
    return dlogits
