"""Wrong norms and positions."""

import numpy as np

LAST = {"axis": -1, "keepdims": True}


def layer(xhat, rstd=None):
    """Layer norm with another xhat."""
    return lambda x, gamma, beta: gamma * xhat(x) + beta


def normed(x, eps=1e-5, **how):
    how = how or LAST
    return (x - x.mean(**how)) / np.sqrt(x.var(**how) + eps)


def one_pass(x):
    variance = (x * x).mean(**LAST) - x.mean(**LAST) ** 2
    return (x - x.mean(**LAST)) / np.sqrt(np.maximum(variance, 0) + 1e-5)


def layer_backward(dx=None, dgamma=None, dbeta=None):
    """The right one, but for some parts."""

    def right(dy, xhat, rstd, gamma):
        d = dy * gamma
        return rstd * (d - d.mean(**LAST) - xhat * (d * xhat).mean(**LAST))

    def function(dy, xhat, rstd, gamma):
        return (
            (dx or right)(dy, xhat, rstd, gamma),
            (dy * xhat).sum((0, 1)) if dgamma is None else dgamma(dy, xhat, gamma),
            dy.sum((0, 1)) if dbeta is None else dbeta(dy, xhat, gamma),
        )

    return function


def rms_backward(dx, dgamma=lambda dy, xhat: (dy * xhat).sum((0, 1))):
    return lambda dy, xhat, rstd, gamma: (dx(dy, xhat, rstd, gamma), dgamma(dy, xhat))


