"""A gallery of wrong backward passes, each with the diagnosis that the checker must give.

`fault` is part of the diagnosis, and `where` is the input whose gradient is wrong.
"""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional as F
from tests.support import broken_backwards as wrong

RNG = np.random.default_rng(12)


class Broken(NamedTuple):
    """One wrong backward pass, ready for ``gradcheck.check``."""

    forward: Any
    backward: Any
    inputs: dict
    fault: str
    where: str = "x"
    saved: Any = None
    wrt: Any = None
    upstream: int = 1

    def arguments(self):
        """Keyword arguments of ``gradcheck.check``."""
        return {
            "forward": self.forward,
            "backward": self.backward,
            "inputs": self.inputs,
            "saved": self.saved,
            "wrt": self.wrt,
            "upstream": self.upstream,
        }


def normal(*shape):
    return RNG.standard_normal(shape)


def output(inputs, outputs):
    return (outputs[0],)


def norm_saved(inputs, outputs):
    return outputs[1], outputs[2], inputs["gamma"]


X = {"x": normal(4, 3, 5)}
NORM = {"x": normal(2, 3, 6), "gamma": 1 + 0.5 * normal(6), "beta": normal(6)}
QKV = {"Q": normal(2, 3, 4, 5), "K": normal(2, 3, 6, 5), "V": normal(2, 3, 6, 5)}
SQUARE_QKV = {"Q": normal(2, 3, 4, 5), "K": normal(2, 3, 5, 5), "V": normal(2, 3, 5, 5)}
MASK = F.padding_mask(np.array([6, 3]), 6)
KEEP = F.dropout_mask(RNG, (2, 3, 4, 6), 0.3, np.float64)
LINEAR = {"x": normal(3, 2, 4), "W": normal(4, 4), "b": normal(4)}
SKIP = {"x": normal(3, 4), "W": normal(4, 4), "gamma": 1 + 0.5 * normal(4)}
TARGETS = RNG.integers(0, 5, (3, 2))
IDS = np.array([[1, 2, 1], [3, 0, 2]])
DROPOUT = {"x": normal(3, 5), "keep": F.dropout_mask(RNG, (3, 5), 0.3, np.float64)}


SCALED = {"x": normal(3, 5), "scale": normal(3, 5)}


def _attention(backward, fault, where, inputs=QKV):
    wrt = ("Q", "K", "V")
    return Broken(F.attention, backward, inputs, fault, where, wrong.attention_saved, wrt)


def _norm(backward, fault):
    return Broken(F.layer_norm, backward, NORM, fault, saved=norm_saved)


def _softmax(backward, fault):
    return Broken(F.softmax, backward, X, fault, saved=output)


def _loss(backward, fault, targets=TARGETS, **extra):
    inputs = {"logits": normal(3, 2, 5), "targets": targets, **extra}
    saved = lambda inputs, outputs: (outputs[1],)  # noqa: E731
    return Broken(F.cross_entropy, backward, inputs, fault, "logits", saved, ("logits",))


