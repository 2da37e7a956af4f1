"""Right solutions: linear maps, embeddings, heads, masks, pooling and optimisers."""

import numpy as np


def linear_loop(x, W, b=None):
    y = np.zeros((*x.shape[:-1], W.shape[1]), x.dtype)
    for i in range(W.shape[0]):
        y += x[..., i : i + 1] * W[i]
    return y if b is None else y + b


def linear_einsum(x, W, b=None):
    return np.einsum("...i,ij->...j", x, W) + (0 if b is None else b)


def linear_flat(x, W, b):
    return (np.dot(x.reshape(-1, W.shape[0]), W) + b).reshape(*x.shape[:-1], W.shape[1])


def linear_backward_loop(dy, x, W):
    dW, db = np.zeros_like(W), np.zeros(W.shape[1], W.dtype)
    for text_x, text_dy in zip(x, dy, strict=True):
        for a, g in zip(text_x, text_dy, strict=True):
            dW += np.outer(a, g)
            db += g
    return np.matmul(dy, W.T), dW, db


def qkv_thirds(dQ, dK, dV, x, W):
    D = x.shape[-1]
    dx, parts, biases = np.zeros_like(x), [], []
    for i, g in enumerate((dQ, dK, dV)):
        dx = dx + g @ W[:, i * D : (i + 1) * D].T
        parts.append(np.einsum("bti,btj->ij", x, g))
        biases.append(g.sum(axis=(0, 1)))
    return dx, np.hstack(parts), np.hstack(biases)


def qkv_split(dQ, dK, dV, x, W):
    W_q, W_k, W_v = np.split(W, 3, axis=1)
    dx = dQ @ W_q.T + dK @ W_k.T + dV @ W_v.T
    d = np.concatenate((dQ, dK, dV), 2)
    return dx, np.tensordot(x, d, axes=((0, 1), (0, 1))), np.sum(d, axis=(0, 1))


def qkv_wide(dQ, dK, dV, x, W):
    D = x.shape[-1]
    dW, db = np.zeros((D, 3 * D)), np.zeros(3 * D)
    for i, g in enumerate((dQ, dK, dV)):
        dW[:, i * D : (i + 1) * D] = x.reshape(-1, D).T @ g.reshape(-1, D)
        db[i * D : (i + 1) * D] = g.reshape(-1, D).sum(0)
    return np.concatenate([dQ, dK, dV], -1) @ W.T, dW, db


def embedding_backward_loop(dy, ids, n_rows):
    dW = np.zeros((n_rows, dy.shape[-1]))
    for i, g in zip(ids.ravel(), dy.reshape(-1, dy.shape[-1]), strict=True):
        dW[i] += g
    return dW


def embedding_backward_eye(dy, ids, n_rows):
    return np.eye(n_rows)[ids.ravel()].T @ dy.reshape(-1, dy.shape[-1])


def embedding_backward_bincount(dy, ids, n_rows):
    rows = dy.reshape(-1, dy.shape[-1])
    columns = [np.bincount(ids.ravel(), rows[:, d], n_rows) for d in range(rows.shape[1])]
    return np.stack(columns, axis=1)


