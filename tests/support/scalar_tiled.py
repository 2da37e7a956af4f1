"""Attention in blocks again, as scalar loops over whole rows, with the dropout of each block."""

import math

import numpy as np

from minitransformer.functional import dropout_mask
from tests.support import scalar_reference as scalar


def whole_keep(shape, dropout, seed, block):
    """The dropout mask (..., T, S) that `tiled_attention` draws one block of queries at a time."""
    keep = np.zeros(shape)
    for i, start in enumerate(range(0, shape[-2], block)):
        part = keep[..., start : start + block, :]
        part[...] = dropout_mask(np.random.default_rng([seed, i]), part.shape, dropout, float)
    return keep


def tiled_attention(Q, K, V, mask=None, dropout=0.0, seed=None, bias=None, block=128):
    """O by the loops over whole rows, and the log-sum-exp of each row's scores."""
    keep = None
    if dropout:
        shape = (*np.shape(Q)[:-1], np.shape(K)[-2])
        keep = whole_keep(shape, dropout, seed, block).tolist()
    return scalar.attention(Q, K, V, mask, keep, bias)[0], _logsumexp(Q, K, mask, bias)


def _logsumexp(Q, K, mask, bias):
    """log sum_s exp(q . k_s / sqrt(E) + bias) over the keys that a query may see; 0 for none."""
    if np.ndim(Q) < 4:
        return _logsumexp([Q], [K], mask, bias)[0]

    def of_query(n, h, t):
        q, keys = Q[n][h][t], K[n][h * len(K[n]) // len(Q[n])]
        terms = [
            math.exp(
                math.fsum(a * b for a, b in zip(q, k, strict=True)) / math.sqrt(len(q))
                + (0.0 if bias is None else scalar._at(bias, n, h, t, s))
            )
            for s, k in enumerate(keys)
            if mask is None or scalar._at(mask, n, h, t, s)
        ]
        return math.log(math.fsum(terms)) if terms else 0.0

    return [
        [[of_query(n, h, t) for t in range(len(Q[n][h]))] for h in range(len(Q[n]))]
        for n in range(len(Q))
    ]