GALLERY = {
    "divided by the batch once too often": _softmax(wrong.softmax_over_batch, "factor B = 4"),
    "softmax without its sum": _softmax(wrong.softmax_without_sum, "sum term"),
    "zeros": _softmax(wrong.softmax_zero, "0 everywhere"),
    "sign": _softmax(wrong.softmax_negated, "sign is wrong"),
    "single precision": _softmax(wrong.softmax_in_float32, "computed in float32"),
    "loss not divided by its positions": _loss(wrong.cross_entropy_not_divided, "B = 3"),
    "mean over padding": _loss(
        wrong.cross_entropy_over_padding,
        "positions that count in targets",
        np.where([[1, 0], [1, 1], [0, 1]], TARGETS, -1),
        ignore_index=-1,
    ),
    "gamma outside the sums": _norm(wrong.norm_gamma_outside, "right only at gamma = 1"),
    "norm without mean term": _norm(wrong.norm_without_mean, "the mean term"),
    "norm without variance term": _norm(wrong.norm_without_variance, "the variance term"),
    "norm without both terms": _norm(wrong.norm_without_either, "both the mean and the variance"),
    "weights before dropout": _attention(
        wrong.attention_wrong_weights, "keep is 1 everywhere", "V", {**QKV, "keep": KEEP}
    ),
    "mask forgotten": _attention(
        wrong.attention_unmasked, "forgets the mask", "V", {**QKV, "mask": MASK}
    ),
    "scale forgotten": _attention(wrong.attention_without_scale, "sqrt(E = 5", "Q"),
    "scale of the model in place of the head's": _attention(
        wrong.attention_model_scale, "sqrt(H = 3", "K"
    ),
    "dK and dV exchanged": _attention(wrong.attention_exchanged, "gradient of V", "K"),
    "attention without softmax's sum": _attention(
        wrong.attention_without_sum, "multiple of P K", "Q"
    ),
    "K transposed": _attention(
        wrong.attention_key_transposed, "K is used instead of its transpose", "Q", SQUARE_QKV
    ),
    "batch axis mixed with features": Broken(
        F.linear, wrong.linear_mixed_axes, LINEAR, "right for a batch of 1", "W"
    ),
    "dW transposed": Broken(F.linear, wrong.linear_transposed, LINEAR, "transposed", "W"),
    "mean in place of the sum": Broken(F.linear, wrong.linear_bias_mean, LINEAR, "B = 3", "b"),
    "heads merged by reshape alone": Broken(
        F.split_heads,
        wrong.heads_by_reshape,
        {"x": normal(1, 4, 6), "n_heads": 2},
        "reshape where a transpose",
        saved=lambda inputs, outputs: (),
    ),
    "repeated ids overwrite": Broken(
        F.embedding,
        wrong.embedding_last_wins,
        {"ids": IDS, "W": normal(5, 3)},
        "repeated in ids",
        "W",
        wrt=("W",),
    ),
    "dropout forgotten": Broken(
        F.dropout, wrong.dropout_forgotten, DROPOUT, "keep is 1 everywhere", wrt=("x",)
    ),
    "dropout not rescaled": Broken(
        F.dropout, wrong.dropout_not_rescaled, DROPOUT, "1 / (1 - p)", wrt=("x",)
    ),
    "the tanh form's derivative": Broken(
        F.gelu, wrong.gelu_of_the_other_form, X, "approximate form"
    ),
    "reversed": Broken(F.gelu, wrong.gelu_reversed, X, "reversed along axis 2"),
    "factor 2": Broken(wrong.square, wrong.square_without_two, X, "a factor 2 too little"),
    "gain left out": Broken(
        wrong.gain,
        wrong.gain_left_out,
        {"x": normal(3, 5), "gamma": normal(5)},
        "right only at gamma = 1",
    ),
    "residual through the norm": Broken(
        wrong.skip, wrong.skip_through_norm, SKIP, "sent through the norm"
    ),
    "residual lost": Broken(wrong.skip, wrong.skip_lost, SKIP, "skip) path is lost"),
    "residual counted twice": Broken(
        wrong.skip, wrong.skip_counted_twice, SKIP, "counted once too often"
    ),
    "two gradients in one": Broken(
        wrong.two_paths,
        wrong.paths_added,
        {"x": normal(3, 2), "z": normal(3, 2)},
        "gradient of z is added",
    ),
    "an input left out": Broken(
        wrong.scaled, wrong.scale_forgotten, SCALED, "the factor scale is missing", wrt=("x",)
    ),
    "an input counted twice": Broken(
        wrong.scaled, wrong.scale_twice, SCALED, "a factor scale too much", wrt=("x",)
    ),
    "a factor for each column": Broken(
        wrong.weighted_columns, wrong.columns_forgotten, X, "depends on axis 2 only: 2, 0.5, -1"
    ),
    "no more than rounding": Broken(wrong.square, wrong.nearly_square, X, "no more than rounding"),
}
