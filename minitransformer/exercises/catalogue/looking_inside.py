"""Notebook 11: what a trained model looks at."""

import numpy as np

from minitransformer.exercises.cases import SIZES, Variant
from minitransformer.exercises.catalogue.entries import alone

HERE = "11_looking_inside"


def received_by_each(P, mask):
    r"""The attention that each token receives from the real tokens.

    .. math:: r_{bs} = \frac{1}{H \, n_b} \sum_h \sum_{t \text{ real}} P_{bhts}

    Parameters
    ----------
    P : (B, H, T, T) array
        Attention weights: row t holds the weights of query t.
    mask : (B, T) bool array
        True = a real token. Text b has n_b of them.

    Returns
    -------
    received : (B, T) array
        Each row sums to 1.
    """
    real = mask[:, None, :, None]
    return (P * real).sum(axis=(1, 2)) / (P.shape[1] * mask.sum(axis=1, keepdims=True))


def share_out(gradient, x, baseline, n):
    r"""Integrated gradients of a function of one vector, with the midpoint rule.

    .. math:: a_d = (x_d - x'_d) \, \frac{1}{n} \sum_{k=0}^{n-1}
        \frac{\partial f}{\partial x_d} \Big(x' + \frac{k + 1/2}{n} (x - x')\Big)

    Parameters
    ----------
    gradient : callable
        ``gradient(x)`` -> the gradient of f at x, (D,).
    x, baseline : (D,) arrays
        The end of the path, and its start x'.
    n : int
        Number of points.

    Returns
    -------
    a : (D,) array
        The contribution of each entry. Their sum is close to f(x) - f(baseline).
    """
    points = (np.arange(n) + 0.5) / n
    return (x - baseline) * sum(gradient(baseline + a * (x - baseline)) for a in points) / n


def tokens_looked_at(P):
    r"""How many tokens each query looks at: the exponential of the entropy of its weights.

    .. math:: n_t = \exp\Big(-\sum_s P_{ts} \ln P_{ts}\Big)

    Parameters
    ----------
    P : (..., T, S) array
        Attention weights; rows sum to 1. A weight of 0 contributes 0.

    Returns
    -------
    n : (..., T) array
        From 1 to S.
    """
    return np.exp(-(P * np.log(np.where(P > 0, P, 1))).sum(axis=-1))


def _weights(sizes, rng):
    B, H, T = (sizes[name] for name in "BHT")
    lengths = rng.integers(1, T + 1, B)
    mask = np.arange(T) < lengths[:, None]
    P = rng.random((B, H, T, T)) * mask[:, None, None, :]
    return {"P": P / P.sum(axis=-1, keepdims=True), "mask": mask}


def _path(sizes, rng):
    a, b = rng.standard_normal((2, 4))

    def gradient(x):
        return a * x**2 + b * x[::-1]

    x, baseline = rng.standard_normal((2, 4))
    return {"gradient": gradient, "x": x, "baseline": baseline, "n": int(rng.integers(3, 9))}


def _sum(c, points, scale=None):
    way = c.x - c.baseline
    total = sum(c.gradient(c.baseline + a * way) for a in points)
    return total * (way / c.n if scale is None else scale)


