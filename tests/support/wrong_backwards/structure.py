"""Wrong pooling, dropout, and moving of entries."""

import numpy as np

from tests.support.wrong_backwards.common import S, X, case, normal, sig

KEEP = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], bool)


def masked_mean(x, keep):
    return (x * keep[..., None]).sum(1) / keep.sum(1)[:, None]


@case(
    "masked mean",
    masked_mean,
    "It divides by the padded length.",
    "counts masked positions",
    x=S,
    keep=KEEP,
)
def masked_mean_length(dy, x, keep):
    return dy[:, None] * keep[..., None] / x.shape[1]


@case(
    "masked mean pads",
    masked_mean,
    "The padding also receives a gradient.",
    "the gradient must be 0 at x",
    x=S,
    keep=KEEP,
)
def masked_mean_padding(dy, x, keep):
    return np.ones_like(x) * (dy / keep.sum(1)[:, None])[:, None]


DROP = np.random.default_rng(20).random((3, 4)) > 0.4


def dropout(x, mask):
    return x * mask / 0.6


@case(
    "dropout",
    dropout,
    "A new mask is drawn in backward; the given one is right.",
    "another mask is used than in the forward pass",
    x=X,
    mask=DROP,
)
def dropout_new_mask(dy, x, mask):
    return dy * (np.random.default_rng(0).random(mask.shape) > 0.4) / 0.6


@case(
    "dropout mask",
    dropout,
    "The mask is inverted: dropped entries get it.",
    "the mask is inverted",
    x=X,
    mask=DROP,
)
def dropout_inverted(dy, x, mask):
    return dy * ~mask / 0.6


def residual(x, w):
    return x + np.tanh(x @ w)


@case(
    "residual",
    residual,
    "The gradient through the skip is missing.",
    "the residual (skip) path is lost",
    x=X,
    w=normal(21, 4, 4),
)
def residual_no_skip(dy, x, w):
    g = dy * (1 - np.tanh(x @ w) ** 2)
    return g @ w.T, x.T @ g


def glu(x):
    return x[:, :2] * sig(x[:, 2:])


@case(
    "glu",
    glu,
    "The halves are exchanged: the gate's gradient comes first.",
    "the two halves are exchanged",
    x=X,
)
def glu_exchanged(dy, x):
    a, s = x[:, :2], sig(x[:, 2:])
    return np.concatenate([dy * a * s * (1 - s), dy * s], -1)
