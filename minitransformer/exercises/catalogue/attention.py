"""Notebook 6: attention."""

from dataclasses import replace

import numpy as np

from minitransformer.exercises.cases import EMPTY, SINGLE, SMALL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward, scaled

ATTENTION = "06_attention"


def swap(x):
    return x.swapaxes(-1, -2)


def _softmax(Z, axis=-1):
    P = np.exp(Z - Z.max(axis=axis, keepdims=True))
    return P / P.sum(axis=axis, keepdims=True)


def scores(c, power=0.5):
    return c.Q @ swap(c.K) / c.Q.shape[-1] ** power


def _attend(P):
    """The results with the weights `P`."""
    return lambda c: {"O": P(c) @ c.V, "P": P(c)}


def _minus_mask(c, axis=-1):
    """Weights with the mask applied after the softmax."""
    return _softmax(scores(c), axis) * c.mask


def _empty_row(inputs, rng):
    mask = inputs["mask"] if inputs["mask"].shape[2] > 1 else np.repeat(inputs["mask"], 5, axis=2)
    mask = mask.copy()
    mask[0, :, 1] = False
    return inputs | {"mask": mask}


def _padded(inputs, rng):
    """A padding mask: (B, 1, 1, S), at least one key for each text."""
    lengths = rng.integers(1, inputs["K"].shape[2], len(inputs["K"]))
    return inputs | {"mask": np.arange(inputs["K"].shape[2]) < lengths[:, None, None, None]}


def _causal(inputs, rng):
    T, S = inputs["Q"].shape[2], inputs["K"].shape[2]
    return inputs | {"mask": np.tril(np.ones((T, S), bool), S - T)}


MASKED = (
    Variant(
        "padding",
        {"mask": True},
        ("mask",),
        _padded,
        "right without a mask: the scores of masked keys must be -inf before the softmax",
    ),
    Variant(
        "a causal mask",
        {"mask": True, "T": 5, "S": 5},
        ("mask",),
        _causal,
        "right with a padding mask, wrong with a causal mask: a mask (T, S) is broadcast over "
        "texts and heads",
    ),
    Variant(
        "a query with nothing to attend to",
        {"mask": True},
        ("mask",),
        _empty_row,
        "right if every query has a key: a row that is masked everywhere gives 0, neither NaN nor "
        "a mean",
    ),
)
PLAIN = (
    Variant("one head, B = 1", {"B": 1, "G": 1}),
    Variant("B = 1", {"B": 1}),
    Variant("B = 3"),
    Variant("T = S", {"T": 4, "S": 4}),
    SMALL,
    SINGLE,
    EMPTY,
)
BIAS = Variant(
    "a bias",
    {},
    ("bias",),
    blame="right without a bias: it is added to the scores before the softmax",
)
DROPOUT = Variant(
    "dropout of the weights",
    {},
    ("keep",),
    blame="right without dropout: O = (P keep) V, so keep multiplies P in dV, and dP before it "
    "goes back through the softmax",
)


def gradients(c, P=None, minus=None, scale=0.5, dP=None):
    """dQ, dK, dV without dropout; the arguments after `c` introduce a mistake."""
    P = c.P if P is None else P
    dP = c.dO @ swap(c.V) if dP is None else dP
    dZ = P * (dP - (P * dP).sum(-1, keepdims=True) if minus is None else minus(P, dP))
    dZ = dZ / c.Q.shape[-1] ** scale
    return {"dQ": dZ @ c.K, "dK": swap(dZ) @ c.Q, "dV": swap(P) @ c.dO}


SUM = "the sum term of softmax's backward pass, - P sum(P dP), is missing: dZ = P (dP - sum(P dP))"
GRADIENTS = ("dQ", "dK", "dV")


def only(made, *names):
    return {name: made[name] for name in names}


def attention_mistakes(weights):
    """Mistakes in dQ and dK, given a function that returns the weights."""
    return {
        SUM: lambda c: only(gradients(c, weights(c), lambda P, dP: dP), "dQ", "dK"),
        "the scale 1 / sqrt(d_k) is missing on the way back": lambda c: only(
            gradients(c, weights(c), scale=0.0), "dQ", "dK"
        ),
        "divided by d_k instead of sqrt(d_k), or scaled twice": lambda c: only(
            gradients(c, weights(c), scale=1.0), "dQ", "dK"
        ),
        "the sum runs over the queries (axis -2), not over the keys": lambda c: only(
            gradients(c, weights(c), lambda P, dP: dP - (P * dP).sum(-2, keepdims=True)),
            "dQ",
            "dK",
        ),
        "the sum is over dP alone: it should be over P dP": lambda c: only(
            gradients(c, weights(c), lambda P, dP: dP - dP.sum(-1, keepdims=True)), "dQ", "dK"
        ),
        "a mean of P dP instead of the sum": lambda c: only(
            gradients(c, weights(c), lambda P, dP: dP - (P * dP).mean(-1, keepdims=True)),
            "dQ",
            "dK",
        ),
        "P (1 - P) is only the diagonal of the softmax's Jacobian": lambda c: only(
            gradients(c, weights(c), lambda P, dP: dP * (1 - P)), "dQ", "dK"
        ),
        "the softmax is left out on the way back: dP is used as dZ": lambda c: only(
            {
                "dQ": (c.dO @ swap(c.V)) @ c.K / c.Q.shape[-1] ** 0.5,
                "dK": swap(c.dO @ swap(c.V)) @ c.Q / c.Q.shape[-1] ** 0.5,
            },
            "dQ",
            "dK",
        ),
    }


