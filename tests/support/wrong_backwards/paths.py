"""Wrong choices of the outputs that send a gradient to an entry."""

import numpy as np

from tests.support.wrong_backwards.common import X, case

ROWS = np.array([[1.0], [2.0], [-0.5]])


def scaled_rows(x):
    return x * ROWS


@case(
    "batch mean",
    scaled_rows,
    "The upstream gradient is averaged over the batch.",
    "averaged over axis 0 before it is used",
    x=X,
)
def scaled_rows_mean(dy, x):
    return dy.mean(0) * ROWS


def doubled(x):
    return 2 * x


@case(
    "one row",
    doubled,
    "The gradient of the first row is counted twice.",
    "wrong only at x[0], where it is 2 times",
    x=X,
)
def doubled_first_row(dy, x):
    dx = 2 * dy
    dx[0] *= 2
    return dx


def neighbours(x):
    return x[:-1] * x[1:]


@case(
    "neighbours",
    neighbours,
    "Only the path through the left factor is there.",
    "a path is missing: 50%",
    x=X[0],
)
def neighbours_left_only(dy, x):
    dx = np.zeros_like(x)
    dx[:-1] = dy * x[1:]
    return dx


def pair_sums(x):
    return x[:-1] + x[1:]


@case(
    "pair sums",
    pair_sums,
    "Every output sends its gradient to all entries.",
    "not 0 where they do not",
    x=X[0],
)
def pair_sums_everywhere(dy, x):
    return np.ones_like(x) * dy.sum()


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@case(
    "log-softmax mean",
    log_softmax,
    "The row's gradients are averaged, not summed.",
    "a mean in place of a sum over 4 entries",
    x=X,
)
def log_softmax_mean(dy, x):
    return dy - np.exp(log_softmax(x)) * dy.mean(-1, keepdims=True)


def average_pool(x):
    return x.reshape(3, 2, 2).mean(-1)


@case(
    "average pool",
    average_pool,
    "The gradient of a maximum is used for an average.",
    "must be shared out evenly over 2 entries",
    x=X,
)
def average_pool_as_maximum(dy, x):
    pairs = x.reshape(3, 2, 2)
    return ((pairs == pairs.max(-1, keepdims=True)) * dy[..., None]).reshape(3, 4)


def column_squares(x):
    return (x**2).sum(0)


@case(
    "column squares",
    column_squares,
    "dy is broadcast along the wrong axis.",
    "with the upstream gradient of another output",
    x=X[:, :3],
)
def column_squares_by_rows(dy, x):
    return 2 * x * dy[:, None]


def hinge(x):
    return np.where(x.real < 0.4, 0.4 - x, 0)


@case(
    "hinge",
    hinge,
    "The flat part also receives a gradient.",
    "wrong only where x > 0",
    x=X,
)
def hinge_everywhere(dy, x):
    return -dy
