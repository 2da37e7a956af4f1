"""Right solutions: attention."""

import numpy as np


def attention_loop(Q, K, V, mask=None):
    (B, H, T, E), S = Q.shape, K.shape[2]
    O, P = np.zeros((B, H, T, V.shape[-1])), np.zeros((B, H, T, S))
    seen = np.broadcast_to(True if mask is None else mask, P.shape)
    for b, h, t in np.ndindex(B, H, T):
        real = np.flatnonzero(seen[b, h, t])
        if not len(real):
            continue
        s = np.array([Q[b, h, t].astype(float) @ K[b, h, j] / E**0.5 for j in real])
        p = np.exp(s - s.max())
        P[b, h, t, real] = p / p.sum()
        O[b, h, t] = P[b, h, t] @ V[b, h]
    return O, P


def attention_einsum(Q, K, V, mask=None):
    s = np.einsum("bhte,bhse->bhts", Q, K) / np.sqrt(Q.shape[-1])
    if mask is None:
        mask = np.ones(s.shape, bool)
    s = np.where(mask, s, -np.inf)
    e = np.where(mask, np.exp(s - np.maximum(s.max(-1, keepdims=True), -1e30)), 0)
    P = e / np.maximum(e.sum(-1, keepdims=True), 1e-300)
    return np.einsum("bhts,bhse->bhte", P, V), P


def attention_minimum(Q, K, V, mask=None, *, keep=None):
    s = np.matmul(Q, np.swapaxes(K, -2, -1)) * Q.shape[-1] ** -0.5
    if mask is not None:
        s = np.where(mask, s, np.finfo(s.dtype).min)
    P = np.exp(s - s.max(axis=-1, keepdims=True))
    if mask is not None:
        P = P * mask
    P = P / np.where(P.sum(-1, keepdims=True) == 0, 1, P.sum(-1, keepdims=True))
    return (P if keep is None else P * keep) @ V, P


def backward_einsum(dO, Q, K, V, P, *, keep=None):
    keep = np.ones_like(P) if keep is None else keep
    dV = np.einsum("bhts,bhte->bhse", P * keep, dO)
    dP = np.einsum("bhte,bhse->bhts", dO, V) * keep
    dS = (P * dP - P * np.einsum("bhts,bhts->bht", P, dP)[..., None]) / Q.shape[-1] ** 0.5
    return np.einsum("bhts,bhse->bhte", dS, K), np.einsum("bhts,bhte->bhse", dS, Q), dV


def backward_loop(dO, Q, K, V, P):
    dQ, dK, dV = np.zeros(Q.shape), np.zeros(K.shape), np.zeros(V.shape)
    for b, h in np.ndindex(Q.shape[:2]):
        p = P[b, h]
        dV[b, h] = p.T @ dO[b, h]
        dp = dO[b, h] @ V[b, h].T
        ds = np.array([(np.diag(r) - np.outer(r, r)) @ g for r, g in zip(p, dp, strict=True)])
        dQ[b, h] = ds @ K[b, h] / np.sqrt(Q.shape[-1])
        dK[b, h] = ds.T @ Q[b, h] / np.sqrt(Q.shape[-1])
    return dQ, dK, dV


def backward_scaled(dO, Q, K, V, P, *, keep=None):
    scale = Q.shape[-1] ** -0.5
    dP = np.matmul(dO, V.transpose(0, 1, 3, 2))
    A = P
    if keep is not None:
        dP, A = dP * keep, P * keep
    dS = P * (dP - np.sum(dP * P, axis=3, keepdims=True))
    return dS @ (scale * K), dS.transpose(0, 1, 3, 2) @ (scale * Q), A.transpose(0, 1, 3, 2) @ dO


def tiled_from_P(dO, Q, K, V, O, logsumexp, mask=None):
    s = np.einsum("bhte,bhse->bhts", Q, K) * Q.shape[-1] ** -0.5
    P = np.exp(s - logsumexp[..., None])
    if mask is not None:
        P = np.where(mask, P, 0)
    return backward_einsum(dO, Q, K, V, P)


def tiled_rows(dO, Q, K, V, O, logsumexp, mask=None):
    dQ, dK, dV = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V)
    T, S, root = Q.shape[2], K.shape[2], Q.shape[-1] ** 0.5
    seen = np.broadcast_to(True if mask is None else mask, (*Q.shape[:3], S))
    for t in range(T):
        q, g = Q[:, :, t : t + 1], dO[:, :, t : t + 1]
        p = np.exp(q @ K.swapaxes(-1, -2) / root - logsumexp[:, :, t, None, None])
        p = p * seen[:, :, t : t + 1]
        dV += p.swapaxes(-1, -2) @ g
        ds = p * (g @ V.swapaxes(-1, -2) - (g * O[:, :, t : t + 1]).sum(-1, keepdims=True)) / root
        dQ[:, :, t : t + 1] = ds @ K
        dK += ds.swapaxes(-1, -2) @ q
    return dQ, dK, dV


def tiled_softmax(dO, Q, K, V, O, logsumexp, mask=None):
    return backward_loop(dO, Q, K, V, attention_minimum(Q, K, V, mask)[1])


RIGHT = {
    "attention": [attention_loop, attention_einsum, attention_minimum],
    "attention_backward": [backward_einsum, backward_loop, backward_scaled],
    "tiled_attention_backward": [tiled_from_P, tiled_rows, tiled_softmax],
}
