"""Notebooks 4 and 5: layer norm, RMS norm, positions."""

import numpy as np

from minitransformer.exercises.cases import BATCH, BATCH_OF_ONE, SINGLE, SMALL, Variant
from minitransformer.exercises.tables import alone, backward, forward

NORM, POSITIONS = "04_layer_norm", "05_positions"


def _ones(inputs, rng):
    return inputs | {k: np.ones_like(v) for k, v in inputs.items() if k == "gamma"}


def _shifted(inputs, rng):
    return inputs | {"x": inputs["x"] + 3000}


def _flat(inputs, rng):
    return inputs | {"x": inputs["x"] * 1e-3}


def _mean(x, axis=-1):
    return x.mean(axis=axis, keepdims=True)


PLAIN = Variant("gamma = 1", {}, (), _ones)
GAMMA = "right while gamma is 1: gamma belongs inside the mean, with the upstream gradient"
NORM_CASES = (
    PLAIN,
    Variant("B = 1", {"B": 1}, blame=GAMMA),
    Variant("B = 3", blame=GAMMA),
    SMALL,
    SINGLE,
    Variant("two features", {"D": 2}),
)
EPS = Variant(
    "rows that hardly vary", adjust=_flat,
    blame="right for rows that vary: eps belongs inside the root, added to the variance",
)
OFFSET = Variant(
    "an offset of 3000 in float32", adjust=_shifted, dtype=np.float32, tolerance=1e-2,
    blame="right for small numbers; at an offset E[x^2] - E[x]^2 loses all digits: subtract the "
    "mean first, then square",
)


def _norm(x, eps=1e-5, axis=-1, ddof=0):
    centred = x - _mean(x, axis)
    return centred / np.sqrt(centred.var(axis=axis, keepdims=True, ddof=ddof) + eps)


def _layer(make):
    """A mistake in xhat, carried through to y."""
    return lambda c: {"y": c.gamma * make(c.x) + c.beta}


def _rms(make):
    return lambda c: {"y": c.gamma * make(c.x)}


def _mean_square(x):
    return _mean(x * x)


def _dxhat(c):
    return c.dy * c.gamma


def _backward_mistakes(mean):
    """Of layer norm (mean = 1) and RMS norm (mean = 0)."""
    return {
        "right while gamma is 1: gamma belongs inside the mean, with the upstream gradient": (
            lambda c: {"dx": c.gamma * c.rstd * (
                c.dy - mean * _mean(c.dy) - c.xhat * _mean(c.dy * c.xhat))}
        ),
        "right while gamma is 1: gamma is left out": lambda c: {
            "dx": c.rstd * (c.dy - mean * _mean(c.dy) - c.xhat * _mean(c.dy * c.xhat))
        },
        "the means run over the tokens (axis 1), not over the features": lambda c: {
            "dx": c.rstd * (_dxhat(c) - mean * _mean(_dxhat(c), 1)
                            - c.xhat * _mean(_dxhat(c) * c.xhat, 1))
        },
        "the means run over the batch, not over the features": lambda c: {
            "dx": c.rstd * (_dxhat(c) - mean * _mean(_dxhat(c), 0)
                            - c.xhat * _mean(_dxhat(c) * c.xhat, 0))
        },
        "sums where means are meant: divide by D": lambda c: {
            "dx": c.rstd * (_dxhat(c) - mean * _dxhat(c).sum(-1, keepdims=True)
                            - c.xhat * (_dxhat(c) * c.xhat).sum(-1, keepdims=True))
        },
        "divided by rstd: rstd is already one over the standard deviation": lambda c: {
            "dx": (_dxhat(c) - mean * _mean(_dxhat(c)) - c.xhat * _mean(_dxhat(c) * c.xhat))
            / c.rstd
        },
        "the factor rstd is missing": lambda c: {
            "dx": _dxhat(c) - mean * _mean(_dxhat(c)) - c.xhat * _mean(_dxhat(c) * c.xhat)
        },
        "xhat is left out: gamma multiplied xhat": lambda c: {
            "dgamma": c.dy.sum(axis=(0, 1))
        },
        "a mean over the tokens where a sum is meant": lambda c: {
            "dgamma": (c.dy * c.xhat).mean(axis=(0, 1)), "dbeta": c.dy.mean(axis=(0, 1)),
        },
        "only the first text is summed": lambda c: {
            "dgamma": (c.dy * c.xhat)[0].sum(axis=0), "dbeta": c.dy[0].sum(axis=0),
        },
        "gamma is a factor too much": lambda c: {
            "dgamma": (c.dy * c.xhat).sum(axis=(0, 1)) * c.gamma,
            "dbeta": c.dy.sum(axis=(0, 1)) * c.gamma,
        },
        "beta was added behind gamma: xhat does not belong into it": lambda c: {
            "dbeta": (c.dy * c.xhat).sum(axis=(0, 1))
        },
    }