EXERCISES = [
    forward(
        "attention",
        ("O", "P"),
        ATTENTION,
        (
            "Four steps: compare, scale, softmax, mix. Each is one line.",
            "scores = Q @ K.swapaxes(-1, -2) / sqrt(E). Where the mask is False, set them to -inf "
            "(np.where). Then take the softmax along the last axis.",
            "Before exp, subtract each row's largest score, or 0 if that is -inf. Divide by the "
            "sum, or by 1 where the sum is 0. Then O = P @ V.",
        ),
        variants=(
            *PLAIN,
            *MASKED,
            replace(
                DROPOUT,
                blame="right without dropout: O = (P keep) V, and P is returned without keep",
            ),
            BIAS,
            scaled(
                "Q",
                1e4,
                "large scores",
                "right for small scores, but exp overflows for large ones: subtract each row's "
                "largest score first",
            ),
        ),
        required=1,
        needed=("mask",),
        mistakes={
            "the scores are not divided by sqrt(d_k)": _attend(lambda c: _softmax(scores(c, 0))),
            "divided by d_k: divide by its root": _attend(lambda c: _softmax(scores(c, 1))),
            "divided by sqrt(T) or another size: d_k is the last axis of Q": _attend(
                lambda c: _softmax(scores(c, 0) / c.Q.shape[-2] ** 0.5)
            ),
            "divided by sqrt(d_model), all heads together: divide by sqrt(d_k), where d_k is the "
            "number of features of one head": _attend(
                lambda c: _softmax(scores(c, 0) / (c.Q.shape[-1] * c.Q.shape[1]) ** 0.5)
            ),
            "the softmax runs over the queries (axis -2): the weights of each query must sum to 1 "
            "over the keys": _attend(lambda c: _softmax(scores(c), -2)),
            "the softmax is missing": _attend(scores),
            "multiplied by sqrt(d_k): the scores are divided by it": _attend(
                lambda c: _softmax(scores(c, -0.5))
            ),
            "K is mixed, not V: the result is a weighted mean of values": lambda c: {
                "O": _softmax(scores(c)) @ c.K
            },
            "the mask is applied after the softmax: the rows no longer sum to 1": _attend(
                _minus_mask
            ),
            "the mask is the wrong way round: True = may attend": _attend(
                lambda c: _softmax(np.where(c.mask, -1e300, scores(c)))
            ),
            "masked scores become 0, which is a score like any other: they must be -inf": _attend(
                lambda c: _softmax(np.where(c.mask, scores(c), 0))
            ),
            "the mask is not used": _attend(lambda c: _softmax(scores(c)) * (0 * c.mask + 1)),
        },
    ),
    backward(
        "attention_backward",
        GRADIENTS,
        ATTENTION,
        (
            "Take the four steps in reverse. For each, you need only its own forward line.",
            "dV and dP come from O = P V. Then dZ = P (dP - sum of P dP along the keys). Scale it. "
            "dQ and dK come from Q K^T.",
            "dV = P^T dO, dP = dO V^T, dQ = dZ K / sqrt(E), dK = dZ^T Q / sqrt(E), where ^T is "
            "swapaxes(-1, -2).",
        ),
        variants=(*PLAIN, *MASKED, DROPOUT),
        mistakes={
            **attention_mistakes(lambda c: c.P),
            "P is not transposed: dV = P^T dO, summed over the queries": lambda c: {
                "dV": c.P @ c.dO
            },
            "the gradient dP is used instead of the weights P": lambda c: {
                "dV": swap(c.dO @ swap(c.V)) @ c.dO
            },
            "divided by sqrt(d_k), which belongs to the scores only": lambda c: {
                "dV": swap(c.P) @ c.dO / c.Q.shape[-1] ** 0.5
            },
            "dZ is not transposed: dK = dZ^T Q, summed over the queries": lambda c: {
                "dK": swap(gradients(c)["dQ"]) if c.Q.shape[-2] == c.K.shape[-2] else None
            },
        },
    ),
]
