"""Notebook 4: layer norm, and the parts shared with the exercises on RMS norm."""

from dataclasses import replace

import numpy as np

from minitransformer.exercises.cases import EMPTY, SINGLE, SMALL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward

NORM = "04_layer_norm"


def _ones(inputs, rng):
    return inputs | {k: np.ones_like(v) for k, v in inputs.items() if k == "gamma"}


def _shifted(inputs, rng):
    return inputs | {"x": inputs["x"] + 3000}


def _flat(inputs, rng):
    return inputs | {"x": inputs["x"] * 1e-3}


def mean(x, axis=-1):
    return x.mean(axis=axis, keepdims=True)


PLAIN = Variant("gamma = 1", {}, (), _ones)
GAMMA = "right while gamma is 1: gamma belongs inside the mean, as a factor of dy"
SCALED = "right while gamma is 1: gamma multiplies each entry of xhat once"
NORM_CASES = (
    PLAIN,
    Variant("B = 1", {"B": 1}, blame=GAMMA),
    Variant("B = 3", blame=GAMMA),
    SMALL,
    SINGLE,
    EMPTY,
    Variant("two features", {"D": 2}),
)
# in a forward pass there is no dy
FORWARD_CASES = tuple(replace(v, blame=v.blame and SCALED) for v in NORM_CASES[:3]) + NORM_CASES[3:]


EPS = (
    Variant(
        "rows that hardly vary",
        adjust=_flat,
        blame="right for rows that vary: eps belongs inside the root, added to the variance",
    ),
    Variant(
        "eps = 0.1",
        options=("eps",),
        adjust=lambda inputs, rng: inputs | {"eps": 0.1},
        blame="right for the usual eps, but here it is 0.1: the parameter eps is not used",
        sure=True,
    ),
)
OFFSET = Variant(
    "an offset of 3000 in float32",
    adjust=_shifted,
    dtype=np.float32,
    tolerance=1e-2,
    blame="right for small numbers, but with an offset E[x^2] - E[x]^2 loses all digits: subtract "
    "the mean first, then square",
)


def norm(x, eps=1e-5, axis=-1, ddof=0):
    centred = x - mean(x, axis)
    return centred / np.sqrt(centred.var(axis=axis, keepdims=True, ddof=ddof) + eps)


def _layer(make):
    """A function that computes the y resulting from a mistake in xhat."""
    return lambda c: {"y": c.gamma * make(c.x) + c.beta}


def mean_square(x):
    return mean(x * x)


def dxhat(c):
    return c.dy * c.gamma


PARAMETER_MISTAKES = {
    "xhat is left out: gamma multiplies xhat, so xhat is a factor of its gradient": lambda c: {
        "dgamma": c.dy.sum(axis=(0, 1))
    },
    "a mean over the tokens instead of a sum": lambda c: {
        "dgamma": (c.dy * c.xhat).mean(axis=(0, 1)),
        "dbeta": c.dy.mean(axis=(0, 1)),
    },
    "only the first text is summed": lambda c: {
        "dgamma": (c.dy * c.xhat)[0].sum(axis=0),
        "dbeta": c.dy[0].sum(axis=0),
    },
    "gamma is one factor too many": lambda c: {
        "dgamma": (c.dy * c.xhat).sum(axis=(0, 1)) * c.gamma,
        "dbeta": c.dy.sum(axis=(0, 1)) * c.gamma,
    },
    "beta was added, not multiplied: its gradient does not contain xhat": lambda c: {
        "dbeta": (c.dy * c.xhat).sum(axis=(0, 1))
    },
}


def backward_mistakes(centred):
    """Mistakes in the backward pass of layer norm (centred = 1) and of RMS norm (centred = 0)."""
    return {
        GAMMA: (
            lambda c: {
                "dx": c.gamma
                * c.rstd
                * (c.dy - centred * mean(c.dy) - c.xhat * mean(c.dy * c.xhat))
            }
        ),
        "gamma is left out of mean(gamma dy xhat): it multiplies dy inside both means": lambda c: {
            "dx": c.rstd * (dxhat(c) - centred * mean(dxhat(c)) - c.xhat * mean(c.dy * c.xhat))
        },
        "right while gamma is 1: gamma is left out": lambda c: {
            "dx": c.rstd * (c.dy - centred * mean(c.dy) - c.xhat * mean(c.dy * c.xhat))
        },
        "the means run over the tokens (axis 1), not over the features": lambda c: {
            "dx": c.rstd
            * (dxhat(c) - centred * mean(dxhat(c), 1) - c.xhat * mean(dxhat(c) * c.xhat, 1))
        },
        "the means run over the batch, not over the features": lambda c: {
            "dx": c.rstd
            * (dxhat(c) - centred * mean(dxhat(c), 0) - c.xhat * mean(dxhat(c) * c.xhat, 0))
        },
        "sums instead of means: divide by D": lambda c: {
            "dx": c.rstd
            * (
                dxhat(c)
                - centred * dxhat(c).sum(-1, keepdims=True)
                - c.xhat * (dxhat(c) * c.xhat).sum(-1, keepdims=True)
            )
        },
        "divided by rstd: it is already one over the standard deviation": lambda c: {
            "dx": (dxhat(c) - centred * mean(dxhat(c)) - c.xhat * mean(dxhat(c) * c.xhat)) / c.rstd
        },
        "the factor rstd is missing": lambda c: {
            "dx": dxhat(c) - centred * mean(dxhat(c)) - c.xhat * mean(dxhat(c) * c.xhat)
        },
        **PARAMETER_MISTAKES,
    }


