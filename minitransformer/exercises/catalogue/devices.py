"""Notebook 14: one source for two machines, and when the second one pays off."""

import numpy as np

from minitransformer.exercises.cases import Variant
from minitransformer.exercises.catalogue.entries import alone
from minitransformer.exercises.catalogue.softmax import softmax_rows
from minitransformer.functional import causal_mask, softmax

HERE = "14_numpy_and_cupy"


def masked_softmax(scores, mask):
    r"""Softmax of each row over the entries where the mask is True.

    .. math:: w_{ts} = \frac{m_{ts} \, e^{z_{ts}}}{\sum_j m_{tj} \, e^{z_{tj}}}

    Parameters
    ----------
    scores : (T, S) array
        z.
    mask : (T, S) bool array
        m. No row is False everywhere.

    Returns
    -------
    weights : (T, S) array
        0 where the mask is False.
    """
    return softmax(np.where(mask, scores, -np.inf))


def crossing(widths, cpu, gpu):
    """Where two measured curves meet, with straight lines between points on logarithmic axes.

    Parameters
    ----------
    widths : (n,) array
        The sizes that were measured, in ascending order.
    cpu, gpu : (n,) arrays
        The times of both machines.

    Returns
    -------
    width : float or None
        The size at which both take the same time; None if there is none.
    """
    d = np.log(cpu) - np.log(gpu)
    for i in range(len(d) - 1):
        if d[i] * d[i + 1] <= 0 and d[i] != d[i + 1]:
            way = d[i] / (d[i] - d[i + 1])
            return float(np.exp(np.interp(way, [0, 1], np.log(widths[i : i + 2]))))
    return None


def _scores(scale, causal=True):
    def drawn(inputs, rng):
        mask = causal_mask(5) if causal else rng.random((4, 6)) < 0.5
        mask[:, 0] = True
        return {"scores": scale * rng.standard_normal(mask.shape), "mask": mask}

    return drawn


def _curves(inputs, rng):
    """A GPU that is flat, and a CPU that grows and overtakes it somewhere inside."""
    widths = np.array([16.0, 32.0, 64.0, 128.0, 256.0])
    cpu = np.exp(np.log(widths) * 1.5 + 0.1 * rng.standard_normal(5))
    return {"widths": widths, "cpu": cpu, "gpu": np.full(5, rng.uniform(300, 1000))}


def _apart(inputs, rng):
    drawn = _curves(inputs, rng)
    return drawn | {"gpu": drawn["cpu"] / 2}


def _small(inputs, rng):
    widths = np.array([1.0, 2.0, 4.0])
    return {"widths": widths, "cpu": widths**2, "gpu": np.full(3, 2.0)}


def _linear(c, x, y):
    """Where y is 0, with straight lines between the points x."""
    i = int(np.flatnonzero(y[:-1] * y[1:] <= 0)[0])
    return x[i] + (x[i + 1] - x[i]) * y[i] / (y[i] - y[i + 1])


EXERCISES = [
    alone(
        "masked_softmax",
        ("weights",),
        HERE,
        (
            "Which lines of the old function ask NumPy by name, and which one has to know a number "
            "to choose a branch?",
            "xp = module_of(scores, mask), then xp.where and xp.exp. Subtract the largest score in "
            "every case: the result is the same.",
            "No `if` on numbers, and no np.array: xp.where, a maximum with keepdims=True, xp.exp, "
            "and a division by the sum with keepdims=True.",
        ),
        example=lambda sizes, rng: {},
        twin=masked_softmax,
        variants=(
            Variant("a causal mask", adjust=_scores(1.0)),
            Variant("any mask", adjust=_scores(1.0, causal=False)),
            Variant(
                "no mask",
                adjust=lambda i, rng: (
                    (d := _scores(1.0)(i, rng)) | {"mask": np.ones_like(d["mask"])}
                ),
            ),
            Variant(
                "large scores",
                adjust=_scores(500.0),
                blame="right for small scores, but exp "
                "overflows for large ones: subtract the largest of each row",
            ),
            Variant(
                "very low scores",
                adjust=lambda i, rng: (
                    (d := _scores(1.0)(i, rng)) | {"scores": d["scores"] - 2000.0}
                ),
                blame="right for scores near 0, but here all "
                "exponentials are 0: subtract the largest score even where it is negative",
            ),
        ),  # fmt: skip
        mistakes={
            "the mask is not used": lambda c: softmax_rows(c.scores),
            "the mask is applied after the softmax: the rows no longer sum to 1": lambda c: (
                softmax_rows(c.scores) * c.mask
            ),
            "the mask is the wrong way round: True may be seen": lambda c: softmax_rows(
                np.where(c.mask, -1e300, c.scores)
            ),
            "masked scores become 0, which is a score like any other": lambda c: softmax_rows(
                np.where(c.mask, c.scores, 0)
            ),
            "the sum runs over the first axis, not along each row": lambda c: softmax_rows(
                np.where(c.mask, c.scores, -1e300), 0
            ),
            "the sum runs over the whole array, not along each row": lambda c: (
                (e := np.where(c.mask, np.exp(c.scores), 0)) / e.sum()
            ),
        },
    ),
    alone(
        "crossing",
        ("width",),
        HERE,
        (
            "The curves cross where the difference of their logarithms changes its sign.",
            "With d = log(cpu) - log(gpu), find the i where d[i] and d[i + 1] have different "
            "signs. There may be none: return None.",
            "Between i and i + 1, d is 0 at the fraction d[i] / (d[i] - d[i + 1]) of the way from "
            "log(widths[i]) to log(widths[i + 1]). Take the exponential.",
        ),
        example=lambda sizes, rng: {},
        twin=crossing,
        variants=(
            Variant("a square and a constant", adjust=_small),
            Variant("measured curves", adjust=_curves),
            Variant("more measured curves", adjust=_curves),
            Variant(
                "no crossing",
                adjust=_apart,
                blame="right if the lines cross, but here one is below the other at every width: "
                "return None",
            ),
        ),
        mistakes={
            "straight lines on ordinary axes: take the logarithms of widths and times first": (
                lambda c: _linear(c, c.widths, c.cpu - c.gpu)
            ),
            "the times are logarithms, but not the widths": lambda c: _linear(
                c, c.widths, np.log(c.cpu / c.gpu)
            ),
            "the widths are logarithms, but not the times": lambda c: np.exp(
                _linear(c, np.log(c.widths), c.cpu - c.gpu)
            ),
            "this is the logarithm of the width: take its exponential": lambda c: _linear(
                c, np.log(c.widths), np.log(c.cpu / c.gpu)
            ),
            "this is the next measured width: go on between the two": lambda c: c.widths[
                int(np.flatnonzero(c.cpu > c.gpu)[0])
            ],
            "this is the last measured width before it: go on between the two": lambda c: c.widths[
                int(np.flatnonzero(c.cpu > c.gpu)[0]) - 1
            ],
        },
    ),
]