def split_loop(x, n_heads):
    B, T, D = x.shape
    out = np.empty((B, n_heads, T, D // n_heads), x.dtype)
    for h in range(n_heads):
        out[:, h] = x[..., h * (D // n_heads) : (h + 1) * (D // n_heads)]
    return out


def split_rest(x, n_heads):
    B, T, D = x.shape
    return np.swapaxes(x.reshape(B, T, n_heads, -1), 1, 2)


def split_stack(x, n_heads):
    return np.stack(np.split(x, n_heads, axis=-1), axis=1)


def merge_rest(x):
    B, H, T, E = x.shape
    return np.moveaxis(x, 1, 2).reshape(B, T, -1)


def merge_concatenate(x):
    return np.concatenate([x[:, h] for h in range(x.shape[1])], axis=-1)


def merge_loop(x):
    B, H, T, E = x.shape
    y = np.zeros((B, T, H * E))
    for h in range(H):
        y[:, :, h * E : (h + 1) * E] = x[:, h]
    return y


def causal_loop(T, S=None):
    S = T if S is None else S
    mask = np.zeros((T, S), dtype=bool)
    for t in range(T):
        mask[t, : S - T + t + 1] = True
    return mask


def padding_loop(lengths, S):
    mask = np.zeros((len(lengths), 1, 1, S), bool)
    for b, n in enumerate(lengths):
        mask[b, 0, 0, :n] = True
    return mask


def ones(x, mask):
    return np.ones(x.shape[:2], bool) if mask is None else mask


def mean_pool_loop(x, mask=None):
    y = np.zeros((len(x), x.shape[-1]), x.dtype)
    for b, row in enumerate(x):
        real = row if mask is None else row[mask[b]]
        if len(real):
            y[b] = real.mean(axis=0)
    return y


def mean_pool_einsum(x, mask=None):
    m = ones(x, mask)
    return np.einsum("btd,bt->bd", x, m) / np.maximum(m.sum(1), 1)[:, None]


def mean_pool_where(x, mask=None):
    m = ones(x, mask)[..., None]
    return np.where(m, x, 0).sum(1) / np.clip(m.sum(1), 1, None).astype(x.dtype)


def mean_pool_backward_loop(dy, length, mask=None):
    dx = np.zeros((len(dy), length, dy.shape[1]), dy.dtype)
    for b in range(len(dy)):
        real = range(length) if mask is None else np.flatnonzero(mask[b])
        for t in real:
            dx[b, t] = dy[b] / len(real)
    return dx


def mean_pool_backward_einsum(dy, length, mask=None):
    m = np.ones((len(dy), length)) if mask is None else mask.astype(float)
    return np.einsum("bd,bt->btd", dy, m / np.maximum(m.sum(1, keepdims=True), 1))


def mean_pool_backward_repeat(dy, length, mask=None):
    dx = np.repeat(dy[:, None], length, axis=1)
    if mask is None:
        return dx / length
    n = np.where(mask.any(1), mask.sum(1), 1)
    return dx * mask[..., None] / n[:, None, None].astype(dy.dtype)


def max_pool_backward_loop(dy, index, length):
    dx = np.zeros((len(dy), length, dy.shape[1]))
    for (b, d), t in np.ndenumerate(index):
        if t >= 0:
            dx[b, t, d] = dy[b, d]
    return dx


def max_pool_backward_put(dy, index, length):
    dx = np.zeros((len(dy), length, dy.shape[1]), dy.dtype)
    real = np.where(index < 0, 0, dy)[:, None]
    np.put_along_axis(dx, np.maximum(index, 0)[:, None], real, axis=1)
    return dx


def first_pool_backward_loop(dy, length, mask=None):
    dx = np.zeros((len(dy), length, dy.shape[1]), dy.dtype)
    for b in range(len(dy)):
        t = 0 if mask is None else next(iter(np.flatnonzero(mask[b])), None)
        if t is not None:
            dx[b, t] = dy[b]
    return dx


def first_pool_backward_argmax(dy, length, mask=None):
    dx = np.zeros((len(dy), length, dy.shape[1]))
    if mask is None:
        dx[:, 0] = dy
        return dx
    dx[np.arange(len(dy)), mask.argmax(axis=1)] = dy * mask.any(axis=1)[:, None]
    return dx


def first_pool_backward_onehot(dy, length, mask=None):
    m = np.ones((len(dy), length), bool) if mask is None else mask
    first = m & (np.cumsum(m, axis=1) == 1)
    return np.einsum("bd,bt->btd", dy, first)


def adamw(theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m, v = m + (1 - beta1) * (g - m), v + (1 - beta2) * (g**2 - v)
    theta = theta * (1 - lr * weight_decay)
    rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return theta - rate * m / (np.sqrt(v) + eps * np.sqrt(1 - beta2**t)), m, v


def adamw_loop(theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    new = [np.zeros(len(theta)) for _ in range(3)]
    for i in range(len(theta)):
        a = beta1 * m[i] + (1 - beta1) * g[i]
        b = beta2 * v[i] + (1 - beta2) * g[i] ** 2
        step = a / (1 - beta1**t) / ((b / (1 - beta2**t)) ** 0.5 + eps)
        new[0][i] = theta[i] - lr * (step + weight_decay * theta[i])
        new[1][i], new[2][i] = a, b
    return tuple(new)


RIGHT = {
    "linear": [linear_loop, linear_einsum, linear_flat],
    "linear_backward": [
        linear_backward_loop,
        lambda dy, x, W: (
            np.einsum("...j,ij->...i", dy, W),
            np.einsum("bti,btj->ij", x, dy),
            np.einsum("btj->j", dy),
        ),
        lambda dy, x, W: [
            dy @ np.transpose(W),
            np.tensordot(x, dy, ((0, 1), (0, 1))),
            dy.sum(axis=tuple(range(dy.ndim - 1))),
        ],
        lambda dy, x, W: (dy @ W.T, (x.swapaxes(1, 2) @ dy).sum(0), dy.sum(0).sum(0)),
    ],
    "embedding": [
        lambda ids, W: np.take(W, ids, axis=0),
        lambda ids, W: np.eye(len(W))[ids] @ W,
        lambda ids, W: np.array([[W[i] for i in row] for row in ids]),
    ],
    "embedding_backward": [
        embedding_backward_loop, embedding_backward_eye, embedding_backward_bincount,
    ],
    "qkv_projection_backward": [qkv_thirds, qkv_split, qkv_wide],
    "split_heads": [split_loop, split_rest, split_stack],
    "split_heads_backward": [merge_rest, merge_concatenate, merge_loop],
    "merge_heads": [merge_rest, merge_concatenate, merge_loop],
    "merge_heads_backward": [split_loop, split_rest, split_stack],
    "causal_mask": [
        causal_loop,
        lambda T, S=None: np.tri(T, S or T, (S or T) - T, dtype=bool),
        lambda T, S=None: ~np.triu(np.ones((T, S or T), bool), (S or T) - T + 1),
    ],
    "padding_mask": [
        padding_loop,
        lambda lengths, S: np.less.outer(np.arange(S), lengths).T[:, None, None],
        lambda lengths, S: (np.arange(S)[None] < lengths.reshape(-1, 1))[:, None, None, :],
    ],
    "mean_pool": [mean_pool_loop, mean_pool_einsum, mean_pool_where],
    "mean_pool_backward": [
        mean_pool_backward_loop, mean_pool_backward_einsum, mean_pool_backward_repeat,
    ],
    "max_pool_backward": [
        max_pool_backward_loop,
        max_pool_backward_put,
        lambda dy, index, length: np.where(
            np.arange(length)[None, :, None] == index[:, None], dy[:, None], 0
        ),
    ],
    "first_pool_backward": [
        first_pool_backward_loop, first_pool_backward_argmax, first_pool_backward_onehot,
    ],
    "sgd_momentum_step": [
        lambda theta, g, v, lr, beta: (theta - lr * (g + beta * v), g + beta * v),
        lambda theta, g, v, lr, beta: [theta - np.multiply(lr, beta * v + g), beta * v + g],
        lambda theta, g, v, lr, beta: (
            np.array([a - lr * (beta * c + b) for a, b, c in zip(theta, g, v, strict=True)]),
            np.array([beta * c + b for b, c in zip(g, v, strict=True)]),
        ),
    ],
    "adamw_step": [
        adamw,
        adamw_loop,
        lambda theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay: (
            theta - lr * ((beta1 * m + (1 - beta1) * g) / (1 - np.power(beta1, t)) / (
                np.sqrt((beta2 * v + (1 - beta2) * g * g) / (1 - np.power(beta2, t))) + eps
            ) + weight_decay * theta),
            beta1 * m + (1 - beta1) * g,
            beta2 * v + (1 - beta2) * g * g,
        ),
    ],
}  # fmt: skip
