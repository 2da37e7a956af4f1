"""Wrong heads and masks."""

import numpy as np


def split(x, H):
    return np.stack(np.split(x, H, axis=-1), axis=1)


def merge(x):
    return np.concatenate(list(x.transpose(1, 0, 2, 3)), axis=-1)


def seen(rule):
    def function(T, S=None):
        S = T if S is None else S
        return rule(np.arange(T)[:, None], np.arange(S)[None], S - T)

    return function


def keys(lengths, S):
    return np.arange(S)[None], lengths[:, None]


SPLITS = [
    ("mixes tokens", lambda x, H: x.reshape(x.shape[0], H, x.shape[1], x.shape[2] // H)),
    ("in turn", lambda x, H: np.stack([x[..., h::H] for h in range(H)], axis=1)),
    ("shape", lambda x, H: x.reshape(*x.shape[:2], H, -1)),
    ("heads are in reverse", lambda x, H: split(x, H)[:, ::-1]),
    ("shape", lambda x, H: split(x, H).swapaxes(-1, -2)),
    ("tokens are in reverse", lambda x, H: split(x[:, ::-1], H)),
]
MERGES = [
    ("mixes heads", lambda x: x.reshape(x.shape[0], x.shape[2], -1)),
    ("side by side", lambda x: x.transpose(0, 2, 3, 1).reshape(x.shape[0], x.shape[2], -1)),
    ("shape", lambda x: x.transpose(0, 2, 1, 3)),
    ("heads are in reverse", lambda x: merge(x[:, ::-1])),
    ("shape|sum", lambda x: x.sum(axis=1)),
]


WRONG = {
    "split_heads": SPLITS,
    "split_heads_backward": MERGES,
    "merge_heads": MERGES,
    "merge_heads_backward": SPLITS,
    "causal_mask": [
        ("wrong way round", seen(lambda t, s, back: s > t + back)),
        ("transposed", seen(lambda t, s, back: s >= t + back)),
        ("diagonal is True", seen(lambda t, s, back: s < t + back)),
        ("last T of the S", seen(lambda t, s, back: s <= t)),
        ("dtype", seen(lambda t, s, back: (s <= t + back).astype(float))),
        ("has no parameter `S`", lambda T: np.tril(np.ones((T, T), bool))),
        ("dtype|boolean", seen(lambda t, s, back: np.where(s <= t + back, 0.0, -np.inf))),
        ("everything", seen(lambda t, s, back: (t + s) >= 0)),
    ],
    "padding_mask": [
        ("wrong way round", lambda n, S: (np.arange(S) >= n[:, None])[:, None, None]),
        ("one token too many", lambda n, S: (np.arange(S) <= n[:, None])[:, None, None]),
        ("shape", lambda n, S: np.arange(S) < n[:, None]),
        ("in front", lambda n, S: (np.arange(S) >= S - n[:, None])[:, None, None]),
        ("one token too few", lambda n, S: (np.arange(1, S + 1) < n[:, None])[:, None, None]),
        ("dtype", lambda n, S: (np.arange(S) < n[:, None])[:, None, None].astype(int)),
    ],
}
