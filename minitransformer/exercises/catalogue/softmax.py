"""Notebook 1: softmax and its logarithm."""

from functools import partial

import numpy as np

from minitransformer.exercises.cases import USUAL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward, scaled

HERE = "01_softmax_and_cross_entropy"
LARGE = scaled(
    "x",
    500.0,
    "large scores",
    "right for small scores, but exp overflows for large ones: subtract the largest score of each "
    "row first, which does not change the result",
)
AXES = tuple(
    Variant(
        f"axis = {axis}",
        options=("axis",),
        adjust=lambda inputs, rng, axis=axis: inputs | {"axis": axis},
        blame="right along the last axis, but here `axis` names another one: pass it to every "
        "maximum and sum",
        sure=True,
    )
    for axis in (1, 0)
)
TINY = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)  # what learners add where they fear a 0


def added(words, compute, tiny=TINY):
    """The mistakes of adding a small number, each as an entry of `mistakes`."""
    return {f"{number:g} is added {words}": partial(compute, tiny=number) for number in tiny}


LOG_OF_SOFTMAX = (
    "right for small scores, but this is the logarithm of softmax: for large scores, a softmax is "
    "rounded to 0, whose logarithm is -inf. Take the logarithm of the fraction on paper first"
)


def _exp(x):
    return np.exp(x - x.max(axis=-1, keepdims=True))


def softmax_rows(x, axis=-1):
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    return y / y.sum(axis=axis, keepdims=True)


def sum_rows(x, axis=-1):
    return x.sum(axis=axis, keepdims=True)


