"""Wrong copies, sums and shifts of entries."""

import numpy as np

from tests.support.wrong_backwards.common import X, Y, case, normal, positive


def concat(x, y):
    return np.concatenate([x, y], -1)


@case(
    "concatenation",
    concat,
    "dy is split as if x and y were interleaved.",
    "interleaved along axis 1",
    x=X,
    y=Y,
)
def concat_interleaved(dy, x, y):
    return dy[:, ::2], dy[:, 1::2]


def permute(x):
    return x.transpose(2, 0, 1)


@case(
    "permutation",
    permute,
    "The forward permutation is reused.",
    "the same rotation, roll, permutation",
    x=normal(22, 3, 3, 3),
)
def permute_again(dy, x):
    return dy.transpose(2, 0, 1)


def transpose(x):
    return x.T


@case(
    "transpose",
    transpose,
    "dy is reshaped to x's shape instead of transposed.",
    "a reshape where a transpose is needed",
    x=X,
)
def transpose_reshaped(dy, x):
    return dy.reshape(x.shape)


def scale_rows(x, s):
    return x * s


@case(
    "row scale",
    scale_rows,
    "ds takes column 0, not the row's sum.",
    "only dy[:, 0] is used",
    x=X,
    s=positive(23, 3, 1),
)
def scale_rows_unsummed(dy, x, s):
    return dy * s, (dy * x)[:, :1]


def cumsum(x):
    return np.cumsum(x, -1)


@case(
    "cumsum",
    cumsum,
    "The sum from the right leaves out each entry's own gradient.",
    "each entry's own place is left out",
    x=X,
)
def cumsum_exclusive(dy, x):
    return np.cumsum(dy[:, ::-1], -1)[:, ::-1] - dy


def row_max(x):
    return x[np.arange(len(x)), x.real.argmax(-1)]


@case(
    "max",
    row_max,
    "The gradient is spread over the row, not given to the maximum.",
    "spread evenly along axis 1",
    x=X,
)
def max_spread(dy, x):
    return np.ones_like(x) * dy[:, None] / x.shape[1]


def shift(x):
    return np.roll(x, 1, axis=-1)


@case(
    "roll",
    shift,
    "The gradient is rolled forward again instead of back.",
    "the same rotation, roll, permutation",
    x=X,
)
def shift_again(dy, x):
    return np.roll(dy, 1, axis=-1)


def normalise(x):
    return x / np.sqrt((x**2).sum(-1, keepdims=True))


@case(
    "normalise",
    normalise,
    "The projection on x is added instead of subtracted.",
    "the variance term (the projection on the input) has the wrong sign",
    x=X,
)
def normalise_sign(dy, x):
    n = normalise(x)
    return (dy + n * (dy * n).sum(-1, keepdims=True)) / np.sqrt((x**2).sum(-1, keepdims=True))


def cosine(x, y):
    return (normalise(x) * normalise(y)).sum(-1)


@case(
    "cosine",
    cosine,
    "The norms are treated as constants.",
    "that reaches x through square(x) is missing",
    x=X,
    y=Y,
)
def cosine_constant_norms(dy, x, y):
    nx, ny = (np.sqrt((a**2).sum(-1, keepdims=True)) for a in (x, y))
    g = dy[:, None] / (nx * ny)
    return g * y, g * x


def variance(x):
    return ((x - x.mean(-1, keepdims=True)) ** 2).mean(-1)


@case(
    "variance", variance, "The mean is not subtracted from x.", "a mean that is not subtracted", x=X
)
def variance_uncentred(dy, x):
    return dy[:, None] * 2 * x / x.shape[1]


def conv1d(x, w):
    return sum(x[:, i : i + 3] * w[i] for i in range(3))


@case(
    "conv1d",
    conv1d,
    "The kernel is flipped in dx.",
    "w is reversed along axis 0",
    x=normal(24, 2, 5),
    w=normal(25, 3),
)
def conv1d_flipped(dy, x, w):
    dx = np.zeros_like(x)
    for i in range(3):
        dx[:, i : i + 3] += dy * w[2 - i]
    return dx, np.array([(dy * x[:, i : i + 3]).sum() for i in range(3)])


def rnn(x, h, w):
    return np.tanh(x + h @ w)


@case(
    "rnn step",
    rnn,
    "dh skips the tanh's derivative.",
    "the factor (1 - y^2) is missing",
    x=X,
    h=Y,
    w=normal(26, 4, 4),
)
def rnn_skips_tanh(dy, x, h, w):
    g = dy * (1 - np.tanh(x + h @ w) ** 2)
    return g, dy @ w.T, h.T @ g


def square(x):
    return x**2


@case(
    "square",
    square,
    "The gradient is clipped to [-1, 1].",
    "the gradient is clipped to [-1, 1]",
    x=X * 2,
)
def square_clipped(dy, x):
    return np.clip(dy * 2 * x, -1, 1)


def affine(x):
    return 3 * x + 1


@case(
    "affine",
    affine,
    "The last row of the batch receives no gradient.",
    "no gradient arrives at x[-1]",
    x=X,
)
def affine_last_row(dy, x):
    d = 3 * dy
    d[-1] = 0
    return d
