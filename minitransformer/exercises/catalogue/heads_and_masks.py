"""Notebook 7: heads and masks."""

import numpy as np

from minitransformer.exercises.cases import EMPTY, SINGLE, Variant
from minitransformer.exercises.catalogue.entries import alone, backward, forward

HEADS = "07_heads_and_masks"


def _split(x, H):
    B, T, D = x.shape
    return x.reshape(B, T, H, D // H).transpose(0, 2, 1, 3)


def _merge(x):
    B, H, T, E = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, H * E)


MIXED = (
    "the right numbers in the wrong places: a reshape alone mixes tokens with features. First cut "
    "the features into (B, T, H, E), then exchange T and H with a transpose"
)


def _split_mistakes(x, H):
    """Mistakes in split_heads and in the backward pass of merge_heads, which does the same."""
    return {
        MIXED: lambda c: x(c).reshape(x(c).shape[0], H(c), x(c).shape[1], -1),
        "features are dealt to the heads in turn: head h has features h E to (h + 1) E - 1": (
            lambda c: x(c).reshape(*x(c).shape[:2], -1, H(c)).transpose(0, 3, 1, 2)
        ),
        "the heads are in reverse order": lambda c: _split(x(c), H(c))[:, ::-1],
        "the tokens are in reverse order": lambda c: _split(x(c), H(c))[:, :, ::-1],
    }


def _merge_mistakes(x):
    return {
        "the right numbers in the wrong places: a reshape alone mixes heads with tokens. First "
        "exchange T and H, then join H and E into one axis": lambda c: x(c).reshape(
            x(c).shape[0], x(c).shape[2], -1
        ),
        "E and H have changed places: the features of a head should be side by side": lambda c: (
            x(c).transpose(0, 2, 3, 1).reshape(x(c).shape[0], x(c).shape[2], -1)
        ),
        "the heads are in reverse order": lambda c: _merge(x(c)[:, ::-1]),
        "the tokens are in reverse order": lambda c: _merge(x(c)[:, :, ::-1]),
    }


SPLIT_CASES = (
    Variant("one head", {"H": 1}),
    Variant("B = 1", {"B": 1}),
    Variant("B = 3"),
    Variant("H = T", {"H": 3, "T": 3}),
    SINGLE,
    EMPTY,
)
MERGED_CASES = (
    Variant("one head", {"H": 1}),
    Variant("B = 1", {"B": 1}),
    Variant("B = 3", {"E": 3}),
    Variant("H = T", {"H": 3, "T": 3}),
    SINGLE,
    EMPTY,
)


def _lengths(inputs, rng):
    return {"lengths": rng.integers(0, 8, int(rng.integers(1, 5))), "S": 7}


def _seen(T, S, rule):
    S = T if S is None else S
    return rule(np.arange(T)[:, None], np.arange(S)[None, :], S - T)


