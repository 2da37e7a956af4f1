"""Notebook 16: layers as closures. A layer takes x and returns y and its backward pass."""

import numpy as np

from minitransformer.exercises.cases import Variant
from minitransformer.exercises.catalogue.entries import alone
from minitransformer.exercises.closure_judges import (
    judge_forgets,
    judge_gain,
    judge_side_by_side,
)

HERE = "16_closures"


def gain(x, gamma, dgamma):
    r"""A layer: the gain of a norm.

    .. math:: y = \gamma \odot x

    Parameters
    ----------
    x : (..., D) array
    gamma : (D,) array
    dgamma : (D,) array
        The gradient of gamma, to which every call of `backward` adds.

    Returns
    -------
    y : (..., D) array
    backward : callable
        ``backward(dy)`` -> dx.
    """

    def backward(dy):
        dgamma[...] += (dy * x).reshape(-1, x.shape[-1]).sum(axis=0)
        return gamma * dy

    return gamma * x, backward


def side_by_side(f, g):
    r"""Two layers as one, which adds their results.

    .. math:: y = f(x) + g(x)

    Parameters
    ----------
    f, g : callable
        Layers: ``f(x)`` -> y and ``backward(dy)`` -> dx.

    Returns
    -------
    layer : callable
        ``layer(x)`` -> y, backward.
    """

    def layer(x):
        y1, f_backward = f(x)
        y2, g_backward = g(x)
        return y1 + y2, lambda dy: f_backward(dy) + g_backward(dy)

    return layer


def forgets(f):
    """The same layer, but between the passes it keeps only x, and runs the forward pass again.

    Parameters
    ----------
    f : callable
        A layer: ``f(x)`` -> y and ``backward(dy)`` -> dx.

    Returns
    -------
    layer : callable
        ``layer(x)`` -> y, backward.
    """

    def layer(x):
        return f(x)[0], lambda dy: f(x)[1](dy)

    return layer


def _cubic(x):
    return x**3, lambda dy: 3 * x**2 * dy


def _mixed(x):
    return np.cumsum(x, axis=-1), lambda dy: np.cumsum(dy[..., ::-1], axis=-1)[..., ::-1]


def _layers(**layers):
    return lambda inputs, rng: layers


EXERCISES = [
    alone(
        "gain",
        ("y", "backward"),
        HERE,
        (
            "backward is a function inside the function. It may use x and gamma by their names.",
            "dx is gamma times dy. The gradient of gamma sums dy times x over all axes but the "
            "last.",
            "dgamma += ... changes the array that you were given, so the caller sees it. Flatten "
            "the leading axes with reshape(-1, D) before you sum.",
        ),
        example=lambda sizes, rng: {
            "x": rng.standard_normal((2, 3, 5)),
            "gamma": rng.standard_normal(5),
            "dgamma": np.zeros(5),
        },
        twin=gain,
        judge=judge_gain,
        variants=(
            Variant("three axes"),
            Variant("two axes", adjust=lambda i, rng: i | {"x": i["x"][0]}),
        ),
    ),
    alone(
        "side_by_side",
        ("layer",),
        HERE,
        (
            "The layer that you return calls both f and g with the same x.",
            "x was used twice. What happens to gradients of something that is used twice?",
            "y is the sum of both results, and backward returns the sum of both backward passes "
            "of dy.",
        ),
        example=lambda sizes, rng: {},
        twin=side_by_side,
        judge=judge_side_by_side,
        variants=(
            Variant("two layers", adjust=_layers(f=_cubic, g=_mixed)),
            Variant("in the other order", adjust=_layers(f=_mixed, g=_cubic)),
        ),
    ),
    alone(
        "forgets",
        ("layer",),
        HERE,
        (
            "A closure keeps every variable that it mentions. Which ones may it mention?",
            "Call f(x) in the forward pass, and keep only y. Do not give the backward pass a name.",
            "In backward, call f(x) once more, and call the second thing that it returns with dy.",
        ),
        example=lambda sizes, rng: {},
        twin=forgets,
        judge=judge_forgets,
        variants=(
            Variant("a cube", adjust=_layers(f=_cubic)),
            Variant("a running sum", adjust=_layers(f=_mixed)),
        ),
    ),
]