def _layer_parts(c):
    d = dxhat(c)
    return {
        "dx": {
            "gamma dy": c.rstd * d,
            "- mean(gamma dy) (the path through the mean)": -c.rstd * mean(d) * np.ones_like(d),
            "- xhat mean(gamma dy xhat) (the path through the variance)": -c.rstd
            * c.xhat
            * mean(d * c.xhat),
        }
    }


EXERCISES = [
    forward(
        "layer_norm",
        ("y", "xhat", "rstd"),
        NORM,
        (
            "Each token is normalised separately: all means run over the last axis.",
            "Subtract the mean, then take the mean of the squares of what is left. That is the "
            "variance (divided by D). keepdims=True keeps the axis.",
            "xhat = centred / sqrt(variance + eps), and y = gamma xhat + beta.",
        ),
        variants=(*FORWARD_CASES, *EPS, OFFSET),
        required=1,
        parts=lambda c: {
            "y": {"gamma xhat": c.gamma * norm(c.x), "beta": np.broadcast_to(c.beta, c.x.shape)}
        },
        mistakes={
            "eps is added to the standard deviation: it belongs inside the root, added to the "
            "variance": _layer(lambda x: (x - mean(x)) / (x.std(-1, keepdims=True) + 1e-5)),
            "eps is forgotten inside the root": _layer(lambda x: norm(x, 0.0)),
            "eps should be 1e-5": _layer(lambda x: norm(x, 1e-6)),
            "the variance is divided by D - 1: here it is divided by D": _layer(
                lambda x: norm(x, ddof=1)
            ),
            "the root is missing: divided by the variance": _layer(
                lambda x: (x - mean(x)) / (x.var(-1, keepdims=True) + 1e-5)
            ),
            "the mean is not subtracted": _layer(
                lambda x: x / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
            ),
            "the mean is not subtracted: this is RMS norm": _layer(
                lambda x: x / np.sqrt(mean_square(x) + 1e-5)
            ),
            "normalised over the tokens (axis 1): normalise the features of each token": _layer(
                lambda x: norm(x, axis=1)
            ),
            "normalised over the batch (axis 0): that is batch norm": _layer(
                lambda x: norm(x, axis=0)
            ),
            "normalised over tokens and features together": _layer(lambda x: norm(x, axis=(1, 2))),
            "normalised over the whole array": _layer(lambda x: norm(x, axis=(0, 1, 2))),
            "gamma is left out": lambda c: {"y": norm(c.x) + c.beta},
            "gamma multiplies beta too": lambda c: {"y": c.gamma * (norm(c.x) + c.beta)},
            "gamma and beta are exchanged": lambda c: {"y": c.beta * norm(c.x) + c.gamma},
            "gamma is a factor too many: xhat is what gamma and beta are applied to": lambda c: {
                "xhat": c.gamma * norm(c.x)
            },
            "this is y: xhat comes before gamma and beta": lambda c: {
                "xhat": c.gamma * norm(c.x) + c.beta
            },
            "it is not yet divided by the standard deviation": lambda c: {"xhat": c.x - mean(c.x)},
            "this is the standard deviation: rstd is one over it": lambda c: {
                "rstd": np.sqrt(c.x.var(-1, keepdims=True) + 1e-5)
            },
            "this is the variance: rstd is one over its root": lambda c: {
                "rstd": c.x.var(-1, keepdims=True) + 1e-5
            },
            "this is one over the variance: the root is missing": lambda c: {
                "rstd": 1 / (c.x.var(-1, keepdims=True) + 1e-5)
            },
        },
    ),
    backward(
        "layer_norm_backward",
        ("dx", "dgamma", "dbeta"),
        NORM,
        (
            "Go back through y = gamma xhat + beta first. That gives dgamma, dbeta and "
            "dxhat = gamma dy.",
            "x_i changes xhat_i directly, and its whole row through the mean and through the "
            "variance. So dx has three terms.",
            "dx = rstd (dxhat - mean(dxhat) - xhat mean(dxhat xhat)), with means over the "
            "features. dgamma and dbeta are sums over all tokens.",
        ),
        variants=NORM_CASES,
        parts=_layer_parts,
        mistakes={
            "gamma is left out of mean(gamma dy): it multiplies dy inside both means": lambda c: {
                "dx": c.rstd * (dxhat(c) - mean(c.dy) - c.xhat * mean(dxhat(c) * c.xhat))
            },
            **backward_mistakes(1),
        },
    ),
]
