"""Wrong backward passes that lack one path of the forward pass, or have it at wrong values."""

import numpy as np

from tests.support.wrong_backwards.common import P, X, Y, case, normal, sig, softmax
from tests.support.wrong_backwards.names import TERMS

SQUARE = normal(31, 4, 4)


def term(name, forward, truth, **inputs):
    """Register a wrong backward pass with the words that the checker must find for it."""
    return case(name, forward, truth, TERMS[name], **inputs)


def mish(x):
    return x * np.tanh(np.log(1 + np.exp(x)))


@term("mish", mish, "The derivative of softplus, sigmoid(x), is left out.", x=X)
def mish_without_softplus(dy, x):
    t = np.tanh(np.log(1 + np.exp(x)))
    return dy * (t + x * (1 - t * t))


def own_scale(x):
    return softmax(x / np.sqrt((x * x).mean(-1, keepdims=True)))


@term("own scale", own_scale, "The scale, which depends on x, is treated as constant.", x=X)
def own_scale_constant(dy, x):
    y, scale = own_scale(x), np.sqrt((x * x).mean(-1, keepdims=True))
    return y * (dy - (dy * y).sum(-1, keepdims=True)) / scale


def kernel(x, w):
    h = np.tanh(x @ w)
    return h @ h.T


@term("kernel", kernel, "h occurs twice, but only its left use counts.", x=X, w=normal(33, 4, 2))
def kernel_left_only(dy, x, w):
    h = np.tanh(x @ w)
    d = dy @ h * (1 - h * h)
    return d @ w.T, x.T @ d


def entropy(p):
    return -(p * np.log(p)).sum(-1)


@term("entropy", entropy, "The 1 of (p log p)' = log p + 1 is missing.", p=P)
def entropy_without_one(dy, p):
    return -dy[:, None] * np.log(p)


def unrolled(h, w):
    return np.tanh(np.tanh(np.tanh(h @ w) @ w) @ w)


@term(
    "unrolled",
    unrolled,
    "The first of three steps is cut off.",
    h=normal(34, 3, 2),
    w=SQUARE[:2, :2],
)
def unrolled_two_steps(dy, h, w):
    first = np.tanh(h @ w)
    second = np.tanh(first @ w)
    d3 = dy * (1 - np.tanh(second @ w) ** 2)
    d2 = (d3 @ w.T) * (1 - second**2)
    d1 = (d2 @ w.T) * (1 - first**2)
    return d1 @ w.T, second.T @ d3 + first.T @ d2


def sizes(x):
    return np.abs(x) @ np.abs(x).T


@term("gram of sizes", sizes, "|x| occurs twice, but only its left use counts.", x=X)
def sizes_left_only(dy, x):
    return dy @ np.abs(x) * np.sign(x)


def autoencoder(x, w):
    return np.tanh(x @ w) @ w.T


@term("autoencoder", autoencoder, "The encoder's part is halved.", x=X, w=normal(44, 4, 3))
def autoencoder_half_encoder(dy, x, w):
    h = np.tanh(x @ w)
    d = dy @ w * (1 - h * h)
    return d @ w.T, x.T @ d / 2 + dy.T @ h


def variation(x):
    return np.sqrt(((x - x.mean(-1, keepdims=True)) ** 2).mean(-1)) / x.mean(-1)


@term("variation", variation, "The mean in the denominator is treated as constant.", x=P)
def variation_constant_mean(dy, x):
    centred, mean = x - x.mean(-1, keepdims=True), x.mean(-1)
    std = np.sqrt((centred**2).mean(-1))
    return (dy / mean / std)[:, None] * centred / x.shape[-1]


def mixture(gates, experts):
    return (softmax(gates)[:, :, None] * experts).sum(1)


@term(
    "mixture", mixture, "The softmax of the gates is skipped.", gates=X, experts=normal(36, 3, 4, 2)
)
def mixture_without_softmax(dy, gates, experts):
    return (dy[:, None] * experts).sum(-1), dy[:, None] * softmax(gates)[:, :, None]


def gru(h, x, w, u):
    z = sig(x @ w)
    return (1 - z) * h + z * np.tanh(x @ u)


@term(
    "gru",
    gru,
    "The path of the gate through 1 - z has the wrong sign.",
    h=X,
    x=Y,
    w=SQUARE,
    u=normal(37, 4, 4),
)
def gru_sign(dy, h, x, w, u):
    z, n = sig(x @ w), np.tanh(x @ u)
    dz = dy * (n + h) * z * (1 - z)
    dn = dy * z * (1 - n * n)
    return dy * (1 - z), dz @ w.T + dn @ u.T, x.T @ dz, x.T @ dn


def deep(x, w1, w2):
    return np.tanh(np.tanh(x @ w1) @ w2)


@term(
    "deep",
    deep,
    "tanh's derivative is taken at the output, as if it were the input.",
    x=X,
    w1=SQUARE,
    w2=normal(38, 4, 3),
)
def deep_slope_at_output(dy, x, w1, w2):
    h = np.tanh(x @ w1)
    d = dy * (1 - np.tanh(h @ w2) ** 2)
    dz = d @ w2.T * (1 - np.tanh(h) ** 2)
    return dz @ w1.T, x.T @ dz, h.T @ d


def fractions(x):
    return x / x.sum(-1, keepdims=True)


@term("fractions", fractions, "The sum is treated as constant.", x=P)
def fractions_constant_sum(dy, x):
    return dy / x.sum(-1, keepdims=True)


def softmax_pair(a, b):
    return (softmax(a) * np.log(softmax(b))).sum(-1)


@term("two softmaxes", softmax_pair, "The sum term of the softmax of a is missing.", a=X, b=Y)
def softmax_pair_sum(dy, a, b):
    dy = dy[:, None]
    return dy * softmax(a) * np.log(softmax(b)), dy * (softmax(a) - softmax(b))


def energy(x, w):
    h = x @ w
    return (h * h / (1 + h * h)).sum(-1)


@term("saturating energy", energy, "The denominator is treated as constant.", x=X, w=SQUARE)
def energy_constant_denominator(dy, x, w):
    h = x @ w
    d = dy[:, None] * 2 * h / (1 + h * h)
    return d @ w.T, x.T @ d


def log_softmax(x):
    return np.log(softmax(x))


@term("log softmax", log_softmax, "The sum is multiplied by the output, not by softmax(x).", x=X)
def log_softmax_of_itself(dy, x):
    return dy - log_softmax(x) * dy.sum(-1, keepdims=True)


def swish_norm(x, w):
    h = np.tanh(x @ w)
    return h * (h * h).sum(-1, keepdims=True)


@term("product of sizes", swish_norm, "The squares are differentiated at x @ w.", x=X, w=SQUARE)
def swish_norm_values(dy, x, w):
    z = x @ w
    h = np.tanh(z)
    d = dy * (h * h).sum(-1, keepdims=True) + 2 * z * (dy * h).sum(-1, keepdims=True)
    d *= 1 - h * h
    return d @ w.T, x.T @ d