EXERCISES = [
    alone(
        "received_by_each",
        ("received",),
        HERE,
        (
            "Token s receives the weights in column s. Over which axes is the mean?",
            "Rows of padding do not count: multiply P by the mask along the axis of the queries, "
            "mask[:, None, :, None].",
            "Sum over heads and queries, and divide by the number of heads times the number of "
            "real tokens of each text.",
        ),
        example=_weights,
        twin=received_by_each,
        variants=(
            Variant("B = 3"),
            Variant("B = 1", {"B": 1}),
            Variant("three heads", {"H": 3}),
            Variant("no padding", adjust=lambda i, rng: i | {"mask": np.ones_like(i["mask"])}),
        ),
        mistakes={
            "padding is among the queries: only real tokens count as looking": lambda c: c.P.mean(
                axis=(1, 2)
            ),
            "divided by T: divide by the number of real tokens of each text": lambda c: (
                (c.P * c.mask[:, None, :, None]).sum(axis=(1, 2)) / c.P.shape[1] / c.P.shape[2]
            ),
            "this is what each token gives, not what it receives: the sum runs over the queries": (
                lambda c: (c.P * c.mask[:, None, None]).mean(axis=1).sum(axis=-1)
            ),
            "the mask is on the keys: it belongs to the queries": lambda c: (
                (c.P * c.mask[:, None, None]).sum(axis=(1, 2))
                / (c.P.shape[1] * c.mask.sum(axis=1, keepdims=True))
            ),
            "a sum over the queries instead of the mean": lambda c: (
                (c.P * c.mask[:, None, :, None]).mean(axis=1).sum(axis=1)
            ),
            "a sum over the heads instead of the mean": lambda c: (
                c.P.shape[1] * received_by_each(c.P, c.mask)
            ),
            "the largest weight instead of the mean": lambda c: (
                c.P * c.mask[:, None, :, None]
            ).max(axis=(1, 2)),
        },
    ),
    alone(
        "share_out",
        ("a",),
        HERE,
        (
            "Walk from the baseline to x in a straight line, and look at the gradient on the way.",
            "The midpoints are (np.arange(n) + 0.5) / n. At each of them, take the gradient at "
            "baseline + alpha (x - baseline).",
            "The mean of these gradients, times (x - baseline), entry by entry.",
        ),
        example=_path,
        twin=share_out,
        variants=(
            Variant("a baseline of zeros", adjust=lambda i, rng: i | {"baseline": np.zeros(4)}),
            Variant(
                "another baseline", blame="right for a baseline of zeros: the path begins at it"
            ),
            Variant("one point", adjust=lambda i, rng: i | {"n": 1}),
        ),
        mistakes={
            "the factor x - baseline is missing": lambda c: _sum(
                c, (np.arange(c.n) + 0.5) / c.n, 1 / c.n
            ),
            "multiplied by x: the path goes from the baseline to x": lambda c: _sum(
                c, (np.arange(c.n) + 0.5) / c.n, c.x / c.n
            ),
            "a sum over the points instead of the mean": lambda c: _sum(
                c, (np.arange(c.n) + 0.5) / c.n, c.x - c.baseline
            ),
            "left ends instead of midpoints": lambda c: _sum(c, np.arange(c.n) / c.n),
            "right ends instead of midpoints": lambda c: _sum(c, (np.arange(c.n) + 1) / c.n),
            "the points include both ends: take midpoints": lambda c: _sum(
                c, np.linspace(0, 1, c.n)
            ),
            "this is gradient x input, at x alone": lambda c: c.gradient(c.x) * c.x,
            "the gradient at x alone: take the mean along the path": lambda c: (
                c.gradient(c.x) * (c.x - c.baseline)
            ),
            "the path is alpha x: it should begin at the baseline": lambda c: (
                sum(c.gradient((k + 0.5) / c.n * c.x) for k in range(c.n))
                * (c.x - c.baseline)
                / c.n
            ),
        },
    ),
    alone(
        "tokens_looked_at",
        ("n",),
        HERE,
        (
            "The entropy of a row is a sum over its weights. What does a weight of 0 contribute?",
            "The entropy is -sum P ln P. Give the logarithm a 1 wherever P is 0: np.where(P > 0, "
            "P, 1).",
            "The exponential of the entropy, summed along the last axis.",
        ),
        example=lambda sizes, rng: {"P": _weights(SIZES, rng)["P"] + 0.0},
        twin=tokens_looked_at,
        variants=(
            Variant("weights of 0"),
            Variant("one token", adjust=lambda i, rng: {"P": np.eye(4)}),
            Variant("even weights", adjust=lambda i, rng: {"P": np.full((2, 3, 5), 0.2)}),
        ),
        mistakes={
            "this is the entropy: take its exponential": lambda c: np.log(tokens_looked_at(c.P)),
            "the sign is wrong: the entropy is minus the sum": lambda c: 1 / tokens_looked_at(c.P),
            "the logarithm has base 2: take the natural logarithm": lambda c: np.exp(
                np.log(tokens_looked_at(c.P)) / np.log(2)
            ),
            "this counts the weights that are not 0": lambda c: (c.P > 0).sum(axis=-1) * 1.0,
            "the sum runs over the queries, not over the keys": lambda c: tokens_looked_at(
                c.P.swapaxes(-1, -2)
            ),
            "this is one over the sum of the squares, another way to count": lambda c: (
                1 / (c.P**2).sum(axis=-1)
            ),
        },
    ),
]
