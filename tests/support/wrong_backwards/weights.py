"""Wrong backward passes with a factor, a range, an axis or an index that is wrong."""

import numpy as np

from tests.support.wrong_backwards.common import P, X, Y, normal, positive, softmax
from tests.support.wrong_backwards.terms import SQUARE, term

LABELS = np.array([2, 0, 1, 3])
WEIGHTS = np.array([0.3, 0.8, 1.5, 2.0])
KEEP = np.random.default_rng(32).random((3, 4)) > 0.3


def column_bias(x, b):
    return x + b[:, None]


@term(
    "column bias",
    column_bias,
    "dy is summed over axis 0, but must be over axis 1.",
    x=SQUARE,
    b=normal(35, 4),
)
def column_bias_over_rows(dy, x, b):
    return dy, dy.sum(0)


def weighted(logits, labels):
    picked = np.log(softmax(logits))[np.arange(len(labels)), labels]
    return -(WEIGHTS[labels] * picked).sum() / WEIGHTS[labels].sum()


@term(
    "weighted",
    weighted,
    "The weights multiply the columns instead of the rows.",
    logits=SQUARE,
    labels=LABELS,
)
def weighted_columns(dy, logits, labels):
    return dy * WEIGHTS * (softmax(logits) - np.eye(4)[labels]) / WEIGHTS[labels].sum()


@term("clipped slope", lambda x: x**2, "The slope 2 x is clipped to [-1, 1].", x=X)
def clipped_slope(dy, x):
    return dy * np.clip(2 * x, -1, 1)


def scaled_tanh(x):
    return 1.7159 * np.tanh(0.6667 * x)


@term("scaled tanh", scaled_tanh, "The inner factor, 0.6667, is left out.", x=X)
def scaled_tanh_inner(dy, x):
    return dy * 1.7159 * (1 - np.tanh(0.6667 * x) ** 2)


def dropped(x, keep):
    return x * keep / 0.7


@term("scaled dropout", dropped, "It divides by 0.7 twice.", x=X, keep=KEEP)
def dropped_twice(dy, x, keep):
    return dy * keep / 0.7 / 0.7


def waves(x, y):
    return x * np.sin(y) + np.cos(x) * y


@term("waves", waves, "The derivative of the cosine has the wrong sign.", x=X, y=Y)
def waves_sign(dy, x, y):
    return dy * (np.sin(y) + np.sin(x) * y), dy * (x * np.cos(y) + np.cos(x))


def power_mean(x):
    return (x**3).mean(-1) ** 0.5


@term("power mean", power_mean, "The outer exponent, 0.5, is left out.", x=P)
def power_mean_outer(dy, x):
    return (dy * (x**3).mean(-1) ** -0.5)[:, None] * 3 * x**2 / x.shape[-1]


def leaky(x):
    return np.where(x.real > 0, x**3, 0.1 * x)


@term("leaky", leaky, "The derivative of the positive branch is used everywhere.", x=X)
def leaky_one_branch(dy, x):
    return dy * 3 * x**2


def taps(x, w):
    padded = np.concatenate([np.zeros((len(x), 2)), x], 1)
    return sum(padded[:, i : i + x.shape[1]] * w[i] for i in range(3))


@term(
    "taps", taps, "The windows start one position too early.", x=normal(39, 3, 6), w=normal(40, 3)
)
def taps_early(dy, x, w):
    padded = np.concatenate([np.zeros((len(x), 3)), x], 1)
    dx = np.zeros((len(x), 8))
    for i in range(3):
        dx[:, i : i + 6] += dy * w[i]
    return dx[:, 2:], np.array([(dy * padded[:, i : i + 6]).sum() for i in range(3)])


def scores(q, k, w):
    return (q @ w) @ k.T


@term(
    "bilinear",
    scores,
    "The gradient of q uses q in place of k.",
    q=SQUARE,
    k=normal(41, 4, 4),
    w=normal(42, 4, 4),
)
def scores_own_values(dy, q, k, w):
    return dy @ q @ w.T, dy.T @ (q @ w), q.T @ dy @ k


def gain_rows(x, gain):
    return np.tanh(x) * gain[:, None]


@term(
    "row gain",
    gain_rows,
    "The gain's gradient uses x instead of tanh(x).",
    x=X,
    gain=positive(43, 3),
)
def gain_rows_raw(dy, x, gain):
    return dy * gain[:, None] * (1 - np.tanh(x) ** 2), (dy * x).sum(-1)


def hard_swish(x):
    return np.where(x.real > 3, x, np.where(x.real < -3, 0.0, x * (x + 3) / 6))


@term("hard swish", hard_swish, "The slope is clipped to [0, 1].", x=3 * SQUARE)
def hard_swish_clipped(dy, x):
    return dy * np.clip((2 * x + 3) / 6, 0, 1)


def causal(x, w):
    padded = np.concatenate([np.zeros((len(x), 2)), x], 1)
    return padded[:, :-2] * w[0] + padded[:, 1:-1] * w[1] + padded[:, 2:] * w[2]


@term(
    "causal", causal, "The kernel's gradient pads both sides.", x=normal(45, 3, 6), w=normal(46, 3)
)
def causal_padded_on_both_sides(dy, x, w):
    padded = np.concatenate([np.zeros((len(x), 1)), x, np.zeros((len(x), 1))], 1)
    dx = np.zeros((len(x), 8))
    for i in range(3):
        dx[:, i : i + 6] += dy * w[i]
    return dx[:, 2:], np.array([(dy * padded[:, i : i + 6]).sum() for i in range(3)])


def centred(x, w):
    y = np.tanh(x @ w)
    return y - y.mean(0, keepdims=True)


@term("centred", centred, "The mean runs over axis 1, but must be over axis 0.", x=X, w=SQUARE)
def centred_over_columns(dy, x, w):
    y = np.tanh(x @ w)
    d = (dy - dy.mean(1, keepdims=True)) * (1 - y * y)
    return d @ w.T, x.T @ d


def squared_relu(x, w):
    return np.maximum(x @ w, 0) ** 2


@term("squared relu", squared_relu, "The factor x @ w is left out.", x=X, w=SQUARE)
def squared_relu_slope(dy, x, w):
    d = dy * 2 * (x @ w > 0)
    return d @ w.T, x.T @ d


def collision(x, w):
    p = softmax(x @ w)
    return (p * p).sum(-1)


@term("collision", collision, "p^2 is used where p belongs.", x=X, w=SQUARE)
def collision_square(dy, x, w):
    p = softmax(x @ w)
    d = 2 * dy[:, None] * p * p
    d = p * (d - (d * p).sum(-1, keepdims=True))
    return d @ w.T, x.T @ d


def shared_heads(k):
    return np.repeat(k, 3, axis=1)


@term("shared heads", shared_heads, "The heads of a group are averaged.", k=normal(47, 2, 2, 4))
def shared_heads_averaged(dy, k):
    return dy.reshape(2, 2, 3, 4).mean(2)
