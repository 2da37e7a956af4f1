"""Notebook 10: pooling over time."""

import numpy as np

from minitransformer.exercises.cases import USUAL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward

CLASSIFIER = "10_classifier"
WITHOUT_TOKENS = Variant(
    "a text without a token",
    {"mask": True},
    ("mask",),
    lambda i, rng: i | {"mask": np.arange(len(i["x"]))[:, None] > 0 * i["mask"]},
    "right if every text has a token: a text without tokens gives 0, so divide by at least 1",
)
MASKED = Variant(
    "padding",
    {"mask": True},
    ("mask",),
    lambda i, rng: i | {"mask": np.arange(i["x"].shape[1]) < [[2], [5], [4]]},
    "right without padding: padding counts neither in the sum nor in the number of tokens",
)
POOL_CASES = (*USUAL, MASKED, WITHOUT_TOKENS)


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
            "Multiply x (B, T, D) by mask[..., None], which is (B, T, 1). Sum over axis 1.",
            "Divide by mask.sum(axis=1, keepdims=True), but by at least 1 (np.maximum), in x's "
            "dtype.",
        ),
        variants=POOL_CASES,
        needed=("mask",),
        mistakes={
            "divided by T: divide by the number of real tokens, without padding": lambda c: (
                (c.x * _mask(c)).sum(axis=1) / c.x.shape[1]
            ),
            "padding is in the sum": lambda c: (
                c.x.sum(axis=1) / np.maximum(_mask(c).sum(axis=1), 1)
            ),
            "the mask is not used: padding is in the mean": lambda c: c.x.mean(axis=1),
            "the sum instead of the mean": lambda c: (c.x * _mask(c)).sum(axis=1),
            "the mask is the wrong way round: True = a real token": lambda c: (
                (c.x * ~_mask(c)).sum(axis=1) / np.maximum((~_mask(c)).sum(axis=1), 1)
            ),
            "divided by the number of real tokens in the whole batch": lambda c: (
                (c.x * _mask(c)).sum(axis=1) / _mask(c).sum()
            ),
            "the largest token, not the mean": lambda c: np.where(_mask(c), c.x, -np.inf).max(
                axis=1
            ),
            "the first token, not the mean": lambda c: c.x[:, 0],
        },
    ),
    backward(
        "mean_pool_backward",
        ("dx",),
        CLASSIFIER,
        (
            "Every real token contributed equally to the mean.",
            "dy (B, D) goes to all real tokens: multiply dy[:, None, :] by the mask (B, T, 1).",
            "Divide by the number of real tokens of each text, but by at least 1. Padding gets 0.",
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
            "the mask is not used: padding gets a gradient, and counts as a token": lambda c: (
                _spread(c, np.ones((1, c.length, 1)) / c.length)
            ),
            "the mean's factor 1/n is missing": lambda c: _spread(c, _where(c)[..., None]),
            "divided by the number of real tokens in the whole batch": lambda c: _spread(
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
            "Only the winning token determined the result.",
            "For each text and feature, dx is 0 except at t = index. Compare np.arange(T) with "
            "index.",
            "(np.arange(length)[:, None] == index[:, None, :]) has shape (B, T, D), and an index "
            "of -1 matches no token. Multiply it by dy[:, None, :].",
        ),
        variants=POOL_CASES,
        mistakes={
            "every token gets the gradient: only the winner determined the result": lambda c: (
                _spread(c, np.ones((1, c.length, 1)))
            ),
            "spread evenly, as for a mean: the winner gets all of it": lambda c: _spread(
                c, np.ones((1, c.length, 1)) / c.length
            ),
            "the first feature's winner is used for all features": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:, None, :1]
            ),
            "the first text's winners are used for all texts": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:1, None, :]
            ),
            "index -1 means no token, but used as an index it is the last token": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:, None, :] % c.length
            ),
            "index -1 means no token, but it is taken for the first token": lambda c: _spread(
                c, np.arange(c.length)[:, None] == np.maximum(c.index, 0)[:, None, :]
            ),
            "the token next to the winner gets the gradient": lambda c: _spread(
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
            "One token of each text was passed on. The others had no effect.",
            "Without a mask it is token 0. With a mask it is the first token where the mask is "
            "True.",
            "mask & (mask.cumsum(axis=1) == 1) is True only there, and nowhere in a text without "
            "tokens. Multiply it by dy.",
        ),
        variants=(
            *USUAL,
            Variant(
                "padding in front",
                {"mask": True},
                ("mask",),
                lambda i, rng: i | {"mask": np.arange(i["x"].shape[1]) >= [[2], [0], [1]]},
                "right if token 0 is real: the first *real* token gets the gradient",
            ),
            WITHOUT_TOKENS,
        ),
        needed=("mask",),
        mistakes={
            "token 0 gets the gradient, but it may be padding: use the first real token": (
                lambda c: _spread(c, np.arange(c.length)[:, None] == 0)
            ),
            "every real token gets the gradient: only the first was used": lambda c: _spread(
                c, _where(c)[..., None]
            ),
            "every token gets the gradient: only the first was used": lambda c: _spread(
                c, np.ones((1, c.length, 1))
            ),
            "spread evenly, as for a mean: the first token gets all of it": lambda c: _spread(
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
