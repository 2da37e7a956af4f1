"""Notebooks 0 and 1: the mean squared error, softmax, its logarithm, the cross-entropy."""

import numpy as np

from minitransformer.exercises.cases import USUAL, Variant
from minitransformer.exercises.tables import backward, forward, scaled

FIRST, HERE = "00_gradients", "01_softmax_and_cross_entropy"
LARGE = scaled(
    "x", 500.0, "large scores",
    "right for small scores, but exp overflows at large ones: subtract the largest score of each "
    "row first, the result is the same",
)
AXIS = Variant("axis = 1", options=("axis",), adjust=lambda inputs, rng: inputs | {"axis": 1})


def _exp(x):
    return np.exp(x - x.max(axis=-1, keepdims=True))


def _softmax(x, axis=-1):
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    return y / y.sum(axis=axis, keepdims=True)


def _sum(x, axis=-1):
    return x.sum(axis=axis, keepdims=True)


def _onehot(c):
    C = c.saved.probabilities.shape[-1]
    return (c.saved.targets[..., None] == np.arange(C)) * 1.0


def _share(c):
    """dloss / Z, and the weight of each position's target."""
    w_y = np.where(c.saved.targets >= 0, c.saved.weights[np.maximum(c.saved.targets, 0)], 0.0)
    return c.dloss / c.saved.normaliser, w_y[..., None]


def _cross_entropy_parts(c):
    s = c.saved
    share, w_y = _share(c)
    eps, C = s.label_smoothing, s.probabilities.shape[-1]
    counts = (s.targets >= 0)[..., None]
    terms = {
        "(1 - eps) w_y p": share * (1 - eps) * w_y * s.probabilities,
        "- (1 - eps) w_y onehot(y)": -share * (1 - eps) * w_y * _onehot(c),
    }
    if eps:
        terms |= {
            "eps/C sum(w) p": share * eps / C * s.weights.sum() * s.probabilities * counts,
            "- eps/C w": -share * eps / C * s.weights * counts,
        }
    return {"dlogits": terms}


def _log_p_y(c):
    log_p = np.log(_softmax(c.logits))
    return np.take_along_axis(log_p, np.maximum(c.targets, 0)[..., None], -1)[..., 0]


LOSS_CASES = (
    *USUAL,
    Variant(
        "some targets ignored", {"ignored": 0.4}, ("ignore_index",),
        blame="right while every target counts: ignored positions get no gradient, and are left "
        "out of the number that the sum is divided by",
    ),
    Variant(
        "class weights", {}, ("class_weights",),
        blame="right while all classes weigh the same: each position counts with the weight of "
        "its target, and the sum is divided by the sum of these weights",
    ),
    Variant(
        "label smoothing", {}, ("label_smoothing",),
        blame="right without label smoothing: the target is 1 - eps on the right class, and eps / C "
        "on every class besides",
    ),
)

