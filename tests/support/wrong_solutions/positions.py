"""Wrong positions."""

import numpy as np


def table(max_len, D, base=10000, first=0, order="sc", step=1.0):
    pos = np.arange(first, max_len + first)[:, None]
    angle = pos / base ** (step * np.arange(0, D, 2) / D)
    P = np.zeros((max_len, D))
    P[:, 0::2], P[:, 1::2] = np.sin(angle), np.cos(angle)[:, : D // 2]
    if order == "cs":
        P[:, 0::2], P[:, 1::2] = np.cos(angle), np.sin(angle)[:, : D // 2]
    return P


def even_only(max_len, d_model):
    pos, i = np.arange(max_len)[:, None], np.arange(d_model // 2)
    angle = pos / 10000 ** (2 * i / d_model)
    P = np.zeros((max_len, d_model))
    P[:, 0 : d_model // 2 * 2 : 2] = np.sin(angle)
    P[:, 1::2] = np.cos(angle)
    return P


def turn(a, b):
    """(x1 cos + a x2 sin, x2 cos + b x1 sin)."""

    def function(x, cos, sin):
        x1, x2 = np.split(x, 2, axis=-1)
        return np.concatenate([x1 * cos + a * x2 * sin, x2 * cos + b * x1 * sin], axis=-1)

    return function


def neighbours(x, cos, sin):
    out = np.zeros_like(x)
    out[..., ::2] = x[..., ::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 1::2] * cos + x[..., ::2] * sin
    return out


def overwriting(x, cos, sin):
    """The first half is changed before the second is computed."""
    y = x.copy()
    half = x.shape[-1] // 2
    y[..., :half] = y[..., :half] * cos - y[..., half:] * sin
    y[..., half:] = y[..., :half] * sin + y[..., half:] * cos
    return y


WRONG = {
    "sinusoidal_positions": [
        ("exchanged", lambda n, D: table(n, D, order="cs")),
        ("from 1", lambda n, D: table(n, D, first=1)),
        ("base is 1000", lambda n, D: table(n, D, 1000)),
        ("odd", even_only),
        (
            "alternate",
            lambda n, D: np.concatenate([table(n, D)[:, 0::2], table(n, D)[:, 1::2]], axis=1),
        ),
        ("i is the pair's number", lambda n, D: table(n, D, step=0.5)),
        ("shape", lambda n, D: table(n, D).T),
    ],
    "rotary": [
        ("sign of the sine", turn(1, -1)),
        ("same sign", turn(1, 1)),
        ("neighbour", neighbours),
        ("sine are missing", turn(0, 0)),
        ("exchanged", lambda x, cos, sin: turn(-1, 1)(x, sin, cos)),
        ("no known|halves|before", overwriting),
    ],
    "rotary_backward": [
        ("sign of the sine", turn(-1, 1)),
        ("same sign", turn(1, 1)),
        ("neighbour", lambda dy, cos, sin: neighbours(dy, cos, -sin)),
        ("sine are missing", turn(0, 0)),
        ("exchanged", lambda dy, cos, sin: turn(1, -1)(dy, sin, cos)),
    ],
}
