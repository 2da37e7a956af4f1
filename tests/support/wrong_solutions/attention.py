"""Wrong attention, tiled attention included."""

import numpy as np


def swap(x):
    return x.swapaxes(-1, -2)


def softmax(S, axis=-1):
    e = np.exp(S - S.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def attention(scores=None, weights=None, hidden=-np.inf, mix=None):
    """Attention with something else in one of its steps."""

    def function(Q, K, V, mask=None):
        S = Q @ swap(K) / Q.shape[-1] ** 0.5 if scores is None else scores(Q, K)
        if mask is not None and hidden is not None:
            S = np.where(mask, S, np.asarray(hidden, S.dtype))
        P = weighed(S) if weights is None else weights(S, mask)
        return (P @ V if mix is None else mix(P, Q, K, V)), P

    return function


def weighed(S):
    largest = S.max(axis=-1, keepdims=True)
    e = np.exp(S - np.where(np.isfinite(largest), largest, 0))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def gradients(softmax_part=None, power=0.5, dV=None, dK=None, order=(0, 1, 2), drop="both"):
    """dQ, dK, dV with something else in one of the steps."""

    def function(dO, Q, K, V, P, *, keep=None):
        A = P if keep is None or drop == "none" else P * keep
        value = swap(A) @ dO if dV is None else dV(A, dO, V, Q)
        dP = dO @ swap(V)
        if keep is not None and drop == "both":
            dP = dP * keep
        dZ = P * (dP - (P * dP).sum(-1, keepdims=True))
        if softmax_part is not None:
            dZ = softmax_part(P, dP)
        dZ = dZ / Q.shape[-1] ** power
        key = swap(dZ) @ Q if dK is None else dK(dZ, Q, K)
        found = dZ @ K, key, value
        return tuple(found[i] for i in order)

    return function


def tiled(weights=None, **more):
    """The same from logsumexp."""

    def right(S, logsumexp, mask):
        S = S if mask is None else np.where(mask, S, -np.inf)
        return np.exp(S - logsumexp[..., None])

    def function(dO, Q, K, V, O, logsumexp, mask=None):
        S = Q @ swap(K) / Q.shape[-1] ** 0.5
        P = (weights or right)(S, logsumexp, mask)
        return gradients(**more)(dO, Q, K, V, P)

    return function


WRONG = {
    "attention": [
        (r"not divided by sqrt\(d_k\)", attention(lambda Q, K: Q @ swap(K))),
        ("divided by d_k", attention(lambda Q, K: Q @ swap(K) / Q.shape[-1])),
        ("runs over the queries", attention(weights=lambda S, mask: softmax(S, -2))),
        ("nothing to attend to|NaN", attention(weights=lambda S, mask: softmax(S))),
        (
            "after the softmax",
            attention(
                hidden=None, weights=lambda S, m: softmax(S) if m is None else softmax(S) * m
            ),
        ),
        ("masked scores become 0", attention(hidden=0.0)),
        ("mask is not used", attention(hidden=None)),
        ("has no parameter `mask`", lambda Q, K, V: attention()(Q, K, V)),
        ("K is mixed", attention(mix=lambda P, Q, K, V: P @ K)),
        (
            "all heads together|d_model",
            attention(lambda Q, K: Q @ swap(K) / (Q.shape[-1] * Q.shape[1]) ** 0.5),
        ),
        ("not a mean|every query has a key|gives 0", attention(hidden=-1e9)),
        ("ValueError", attention(lambda Q, K: Q @ K / Q.shape[-1] ** 0.5)),
    ],
    "attention_backward": [
        ("sum term", gradients(lambda P, dP: P * dP)),
        ("scale .* is missing", gradients(power=0)),
        ("divided by d_k", gradients(power=1)),
        ("dQ and dK are exchanged|shape", gradients(order=(1, 0, 2))),
        ("right without dropout|keep", gradients(drop="none")),
        ("right without dropout|keep", gradients(drop="values")),
        ("diagonal", gradients(lambda P, dP: P * (1 - P) * dP)),
        ("dP is used as dZ", gradients(lambda P, dP: dP)),
        ("ValueError", gradients(dK=lambda dZ, Q, K: dZ @ Q)),
        ("batch|first|no known", gradients(dV=lambda A, dO, V, Q: 0 * V + (swap(A) @ dO)[:1])),
        ("sign", gradients(lambda P, dP: P * ((P * dP).sum(-1, keepdims=True) - dP))),
        ("dV: .*sqrt", gradients(dV=lambda A, dO, V, Q: swap(A) @ dO / Q.shape[-1] ** 0.5)),
        ("dV and dK|exchanged", gradients(order=(0, 2, 1))),
    ],
    "tiled_attention_backward": [
        ("mask is forgotten", tiled(lambda S, L, mask: np.exp(S - L[..., None]))),
        (
            "logsumexp",
            tiled(
                lambda S, L, mask: np.exp(S if mask is None else np.where(mask, S, -np.inf)),
                softmax_part=None,
            ),
        ),
        ("sum term", tiled(softmax_part=lambda P, dP: P * dP)),
        ("scale .* is missing", tiled(power=0)),
        ("exchanged", tiled(order=(0, 2, 1))),
        (
            "sum is over dP alone",
            tiled(softmax_part=lambda P, dP: P * (dP - dP.sum(-1, keepdims=True))),
        ),
    ],
}
