"""Notebook 7: the backward pass of tiled attention, which does not save the weights."""

import numpy as np

from minitransformer.exercises.cases import Variant
from minitransformer.exercises.catalogue.attention import (
    BIAS,
    GRADIENTS,
    MASKED,
    PLAIN,
    attention_mistakes,
    gradients,
    only,
    scores,
    swap,
)
from minitransformer.exercises.catalogue.entries import backward

HEADS = "07_heads_and_masks"


DRAWN = Variant(
    "dropout from a seed",
    options=("dropout", "seed"),
    blame="right without dropout: the same mask must be drawn again from the seed",
)


def _weights(c):
    """P, computed from the inputs because tiled attention does not save it."""
    Z = scores(c)
    if getattr(c, "mask", None) is not None:
        Z = np.where(c.mask, Z, -np.inf)
    return np.exp(Z - c.logsumexp[..., None])


def _unmasked(c):
    return np.exp(scores(c) - c.logsumexp[..., None])


EXERCISES = [
    backward(
        "tiled_attention_backward",
        GRADIENTS,
        HEADS,
        (
            "P was not saved, but logsumexp was: P = exp(scores - logsumexp).",
            "The sum of P dP along the keys equals the sum of dO O along the features, so it needs "
            "no second pass over the keys.",
            "dZ = P (dP - sum(dO O)) / sqrt(E), and the rest is as in attention_backward. Masked "
            "scores are -inf, so P is 0 there.",
        ),
        variants=(*PLAIN, *MASKED[:2], BIAS, DRAWN),
        mistakes={
            **attention_mistakes(_weights),
            "the mask is forgotten when P is computed again": lambda c: gradients(c, _unmasked(c)),
            "the scale is forgotten when P is computed again": lambda c: gradients(
                c, np.exp(c.Q @ swap(c.K) - c.logsumexp[..., None])
            ),
            "P is not transposed: dV = P^T dO, summed over the queries": lambda c: {
                "dV": _weights(c) @ c.dO
            },
            "logsumexp is forgotten: the weights are exp(scores - logsumexp)": lambda c: gradients(
                c, np.exp(scores(c)), lambda P, dP: dP - (c.dO * c.O).sum(-1, keepdims=True)
            ),
            "divided by logsumexp: it is a logarithm, so subtract it from the scores": lambda c: (
                gradients(
                    c,
                    np.exp(scores(c)) / c.logsumexp[..., None],
                    lambda P, dP: dP - (c.dO * c.O).sum(-1, keepdims=True),
                )
            ),
            "the sum of dO O runs over all heads or tokens together": lambda c: only(
                gradients(c, _weights(c), lambda P, dP: dP - (c.dO * c.O).sum()), "dQ", "dK"
            ),
        },
    ),
]