EXERCISES = [
    forward(
        "softmax", ("y",), HERE,
        (
            "Every row has to sum to 1, and every entry to be positive: which function makes any "
            "number positive?",
            "Subtract the largest entry of each row first (keepdims=True), so that nothing "
            "overflows; then exponentiate.",
            "Divide the exponentials by their sum along the axis, again with keepdims=True.",
        ),
        variants=(*USUAL, LARGE, AXIS),
        mistakes={
            "each row should sum to 1; the sum runs over the whole array": lambda c: (
                np.exp(c.x) / np.exp(c.x).sum()
            ),
            "the sum runs over the first axis, not along the rows": lambda c: _softmax(c.x, 0),
            "the sum runs over axis 1, not along the last one": lambda c: _softmax(c.x, 1),
            "the exponentials are not divided by their sum": lambda c: np.exp(c.x),
            "the exponentials are not divided by their sum, only the largest is subtracted": (
                lambda c: _exp(c.x)
            ),
            "divided by the sum, but the exponential is missing": lambda c: c.x / _sum(c.x),
            "the sign is wrong: the largest score should get the largest weight": (
                lambda c: _softmax(-c.x)
            ),
            "this is the logarithm of softmax": lambda c: np.log(_softmax(c.x)),
        },
    ),
    backward(
        "softmax_backward", ("dx",), HERE,
        (
            "x_i moves y_i, but also every other y_j of its row: they share a sum.",
            "The Jacobian is dy_j/dx_i = y_j ([i = j] - y_i). Multiply it by dy and sum over j.",
            "Two terms: the weight times its own upstream gradient, and the weight times one number "
            "for the whole row, the sum of y_j dy_j.",
        ),
        parts=lambda c: {"dx": {"y dy": c.y * c.dy, "- y sum(y dy)": -c.y * _sum(c.y * c.dy)}},
        mistakes={
            "y (1 - y) dy is only the diagonal of the Jacobian: x_i also moves the other y_j of "
            "its row": lambda c: c.y * (1 - c.y) * c.dy,
            "the sum runs over the whole array, not along each row": lambda c: (
                c.y * (c.dy - (c.y * c.dy).sum())
            ),
            "the sum runs over the first axis, not along each row": lambda c: (
                c.y * (c.dy - _sum(c.y * c.dy, 0))
            ),
            "the sum runs over axis 1, not along each row": lambda c: (
                c.y * (c.dy - _sum(c.y * c.dy, 1))
            ),
            "the sum is of dy alone: it should be of y dy": lambda c: c.y * (c.dy - _sum(c.dy)),
            "the upstream gradient is not used: what comes back is y minus its square": (
                lambda c: c.y * (1 - c.y)
            ),
            "you returned the gradient of softmax(x).sum(), which is 0: the upstream gradient "
            "belongs inside the sum": lambda c: 0 * c.dy,
            "the last step, times y, is missing": lambda c: c.dy - _sum(c.y * c.dy),
            "this is the gradient of log_softmax": lambda c: c.dy - c.y * _sum(c.dy),
        },
    ),
    forward(
        "log_softmax", ("y",), HERE,
        (
            "Write the logarithm of the fraction as a difference before you compute anything.",
            "log y_i = x_i - log sum_j exp(x_j): no division, no logarithm of a small number.",
            "Subtract each row's largest entry first, then the logarithm of the sum of the "
            "exponentials of what is left.",
        ),
        variants=(*USUAL, LARGE, AXIS),
        mistakes={
            "the logarithm is missing: this is softmax": lambda c: _softmax(c.x),
            "the logarithm is missing around the sum": lambda c: c.x - _sum(np.exp(c.x)),
            "the sum runs over the whole array, not along each row": lambda c: (
                c.x - np.log(np.exp(c.x).sum())
            ),
            "the sum runs over the first axis, not along each row": lambda c: (
                np.log(_softmax(c.x, 0))
            ),
            "the largest entry is subtracted once too often, or not given back: subtract it from "
            "both x and the sum's exponents": lambda c: (
                c.x - np.log(_sum(np.exp(c.x - c.x.max(axis=-1, keepdims=True))))
            ),
            "the sign is wrong: a logarithm of a probability is at most 0": lambda c: (
                -np.log(_softmax(c.x))
            ),
            "only the largest entry is subtracted: the logarithm of the sum is missing": lambda c: (
                c.x - c.x.max(axis=-1, keepdims=True)
            ),
            "a mean of the exponentials where a sum is meant": lambda c: (
                np.log(_softmax(c.x)) + np.log(c.x.shape[-1])
            ),
        },
    ),
    backward(
        "log_softmax_backward", ("dx",), HERE,
        (
            "y_i = x_i - log sum_j exp(x_j): x_i occurs once by itself, and once in the sum.",
            "The derivative of the log of the sum by x_i is the softmax, which is exp(y_i).",
            "From dy take the softmax times one number for the row: the sum of dy.",
        ),
        parts=lambda c: {"dx": {"dy": c.dy, "- exp(y) sum(dy)": -np.exp(c.y) * _sum(c.dy)}},
        mistakes={
            "y is already a logarithm: the softmax is exp(y)": lambda c: c.dy - c.y * _sum(c.dy),
            "the sum is of y dy or p dy: it should be of dy alone": lambda c: (
                c.dy - np.exp(c.y) * _sum(np.exp(c.y) * c.dy)
            ),
            "the sum along the row is missing": lambda c: c.dy - np.exp(c.y) * c.dy,
            "the sum runs over the whole array, not along each row": lambda c: (
                c.dy - np.exp(c.y) * c.dy.sum()
            ),
            "the sum runs over the first axis, not along each row": lambda c: (
                c.dy - np.exp(c.y) * _sum(c.dy, 0)
            ),
            "this is the gradient of softmax, whose output would be exp(y)": lambda c: (
                np.exp(c.y) * (c.dy - _sum(np.exp(c.y) * c.dy))
            ),
            "this is the gradient of softmax, and y is a logarithm": lambda c: (
                c.y * (c.dy - _sum(c.y * c.dy))
            ),
        },
    ),
    forward(
        "cross_entropy", ("loss",), HERE,
        (
            "For each position, only the log-probability of the right class counts.",
            "Take log_softmax of the logits and pick the entry of each target "
            "(np.take_along_axis, or flatten and index).",
            "The loss is minus the mean of these entries over all positions, B and T alike.",
        ),
        required=1,
        variants=(
            *LOSS_CASES,
            scaled(
                "logits", 500.0, "large logits",
                "right for small logits, but a probability of 0 has no logarithm: use log_softmax, "
                "with the largest logit subtracted",
            ),
        ),
        mistakes={
            "the sign is wrong: a loss is positive": lambda c: _log_p_y(c).mean(),
            "a sum over the positions where the mean is meant": lambda c: -_log_p_y(c).sum(),
            "the logarithm is missing: this is minus the mean probability": lambda c: (
                -np.exp(_log_p_y(c)).mean()
            ),
            "the logits are used as if they were log-probabilities: log_softmax first": lambda c: (
                -np.take_along_axis(c.logits, c.targets[..., None], -1).mean()
            ),
            "divided by the batch only: the mean runs over all positions, B times T": lambda c: (
                -_log_p_y(c).sum() / len(c.targets)
            ),
            "divided by all B T C entries: the mean runs over positions, not over classes": (
                lambda c: -_log_p_y(c).mean() / c.logits.shape[-1]
            ),
            "a mean over all classes: only the target's log-probability counts": lambda c: (
                -np.log(_softmax(c.logits)).mean()
            ),
            "a sum over all classes: only the target's log-probability counts": lambda c: (
                -_sum(np.log(_softmax(c.logits))).mean()
            ),
            "the base is 2: the loss is in nats, with the natural logarithm": lambda c: (
                -_log_p_y(c).mean() / np.log(2)
            ),
        },
    ),
    backward(
        "cross_entropy_backward", ("dlogits",), HERE,
        (
            "Without weights and smoothing it is short: what does (p - onehot) say?",
            "Divide by saved.normaliser, not by a count, and multiply by dloss. Positions with "
            "target -1 get 0.",
            "Each position's p is multiplied by s_i = (1 - eps) w_y + eps/C sum(w); from it "
            "(1 - eps) w_y is taken at the target, and eps/C w_c at every class.",
        ),
        variants=LOSS_CASES,
        parts=_cross_entropy_parts,
        mistakes={
            "dloss is not used: the gradient that comes from above is a factor": lambda c: (
                (c.saved.probabilities - _onehot(c)) / c.saved.normaliser
            ),
            "the mean's factor, 1 / saved.normaliser, is missing": lambda c: (
                (c.saved.probabilities - _onehot(c)) * c.dloss
            ),
            "divided by the batch only: the loss is a mean over all positions": lambda c: (
                (c.saved.probabilities - _onehot(c)) * c.dloss / len(c.saved.targets)
            ),
            "1 is taken from every class: only from the target's": lambda c: (
                (c.saved.probabilities - 1) * c.dloss / c.saved.normaliser
            ),
            "dloss and the mean's factor are both missing": lambda c: (
                c.saved.probabilities - _onehot(c)
            ),
            "softmax once more: saved.probabilities has been through it already": lambda c: (
                (_softmax(c.saved.probabilities) - _onehot(c)) * c.dloss / c.saved.normaliser
            ),
            "the gradient with respect to the probabilities, not to the logits": lambda c: (
                -_onehot(c) / c.saved.probabilities * c.dloss / c.saved.normaliser
            ),
        },
    ),
    forward(
        "mean_squared_error", ("loss", "difference"), FIRST,
        (
            "A mean over all entries, whatever the shape.",
            "First the difference y - target, which the backward pass will want, then its square.",
            "(difference * difference).mean(), with no factor of one half.",
        ),
        required=1,
        mistakes={
            "half of it: there is no factor 1/2 here": lambda c: {
                "loss": ((c.y - c.target) ** 2).mean() / 2
            },
            "a sum where the mean is meant": lambda c: {"loss": ((c.y - c.target) ** 2).sum()},
            "divided by the batch only: the mean runs over all entries": lambda c: {
                "loss": ((c.y - c.target) ** 2).sum() / len(c.y)
            },
            "a mean over the tokens, but a sum over the features": lambda c: {
                "loss": ((c.y - c.target) ** 2).sum(axis=-1).mean()
            },
            "the absolute value where the square is meant": lambda c: {
                "loss": np.abs(c.y - c.target).mean()
            },
            "a root too much: this is the root of the mean square": lambda c: {
                "loss": ((c.y - c.target) ** 2).mean() ** 0.5
            },
            "the square of the mean, not the mean of the squares": lambda c: {
                "loss": (c.y - c.target).mean() ** 2
            },
            "the square is missing": lambda c: {"loss": (c.y - c.target).mean()},
            "the sign is exchanged: it is y - target": lambda c: {"difference": c.target - c.y},
        },
    ),
    backward(
        "mean_squared_error_backward", ("dy",), FIRST,
        (
            "The loss is a sum of squares divided by a number. What is the derivative of a square?",
            "Each entry occurs in one square only: 2 times its difference, divided by n.",
            "n is difference.size, the number of all entries; dloss is a factor.",
        ),
        mistakes={
            "dloss is not used: the gradient that comes from above is a factor": lambda c: (
                2 * c.difference / c.difference.size
            ),
            "the derivative of a square has a factor 2": lambda c: (
                c.dloss * c.difference / c.difference.size
            ),
            "the mean's factor 1/n is missing": lambda c: 2 * c.dloss * c.difference,
            "divided by the batch only: n is the number of all entries": lambda c: (
                2 * c.dloss * c.difference / len(c.difference)
            ),
            "divided by the number of features only: n is the number of all entries": lambda c: (
                2 * c.dloss * c.difference / c.difference.shape[-1]
            ),
            "divided by the number of tokens only: n is the number of all entries": lambda c: (
                2 * c.dloss * c.difference * c.difference.shape[-1] / c.difference.size
            ),
            "the difference itself is missing: this is the sign": lambda c: (
                c.dloss * np.sign(c.difference) / c.difference.size
            ),
            "the square is not differentiated": lambda c: (
                c.dloss * c.difference**2 / c.difference.size
            ),
        },
    ),
]
