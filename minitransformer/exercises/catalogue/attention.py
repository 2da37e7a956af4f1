"""Notebook 6: attention."""

import numpy as np

from minitransformer.exercises.cases import SINGLE, SMALL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward, scaled

ATTENTION = "06_attention"


def swap(x):
    return x.swapaxes(-1, -2)


def _softmax(S, axis=-1):
    P = np.exp(S - S.max(axis=axis, keepdims=True))
    return P / P.sum(axis=axis, keepdims=True)


def scores(c, power=0.5):
    return c.Q @ swap(c.K) / c.Q.shape[-1] ** power


def _attend(P):
    """The mistake of other weights."""
    return lambda c: {"O": P(c) @ c.V, "P": P(c)}


def _minus_mask(c, axis=-1):
    """Weights that were masked behind the softmax."""
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
        "right without a mask; scores of keys that are masked become -inf before the softmax",
    ),
    Variant(
        "a causal mask",
        {"mask": True, "T": 5, "S": 5},
        ("mask",),
        _causal,
        "right with a padding mask, wrong with a causal one: a mask (T, S) is broadcast over texts "
        "and heads",
    ),
    Variant(
        "a query with nothing to attend to",
        {"mask": True},
        ("mask",),
        _empty_row,
        "right where every query has a key: a row that is masked everywhere gives 0, not NaN and "
        "not a mean",
    ),
)
PLAIN = (
    Variant("one head, B = 1", {"B": 1, "G": 1}),
    Variant("B = 1", {"B": 1}),
    Variant("B = 3"),
    Variant("T = S", {"T": 4, "S": 4}),
    SMALL,
    SINGLE,
)
DROPOUT = Variant(
    "dropout of the weights",
    {},
    ("keep",),
    blame="right without dropout: O = (P keep) V, so keep multiplies P for dV, and dP on its way "
    "to the softmax",
)


def gradients(c, P=None, minus=None, scale=0.5, dP=None):
    """dQ, dK, dV with what may go wrong as arguments; without dropout."""
    P = c.P if P is None else P
    dP = c.dO @ swap(c.V) if dP is None else dP
    dS = P * (dP - (P * dP).sum(-1, keepdims=True) if minus is None else minus(P, dP))
    dS = dS / c.Q.shape[-1] ** scale
    return {"dQ": dS @ c.K, "dK": swap(dS) @ c.Q, "dV": swap(P) @ c.dO}


SUM = "the sum term of softmax's backward pass, - P sum(P dP), is missing: dS = P (dP - sum(P dP))"
GRADIENTS = ("dQ", "dK", "dV")


def only(made, *names):
    return {name: made[name] for name in names}


def attention_mistakes(weights):
    """Mistakes in dQ and dK for given weights."""
    return {
        SUM: lambda c: only(gradients(c, weights(c), lambda P, dP: dP), "dQ", "dK"),
        "the scale 1 / sqrt(d_k) is missing on the way back": lambda c: only(
            gradients(c, weights(c), scale=0.0), "dQ", "dK"
        ),
        "divided by d_k where sqrt(d_k) is meant, or scaled twice": lambda c: only(
            gradients(c, weights(c), scale=1.0), "dQ", "dK"
        ),
        "the sum runs over the queries (axis -2), not over the keys": lambda c: only(
            gradients(c, weights(c), lambda P, dP: dP - (P * dP).sum(-2, keepdims=True)),
            "dQ",
            "dK",
        ),
        "the sum is of dP alone: it should be of P dP": lambda c: only(
            gradients(c, weights(c), lambda P, dP: dP - dP.sum(-1, keepdims=True)), "dQ", "dK"
        ),
        "a mean of P dP where the sum is meant": lambda c: only(
            gradients(c, weights(c), lambda P, dP: dP - (P * dP).mean(-1, keepdims=True)),
            "dQ",
            "dK",
        ),
        "the softmax is passed as P (1 - P), the diagonal of its Jacobian alone": lambda c: only(
            gradients(c, weights(c), lambda P, dP: dP * (1 - P)), "dQ", "dK"
        ),
        "the softmax is passed over on the way back: dP is used as dS": lambda c: only(
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
            "scores = Q @ K.swapaxes(-1, -2) / sqrt(E); where the mask is False they become -inf "
            "(np.where); softmax along the last axis.",
            "Subtract each row's largest score before exp, or 0 if it is -inf; divide by the sum, "
            "or by 1 where it is 0. Then O = P @ V.",
        ),
        variants=(
            *PLAIN,
            *MASKED,
            scaled(
                "Q",
                1e4,
                "large scores",
                "right for small scores; exp overflows at large ones: subtract each row's "
                "largest score first",
            ),
        ),
        required=1,
        needed=("mask",),
        mistakes={
            "the scores are not divided by sqrt(d_k)": _attend(lambda c: _softmax(scores(c, 0))),
            "divided by d_k: its root is meant": _attend(lambda c: _softmax(scores(c, 1))),
            "divided by sqrt(T) or another size: sqrt(d_k) is meant, the last axis of Q": _attend(
                lambda c: _softmax(scores(c, 0) / c.Q.shape[-2] ** 0.5)
            ),
            "divided by sqrt(d_model), all heads together: sqrt(d_k) is meant, the features of one "
            "head": _attend(
                lambda c: _softmax(scores(c, 0) / (c.Q.shape[-1] * c.Q.shape[1]) ** 0.5)
            ),
            "the softmax runs over the queries (axis -2): each query's weights over the keys sum "
            "to 1": _attend(lambda c: _softmax(scores(c), -2)),
            "the softmax is missing": _attend(scores),
            "multiplied by sqrt(d_k): the scores are divided by it": _attend(
                lambda c: _softmax(scores(c, -0.5))
            ),
            "K is mixed, not V: the result is a mean of values": lambda c: {
                "O": _softmax(scores(c)) @ c.K
            },
            "the mask is applied behind the softmax: the rows no longer sum to 1": _attend(
                _minus_mask
            ),
            "the mask is the wrong way round: True = may attend": _attend(
                lambda c: _softmax(np.where(c.mask, -1e300, scores(c)))
            ),
            "masked scores become 0, which is a score like any other: -inf is meant": _attend(
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
            "The four steps in reverse; for each you need its own forward line only.",
            "dV and dP from O = P V; dS = P (dP - sum of P dP along the keys); scale; dQ and dK "
            "from Q K^T.",
            "dV = P^T dO, dP = dO V^T, dQ = dS K / sqrt(E), dK = dS^T Q / sqrt(E), where ^T is "
            "swapaxes(-1, -2).",
        ),
        variants=(*PLAIN, *MASKED, DROPOUT),
        mistakes={
            **attention_mistakes(lambda c: c.P),
            "P is turned round: each value gets what every query took of it, P^T dO": lambda c: {
                "dV": c.P @ c.dO
            },
            "the scores' gradient dP is used where the weights P are meant": lambda c: {
                "dV": swap(c.dO @ swap(c.V)) @ c.dO
            },
            "a factor sqrt(d_k) that belongs to the scores only": lambda c: {
                "dV": swap(c.P) @ c.dO / c.Q.shape[-1] ** 0.5
            },
            "dS is not transposed: dK = dS^T Q, summed over the queries": lambda c: {
                "dK": swap(gradients(c)["dQ"]) if c.Q.shape[-2] == c.K.shape[-2] else None
            },
        },
    ),
]
