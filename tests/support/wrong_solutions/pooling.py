"""Wrong pooling."""

import numpy as np


def real(x, mask):
    return np.ones(x.shape[:2], bool) if mask is None else mask


def number(mask, dtype):
    return np.maximum(mask.sum(axis=1, keepdims=True), 1).astype(dtype)


def mean(total=None, n=None):
    def function(x, mask=None):
        m = real(x, mask)
        above = (x * m[..., None]).sum(axis=1) if total is None else total(x, m)
        return above / (number(m, x.dtype) if n is None else n(x, m))

    return function


def spread(weights):
    """dx = weights (B, T, 1) times dy."""

    def function(dy, length, mask=None):
        m = np.ones((len(dy), length), bool) if mask is None else mask
        w = np.broadcast_to(np.asarray(weights(m, length)), m.shape)
        return w[..., None].astype(dy.dtype) * dy[:, None, :]

    return function


def won(place):
    def function(dy, index, length):
        return (np.arange(length)[None, :, None] == place(index, length)) * dy[:, None, :]

    return function


def put(dy, index, length):
    dx = np.zeros((len(dy), length, dy.shape[-1]), dy.dtype)
    np.put_along_axis(dx, index[:, None, :], dy[:, None, :], axis=1)
    return dx


def first(m):
    return m & (m.cumsum(axis=1) == 1)


def each(m):
    return np.maximum(m.sum(axis=1, keepdims=True), 1)


WRONG = {
    "mean_pool": [
        ("divided by T", mean(n=lambda x, m: x.shape[1])),
        ("padding is in the sum", mean(total=lambda x, m: x.sum(axis=1))),
        ("mask is not used", lambda x, mask=None: x.mean(axis=1)),
        (
            "without any gives 0|has a token|NaN",
            mean(n=lambda x, m: m.sum(1, keepdims=True).astype(x.dtype)),
        ),
        ("sum instead of the mean", mean(n=lambda x, m: 1)),
        ("has no parameter `mask`", lambda x: x.mean(axis=1)),
        ("shape", lambda x, mask=None: x.mean(axis=2)),
        ("first token", lambda x, mask=None: x[:, 0]),
    ],
    "mean_pool_backward": [
        ("divided by T", spread(lambda m, T: m / T)),
        ("padding gets a gradient", spread(lambda m, T: 1 / each(m))),
        ("1/n is missing", spread(lambda m, T: m)),
        ("mask is not used", spread(lambda m, T: 1 / T)),
        ("first token", spread(lambda m, T: first(m))),
        ("shape", lambda dy, length, mask=None: dy / length),
        ("whole batch|batch", spread(lambda m, T: m / max(m.sum(), 1))),
    ],
    "max_pool_backward": [
        ("every token", lambda dy, index, length: np.repeat(dy[:, None], length, axis=1)),
        ("last token", won(lambda i, T: i[:, None, :] % T)),
        ("last token", put),
        ("first feature", won(lambda i, T: i[:, None, :1])),
        ("next to the winner", won(lambda i, T: i[:, None, :] + 1)),
        ("not used", lambda dy, i, T: (np.arange(T)[:, None] == i[:, None, :]).astype(dy.dtype)),
        ("evenly", lambda dy, i, T: np.repeat(dy[:, None], T, axis=1) / T),
    ],
    "first_pool_backward": [
        ("may be padding", spread(lambda m, T: np.arange(T) == 0)),
        ("every real token", spread(lambda m, T: m)),
        ("last token", spread(lambda m, T: np.arange(T) == T - 1)),
        ("evenly", spread(lambda m, T: m / each(m))),
        ("without a real token", spread(lambda m, T: np.arange(T) == m.argmax(1)[:, None])),
        ("shape", lambda dy, length, mask=None: dy),
    ],
}
