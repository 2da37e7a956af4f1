"""Notebook 5: positions."""

import numpy as np

from minitransformer.exercises.cases import USUAL, Variant
from minitransformer.exercises.catalogue.entries import alone, backward, forward

POSITIONS = "05_positions"


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
    """Mistakes in the forward pass (sign = 1) and in the backward pass (sign = -1)."""
    same = "the sines have the same sign in both halves: a rotation has one plus and one minus"
    return {
        "turned the other way: the sign of the sine is wrong": lambda c: _halves(
            x(c), c.cos, c.sin, sign, -sign
        ),
        same: lambda c: _halves(x(c), c.cos, c.sin, 1, 1),
        f"{same}, not two minuses": lambda c: _halves(x(c), c.cos, c.sin, -1, -1),
        "neighbouring features are paired: here feature i is paired with i + E/2": lambda c: (
            _neighbours(x(c), c.cos, sign * c.sin)
        ),
        "cosine and sine are exchanged": lambda c: _halves(x(c), c.sin, c.cos, -sign, sign),
        "the terms with the sine are missing": lambda c: _halves(x(c), c.cos, c.sin, 0, 0),
    }


def _table(max_len, D, base=10000.0, exponent=lambda i, D: i / D, interleave=True):
    """A table of sines and cosines; the optional arguments introduce a mistake."""
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
    return np.concatenate([even, P[:, even.shape[1] :]], axis=1)


def _sizes(max_len, d_model):
    return lambda sizes, rng: {"max_len": max_len, "d_model": d_model}


def _drawn(inputs, rng):
    return {"max_len": int(rng.integers(3, 40)), "d_model": 2 * int(rng.integers(2, 9))}


EXERCISES = [
    alone(
        "sinusoidal_positions",
        ("P",),
        POSITIONS,
        (
            "Even features are sines and odd features are cosines. Both features of a pair have "
            "the same angle.",
            "The angle is pos / 10000^(2i/D): a column of positions divided by a row of powers.",
            "P[:, 0::2] = sin(angle) and P[:, 1::2] = cos(angle), with 2i = np.arange(0, D, 2). "
            "For odd D there is one column of cosines fewer.",
        ),
        example=_sizes(6, 8),
        variants=(
            Variant("6 positions, D = 8"),
            Variant("random sizes", adjust=_drawn),
            Variant("one position", adjust=lambda i, rng: i | {"max_len": 1}),
            Variant(
                "dtype = float32",
                options=("dtype",),
                adjust=lambda i, rng: i | {"dtype": np.float32},
                blame="right in float64, but the parameter dtype is not used",
            ),
            Variant(
                "odd D",
                adjust=lambda i, rng: i | {"d_model": 7},
                blame="right for even D: an odd D ends with a sine, and has one cosine fewer",
            ),
        ),
        mistakes={
            "sines and cosines are exchanged: the even features are sines": lambda c: _swapped(
                _table(c.max_len, c.d_model)
            ),
            "first all sines, then all cosines: they should alternate": lambda c: _table(
                c.max_len, c.d_model, interleave=False
            ),
            "the exponent is i / D, where i is the pair's number: it should be 2i / D": lambda c: (
                _table(c.max_len, c.d_model, exponent=lambda two_i, D: two_i / 2 / D)
            ),
            "the exponent is twice too large: 2i is already the number of the even feature": (
                lambda c: _table(c.max_len, c.d_model, exponent=lambda two_i, D: 2 * two_i / D)
            ),
            "the base is 1000: it is 10000": lambda c: _table(c.max_len, c.d_model, 1000.0),
            "the exponent is divided by D - 2: it is 2i / D": lambda c: _table(
                c.max_len, c.d_model, exponent=lambda two_i, D: two_i / max(D - 2, 1)
            ),
            "positions are counted from 1: the first is 0": lambda c: _table(
                c.max_len + 1, c.d_model
            )[1:],
            "multiplied by the power: the position is divided by it": lambda c: _table(
                c.max_len, c.d_model, exponent=lambda two_i, D: -two_i / D
            ),
            "every feature has its own exponent: a cosine should use that of its sine": lambda c: (
                np.where(
                    np.arange(c.d_model) % 2,
                    np.cos(
                        np.arange(c.max_len)[:, None] / 1e4 ** (np.arange(c.d_model) / c.d_model)
                    ),
                    _table(c.max_len, c.d_model),
                )
            ),
        },
    ),
    forward(
        "rotary",
        ("y",),
        POSITIONS,
        (
            "Each pair (x_i, x_{i + E/2}) is a point in the plane, which is rotated by an angle.",
            "Split the last axis into halves x1 and x2. The tables fit each half.",
            "(x1 cos - x2 sin, x1 sin + x2 cos), concatenated along the last axis.",
        ),
        variants=(
            *USUAL,
            Variant("positions of each text", {"rows": 1}),
        ),
        mistakes=_rotary_mistakes(lambda c: c.x, 1),
    ),
    backward(
        "rotary_backward",
        ("dx",),
        POSITIONS,
        (
            "The Jacobian of a rotation is the rotation itself. What is its transpose?",
            "The transpose rotates back, by the opposite angle.",
            "It is the forward pass with the sign of the sine changed in both halves.",
        ),
        variants=(
            *USUAL,
            Variant("positions of each text", {"rows": 1}),
        ),
        mistakes=_rotary_mistakes(lambda c: c.dy, -1),
    ),
]
