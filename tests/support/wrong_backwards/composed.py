"""Wrong backward passes of composed functions: networks, weights of attention, near formulas."""

import numpy as np

from tests.support.wrong_backwards.common import X, case, normal, softmax

LAYERS = {"x": normal(1, 4, 3), "w1": normal(2, 3, 6), "w2": normal(3, 6, 2)}


def gelu(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@case("nearly gelu", gelu, "A small wave is added.", "nearly right everywhere", x=X)
def nearly_gelu(dy, x):
    return dy * (gelu(x + 1e-6) - gelu(x - 1e-6)) / 2e-6 * (1 + 1e-3 * np.sin(9 * x))


@case(
    "weights of attention",
    lambda q, k: softmax(q @ k.T),
    "The sum term of softmax is missing behind the scores.",
    "should sum to 0 along axis",
    q=normal(5, 5, 3),
    k=normal(6, 3, 3),
)
def attention_without_the_sum(dy, q, k):
    ds = softmax(q @ k.T) * dy
    return ds @ k, ds.T @ q


def network(x, w1, w2):
    return np.tanh(x @ w1) @ w2


@case(
    "values before tanh",
    network,
    "The gradient of w2 uses x @ w1 without its tanh.",
    "is one with the rows of tanh(x @ w1)",
    **LAYERS,
)
def values_before_tanh(dy, x, w1, w2):
    dz = dy @ w2.T * (1 - np.tanh(x @ w1) ** 2)
    return dz @ w1.T, x.T @ dz, (x @ w1).T @ dy


@case(
    "tanh forgotten",
    network,
    "The derivative of tanh is left out.",
    "what is applied to x @ w1 is wrong",
    **LAYERS,
)
def tanh_forgotten(dy, x, w1, w2):
    return dy @ w2.T @ w1.T, x.T @ (dy @ w2.T), np.tanh(x @ w1).T @ dy