EXERCISES = [
    forward(
        "softmax",
        ("y",),
        HERE,
        (
            "Every row must sum to 1, and every entry must be positive. Which function makes any "
            "number positive?",
            "First subtract the largest entry of each row (keepdims=True), so that nothing "
            "overflows. Then exponentiate.",
            "Divide the exponentials by their sum along the axis, again with keepdims=True.",
        ),
        variants=(*USUAL, LARGE, *AXES),
        mistakes={
            "each row should sum to 1, but the sum runs over the whole array": lambda c: (
                np.exp(c.x) / np.exp(c.x).sum()
            ),
            "the sum runs over the first axis, not along the rows": lambda c: softmax_rows(c.x, 0),
            "the sum runs over axis 1, not along the last one": lambda c: softmax_rows(c.x, 1),
            "the exponentials are not divided by their sum": lambda c: np.exp(c.x),
            "the exponentials are not divided by their sum: only the largest score is subtracted": (
                lambda c: _exp(c.x)
            ),
            "divided by the sum, but the exponential is missing": lambda c: c.x / sum_rows(c.x),
            "the sign is wrong: the largest score should get the largest weight": (
                lambda c: softmax_rows(-c.x)
            ),
            "this is the logarithm of softmax": lambda c: np.log(softmax_rows(c.x)),
            "this is the sigmoid of each entry by itself: divide by the sum along the row": (
                lambda c: 1 / (1 + np.exp(-c.x))
            ),
            "the powers have base 2: take np.exp, whose base is e": lambda c: softmax_rows(
                c.x * np.log(2)
            ),
            **added(
                "to the sum: then a row no longer sums to 1. The sum is never 0, because the "
                "largest exponential is 1",
                lambda c, tiny: _exp(c.x) / (sum_rows(_exp(c.x)) + tiny),
            ),
            **added(
                "to the sum, so a row no longer sums to 1",
                lambda c, tiny: np.exp(c.x) / (sum_rows(np.exp(c.x)) + tiny),
            ),
        },
    ),
    backward(
        "softmax_backward",
        ("dx",),
        HERE,
        (
            "x_i changes y_i, but also every other y_j in its row, because they share a sum.",
            "The Jacobian is dy_j/dx_i = y_j ([i = j] - y_i). Multiply it by the upstream gradient "
            "dy and sum over j.",
            "There are two terms: y_i times its own upstream gradient dy_i, minus y_i times one "
            "number for the whole row, the sum of y_j dy_j.",
        ),
        variants=(*USUAL, *AXES),
        parts=lambda c: {"dx": {"y dy": c.y * c.dy, "- y sum(y dy)": -c.y * sum_rows(c.y * c.dy)}},
        mistakes={
            "y (1 - y) dy is only the diagonal of the Jacobian: x_i also changes the other y_j in "
            "its row": lambda c: c.y * (1 - c.y) * c.dy,
            "the sum runs over the whole array, not along each row": lambda c: (
                c.y * (c.dy - (c.y * c.dy).sum())
            ),
            "the sum runs over the first axis, not along each row": lambda c: (
                c.y * (c.dy - sum_rows(c.y * c.dy, 0))
            ),
            "the sum runs over axis 1, not along each row": lambda c: (
                c.y * (c.dy - sum_rows(c.y * c.dy, 1))
            ),
            "the sum is over dy alone: it should be over y dy": lambda c: (
                c.y * (c.dy - sum_rows(c.dy))
            ),
            "a mean of y dy in place of the sum: 1 / D too small": lambda c: (
                c.y * (c.dy - (c.y * c.dy).mean(-1, keepdims=True))
            ),
            "softmax is applied to y, which is already softmax(x)": lambda c: (
                softmax_rows(c.y) * (c.dy - sum_rows(softmax_rows(c.y) * c.dy))
            ),
            "the upstream gradient is not used: this is y minus its square": (
                lambda c: c.y * (1 - c.y)
            ),
            "you returned the gradient of softmax(x).sum(), which is 0: the upstream gradient "
            "belongs inside the sum": lambda c: 0 * c.dy,
            "the last step, times y, is missing": lambda c: c.dy - sum_rows(c.y * c.dy),
            "this is the gradient of log_softmax": lambda c: c.dy - c.y * sum_rows(c.dy),
        },
    ),
    forward(
        "log_softmax",
        ("y",),
        HERE,
        (
            "Before you compute anything, write the logarithm of the fraction as a difference.",
            "log softmax(x)_i = x_i - log sum_j exp(x_j): no division, and no logarithm of a small "
            "number.",
            "First subtract each row's largest entry. Then subtract the logarithm of the sum of "
            "the exponentials of what is left.",
        ),
        variants=(*USUAL, LARGE, *AXES),
        mistakes={
            "the logarithm is missing: this is softmax": lambda c: softmax_rows(c.x),
            "the logarithm is missing around the sum": lambda c: c.x - sum_rows(np.exp(c.x)),
            "the sum runs over the whole array, not along each row": lambda c: (
                c.x - np.log(np.exp(c.x).sum())
            ),
            "the sum runs over the first axis, not along each row": lambda c: np.log(
                softmax_rows(c.x, 0)
            ),
            "the largest entry is subtracted inside the sum only: subtract it both from x and from "
            "the exponents of the sum": lambda c: (
                c.x - np.log(sum_rows(np.exp(c.x - c.x.max(axis=-1, keepdims=True))))
            ),
            "the sign is wrong: a logarithm of a probability is at most 0": lambda c: (
                -np.log(softmax_rows(c.x))
            ),
            "only the largest entry is subtracted: the logarithm of the sum is missing": lambda c: (
                c.x - c.x.max(axis=-1, keepdims=True)
            ),
            "a mean of the exponentials instead of a sum": lambda c: (
                np.log(softmax_rows(c.x)) + np.log(c.x.shape[-1])
            ),
            LOG_OF_SOFTMAX: lambda c: np.log(softmax_rows(c.x)),
            **added(
                "to the softmax before its logarithm is taken: that changes every value. Take the "
                "logarithm of the fraction on paper first",
                lambda c, tiny: np.log(softmax_rows(c.x) + tiny),
                (*TINY, 1e-9),
            ),
            **added(
                "inside the logarithm: the sum of the exponentials is never 0",
                lambda c, tiny: (
                    c.x - c.x.max(axis=-1, keepdims=True) - np.log(sum_rows(_exp(c.x)) + tiny)
                ),
            ),
            **{
                f"the logarithm has base {base}: take the natural logarithm": (
                    lambda c, base=base: (
                        c.x
                        - c.x.max(axis=-1, keepdims=True)
                        - np.log(sum_rows(_exp(c.x))) / np.log(base)
                    )
                )
                for base in (2, 10)
            },
            **{
                f"all of it has base {base}: take the natural logarithm": (
                    lambda c, base=base: np.log(softmax_rows(c.x)) / np.log(base)
                )
                for base in (2, 10)
            },
        },
    ),
    backward(
        "log_softmax_backward",
        ("dx",),
        HERE,
        (
            "y_i = x_i - log sum_j exp(x_j): x_i occurs once by itself, and once in the sum.",
            "The derivative of the log of the sum with respect to x_i is the softmax, exp(y_i).",
            "From dy, subtract the softmax times one number per row: the sum of dy.",
        ),
        variants=(*USUAL, *AXES),
        parts=lambda c: {"dx": {"dy": c.dy, "- exp(y) sum(dy)": -np.exp(c.y) * sum_rows(c.dy)}},
        mistakes={
            "y is already a logarithm: the softmax is exp(y)": lambda c: (
                c.dy - c.y * sum_rows(c.dy)
            ),
            "the sum is over p dy: it should be over dy alone": lambda c: (
                c.dy - np.exp(c.y) * sum_rows(np.exp(c.y) * c.dy)
            ),
            "the sum along the row is missing": lambda c: c.dy - np.exp(c.y) * c.dy,
            "a mean of dy in place of the sum: 1 / D too small": lambda c: (
                c.dy - np.exp(c.y) * c.dy.mean(-1, keepdims=True)
            ),
            "softmax is applied to y, which is log softmax(x): exp(y) is the softmax": lambda c: (
                c.dy - softmax_rows(np.exp(c.y)) * sum_rows(c.dy)
            ),
            "the sum runs over the whole array, not along each row": lambda c: (
                c.dy - np.exp(c.y) * c.dy.sum()
            ),
            "the sum runs over the first axis, not along each row": lambda c: (
                c.dy - np.exp(c.y) * sum_rows(c.dy, 0)
            ),
            "this is the gradient of softmax, whose output would be exp(y)": lambda c: (
                np.exp(c.y) * (c.dy - sum_rows(np.exp(c.y) * c.dy))
            ),
            "this is the gradient of softmax, and here y is a logarithm": lambda c: (
                c.y * (c.dy - sum_rows(c.y * c.dy))
            ),
        },
    ),
]
