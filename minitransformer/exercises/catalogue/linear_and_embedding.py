"""Notebooks 2, 3 and 6: linear maps, the embedding, and the projection to Q, K and V."""

import math
from dataclasses import replace

import numpy as np

from minitransformer.exercises.cases import USUAL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward

LINEAR, EMBEDDING, ATTENTION = "02_linear_layers", "03_embeddings", "06_attention"


def _rows(x):
    return x.reshape(-1, x.shape[-1])


def _linear_mistakes(dy):
    """Common mistakes in dW and db; ``dy(c)`` is the upstream gradient."""
    return {
        "only the first text's contribution: sum over all texts": lambda c: {
            "dW": c.x[0].T @ dy(c)[0],
            "db": dy(c)[0].sum(axis=0),
        },
        "only the last text's contribution: sum over all texts": lambda c: {
            "dW": c.x[-1].T @ dy(c)[-1],
            "db": dy(c)[-1].sum(axis=0),
        },
        "a mean over the tokens instead of a sum: only the loss takes a mean": lambda c: {
            "dW": _rows(c.x).T @ _rows(dy(c)) / _rows(c.x).shape[0],
            "db": _rows(dy(c)).mean(axis=0),
        },
        "a mean over the batch instead of a sum: only the loss takes a mean": lambda c: {
            "dW": _rows(c.x).T @ _rows(dy(c)) / len(c.x),
            "db": _rows(dy(c)).sum(axis=0) / len(c.x),
        },
        "the sum runs over the features too: sum dy over the tokens only": lambda c: {
            "db": np.ones(dy(c).shape[-1]) * dy(c).sum(),
        },
    }


def _last(c):
    dW = np.zeros((c.n_rows, c.dy.shape[-1]))
    dW[c.ids] = c.dy
    return dW


def _added(c, texts=slice(None)):
    dW = np.zeros((c.n_rows, c.dy.shape[-1]))
    np.add.at(dW, c.ids[texts], c.dy[texts])
    return dW


