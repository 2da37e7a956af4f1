"""Wrong dropout, steps of optimisers and pooling."""

import numpy as np


def drawn(compare, factor):
    return lambda rng, shape, p, dtype: (
        compare(rng.random(shape), p).astype(dtype) * np.asarray(factor(p), dtype)
    )


def sgd(velocity=None, move=None):
    def function(theta, g, v, lr, beta):
        new = beta * v + g if velocity is None else velocity(g, v, lr, beta)
        return (theta - lr * new if move is None else move(theta, g, v, new, lr, beta)), new

    return function


def written_over(theta, g, v, lr, beta):
    v *= beta
    v += g
    theta -= lr * v
    return theta, v


def adamw(shift=0, correct=True, inside=False, decay="apart", old=False, power=2, give=None):
    """AdamW with something else in one of its steps."""

    def function(theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
        before = m, v
        if decay == "gradient":
            g = g + weight_decay * theta
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**power
        a, b = before if old else (m, v)
        if correct:
            a, b = a / (1 - beta1 ** (t + shift)), b / (1 - beta2 ** (t + shift))
        root = np.sqrt(np.abs(b) + eps) if inside else np.sqrt(np.abs(b)) + eps
        shrink = {"apart": lr * weight_decay * theta, "rate": weight_decay * theta}.get(decay, 0)
        moved = theta - shrink - lr * a / root
        return (moved, a, b) if give == "corrected" else (moved, m, v)

    return function


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
    "dropout_mask": [
        ("divided by 1 - p", drawn(np.greater_equal, lambda p: 1)),
        ("probability of dropping", drawn(np.less, lambda p: 1 / (1 - p))),
        ("multiplied by 1 - p", drawn(np.greater_equal, lambda p: 1 - p)),
        ("dtype", lambda rng, shape, p, dtype: (rng.random(shape) >= p) / (1 - p)),
        ("share of", drawn(lambda r, p: r >= 0.5 * p, lambda p: 1 / (1 - p))),
        ("nothing else|comparison", lambda rng, shape, p, dtype: rng.random(shape).astype(dtype)),
        ("shape", lambda rng, shape, p, dtype: (rng.random(shape[-1]) >= p).astype(dtype)),
    ],
    "dropout_backward": [
        ("dropped entries pass", lambda dy, keep: dy),
        ("1 / \\(1 - p\\).* is missing", lambda dy, keep: dy * (keep != 0)),
        ("applied twice", lambda dy, keep: dy * keep * keep),
        ("not used", lambda dy, keep: keep),
        ("applied twice", lambda dy, keep: dy * keep * keep.max()),
        ("wrong way round", lambda dy, keep: dy * (keep == 0)),
        ("factor_too|divi|infinity|NaN", lambda dy, keep: dy / keep),
    ],
    "sgd_momentum_step": [
        ("1 - beta|0.2 times", sgd(lambda g, v, lr, beta: beta * v + (1 - beta) * g)),
        ("uphill|wrong sign", sgd(move=lambda th, g, v, new, lr, beta: th + lr * new)),
        ("old velocity", sgd(move=lambda th, g, v, new, lr, beta: th - lr * v)),
        ("Nesterov", sgd(move=lambda th, g, v, new, lr, beta: th - lr * (g + beta * new))),
        ("writes into its argument", written_over),
        ("beta v is missing", sgd(lambda g, v, lr, beta: g)),
        ("learning rate|times what", sgd(lambda g, v, lr, beta: beta * v + lr * g)),
        ("2 are expected", lambda theta, g, v, lr, beta: theta - lr * (beta * v + g)),
        ("exchanged", lambda theta, g, v, lr, beta: sgd()(theta, g, v, lr, beta)[::-1]),
    ],
    "adamw_step": [
        ("correction .* is missing", adamw(correct=False)),
        ("inside the root", adamw(inside=True)),
        ("L2", adamw(decay="gradient")),
        ("one step off", adamw(shift=1)),
        ("lacks its factor lr", adamw(decay="rate")),
        ("left out", adamw(decay="none")),
        ("old m and v", adamw(old=True)),
        ("uncorrected", adamw(give="corrected")),
        ("not squared", adamw(power=1)),
        ("t - 1|ZeroDivision|NaN|infinity", adamw(shift=-1)),
        ("3 are expected", lambda *a, **k: adamw()(*a, **k)[0]),
    ],
    "mean_pool": [
        ("divided by T", mean(n=lambda x, m: x.shape[1])),
        ("padding is in the sum", mean(total=lambda x, m: x.sum(axis=1))),
        ("mask is not used", lambda x, mask=None: x.mean(axis=1)),
        (
            "without any gives 0|has a token|NaN",
            mean(n=lambda x, m: m.sum(1, keepdims=True).astype(x.dtype)),
        ),
        ("sum where the mean", mean(n=lambda x, m: 1)),
        ("takes no argument `mask`", lambda x: x.mean(axis=1)),
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
