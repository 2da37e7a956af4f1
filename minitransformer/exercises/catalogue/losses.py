"""Notebooks 0 and 1: the losses."""

import numpy as np

from minitransformer.exercises.cases import USUAL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward, scaled
from minitransformer.exercises.catalogue.softmax import softmax_rows, sum_rows

FIRST, HERE = "00_gradients", "01_softmax_and_cross_entropy"


def _onehot(c):
    C = c.saved.probabilities.shape[-1]
    return (c.saved.targets[..., None] == np.arange(C)) * 1.0


def _factors(c):
    """dloss / Z, and the class weight of each position's target."""
    w_y = np.where(c.saved.targets >= 0, c.saved.weights[np.maximum(c.saved.targets, 0)], 0.0)
    return c.dloss / c.saved.normaliser, w_y[..., None]


def _cross_entropy_parts(c):
    s = c.saved
    factor, w_y = _factors(c)
    eps, C = s.label_smoothing, s.probabilities.shape[-1]
    counts = (s.targets >= 0)[..., None]
    terms = {
        "(1 - eps) w_y p": factor * (1 - eps) * w_y * s.probabilities,
        "- (1 - eps) w_y onehot(y)": -factor * (1 - eps) * w_y * _onehot(c),
    }
    if eps:
        terms |= {
            "eps/C sum(w) p": factor * eps / C * s.weights.sum() * s.probabilities * counts,
            "- eps/C w": -factor * eps / C * s.weights * counts,
        }
    return {"dlogits": terms}


def _log_p_y(c):
    log_p = np.log(softmax_rows(c.logits))
    return np.take_along_axis(log_p, np.maximum(c.targets, 0)[..., None], -1)[..., 0]


LOSS_CASES = (
    *USUAL,
    Variant(
        "some targets ignored",
        {"ignored": 0.4},
        ("ignore_index",),
        blame="right while every target counts: ignored positions get no gradient, and do not "
        "count in the number that the sum is divided by",
    ),
    Variant(
        "class weights",
        {},
        ("class_weights",),
        blame="right while all class weights are equal: each position counts with the weight of "
        "its target, and the sum is divided by the sum of these weights",
    ),
    Variant(
        "label smoothing",
        {},
        ("label_smoothing",),
        blame="right without label smoothing: the target has eps / C on every class, and another "
        "1 - eps on the right class",
    ),
)


