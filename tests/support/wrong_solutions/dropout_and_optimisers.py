"""Wrong dropout, and wrong optimiser steps."""

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


WRONG = {
    "dropout_mask": [
        ("divided by 1 - p", drawn(np.greater_equal, lambda p: 1)),
        ("probability of dropping", drawn(np.less, lambda p: 1 / (1 - p))),
        ("multiplied by 1 - p", drawn(np.greater_equal, lambda p: 1 - p)),
        ("dtype", lambda rng, shape, p, dtype: (rng.random(shape) >= p) / (1 - p)),
        ("fraction kept", drawn(lambda r, p: r >= 0.5 * p, lambda p: 1 / (1 - p))),
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
        ("bias correction is missing", adamw(correct=False)),
        ("inside the root", adamw(inside=True)),
        ("L2", adamw(decay="gradient")),
        ("one step off", adamw(shift=1)),
        ("lacks the factor lr", adamw(decay="rate")),
        ("left out", adamw(decay="none")),
        ("old m and v", adamw(old=True)),
        ("uncorrected", adamw(give="corrected")),
        ("not squared", adamw(power=1)),
        ("t - 1|ZeroDivision|NaN|infinity", adamw(shift=-1)),
        ("3 are expected", lambda *a, **k: adamw()(*a, **k)[0]),
    ],
}
