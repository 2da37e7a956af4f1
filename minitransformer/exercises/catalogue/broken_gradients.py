"""Notebook 15: broken gradients, to be repaired, and one to be broken."""

from dataclasses import replace

import numpy as np

from minitransformer.exercises.cases import Variant
from minitransformer.exercises.catalogue import linear_and_embedding, positions
from minitransformer.exercises.catalogue.attention import GRADIENTS, attention_mistakes
from minitransformer.exercises.catalogue.entries import alone
from minitransformer.functional import (
    attention,
    attention_backward,
    causal_mask,
    layer_norm,
    layer_norm_backward,
    padding_mask,
)

HERE = "15_broken_gradients"


def repaired_8(dO, Q, K, V, P, mask):
    """The backward pass of attention.

    Parameters
    ----------
    dO, Q, K, V : (B, H, T, E) arrays
        The gradient of the loss with respect to the output, and the inputs.
    P : (B, H, T, T) array
        The weights, 0 where the mask is False.
    mask : bool array that broadcasts to P
        True = may attend.

    Returns
    -------
    dQ, dK, dV : (B, H, T, E) arrays
    """
    return attention_backward(dO, Q, K, V, P)


def wrong_layer_norm_backward(dy, xhat, rstd, gamma):
    """A backward pass of layer norm that is wrong, but right for one token with gamma = 1.

    Parameters
    ----------
    dy, xhat : (B, T, D) arrays
        The gradient of the loss with respect to the output, and the normalised input.
    rstd : (B, T, 1) array
    gamma : (D,) array

    Returns
    -------
    dx : (B, T, D) array
    dgamma, dbeta : (D,) arrays
    """
    dx, dgamma, dbeta = layer_norm_backward(dy, xhat, rstd, gamma)
    return dx, dgamma / dy[..., 0].size, dbeta / dy[..., 0].size


def _attended(B, lengths=None):
    def drawn(inputs, rng):
        dO, Q, K, V = rng.standard_normal((4, B, 2, 4, 6))
        mask = causal_mask(4) if lengths is None else padding_mask(np.array(lengths), 4)
        P = attention(Q, K, V, mask)[1]
        return {"dO": dO, "Q": Q, "K": K, "V": V, "P": P, "mask": mask}

    return drawn


def _normed(B, T, gamma):
    def drawn(inputs, rng):
        x, dy = rng.standard_normal((2, B, T, 6))
        scale = np.ones(6) if gamma else rng.standard_normal(6)
        _, xhat, rstd = layer_norm(x, scale, np.zeros(6))
        return {"dy": dy, "xhat": xhat, "rstd": rstd, "gamma": scale}

    return drawn


def judge_wrong(case, values, again):
    """Whether a wrong backward pass does what the exercise asks for, in words if not."""
    right = dict(zip(values, layer_norm_backward(**case.arguments), strict=True))
    wrong = [
        name
        for name, value in values.items()
        if np.shape(value) != right[name].shape or not np.allclose(value, right[name], atol=1e-7)
    ]
    if case.label == SLOPPY and wrong:
        return f"{wrong[0]} is wrong even for one token with gamma = 1, so the sloppy test sees it"
    if case.label == STRICT and not wrong:
        return "this backward pass is right: write one that is wrong for a batch, or for any gamma"
    return None


SLOPPY, STRICT = "passes the sloppy test", "is caught by the exam"
REUSED = {
    exercise.name: exercise
    for topic in (linear_and_embedding, positions)
    for exercise in topic.EXERCISES
}

EXERCISES = [
    alone(
        "repaired_8",
        GRADIENTS,
        HERE,
        (
            "The four steps of attention, backwards. Where does the softmax's sum run?",
            "dV = P^T dO and dP = dO V^T. Then dZ = P (dP - sum of P dP along the keys). The mask "
            "is already in P.",
            "dZ is divided by sqrt(E). dQ = dZ K and dK = dZ^T Q, where ^T is swapaxes(-1, -2).",
        ),
        example=lambda sizes, rng: {},
        twin=repaired_8,
        variants=(
            Variant("a causal mask", adjust=_attended(3)),
            Variant("B = 1", adjust=_attended(1)),
            Variant("padding", adjust=_attended(3, (4, 2, 3))),
        ),
        forward=attention,
        mistakes=attention_mistakes(lambda c: c.P),
    ),
    replace(
        REUSED["rotary_backward"],
        name="repaired_11",
        notebook=HERE,
        hints=(
            "A rotation preserves lengths. What is the transpose of its matrix?",
            "The gradient is rotated back: by the same angle, the other way.",
            "With halves d1 and d2 of dy: (d1 cos + d2 sin, d2 cos - d1 sin).",
        ),
    ),
    replace(
        REUSED["embedding_backward"],
        name="repaired_12",
        notebook=HERE,
        hints=(
            "What happens if a word occurs twice?",
            "dW[ids] = dy and dW[ids] += dy both keep only the last of several gradients.",
            "Begin with zeros (n_rows, D), then np.add.at(dW, ids, dy).",
        ),
    ),
    alone(
        "wrong_layer_norm_backward",
        ("dx", "dgamma", "dbeta"),
        HERE,
        (
            "The sloppy test has one text of one token, and gamma is 1. What can it not see?",
            "Sums over one token are also means, firsts and lasts. And a factor of 1 may be "
            "forgotten.",
            "Take the right backward pass, and divide dgamma by the number of tokens, for example.",
        ),
        example=lambda sizes, rng: {},
        twin=wrong_layer_norm_backward,
        judge=judge_wrong,
        variants=(
            Variant(SLOPPY, adjust=_normed(1, 1, True)),
            Variant(STRICT, adjust=_normed(3, 4, False)),
        ),
    ),
]
