"""Notebook 12: the decoder."""

import numpy as np

from minitransformer.exercises.cases import Variant
from minitransformer.exercises.catalogue.entries import alone
from minitransformer.functional import attention, softmax

HERE = "12_decoder"


def shifted_windows(ids, T):
    """Windows of a text: inputs, and targets that are one token further on.

    Parameters
    ----------
    ids : (N,) int array
        The text.
    T : int
        Length of a window. Window k reads the T ids from k T on. Ids at the end that do not fill a
        window are left out.

    Returns
    -------
    inputs, targets : (n, T) int arrays
        As many windows as possible.
    """
    n = (len(ids) - 1) // T
    return ids[: n * T].reshape(n, T), ids[1 : n * T + 1].reshape(n, T)


def nucleus(p, share):
    """The fewest tokens whose probabilities sum to `share`: what top-p keeps.

    Parameters
    ----------
    p : (V,) array
        Probabilities.
    share : float
        The sum to reach, between 0 and 1.

    Returns
    -------
    kept : (V,) bool array
        True for these tokens, at least one.
    """
    order = np.argsort(-p)
    kept = np.zeros(len(p), bool)
    kept[order[: int(np.argmax(np.cumsum(p[order]) >= share)) + 1]] = True
    return kept


def next_token_attention(q, k, v, K, V):
    r"""One step of attention with a cache: the new token sees the earlier ones and itself.

    .. math:: o = \mathrm{softmax}\Big(\frac{K' q}{\sqrt{E}}\Big)^\top V'

    K' and V' are K and V with the new key and value at the end.

    Parameters
    ----------
    q, k, v : (E,) arrays
        Query, key and value of the new token.
    K, V : (S, E) arrays
        Keys and values of the earlier tokens. For the first token S is 0.

    Returns
    -------
    o : (E,) array
    K, V : (S + 1, E) arrays
        The keys and values for the next step.
    """
    K, V = np.concatenate([K, k[None]]), np.concatenate([V, v[None]])
    return attention(q[None], K, V)[0][0], K, V


def _text(N, T):
    return lambda inputs, rng: {"ids": rng.integers(0, 50, N), "T": T}


def _three(share):
    return lambda inputs, rng: {"p": np.array([0.1, 0.6, 0.3]), "share": share}


def _drawn(inputs, rng):
    return {"p": softmax(rng.standard_normal(20)), "share": float(rng.uniform(0.05, 0.99))}


def _kept(c, n):
    """The n most probable tokens."""
    kept = np.zeros(len(c.p), bool)
    kept[np.argsort(-c.p)[:n]] = True
    return kept


def _least(c):
    """The least probable tokens that reach `share`."""
    order = np.argsort(c.p)
    kept = np.zeros(len(c.p), bool)
    kept[order[: int(np.argmax(np.cumsum(c.p[order]) >= c.share)) + 1]] = True
    return kept


def _counts(c):
    return int(nucleus(c.p, c.share).sum())


def _cached(S):
    def drawn(inputs, rng):
        q, k, v = rng.standard_normal((3, 4))
        K, V = rng.standard_normal((2, S, 4))
        return {"q": q, "k": k, "v": v, "K": K, "V": V}

    return drawn


def _looked(q, K, V, scale=0.5):
    return softmax(K @ q / len(q) ** scale) @ V


def _longer(c):
    return np.vstack([c.K, c.k]), np.vstack([c.V, c.v])