ROWS = Variant("one feature out", {"F": 1})
SQUARE = Variant(
    "a square W",
    {"D": 4, "F": 4},
    blame="right unless W is square: does your code decide something by comparing shapes?",
)
WITHOUT_BIAS = Variant(
    "without b",
    options=("b",),
    adjust=lambda inputs, rng: {name: x for name, x in inputs.items() if name != "b"},
    blame="right with b, but b may also be left out (None), and then nothing is added",
)
# as in a transformer: x has as many features as Q, K and V
SQUARE_MAPS = tuple(replace(v, sizes={**v.sizes, "D": 7, "F": 7}) for v in USUAL)
ONCE = Variant(
    "no id twice",
    {"V": 40},
    adjust=lambda i, rng: i | {"ids": rng.permutation(40)[: i["ids"].size].reshape(i["ids"].shape)},
)
UNUSED = Variant(
    "ids that do not occur",
    {"V": 30},
    adjust=lambda inputs, rng: inputs | {"ids": inputs["ids"] // 2},
    blame="right if every id occurs: rows of the table that are not looked up get 0",
)


def _thirds(c):
    return np.concatenate([c.dQ, c.dK, c.dV], axis=-1)


def _qkv(c, d):
    rows = d.reshape(-1, d.shape[-1])
    x = c.x.reshape(-1, c.x.shape[-1])
    return {"dx": d @ c.W.T, "dW": x.T @ rows, "db": rows.sum(axis=0)}


def _blocks(c, use):
    """dx from only some of the three paths."""
    thirds = np.split(c.W, 3, axis=1)
    paths = zip(("dQ", "dK", "dV"), thirds, strict=True)
    return {"dx": sum(getattr(c, name) @ W.T for name, W in paths if name in use)}


EXERCISES = [
    forward(
        "linear",
        ("y",),
        LINEAR,
        (
            "It is one matrix product, over the last axis of x and the first axis of W.",
            "x (B, T, D_in) @ W (D_in, D_out) works as it is: NumPy keeps the leading axes.",
            "x @ W + b: the shape of b, (D_out,), is broadcast over all tokens. If b is None, add "
            "nothing.",
        ),
        variants=(*USUAL, ROWS, SQUARE, WITHOUT_BIAS),
        parts=lambda c: {
            "y": {"x W": c.x @ c.W, "b": np.broadcast_to(c.b, c.x.shape[:-1] + c.b.shape)}
        },
        mistakes={
            "W is transposed: with W (D_in, D_out) it is x @ W": lambda c: c.x @ c.W.T + c.b,
            "b is added before the product": lambda c: (c.x + c.b) @ c.W,
        },
    ),
    backward(
        "linear_backward",
        ("dx", "dW", "db"),
        LINEAR,
        (
            "Let the shapes guide you: dx has the shape of x, dW that of W, db that of b.",
            "W is used once for each token, so its gradient is a sum over all tokens: put B and T "
            "on one axis with reshape(-1, D).",
            "dx = dy @ W.T. With x and dy as rows, dW = x.T @ dy, and db is the sum of the rows of "
            "dy.",
        ),
        variants=(*USUAL, ROWS, SQUARE),
        mistakes={
            "W is used instead of its transpose: dx = dy W^T": lambda c: {"dx": c.dy @ c.W},
            **_linear_mistakes(lambda c: c.dy),
        },
    ),
    forward(
        "embedding",
        ("y",),
        EMBEDDING,
        (
            "No product is needed: each id names a row of the table.",
            "NumPy indexes with whole arrays of integers.",
            "W[ids] has the shape of ids, followed by the features.",
        ),
        variants=(*USUAL, UNUSED),
        mistakes={
            "the rows are counted from 1: row 0 belongs to id 0": lambda c: c.W[c.ids - 1],
            "each id looks up the row after its own": lambda c: c.W[(c.ids + 1) % len(c.W)],
            "the first rows of the table, whatever the ids": lambda c: np.broadcast_to(
                c.W[: c.ids.shape[1]], (*c.ids.shape, c.W.shape[1])
            ),
            "multiplied by sqrt(d_model): the layer does that, not the lookup": lambda c: (
                c.W[c.ids] * math.sqrt(c.W.shape[1])
            ),
            "the ids are reversed in time": lambda c: c.W[c.ids[:, ::-1]],
            "the ids of the first text are used for all texts": lambda c: np.broadcast_to(
                c.W[c.ids[:1]], (*c.ids.shape, c.W.shape[1])
            ),
        },
    ),
    backward(
        "embedding_backward",
        ("dW",),
        EMBEDDING,
        (
            "Which rows of the table were used? Each gets the gradients of the tokens that used "
            "it.",
            "An id that occurs twice sends two gradients to one row, and they add up. "
            "dW[ids] += dy keeps only the last one.",
            "Start with zeros of shape (n_rows, D) and dy's dtype, then np.add.at(dW, ids, dy). Or "
            "multiply by one-hot rows.",
        ),
        variants=(ONCE, *USUAL, UNUSED),
        mistakes={
            "wrong where an id occurs more than once: dW[ids] = dy, or += dy, keeps only the last "
            "gradient, but they must be added up": _last,
            "the mean over a token's occurrences instead of the sum": lambda c: (
                _added(c) / np.maximum(np.bincount(c.ids.ravel(), minlength=c.n_rows), 1)[:, None]
            ),
            "row 0 gets no gradient: no id is special here, not even that of padding": lambda c: (
                _added(c) * (np.arange(c.n_rows) > 0)[:, None]
            ),
            "only the first text is added up": lambda c: _added(c, slice(0, 1)),
            "only the last text is added up": lambda c: _added(c, slice(-1, None)),
            "rows are counted from 1: row 0 belongs to id 0": lambda c: np.roll(_added(c), 1, 0),
            "this is how often each id occurs, without the upstream gradient": lambda c: (
                np.bincount(c.ids.ravel(), minlength=c.n_rows)[:, None] * np.ones(c.dy.shape[-1])
            ),
        },
    ),
    backward(
        "qkv_projection_backward",
        ("dx", "dW", "db"),
        ATTENTION,
        (
            "x was used three times, so its gradient is a sum of three terms.",
            "Concatenate dQ, dK and dV along the last axis. The rest is the backward pass of a "
            "linear map.",
            "With d of shape (tokens, 3D): dx = d W^T, dW = x^T d, and db is the sum of d's rows.",
        ),
        variants=SQUARE_MAPS,
        mistakes={
            "only the path through Q: x was used three times": lambda c: _blocks(c, "dQ"),
            "only the path through K: x was used three times": lambda c: _blocks(c, "dK"),
            "only the path through V: x was used three times": lambda c: _blocks(c, "dV"),
            "the path through Q is missing": lambda c: _blocks(c, ("dK", "dV")),
            "the path through K is missing": lambda c: _blocks(c, ("dQ", "dV")),
            "the path through V is missing": lambda c: _blocks(c, ("dQ", "dK")),
            "the thirds are in the order K, Q, V: it is Q, K, V": lambda c: _qkv(
                c, np.concatenate([c.dK, c.dQ, c.dV], axis=-1)
            ),
            "the thirds are in the order V, K, Q: it is Q, K, V": lambda c: _qkv(
                c, np.concatenate([c.dV, c.dK, c.dQ], axis=-1)
            ),
            "the thirds are in the order Q, V, K: it is Q, K, V": lambda c: _qkv(
                c, np.concatenate([c.dQ, c.dV, c.dK], axis=-1)
            ),
            "a mean over the three paths instead of their sum": lambda c: {
                "dx": _qkv(c, _thirds(c))["dx"] / 3
            },
            "a mean over the tokens instead of a sum": lambda c: {
                "dW": _qkv(c, _thirds(c))["dW"] / (c.x.size // c.x.shape[-1]),
                "db": _thirds(c).mean(axis=(0, 1)),
            },
            "only the first text's contribution: sum over all texts": lambda c: {
                "dW": c.x[0].T @ _thirds(c)[0],
                "db": _thirds(c)[0].sum(axis=0),
            },
        },
    ),
]