EXERCISES = [
    forward(
        "split_heads",
        ("heads",),
        HEADS,
        (
            "The features of one token are side by side, so cut that axis first.",
            "reshape(B, T, H, E) cuts the features into heads, but H is then in the wrong place.",
            "After the reshape, exchange T and H with transpose(0, 2, 1, 3).",
        ),
        variants=SPLIT_CASES,
        mistakes=_split_mistakes(lambda c: c.x, lambda c: c.n_heads),
    ),
    backward(
        "split_heads_backward",
        ("dx",),
        HEADS,
        (
            "The forward pass only moves numbers. The backward pass moves them back.",
            "Undo the last step first: exchange T and H again.",
            "transpose(0, 2, 1, 3), then reshape(B, T, H * E).",
        ),
        variants=SPLIT_CASES,
        mistakes=_merge_mistakes(lambda c: c.dy),
    ),
    forward(
        "merge_heads",
        ("y",),
        HEADS,
        (
            "The features of all heads of one token should end up side by side.",
            "A reshape reads numbers in order, so exchange T and H before it.",
            "transpose(0, 2, 1, 3), then reshape(B, T, H * E).",
        ),
        variants=MERGED_CASES,
        mistakes=_merge_mistakes(lambda c: c.x),
    ),
    backward(
        "merge_heads_backward",
        ("dx",),
        HEADS,
        (
            "The forward pass only moves numbers. The backward pass moves them back.",
            "Cut the features into heads, then exchange T and H.",
            "reshape(B, T, n_heads, D // n_heads), then transpose(0, 2, 1, 3).",
        ),
        variants=MERGED_CASES,
        mistakes=_split_mistakes(lambda c: c.dy, lambda c: c.n_heads),
    ),
    alone(
        "causal_mask",
        ("mask",),
        HEADS,
        (
            "Query t may see key s unless s comes after it.",
            "Compare a column of query positions with a row of key positions.",
            "The T queries are the last of the S positions: query t is at position S - T + t.",
        ),
        example=lambda sizes, rng: {"T": 4},
        needed=("S",),
        variants=(
            Variant("T = S"),
            Variant("one token", adjust=lambda i, rng: {"T": 1}),
            Variant(
                "more keys than queries",
                {},
                ("S",),
                lambda i, rng: {"T": 2, "S": 5},
                "right for as many keys as queries: with more keys, the queries are the last T of "
                "the S positions",
            ),
            Variant(
                "random sizes",
                {},
                ("S",),
                lambda i, rng: {"T": (T := int(rng.integers(1, 7))), "S": T + int(rng.integers(4))},
                "right for as many keys as queries: with more keys, the queries are the last T of "
                "the S positions",
            ),
        ),
        mistakes={
            "the wrong way round: a query may see (True) what came before it": lambda c: _seen(
                c.T, getattr(c, "S", None), lambda t, s, back: s > t + back
            ),
            "transposed: rows are queries, columns are keys": lambda c: _seen(
                c.T, getattr(c, "S", None), lambda t, s, back: s >= t + back
            ),
            "a token may see itself: the diagonal is True": lambda c: _seen(
                c.T, getattr(c, "S", None), lambda t, s, back: s < t + back
            ),
            "a token sees the one after it: the diagonal is the last True": lambda c: _seen(
                c.T, getattr(c, "S", None), lambda t, s, back: s <= t + back + 1
            ),
            "everything may be seen": lambda c: _seen(
                c.T, getattr(c, "S", None), lambda t, s, back: (s >= 0) & (t >= 0)
            ),
            "with more keys than queries, the queries are the last T of the S positions, not the "
            "first": lambda c: _seen(c.T, c.S, lambda t, s, back: s <= t),
        },
    ),
    alone(
        "padding_mask",
        ("mask",),
        HEADS,
        (
            "Key s of text b is real if s is less than the text's length.",
            "Compare np.arange(S) with the lengths as a column.",
            "The result (B, S) must broadcast to (B, H, T, S): index it with [:, None, None, :].",
        ),
        example=lambda sizes, rng: {"lengths": np.array([2, 5, 3]), "S": 5},
        variants=(
            Variant("three texts"),
            Variant("one text", adjust=lambda i, rng: {"lengths": np.array([3]), "S": 4}),
            Variant("an empty text", adjust=lambda i, rng: {"lengths": np.array([0, 2]), "S": 3}),
            Variant("random lengths", adjust=_lengths),
        ),
        mistakes={
            "the wrong way round: True = a real token": lambda c: (
                np.arange(c.S) >= c.lengths[:, None, None, None]
            ),
            "one token too many: a text of n tokens has the keys 0 to n - 1": lambda c: (
                np.arange(c.S) <= c.lengths[:, None, None, None]
            ),
            "one token too few": lambda c: np.arange(c.S) < c.lengths[:, None, None, None] - 1,
            "padding comes after the text, not in front of it": lambda c: (
                np.arange(c.S)[::-1] < c.lengths[:, None, None, None]
            ),
            "everything may be seen": lambda c: (
                np.arange(c.S) < c.S + 0 * c.lengths[:, None, None, None]
            ),
            "all texts have the first text's length": lambda c: (
                np.arange(c.S)
                < c.lengths[:1, None, None, None] + 0 * c.lengths[:, None, None, None]
            ),
        },
    ),
]