EXERCISES = [
    alone(
        "shifted_windows",
        ("inputs", "targets"),
        HERE,
        (
            "Every input needs the id that comes after it. How many ids can be inputs?",
            "n is (N - 1) // T: the last id of the text can only be a target.",
            "ids[: n T] and ids[1 : n T + 1], each reshaped to (n, T).",
        ),
        example=lambda sizes, rng: {},
        twin=shifted_windows,
        variants=(
            Variant("13 ids, T = 4", adjust=_text(13, 4)),
            Variant("12 ids, T = 4", adjust=_text(12, 4)),
            Variant("9 ids, T = 8", adjust=_text(9, 8)),
            Variant("100 ids, T = 7", adjust=_text(100, 7)),
            Variant("no window", adjust=_text(3, 8), limit=True),
        ),
        mistakes={
            "the targets are the inputs: they should be one token further on": lambda c: {
                "targets": shifted_windows(c.ids, c.T)[0]
            },
            "the windows begin at the second id": lambda c: {
                "inputs": shifted_windows(c.ids, c.T)[1]
            },
            "the targets wrap around: the last target of a window is the next window's first id": (
                lambda c: {"targets": np.roll(shifted_windows(c.ids, c.T)[0], -1, axis=1)}
            ),
            "the targets are the ids before the inputs": lambda c: {
                "targets": np.roll(c.ids, 1)[: shifted_windows(c.ids, c.T)[0].size].reshape(-1, c.T)
            },
            "ids are dealt to the windows in turn: a window reads T ids in a row": lambda c: {
                "inputs": shifted_windows(c.ids, c.T)[0].reshape(c.T, -1).T,
                "targets": shifted_windows(c.ids, c.T)[1].reshape(c.T, -1).T,
            },
        },
    ),
    alone(
        "nucleus",
        ("kept",),
        HERE,
        (
            "Sort the tokens, most probable first, and add up.",
            "order = np.argsort(-p), and np.cumsum(p[order]) are the sums.",
            "Keep tokens up to and including the first whose sum is at least `share`. Then mark "
            "them: kept[order[:n]] = True.",
        ),
        example=lambda sizes, rng: {},
        twin=nucleus,
        variants=(
            Variant("0.6 alone reaches 0.5", adjust=_three(0.5)),
            Variant("only 0.6 + 0.3 reaches 0.7", adjust=_three(0.7)),
            Variant("at least one token", adjust=_three(0.01)),
            *(Variant(f"random {i}", adjust=_drawn) for i in (1, 2, 3)),
        ),
        mistakes={
            "the token that crosses `share` is left out: the sum must reach it": lambda c: _kept(
                c, _counts(c) - 1
            ),
            "one token too many": lambda c: _kept(c, _counts(c) + 1),
            "the least probable tokens are kept: the most probable ones come first": lambda c: (
                _least(c)
            ),
            "the sums are in the order of the ids: sort first": lambda c: (
                np.cumsum(c.p) - c.p < c.share
            ),
            "marked in the order of the probabilities: go back to the order of the ids": lambda c: (
                np.arange(len(c.p)) < _counts(c)
            ),
            "this compares each probability with `share`: it is about their sum": lambda c: (
                c.p >= c.share
            ),
            "the tokens outside the nucleus are marked": lambda c: ~nucleus(c.p, c.share),
        },
    ),
    alone(
        "next_token_attention",
        ("o", "K", "V"),
        HERE,
        (
            "The new token comes after all others, so it may see everything: no mask is needed.",
            "Append k to K and v to V first, as the last row: the token also sees itself.",
            "K @ q / sqrt(E), softmax, then the weights times V.",
        ),
        example=lambda sizes, rng: {},
        twin=next_token_attention,
        variants=(
            Variant("four earlier tokens", adjust=_cached(4)),
            Variant("one earlier token", adjust=_cached(1)),
            Variant("the first token", adjust=_cached(0)),
        ),
        mistakes={
            "the token does not see itself: append k and v before you compare": lambda c: {
                "o": _looked(c.q, c.K, c.V)
            },
            "the scores are not divided by sqrt(E)": lambda c: {
                "o": _looked(c.q, *_longer(c), scale=0)
            },
            "divided by E: divide by its root": lambda c: {"o": _looked(c.q, *_longer(c), scale=1)},
            "the softmax is missing": lambda c: {
                "o": _longer(c)[0] @ c.q / len(c.q) ** 0.5 @ _longer(c)[1]
            },
            "the keys are mixed, not the values": lambda c: {
                "o": _looked(c.q, _longer(c)[0], _longer(c)[0])
            },
            "the new one is in front: it comes after the earlier ones": lambda c: {
                "K": np.vstack([c.k, c.K]),
                "V": np.vstack([c.v, c.V]),
            },
            "the query is appended: the cache keeps keys and values": lambda c: {
                "K": np.vstack([c.K, c.q])
            },
            "the key is appended, not the value": lambda c: {"V": np.vstack([c.V, c.k])},
        },
    ),
]
