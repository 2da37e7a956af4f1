"""Notebook 0: the mean squared error."""

import numpy as np

from minitransformer.exercises.cases import USUAL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward

HERE = "00_gradients"
NOTHING = Variant(
    "an empty pair",
    {"B": 0},
    blame="the loss of two arrays without entries is 0: divide by at least 1",
    limit=True,
)


EXERCISES = [
    forward(
        "mean_squared_error",
        ("loss", "difference"),
        HERE,
        (
            "It is a mean over all entries, whatever the shape.",
            "First compute the difference y - target, which the backward pass needs, then square "
            "it.",
            "loss = (difference * difference).mean(), without a factor of one half. The mean of "
            "no numbers is NaN, so an empty pair needs care: its loss is 0.",
        ),
        required=1,
        variants=(*USUAL[:-1], NOTHING),
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
        HERE,
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
