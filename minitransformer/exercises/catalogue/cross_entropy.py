"""Notebook 1: cross-entropy."""

import numpy as np

from minitransformer.exercises.cases import USUAL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward, scaled
from minitransformer.exercises.catalogue.softmax import TINY, added, softmax_rows, sum_rows

HERE = "01_softmax_and_cross_entropy"


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
    *USUAL[:-1],
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
    Variant(
        "less label smoothing",
        {},
        ("label_smoothing",),
        lambda i, rng: i | {"label_smoothing": 0.1},
        blame="right for the label smoothing 0.2, but here it is 0.1: is it built in?",
        sure=True,
    ),
    Variant(
        "another ignore_index",
        {"ignored": 0.4},
        ("ignore_index",),
        lambda i, rng: (
            i | {"targets": np.where(i["targets"] < 0, 2, i["targets"]), "ignore_index": 2}
        ),
        blame="right if the ignored positions have the target -100: `ignore_index` may be any "
        "number, even one that would be a class",
        sure=True,
    ),
    Variant(
        "all options together",
        {"ignored": 0.4},
        ("ignore_index", "class_weights", "label_smoothing"),
        lambda i, rng: i | {"label_smoothing": 0.1},
        blame="right with each option alone, but not with all of them together: the smoothed part "
        "has its class weights too, and it skips ignored positions",
        sure=True,
    ),
    Variant(
        "every target ignored",
        {"ignored": 0.4},
        ("ignore_index",),
        lambda i, rng: i | {"targets": np.full_like(i["targets"], -100), "ignore_index": -100},
        blame="the loss and its gradient are 0 there",
        limit=True,
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
                "right for small logits, but for large ones exp overflows, or a probability is "
                "rounded to 0, whose logarithm is -inf: use log_softmax, and not the logarithm of "
                "softmax",
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
            **{
                f"the logarithm has base {base}: take the natural logarithm": (
                    lambda c, base=base: -_log_p_y(c).mean() / np.log(base)
                )
                for base in (2, 10)
            },
            **added(
                "to the probability before its logarithm is taken: that changes every value. "
                "Use log_softmax, which needs no such number",
                lambda c, tiny: -np.log(np.exp(_log_p_y(c)) + tiny).mean(),
                (*TINY, 1e-9),
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
]
