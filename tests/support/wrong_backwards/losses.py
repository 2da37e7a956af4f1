"""Wrong losses."""

import numpy as np

from tests.support.wrong_backwards.common import IDS, LABELS, X, Y, case, sig, softmax
from tests.support.wrong_backwards.rows import log_softmax


def cross_entropy(x, labels):
    return -log_softmax(x)[np.arange(len(x)), labels].mean()


def p_minus_y(x, labels):
    return softmax(x) - np.eye(x.shape[1])[labels]


@case(
    "cross-entropy",
    cross_entropy,
    "The division by the batch is missing.",
    "a factor B = 3 (axis 0 of x) too much",
    x=X,
    labels=LABELS,
)
def cross_entropy_sum(dy, x, labels):
    return dy * p_minus_y(x, labels)


IGNORING = np.array([2, -1, 3])


def masked_cross_entropy(x, labels):
    keep = labels >= 0
    return -log_softmax(x)[np.arange(len(x)), labels][keep].sum() / keep.sum()


@case(
    "ignored targets",
    masked_cross_entropy,
    "The rows whose target is ignored still receive a gradient.",
    "the gradient must be 0 at x[1]",
    x=X,
    labels=IGNORING,
)
def ignored_not_ignored(dy, x, labels):
    return dy * p_minus_y(x, labels) / (labels >= 0).sum()


def smoothed(x, labels):
    target = 0.7 * np.eye(4)[labels] + 0.3 / 4
    return -(target * log_softmax(x)).sum(-1).mean()


@case(
    "label smoothing",
    smoothed,
    "Backward uses unsmoothed targets.",
    "the targets differ",
    x=X,
    labels=LABELS,
)
def smoothing_forgotten(dy, x, labels):
    return dy * p_minus_y(x, labels) / len(x)


def mse(x, y):
    return ((x - y) ** 2).mean()


@case(
    "mse",
    mse,
    "The target's gradient has the same sign as the prediction's.",
    "the sign is wrong",
    x=X,
    y=Y,
)
def mse_sign(dy, x, y):
    g = dy * 2 * (x - y) / x.size
    return g, g


def huber(x):
    big = np.abs(x.real) > 0.5
    return np.where(big, 0.5 * (np.sign(x.real) * x - 0.25), 0.5 * x**2)


@case(
    "huber",
    huber,
    "The linear part is forgotten: the gradient is x everywhere.",
    "wrong only where |x| > 0.5: there the derivative is +-0.5, but the backward pass uses x",
    x=X,
)
def huber_quadratic(dy, x):
    return dy * x


def bce(x, y):
    return -(y * np.log(sig(x)) + (1 - y) * np.log(1 - sig(x)))


@case(
    "bce",
    bce,
    "This is the gradient by the probability, not the logit.",
    "the factor sigmoid(x) * (1 - sigmoid(x)) is missing",
    x=X,
    y=IDS[:1] % 2,
)
def bce_by_probability(dy, x, y):
    p = sig(x)
    return dy * (p - y) / (p * (1 - p))


LOGITS = IDS[:1]


def kl(x, y):
    p = softmax(y.astype(float))
    return (p * (np.log(p) - log_softmax(x))).sum(-1)


@case(
    "kl",
    kl,
    "It is divided by the classes, though forward sums over them.",
    "a factor D = 4 (axis 1 of x) too little",
    x=X,
    y=LOGITS,
)
def kl_mean(dy, x, y):
    return dy[:, None] * (softmax(x) - softmax(y.astype(float))) / x.shape[1]
