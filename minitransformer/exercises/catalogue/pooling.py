"""Notebook 10: pooling over time."""

import numpy as np

from minitransformer.exercises.cases import BATCH, BATCH_OF_ONE, SINGLE, SMALL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward

CLASSIFIER = "10_classifier"
WITHOUT_TOKENS = Variant(
    "a text without a token",
    {"mask": True},
    ("mask",),
    lambda i, rng: i | {"mask": np.arange(len(i["x"]))[:, None] > 0 * i["mask"]},
    "right where every text has a token; one without any gives 0: divide by at least 1",
)
MASKED = Variant(
    "padding",
    {"mask": True},
    ("mask",),
    lambda i, rng: i | {"mask": np.arange(i["x"].shape[1]) < [[2], [5], [4]]},
    "right without padding; padded tokens do not count, neither in the sum nor in the number",
)
POOL_CASES = (BATCH_OF_ONE, BATCH, SMALL, SINGLE, MASKED, WITHOUT_TOKENS)


def _where(c):
    mask = getattr(c, "mask", None)
    length = c.length if hasattr(c, "length") else c.x.shape[1]
    return np.ones((len(c.dy), length), bool) if mask is None else mask


def _first(c):
    mask = _where(c)
    return (mask & (mask.cumsum(axis=1) == 1))[..., None]


def _spread(c, weights):
    return weights * c.dy[:, None, :]


def _mask(c):
    mask = getattr(c, "mask", None)
    return (np.ones(c.x.shape[:2], bool) if mask is None else mask)[..., None]


EXERCISES = [
    forward(
        "mean_pool",
        ("y",),
        CLASSIFIER,
        (
            "Sum over the real tokens, then divide by how many there are.",
            "mask (B, T) meets x (B, T, D) as mask[..., None]; the sum runs over axis 1.",
            "The number is mask.sum(axis=1, keepdims=True), at least 1 (np.maximum), in x's dtype.",
        ),
        variants=POOL_CASES,
        needed=("mask",),
        mistakes={
            "divided by T: padding does not count, divide by the number of real tokens": lambda c: (
                (c.x * _mask(c)).sum(axis=1) / c.x.shape[1]
            ),
            "padding is in the sum": lambda c: (
                c.x.sum(axis=1) / np.maximum(_mask(c).sum(axis=1), 1)
            ),
            "the mask is not used: padding is in the mean": lambda c: c.x.mean(axis=1),
            "the sum where the mean is meant": lambda c: (c.x * _mask(c)).sum(axis=1),
            "the mask is the wrong way round: True = a real token": lambda c: (
                (c.x * ~_mask(c)).sum(axis=1) / np.maximum((~_mask(c)).sum(axis=1), 1)
            ),
            "divided by the real tokens of the whole batch": lambda c: (
                (c.x * _mask(c)).sum(axis=1) / _mask(c).sum()
            ),
            "the largest, not the mean": lambda c: np.where(_mask(c), c.x, -np.inf).max(axis=1),
            "the first token, not the mean": lambda c: c.x[:, 0],
        },
    ),
    backward(
        "mean_pool_backward",
        ("dx",),
        CLASSIFIER,
        (
            "Every real token had the same share of the mean.",
            "dy (B, D) goes to all tokens: dy[:, None, :], times the mask (B, T, 1).",
            "Divide by the number of real tokens of each text, at least 1; padding gets 0.",
        ),
        variants=POOL_CASES,
        needed=("mask",),
        mistakes={
            "divided by T: divide by the number of real tokens": lambda c: _spread(
                c, _where(c)[..., None] / c.length
            ),
            "padding gets a gradient: it should be 0 there": lambda c: _spread(
                c, np.ones((1, c.length, 1)) / np.maximum(_where(c).sum(1), 1)[:, None, None]
            ),
            "the mask is not used: padding gets a gradient, and counts": lambda c: _spread(
                c, np.ones((1, c.length, 1)) / c.length
            ),
            "the mean's factor 1/n is missing": lambda c: _spread(c, _where(c)[..., None]),
            "divided by the real tokens of the whole batch": lambda c: _spread(
                c, _where(c)[..., None] / _where(c).sum()
            ),
            "the first token gets everything": lambda c: _spread(c, _first(c)),
            "the mask is the wrong way round: True = a real token": lambda c: _spread(
                c, ~_where(c)[..., None] / np.maximum((~_where(c)).sum(1), 1)[:, None, None]
            ),
        },
    ),
    backward(
        "max_pool_backward",
        ("dx",),
        CLASSIFIER,
        (
            "Only the winning token moved the result.",
            "For each text and feature dx is 0 but at t = index: compare np.arange(T) with index.",
            "(np.arange(length)[:, None] == index[:, None, :]) is (B, T, D); index -1 matches no "
            "token. Times dy[:, None, :].",
        ),
        variants=POOL_CASES,
        mistakes={
            "every token gets the gradient: only the winner moved the result": lambda c: _spread(
                c, np.ones((1, c.length, 1))
            ),
            "spread evenly, as for a mean: the winner takes it all": lambda c: _spread(
                c, np.ones((1, c.length, 1)) / c.length
            ),
            "the first feature's winner is used for all features": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:, None, :1]
            ),
            "the first text's winners are used for all texts": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:1, None, :]
            ),
            "index -1 means that there is none, and reaches the last token by counting from the "
            "end": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:, None, :] % c.length
            ),
            "index -1 means that there is none; it is taken for the first token": lambda c: _spread(
                c, np.arange(c.length)[:, None] == np.maximum(c.index, 0)[:, None, :]
            ),
            "the place next to the winner's": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:, None, :] + 1
            ),
            "the upstream gradient is not used": lambda c: (
                (np.arange(c.length)[:, None] == c.index[:, None, :]) * 1.0
            ),
            "the first token gets everything": lambda c: _spread(
                c, np.arange(c.length)[:, None] == 0
            ),
        },
    ),
    backward(
        "first_pool_backward",
        ("dx",),
        CLASSIFIER,
        (
            "One token of each text was handed on; the others did nothing.",
            "Without a mask it is token 0; with one the first where it is True.",
            "mask & (mask.cumsum(axis=1) == 1) is True there; in a text without tokens nowhere.",
        ),
        variants=(
            BATCH_OF_ONE,
            BATCH,
            SMALL,
            SINGLE,
            Variant(
                "padding in front",
                {"mask": True},
                ("mask",),
                lambda i, rng: i | {"mask": np.arange(i["x"].shape[1]) >= [[2], [0], [1]]},
                "right where token 0 is real; the first *real* token is meant",
            ),
            WITHOUT_TOKENS,
        ),
        needed=("mask",),
        mistakes={
            "token 0 gets the gradient, though it may be padding: the first real one is meant": (
                lambda c: _spread(c, np.arange(c.length)[:, None] == 0)
            ),
            "every real token gets the gradient: only the first was used": lambda c: _spread(
                c, _where(c)[..., None]
            ),
            "every token gets the gradient: only the first was used": lambda c: _spread(
                c, np.ones((1, c.length, 1))
            ),
            "spread evenly, as for a mean: the first token takes it all": lambda c: _spread(
                c, _where(c)[..., None] / np.maximum(_where(c).sum(1), 1)[:, None, None]
            ),
            "the last token gets the gradient": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.length - 1
            ),
            "a text without a real token gets a gradient at token 0: it should be 0": lambda c: (
                _spread(c, np.arange(c.length)[:, None] == _where(c).argmax(1)[:, None, None])
            ),
            "the upstream gradient is not used": lambda c: (
                _first(c) * np.ones_like(c.dy[:, None, :])
            ),
        },
    ),
]