def _layer_parts(c):
    dxhat = _dxhat(c)
    return {"dx": {
        "gamma dy": c.rstd * dxhat,
        "- mean(gamma dy), which the mean feels": -c.rstd * _mean(dxhat) * np.ones_like(dxhat),
        "- xhat mean(gamma dy xhat), which the variance feels":
            -c.rstd * c.xhat * _mean(dxhat * c.xhat),
    }}


def _rms_parts(c):
    dxhat = _dxhat(c)
    return {"dx": {
        "gamma dy": c.rstd * dxhat,
        "- xhat mean(gamma dy xhat)": -c.rstd * c.xhat * _mean(dxhat * c.xhat),
    }}


def _turned(c, sign=1, tables=lambda t: t):
    """The rotation with another sign or other tables."""
    x = c.x if hasattr(c, "x") else c.dy
    half = x.shape[-1] // 2
    x1, x2 = x[..., :half], x[..., half:]
    cos, sin = tables(c.cos), sign * tables(c.sin)
    return np.concatenate([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)


def _neighbours(x, cos, sin):
    """The rotation of neighbouring features, 2i and 2i + 1."""
    y = np.empty_like(x)
    y[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    y[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return y


def _halves(x, cos, sin, a, b):
    """(x1 cos + a x2 sin, b x1 sin + x2 cos)."""
    half = x.shape[-1] // 2
    x1, x2 = x[..., :half], x[..., half:]
    return np.concatenate([x1 * cos + a * x2 * sin, b * x1 * sin + x2 * cos], axis=-1)


def _rotary_mistakes(x, sign):
    """Of the forward pass (sign = 1) and of the backward pass (sign = -1)."""
    same = "both halves have the same sign: the rotation has one plus and one minus"
    return {
        "turned the other way: the sign of the sine is wrong": lambda c: _halves(
            x(c), c.cos, c.sin, sign, -sign),
        same: lambda c: _halves(x(c), c.cos, c.sin, 1, 1),
        f"{same}, not two of them": lambda c: _halves(x(c), c.cos, c.sin, -1, -1),
        "neighbouring features are paired: here feature i goes with i + E/2": lambda c: _neighbours(
            x(c), c.cos, sign * c.sin),
        "cosine and sine are exchanged": lambda c: _halves(x(c), c.sin, c.cos, -sign, sign),
        "the terms with the sine are missing": lambda c: _halves(x(c), c.cos, c.sin, 0, 0),
    }


def _table(max_len, D, base=10000.0, exponent=lambda i, D: i / D, interleave=True):
    """A table of sines and cosines, with what may go wrong as arguments."""
    pos, two_i = np.arange(max_len)[:, None], np.arange(0, D, 2)
    angle = pos / base ** exponent(two_i, D)
    sines, cosines = np.sin(angle), np.cos(angle)[:, : D // 2]
    if not interleave:
        return np.concatenate([sines, cosines], axis=1)
    P = np.empty((max_len, D))
    P[:, 0::2], P[:, 1::2] = sines, cosines
    return P


def _swapped(P):
    even = P[:, : P.shape[1] // 2 * 2].reshape(len(P), -1, 2)[..., ::-1].reshape(len(P), -1)
    return np.concatenate([even, P[:, even.shape[1]:]], axis=1)


def _sizes(max_len, d_model):
    return lambda sizes, rng: {"max_len": max_len, "d_model": d_model}


def _drawn(inputs, rng):
    return {"max_len": int(rng.integers(3, 40)), "d_model": 2 * int(rng.integers(2, 9))}


EXERCISES = [
    forward(
        "layer_norm", ("y", "xhat", "rstd"), NORM,
        (
            "Each token is normalised by itself: all means run over the last axis.",
            "Subtract the mean, then take the mean of the squares of what is left: that is the "
            "variance (divide by D). keepdims=True keeps the axis.",
            "xhat = centred / sqrt(variance + eps), and y = gamma xhat + beta.",
        ),
        variants=(*NORM_CASES, EPS, OFFSET),
        required=1,
        parts=lambda c: {"y": {"gamma xhat": c.gamma * _norm(c.x),
                               "beta": np.broadcast_to(c.beta, c.x.shape)}},
        mistakes={
            "eps is added to the standard deviation: it belongs inside the root, added to the "
            "variance": _layer(lambda x: (x - _mean(x)) / (x.std(-1, keepdims=True) + 1e-5)),
            "eps is forgotten inside the root": _layer(lambda x: _norm(x, 0.0)),
            "another eps than 1e-5": _layer(lambda x: _norm(x, 1e-6)),
            "the variance is divided by D - 1: here by D": _layer(lambda x: _norm(x, ddof=1)),
            "the root is missing: divided by the variance": _layer(
                lambda x: (x - _mean(x)) / (x.var(-1, keepdims=True) + 1e-5)),
            "the mean is not subtracted": _layer(
                lambda x: x / np.sqrt(x.var(-1, keepdims=True) + 1e-5)),
            "the mean is not subtracted: this is RMS norm": _layer(
                lambda x: x / np.sqrt(_mean_square(x) + 1e-5)),
            "normalised over the tokens (axis 1): the features of each token are meant": _layer(
                lambda x: _norm(x, axis=1)),
            "normalised over the batch (axis 0): that is batch norm": _layer(
                lambda x: _norm(x, axis=0)),
            "normalised over tokens and features together": _layer(lambda x: _norm(x, axis=(1, 2))),
            "normalised over the whole array": _layer(lambda x: _norm(x, axis=(0, 1, 2))),
            "gamma is left out": lambda c: {"y": _norm(c.x) + c.beta},
            "gamma multiplies beta too": lambda c: {"y": c.gamma * (_norm(c.x) + c.beta)},
            "gamma and beta are exchanged": lambda c: {"y": c.beta * _norm(c.x) + c.gamma},
            "this is the standard deviation: rstd is one over it": lambda c: {
                "rstd": np.sqrt(c.x.var(-1, keepdims=True) + 1e-5)},
        },
    ),
    backward(
        "layer_norm_backward", ("dx", "dgamma", "dbeta"), NORM,
        (
            "Backwards through y = gamma xhat + beta first: dgamma, dbeta and dxhat = gamma dy.",
            "x_i moves xhat_i by itself, and all of its row through the mean and through the "
            "variance: three terms.",
            "dx = rstd (dxhat - mean(dxhat) - xhat mean(dxhat xhat)), means over the features; "
            "dgamma and dbeta are sums over all tokens.",
        ),
        variants=NORM_CASES, parts=_layer_parts, mistakes=_backward_mistakes(1),
    ),
    forward(
        "rms_norm", ("y", "xhat", "rstd"), NORM,
        (
            "Like layer norm, but no mean is subtracted.",
            "The mean of the squares over the last axis, keepdims=True.",
            "xhat = x / sqrt(mean square + eps), and y = gamma xhat.",
        ),
        variants=(*NORM_CASES, EPS),
        required=1,
        mistakes={
            "eps is added outside of the root": _rms(
                lambda x: x / (np.sqrt(_mean_square(x)) + 1e-6)),
            "eps is forgotten inside the root": _rms(lambda x: x / np.sqrt(_mean_square(x))),
            "another eps than 1e-6": _rms(lambda x: x / np.sqrt(_mean_square(x) + 1e-5)),
            "the mean is subtracted: this is layer norm": _rms(lambda x: _norm(x, 1e-6)),
            "divided by the standard deviation: RMS takes no mean away": _rms(
                lambda x: x / np.sqrt(x.var(-1, keepdims=True) + 1e-6)),
            "a sum of squares where their mean is meant": _rms(
                lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True) + 1e-6)),
            "the root is missing": _rms(lambda x: x / (_mean_square(x) + 1e-6)),
            "the mean of the squares runs over the whole array": _rms(
                lambda x: x / np.sqrt((x * x).mean() + 1e-6)),
            "the mean of the squares runs over the tokens (axis 1)": _rms(
                lambda x: x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-6)),
            "gamma is left out": lambda c: {"y": c.x / np.sqrt(_mean_square(c.x) + 1e-6)},
            "this is the root mean square: rstd is one over it": lambda c: {
                "rstd": np.sqrt(_mean_square(c.x) + 1e-6)},
        },
    ),
    backward(
        "rms_norm_backward", ("dx", "dgamma"), NORM,
        (
            "Layer norm's backward pass without the mean's term.",
            "dxhat = gamma dy; x_i moves xhat_i by itself, and its row through the mean square.",
            "dx = rstd (dxhat - xhat mean(dxhat xhat)); dgamma is the sum of dy xhat over all "
            "tokens.",
        ),
        variants=NORM_CASES, parts=_rms_parts,
        mistakes={
            "the mean of dxhat is subtracted: that is layer norm's gradient": lambda c: {
                "dx": c.rstd * (_dxhat(c) - _mean(_dxhat(c)) - c.xhat * _mean(_dxhat(c) * c.xhat))
            },
            **{k: v for k, v in _backward_mistakes(0).items() if "beta was added" not in k},
        },
    ),
    alone(
        "sinusoidal_positions", ("P",), POSITIONS,
        (
            "Even features are sines, odd ones cosines, of the same angle for each pair.",
            "The angle is pos / 10000^(2i/D): a column of positions divided by a row of powers.",
            "P[:, 0::2] = sin(angle), P[:, 1::2] = cos(angle), with 2i = np.arange(0, D, 2); for odd "
            "D the cosines have one column less.",
        ),
        example=_sizes(6, 8),
        variants=(
            Variant("6 positions, D = 8"),
            Variant("random sizes", adjust=_drawn),
            Variant("one position", adjust=lambda i, rng: i | {"max_len": 1}),
            Variant(
                "odd D", adjust=lambda i, rng: i | {"d_model": 7},
                blame="right for even D; an odd one ends with a sine, and has one cosine less",
            ),
        ),
        mistakes={
            "sines and cosines are exchanged: the even features are sines": lambda c: _swapped(
                _table(c.max_len, c.d_model)),
            "first all sines, then all cosines: they take turns": lambda c: _table(
                c.max_len, c.d_model, interleave=False),
            "the exponent is i / D with i the pair's number: it is 2i / D": lambda c: _table(
                c.max_len, c.d_model, exponent=lambda two_i, D: two_i / 2 / D),
            "the exponent is twice too large: 2i is the even feature's number itself": (
                lambda c: _table(c.max_len, c.d_model, exponent=lambda two_i, D: 2 * two_i / D)),
            "the base is 1000: it is 10000": lambda c: _table(c.max_len, c.d_model, 1000.0),
            "the exponent counts D - 2: it is 2i / D": lambda c: _table(
                c.max_len, c.d_model, exponent=lambda two_i, D: two_i / max(D - 2, 1)),
            "positions are counted from 1: the first is 0": lambda c: _table(
                c.max_len + 1, c.d_model)[1:],
            "multiplied by the power: the position is divided by it": lambda c: _table(
                c.max_len, c.d_model, exponent=lambda two_i, D: -two_i / D),
            "every feature has an exponent of its own: the cosine uses the sine's": lambda c: (
                np.where(
                    np.arange(c.d_model) % 2,
                    np.cos(np.arange(c.max_len)[:, None] / 1e4 ** (np.arange(c.d_model)
                                                                   / c.d_model)),
                    _table(c.max_len, c.d_model),
                )
            ),
        },
    ),
    forward(
        "rotary", ("y",), POSITIONS,
        (
            "Each pair (x_i, x_{i + E/2}) is a point in the plane that is turned by an angle.",
            "Cut the last axis into halves x1 and x2; the tables fit each half.",
            "(x1 cos - x2 sin, x1 sin + x2 cos), concatenated along the last axis.",
        ),
        variants=(BATCH_OF_ONE, BATCH, SMALL, SINGLE, Variant("positions of each text", {"rows": 1})
                  ),
        mistakes=_rotary_mistakes(lambda c: c.x, 1),
    ),
    backward(
        "rotary_backward", ("dx",), POSITIONS,
        (
            "A rotation's Jacobian is the rotation itself. What is its transpose?",
            "The transpose turns back: by the opposite angle.",
            "Like the forward pass, with the sine's sign changed in both halves.",
        ),
        variants=(BATCH_OF_ONE, BATCH, SMALL, SINGLE, Variant("positions of each text", {"rows": 1})
                  ),
        mistakes=_rotary_mistakes(lambda c: c.dy, -1),
    ),
]
