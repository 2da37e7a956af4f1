"""Right solutions: the losses and softmax."""

import numpy as np


def mse_loop(y, target):
    total = 0.0
    for a, b in zip(y.ravel(), target.ravel(), strict=True):
        total += (float(a) - float(b)) ** 2
    return total / max(y.size, 1), y - target


def mse_norm(y, target):
    d = np.subtract(y, target)
    return np.linalg.norm(d) ** 2 / d.size, d


def mse_backward_where(dloss, difference):
    g = np.empty_like(difference)
    g[...] = 2 / max(1, difference.size)
    return np.multiply(g, difference) * dloss


def softmax_loop(x, axis=-1):
    moved = np.moveaxis(x, axis, -1)
    y = np.empty_like(moved)
    for place in np.ndindex(moved.shape[:-1]):
        row = moved[place] - max(moved[place])
        e = np.exp(row)
        y[place] = e / sum(e)
    return np.moveaxis(y, -1, axis)


def softmax_log(x, axis=-1):
    z = x - np.amax(x, axis=axis, keepdims=True)
    return np.exp(z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True)))


def softmax_wide(x):
    x = x.astype(np.float64)
    z = np.exp(x - x.max(-1)[..., None])
    return z / z.sum(-1)[..., None]


def softmax_jacobian(dy, y):
    out = np.zeros_like(y)
    for place in np.ndindex(y.shape[:-1]):
        p = y[place]
        out[place] = (np.diag(p) - np.outer(p, p)) @ dy[place]
    return out


def softmax_backward_einsum(dy, y, axis=-1):
    dot = np.expand_dims(np.add.reduce(dy * y, axis=axis), axis)
    return y * dy - dot * y


def log_softmax_logaddexp(x, axis=-1):
    return x - np.logaddexp.reduce(x, axis=axis, keepdims=True)


def log_softmax_loop(x):
    out = np.empty(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        m = x[place].max()
        out[place] = x[place] - (m + np.log(np.exp(x[place] - m).sum()))
    return out


def log_softmax_backward_jacobian(dy, y):
    out = np.zeros_like(y)
    for place in np.ndindex(y.shape[:-1]):
        n = y.shape[-1]
        J = np.eye(n) - np.outer(np.ones(n), np.exp(y[place]))
        out[place] = J.T @ dy[place]
    return out


def cross_entropy_flat(logits, targets):
    z = logits.reshape(-1, logits.shape[-1])
    z = z - z.max(axis=1, keepdims=True)
    rows = np.arange(len(z))
    return (np.log(np.exp(z).sum(axis=1)) - z[rows, targets.ravel()]).mean()


def cross_entropy_eye(logits, targets):
    z = logits - np.max(logits, -1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return -(np.eye(logits.shape[-1])[targets] * log_p).sum() / targets.size


def cross_entropy_smoothed(logits, targets, label_smoothing=0.0):
    log_p = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    q = np.eye(logits.shape[-1])[targets] * (1 - label_smoothing)
    q = q + label_smoothing / logits.shape[-1]
    return -np.einsum("btc,btc->", q, log_p) / targets.size


def cross_entropy_backward_loop(dloss, saved):
    p, y, w, Z, eps = saved
    g = np.zeros_like(p)
    C = p.shape[-1]
    for place in np.ndindex(y.shape):
        t = y[place]
        if t < 0:
            continue
        q = eps / C * w
        q = q + (1 - eps) * w * (np.arange(C) == t)
        g[place] = (q.sum() * p[place] - q) * dloss / Z
    return g


def cross_entropy_backward_eye(dloss, saved):
    p, y, w, Z, eps = saved
    C = p.shape[-1]
    counts = (y != -1)[..., None]
    q = ((1 - eps) * np.eye(C)[y] + eps / C) * w * counts
    return (q.sum(-1, keepdims=True) * p - q) * (dloss / Z)


def cross_entropy_backward_attributes(dloss, saved):
    s = saved
    C = s.probabilities.shape[-1]
    onehot = (s.targets[..., None] == np.arange(C)).astype(s.weights.dtype)
    real = (s.targets >= 0)[..., None].astype(s.weights.dtype)
    q = s.weights * real * ((1 - s.label_smoothing) * onehot + s.label_smoothing / C)
    return dloss / s.normaliser * (s.probabilities * np.sum(q, axis=-1, keepdims=True) - q)


RIGHT = {
    "mean_squared_error": [
        mse_loop,
        mse_norm,
        lambda y, target: (np.mean(np.square(y - target)), y - target),
        lambda y, target: (float(((y - target) ** 2).mean()), y - target),
        lambda y, target: (np.average((y - target) ** 2), y - target),
    ],
    "mean_squared_error_backward": [
        mse_backward_where,
        lambda dloss, difference: 2 * dloss * difference / difference.size,
        lambda dloss, difference: (
            dloss * np.full(difference.shape, 2 / difference.size) * difference
        ),
        lambda dloss, difference: (difference + difference) / float(difference.size) * dloss,
    ],
    "softmax": [softmax_loop, softmax_log, softmax_wide],
    "softmax_backward": [
        softmax_jacobian,
        softmax_backward_einsum,
        lambda dy, y: y * dy - y * np.einsum("bts,bts->bt", y, dy)[..., None],
    ],
    "log_softmax": [
        log_softmax_logaddexp,
        log_softmax_loop,
        lambda x, axis=-1: (
            (z := x - x.max(axis, keepdims=True)) - np.log(np.exp(z).sum(axis, keepdims=True))
        ),
    ],
    "log_softmax_backward": [
        log_softmax_backward_jacobian,
        lambda dy, y, axis=-1: dy - np.exp(y) * np.sum(dy, axis=axis, keepdims=True),
        lambda dy, y: np.subtract(dy, np.exp(y) * np.einsum("...s->...", dy)[..., None]),
    ],
    "cross_entropy": [cross_entropy_flat, cross_entropy_eye, cross_entropy_smoothed],
    "cross_entropy_backward": [
        cross_entropy_backward_loop,
        cross_entropy_backward_eye,
        cross_entropy_backward_attributes,
    ],
}