EXERCISES = [
    forward(
        "cross_entropy",
        ("loss",),
        HERE,
        (
            "For each position, only the log-probability of the right class counts.",
            "Take log_softmax of the logits, and pick the entry of each target "
            "(np.take_along_axis, or flatten and index).",
            "The loss is minus the mean of these entries over all positions, over B and T alike.",
        ),
        required=1,
        variants=(
            *LOSS_CASES,
            scaled(
                "logits",
                500.0,
                "large logits",
                "right for small logits, but a probability of 0 has no logarithm: use log_softmax, "
                "after subtracting the largest logit",
            ),
        ),
        mistakes={
            "the sign is wrong: a loss is positive": lambda c: _log_p_y(c).mean(),
            "a sum over the positions instead of the mean": lambda c: -_log_p_y(c).sum(),
            "the logarithm is missing: this is minus the mean probability": lambda c: (
                -np.exp(_log_p_y(c)).mean()
            ),
            "the logits are used as if they were log-probabilities: log_softmax first": lambda c: (
                -np.take_along_axis(c.logits, c.targets[..., None], -1).mean()
            ),
            "divided by the batch size only: the mean runs over all B T positions": lambda c: (
                -_log_p_y(c).sum() / len(c.targets)
            ),
            "divided by all B T C entries: the mean runs over positions, not over classes": (
                lambda c: -_log_p_y(c).mean() / c.logits.shape[-1]
            ),
            "a mean over all classes: only the target's log-probability counts": lambda c: (
                -np.log(softmax_rows(c.logits)).mean()
            ),
            "a sum over all classes: only the target's log-probability counts": lambda c: (
                -sum_rows(np.log(softmax_rows(c.logits))).mean()
            ),
            "the logarithm has base 2: take the natural logarithm": lambda c: (
                -_log_p_y(c).mean() / np.log(2)
            ),
        },
    ),
    backward(
        "cross_entropy_backward",
        ("dlogits",),
        HERE,
        (
            "Without weights and smoothing, the gradient at each position is p minus the one-hot "
            "target, times two factors. Which ones?",
            "Divide by saved.normaliser, not by a count, and multiply by dloss. Positions with "
            "target -1 get 0.",
            "At each position, multiply p by (1 - eps) w_y + eps/C sum(w). Then subtract "
            "(1 - eps) w_y at the target, and eps/C w_c at every class c.",
        ),
        variants=LOSS_CASES,
        parts=_cross_entropy_parts,
        mistakes={
            "dloss is not used: the upstream gradient is a factor": lambda c: (
                (c.saved.probabilities - _onehot(c)) / c.saved.normaliser
            ),
            "the mean's factor, 1 / saved.normaliser, is missing": lambda c: (
                (c.saved.probabilities - _onehot(c)) * c.dloss
            ),
            "divided by the batch size only: the loss is a mean over all positions": lambda c: (
                (c.saved.probabilities - _onehot(c)) * c.dloss / len(c.saved.targets)
            ),
            "1 is subtracted at every class: subtract it only at the target": lambda c: (
                (c.saved.probabilities - 1) * c.dloss / c.saved.normaliser
            ),
            "dloss and the mean's factor are both missing": lambda c: (
                c.saved.probabilities - _onehot(c)
            ),
            "softmax is applied twice: saved.probabilities are already its result": lambda c: (
                (softmax_rows(c.saved.probabilities) - _onehot(c)) * c.dloss / c.saved.normaliser
            ),
            "the gradient with respect to the probabilities, not to the logits": lambda c: (
                -_onehot(c) / c.saved.probabilities * c.dloss / c.saved.normaliser
            ),
        },
    ),
    forward(
        "mean_squared_error",
        ("loss", "difference"),
        FIRST,
        (
            "It is a mean over all entries, whatever the shape.",
            "First compute the difference y - target, which the backward pass needs, then square "
            "it.",
            "loss = (difference * difference).mean(), without a factor of one half.",
        ),
        required=1,
        mistakes={
            "half the loss: there is no factor 1/2 here": lambda c: {
                "loss": ((c.y - c.target) ** 2).mean() / 2
            },
            "a sum instead of the mean": lambda c: {"loss": ((c.y - c.target) ** 2).sum()},
            "divided by the batch size only: the mean runs over all entries": lambda c: {
                "loss": ((c.y - c.target) ** 2).sum() / len(c.y)
            },
            "a mean over the tokens, but a sum over the features": lambda c: {
                "loss": ((c.y - c.target) ** 2).sum(axis=-1).mean()
            },
            "the absolute value instead of the square": lambda c: {
                "loss": np.abs(c.y - c.target).mean()
            },
            "this is the root of the mean square: take no root": lambda c: {
                "loss": ((c.y - c.target) ** 2).mean() ** 0.5
            },
            "the square of the mean, not the mean of the squares": lambda c: {
                "loss": (c.y - c.target).mean() ** 2
            },
            "the square is missing": lambda c: {"loss": (c.y - c.target).mean()},
            "the sign is wrong: it is y - target": lambda c: {"difference": c.target - c.y},
        },
    ),
    backward(
        "mean_squared_error_backward",
        ("dy",),
        FIRST,
        (
            "The loss is a sum of squares divided by a number. What is the derivative of a square?",
            "Each entry occurs in only one square: its gradient is 2 times its difference, divided "
            "by n.",
            "n is difference.size, the number of all entries, and dloss is one more factor.",
        ),
        mistakes={
            "dloss is not used: the upstream gradient is a factor": lambda c: (
                2 * c.difference / c.difference.size
            ),
            "the derivative of a square has a factor 2": lambda c: (
                c.dloss * c.difference / c.difference.size
            ),
            "the mean's factor 1/n is missing": lambda c: 2 * c.dloss * c.difference,
            "divided by the batch size only: n is the number of all entries": lambda c: (
                2 * c.dloss * c.difference / len(c.difference)
            ),
            "divided by the number of features only: n is the number of all entries": lambda c: (
                2 * c.dloss * c.difference / c.difference.shape[-1]
            ),
            "divided by the number of tokens only: n is the number of all entries": lambda c: (
                2 * c.dloss * c.difference * c.difference.shape[-1] / c.difference.size
            ),
            "only the sign of the difference is used, not its size": lambda c: (
                c.dloss * np.sign(c.difference) / c.difference.size
            ),
            "the square is not differentiated": lambda c: (
                c.dloss * c.difference**2 / c.difference.size
            ),
        },
    ),
]
