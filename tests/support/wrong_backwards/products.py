"""Wrong matrix products, embeddings and attention."""

import numpy as np

from tests.support.wrong_backwards.common import (
    IDS,
    TABLE,
    S,
    W,
    X,
    case,
    normal,
    softmax,
    softmax_grad,
)


def linear(x, w, b):
    return x @ w + b


LIN = {"x": X, "w": W, "b": normal(10, 5)}


@case(
    "linear bias",
    linear,
    "db is the mean over the batch instead of the sum.",
    "a factor B = 3 (axis 0 of x) too little",
    **LIN,
)
def linear_bias_mean(dy, x, w, b):
    return dy @ w.T, x.T @ dy, dy.mean(0)


@case(
    "linear weight",
    linear,
    "dw comes from the first example of the batch only.",
    "only dy[0] is used",
    **LIN,
)
def linear_first_example(dy, x, w, b):
    return dy @ w.T, np.outer(x[0], dy[0]), dy.sum(0)


@case(
    "linear decay",
    linear,
    "A weight-decay term has been added to dw.",
    "0.1 * w is added to it",
    **LIN,
)
def linear_weight_decay(dy, x, w, b):
    return dy @ w.T, x.T @ dy + 0.1 * w, dy.sum(0)


def square_linear(x, w):
    return x @ w


@case(
    "square linear",
    square_linear,
    "w is not transposed in dx.",
    "w is used instead of its transpose",
    x=X,
    w=normal(11, 4, 4),
)
def square_linear_no_transpose(dy, x, w):
    return dy @ w, x.T @ dy


def chain(a, b, c):
    return a @ b @ c


@case(
    "matrix chain",
    chain,
    "In db, the two outer factors are exchanged.",
    "a and c are exchanged",
    a=normal(12, 3, 3),
    b=normal(13, 3, 3),
    c=normal(14, 3, 3),
)
def chain_exchanged(dy, a, b, c):
    return dy @ (b @ c).T, c.T @ dy @ a.T, (a @ b).T @ dy


def gram(x):
    return x @ x.T


@case(
    "gram matrix",
    gram,
    "2 dy x is right only if dy is symmetric.",
    "right only if dy is symmetric",
    x=X,
)
def gram_symmetric(dy, x):
    return 2 * dy @ x


def embed(table, ids):
    return table[ids]


@case(
    "embedding",
    embed,
    "For repeated ids, the last gradient overwrites.",
    "the gradient of the last one overwrites the others",
    table=TABLE,
    ids=IDS,
)
def embed_overwrites(dy, table, ids):
    d = np.zeros_like(table)
    d[ids] = dy
    return d


@case(
    "embedding mean",
    embed,
    "Each id's sum is divided by its count.",
    "the factor of how often each id occurs in ids is missing",
    table=TABLE,
    ids=IDS,
)
def embed_mean(dy, table, ids):
    d = np.zeros_like(table)
    np.add.at(d, ids, dy)
    return d / np.maximum(np.bincount(ids.ravel(), minlength=5), 1)[:, None]


def add_positions(x, pos):
    return x + pos[: x.shape[1]]


@case(
    "positions",
    add_positions,
    "The gradients of the position rows are shifted by one.",
    "shifted by 1 along axis 0",
    x=S,
    pos=normal(15, 6, 4),
)
def positions_shifted(dy, x, pos):
    d = np.zeros_like(pos)
    d[1:] = dy.sum(0)
    return dy, d


ANGLES = np.outer(np.arange(5), [1.0, 0.3])
COS, SIN = np.cos(ANGLES), np.sin(ANGLES)


def rotary(x):
    a, b = x[..., :2], x[..., 2:]
    return np.concatenate([a * COS - b * SIN, a * SIN + b * COS], -1)


@case(
    "rotary",
    rotary,
    "The gradient is rotated forward; the inverse rotation is right.",
    "dy is sent through the forward map again",
    x=S,
)
def rotary_forward(dy, x):
    return rotary(dy)


def attention(q, k, v):
    return softmax(q @ k.swapaxes(-1, -2) / 2) @ v


QKV = {"q": S, "k": normal(16, 2, 5, 4), "v": normal(17, 2, 5, 4)}


def t(a):
    return a.swapaxes(-1, -2)


@case(
    "attention scale",
    attention,
    "dk lacks the factor 1/sqrt(d).",
    "a factor sqrt(D = 4 (axis 2 of q)) too much",
    **QKV,
)
def attention_scale(dy, q, k, v):
    p = softmax(q @ t(k) / 2)
    ds = softmax_grad(dy @ t(v), p)
    return ds @ k / 2, t(ds) @ q, t(p) @ dy


@case(
    "attention values",
    attention,
    "The attention weights are not transposed in dv.",
    "the transpose is missing",
    **QKV,
)
def attention_values(dy, q, k, v):
    p = softmax(q @ t(k) / 2)
    ds = softmax_grad(dy @ t(v), p) / 2
    return ds @ k, t(ds) @ q, p @ dy


CAUSAL = np.tril(np.ones((5, 5), bool))


def causal_attention(q, k, v):
    return softmax(np.where(CAUSAL, q @ t(k) / 2, -1e9)) @ v


@case(
    "causal attention",
    causal_attention,
    "The causal mask is forgotten in backward.",
    "the causal mask is forgotten",
    **QKV,
)
def causal_forgotten(dy, q, k, v):
    p = softmax(q @ t(k) / 2)
    ds = softmax_grad(dy @ t(v), p) / 2
    return ds @ k, t(ds) @ q, t(p) @ dy


def grouped(q, k):
    return q @ t(np.repeat(k, 2, axis=1))


@case(
    "grouped heads",
    grouped,
    "The query heads of a group are paired as if they were interleaved (tile, not repeat).",
    "repeat and tile confused",
    q=normal(18, 2, 4, 3, 2),
    k=normal(19, 2, 2, 3, 2),
)
def grouped_tiled(dy, q, k):
    dk = (t(dy) @ q).reshape(2, 2, 2, 3, 2).sum(1)
    return dy @ np.repeat(k, 2, axis=1), dk
