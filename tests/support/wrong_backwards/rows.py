"""Wrong softmaxes and normalisations."""

import numpy as np

from tests.support.wrong_backwards.common import EPS, X, Y, case, normal, positive, softmax


@case(
    "softmax",
    softmax,
    "The sum over the row in softmax's derivative is missing.",
    "the sum term over axis 1 is missing",
    x=X,
)
def softmax_diagonal(dy, x):
    p = softmax(x)
    return dy * p * (1 - p)


@case(
    "softmax axis",
    softmax,
    "The sum runs over the rows (axis 0), not over the classes.",
    "it sums (or averages) over axis 0 instead of axis 1",
    x=Y,
)
def softmax_axis(dy, x):
    p = softmax(x)
    return p * (dy - (dy * p).sum(0, keepdims=True))


def log_softmax(x):
    s = x - x.real.max(-1, keepdims=True)
    return s - np.log(np.exp(s).sum(-1, keepdims=True))


@case(
    "log-softmax",
    log_softmax,
    "The probabilities are not multiplied by the row sum of dy.",
    "a term is added that is not multiplied by dy",
    x=X,
)
def log_softmax_no_sum(dy, x):
    return dy - softmax(x)


def logsumexp(x):
    return np.log(np.exp(x).sum(-1))


@case(
    "logsumexp",
    logsumexp,
    "The exponentials are not divided by their sum.",
    "a factor the sum of exp(x) over axis 1 too much",
    x=X,
)
def logsumexp_unnormalised(dy, x):
    return dy[:, None] * np.exp(x)


def layer_norm(x, gamma, beta):
    c = x - x.mean(-1, keepdims=True)
    return gamma * c / np.sqrt((c**2).mean(-1, keepdims=True) + EPS) + beta


def ln_parts(x, axis=-1):
    c = x - x.mean(axis, keepdims=True)
    inv = 1 / np.sqrt((c**2).mean(axis, keepdims=True) + EPS)
    return c * inv, inv


LN = {"x": X, "gamma": positive(8, 4), "beta": normal(9, 4)}


@case(
    "layer norm mean",
    layer_norm,
    "The term through the mean is missing from dx.",
    "the mean term is missing",
    **LN,
)
def layer_norm_no_mean(dy, x, gamma, beta):
    n, inv = ln_parts(x)
    g = dy * gamma
    return inv * (g - n * (g * n).mean(-1, keepdims=True)), (dy * n).sum(0), dy.sum(0)


@case(
    "layer norm variance",
    layer_norm,
    "The standard deviation is treated as constant.",
    "the standard deviation (or the norm) is treated as constant",
    **LN,
)
def layer_norm_detached_std(dy, x, gamma, beta):
    n, inv = ln_parts(x)
    g = dy * gamma
    return inv * (g - g.mean(-1, keepdims=True)), (dy * n).sum(0), dy.sum(0)


@case(
    "layer norm gain",
    layer_norm,
    "dgamma uses the raw x, not the normalised x.",
    "x itself is used, where the right one has it shifted and scaled",
    **LN,
)
def layer_norm_raw_gain(dy, x, gamma, beta):
    n, inv = ln_parts(x)
    g = dy * gamma
    dx = inv * (g - g.mean(-1, keepdims=True) - n * (g * n).mean(-1, keepdims=True))
    return dx, (dy * x).sum(0), dy.sum(0)


def rms_norm(x, gamma):
    return gamma * x / np.sqrt((x**2).mean(-1, keepdims=True) + EPS)


@case(
    "rms norm", rms_norm, "The gain is left out of dx.", "gamma is left out", x=X, gamma=LN["gamma"]
)
def rms_norm_no_gain(dy, x, gamma):
    inv = 1 / np.sqrt((x**2).mean(-1, keepdims=True) + EPS)
    n = x * inv
    return inv * (dy - n * (dy * n).mean(-1, keepdims=True)), (dy * n).sum(0)


@case(
    "rms norm eps",
    rms_norm,
    "eps is added outside the square root.",
    "eps is added outside the square root",
    x=X,
    gamma=LN["gamma"],
)
def rms_norm_eps(dy, x, gamma):
    inv = 1 / (np.sqrt((x**2).mean(-1, keepdims=True)) + EPS)
    n, g = x * inv, dy * gamma
    return inv * (g - n * (g * n).mean(-1, keepdims=True)), (dy * n).sum(0)


def batch_norm(x):
    return ln_parts(x, 0)[0]


@case(
    "batch norm",
    batch_norm,
    "The means run over the features instead of the batch.",
    "it sums (or averages) over axis 1 instead of axis 0",
    x=X,
)
def batch_norm_axis(dy, x):
    n, inv = ln_parts(x, 0)
    return inv * (dy - dy.mean(-1, keepdims=True) - n * (dy * n).mean(-1, keepdims=True))


@case(
    "batch norm Bessel",
    batch_norm,
    "The variance is divided by n - 1 instead of n.",
    "the variance is divided by n - 1 instead of n",
    x=Y,
)
def batch_norm_bessel(dy, x):
    inv = 1 / np.sqrt(x.var(0, ddof=1) + EPS)
    n = (x - x.mean(0)) * inv
    return inv * (dy - dy.mean(0) - n * (dy * n).sum(0) / (len(x) - 1))


def group_norm(x):
    return ln_parts(x.reshape(len(x), 2, -1))[0].reshape(x.shape)


@case(
    "group norm",
    group_norm,
    "The means run over the whole row, not over each group.",
    "a whole axis instead of a group",
    x=X,
)
def group_norm_whole_row(dy, x):
    n, inv = ln_parts(x.reshape(3, 2, 2))
    n, inv = n.reshape(3, 4), np.repeat(inv[..., 0], 2, axis=1)
    return inv * (dy - dy.mean(-1, keepdims=True) - n * (dy * n).mean(-1, keepdims=True))
