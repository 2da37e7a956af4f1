"""Notebook 4: RMS norm."""

import numpy as np

from minitransformer.exercises.catalogue.entries import backward, forward
from minitransformer.exercises.catalogue.norms import (
    EPS,
    FORWARD_CASES,
    NORM,
    NORM_CASES,
    backward_mistakes,
    dxhat,
    mean,
    mean_square,
    norm,
)


def _rms(make):
    return lambda c: {"y": c.gamma * make(c.x)}


def _rms_parts(c):
    d = dxhat(c)
    return {
        "dx": {
            "gamma dy": c.rstd * d,
            "- xhat mean(gamma dy xhat)": -c.rstd * c.xhat * mean(d * c.xhat),
        }
    }


EXERCISES = [
    forward(
        "rms_norm",
        ("y", "xhat", "rstd"),
        NORM,
        (
            "It is like layer norm, but no mean is subtracted.",
            "Take the mean of the squares over the last axis, with keepdims=True.",
            "xhat = x / sqrt(mean square + eps), and y = gamma xhat.",
        ),
        variants=(*FORWARD_CASES, *EPS),
        required=1,
        mistakes={
            "eps is added outside the root": _rms(lambda x: x / (np.sqrt(mean_square(x)) + 1e-6)),
            "eps is forgotten inside the root": _rms(lambda x: x / np.sqrt(mean_square(x))),
            "eps should be 1e-6": _rms(lambda x: x / np.sqrt(mean_square(x) + 1e-5)),
            "the mean is subtracted: this is layer norm": _rms(lambda x: norm(x, 1e-6)),
            "divided by the standard deviation: RMS norm does not subtract a mean": _rms(
                lambda x: x / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
            ),
            "a sum of squares instead of their mean": _rms(
                lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True) + 1e-6)
            ),
            "the root is missing": _rms(lambda x: x / (mean_square(x) + 1e-6)),
            "the mean of the squares runs over the whole array": _rms(
                lambda x: x / np.sqrt((x * x).mean() + 1e-6)
            ),
            "the mean of the squares runs over the tokens (axis 1)": _rms(
                lambda x: x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-6)
            ),
            "gamma is left out": lambda c: {"y": c.x / np.sqrt(mean_square(c.x) + 1e-6)},
            "gamma is a factor too many: xhat is what gamma is applied to": lambda c: {
                "xhat": c.gamma * c.x / np.sqrt(mean_square(c.x) + 1e-6)
            },
            "this is the mean square: rstd is one over its root": lambda c: {
                "rstd": mean_square(c.x) + 1e-6
            },
            "this is one over the mean square: the root is missing": lambda c: {
                "rstd": 1 / (mean_square(c.x) + 1e-6)
            },
            "this is the root mean square: rstd is one over it": lambda c: {
                "rstd": np.sqrt(mean_square(c.x) + 1e-6)
            },
        },
    ),
    backward(
        "rms_norm_backward",
        ("dx", "dgamma"),
        NORM,
        (
            "It is layer norm's backward pass without the term of the mean.",
            "dxhat = gamma dy. x_i changes xhat_i directly, and its whole row through the mean "
            "square.",
            "dx = rstd (dxhat - xhat mean(dxhat xhat)), and dgamma is the sum of dy xhat over all "
            "tokens.",
        ),
        variants=NORM_CASES,
        parts=_rms_parts,
        mistakes={
            "the mean of dxhat is subtracted: that is layer norm's gradient": lambda c: {
                "dx": c.rstd * (dxhat(c) - mean(dxhat(c)) - c.xhat * mean(dxhat(c) * c.xhat))
            },
            **{k: v for k, v in backward_mistakes(0).items() if "beta was added" not in k},
        },
    ),
]