def rms_dx(dy, xhat, rstd, gamma):
    d = dy * gamma
    return rstd * (d - xhat * (d * xhat).mean(**LAST))


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
    "layer_norm": [
        ("inside the root", layer(lambda x: (x - x.mean(**LAST)) / (x.std(**LAST) + 1e-5))),
        ("eps is forgotten", layer(lambda x: (x - x.mean(**LAST)) / x.std(**LAST))),
        (
            "D - 1",
            layer(
                lambda x: (
                    normed(x, axis=-1, keepdims=True, ddof=1)
                    if x.ndim < 0
                    else (x - x.mean(**LAST)) / np.sqrt(x.var(ddof=1, **LAST) + 1e-5)
                )
            ),
        ),
        ("root is missing", layer(lambda x: (x - x.mean(**LAST)) / (x.var(**LAST) + 1e-5))),
        ("batch norm", layer(lambda x: normed(x, axis=0, keepdims=True))),
        ("axis 1", layer(lambda x: normed(x, axis=1, keepdims=True))),
        ("whole array", layer(lambda x: (x - x.mean()) / np.sqrt(x.var() + 1e-5))),
        ("mean is not subtracted", layer(lambda x: x / np.sqrt(x.var(**LAST) + 1e-5))),
        ("beta is missing", lambda x, gamma, beta: gamma * normed(x)),
        ("loses all digits", layer(one_pass)),
        ("gamma is left out|gamma", lambda x, gamma, beta: normed(x) + beta),
        (
            "rstd is one over it",
            lambda x, g, b: (g * normed(x) + b, normed(x), np.sqrt(x.var(**LAST) + 1e-5)),
        ),
    ],
    "layer_norm_backward": [
        (
            "gamma belongs inside the mean",
            layer_backward(
                lambda dy, xhat, rstd, gamma: (
                    gamma * rstd * (dy - dy.mean(**LAST) - xhat * (dy * xhat).mean(**LAST))
                )
            ),
        ),
        (
            "which the mean feels.* is missing",
            layer_backward(
                lambda dy, xhat, rstd, gamma: (
                    rstd * (dy * gamma - xhat * (dy * gamma * xhat).mean(**LAST))
                )
            ),
        ),
        (
            "which the variance feels.* is missing",
            layer_backward(
                lambda dy, xhat, rstd, gamma: rstd * (dy * gamma - (dy * gamma).mean(**LAST))
            ),
        ),
        (
            "one over the standard deviation",
            layer_backward(
                lambda dy, xhat, rstd, gamma: (
                    (
                        dy * gamma
                        - (dy * gamma).mean(**LAST)
                        - xhat * (dy * gamma * xhat).mean(**LAST)
                    )
                    / rstd
                )
            ),
        ),
        ("is missing; ", layer_backward(lambda dy, xhat, rstd, gamma: rstd * gamma * dy)),
        (
            "mean over the tokens|batch divided",
            layer_backward(dgamma=lambda dy, xhat, gamma: (dy * xhat).mean((0, 1))),
        ),
        ("xhat is left out", layer_backward(dgamma=lambda dy, xhat, gamma: dy.sum((0, 1)))),
        ("shape", layer_backward(dbeta=lambda dy, xhat, gamma: dy.sum(axis=0))),
        (
            "dgamma and dbeta are exchanged",
            layer_backward(
                dgamma=lambda dy, xhat, gamma: dy.sum((0, 1)),
                dbeta=lambda dy, xhat, gamma: (dy * xhat).sum((0, 1)),
            ),
        ),
        (
            "wrong sign",
            layer_backward(
                lambda dy, xhat, rstd, gamma: (
                    rstd
                    * (
                        dy * gamma
                        + (dy * gamma).mean(**LAST)
                        - xhat * (dy * gamma * xhat).mean(**LAST)
                    )
                )
            ),
        ),
    ],
    "rms_norm": [
        ("layer norm", lambda x, gamma: gamma * normed(x, 1e-6)),
        ("outside", lambda x, gamma: gamma * x / (np.sqrt((x * x).mean(**LAST)) + 1e-6)),
        ("sum of squares", lambda x, gamma: gamma * x / np.sqrt((x * x).sum(**LAST) + 1e-6)),
        ("root is missing", lambda x, gamma: gamma * x / ((x * x).mean(**LAST) + 1e-6)),
        ("whole array", lambda x, gamma: gamma * x / np.sqrt((x * x).mean() + 1e-6)),
        ("another eps", lambda x, gamma: gamma * x / np.sqrt((x * x).mean(**LAST) + 1e-5)),
        ("gamma", lambda x, gamma: x / np.sqrt((x * x).mean(**LAST) + 1e-6)),
    ],
    "rms_norm_backward": [
        (
            "layer norm's gradient",
            rms_backward(
                lambda dy, xhat, rstd, gamma: (
                    rstd
                    * (
                        dy * gamma
                        - (dy * gamma).mean(**LAST)
                        - xhat * (dy * gamma * xhat).mean(**LAST)
                    )
                )
            ),
        ),
        (
            "gamma belongs inside the mean",
            rms_backward(
                lambda dy, xhat, rstd, gamma: gamma * rstd * (dy - xhat * (dy * xhat).mean(**LAST))
            ),
        ),
        ("is missing", rms_backward(lambda dy, xhat, rstd, gamma: rstd * gamma * dy)),
        (
            "means are meant|7 times",
            rms_backward(
                lambda dy, xhat, rstd, gamma: (
                    rstd * (dy * gamma - xhat * (dy * gamma * xhat).sum(**LAST))
                )
            ),
        ),
        ("mean over the tokens", rms_backward(rms_dx, lambda dy, xhat: (dy * xhat).mean((0, 1)))),
        ("xhat is left out", rms_backward(rms_dx, lambda dy, xhat: dy.sum((0, 1)))),
        ("2 are expected", rms_dx),
    ],
    "sinusoidal_positions": [
        ("exchanged", lambda n, D: table(n, D, order="cs")),
        ("from 1", lambda n, D: table(n, D, first=1)),
        ("base is 1000", lambda n, D: table(n, D, 1000)),
        ("odd", even_only),
        (
            "take turns",
            lambda n, D: np.concatenate([table(n, D)[:, 0::2], table(n, D)[:, 1::2]], axis=1),
        ),
        ("i the pair's number", lambda n, D: table(n, D, step=0.5)),
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
