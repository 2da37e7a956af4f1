"""Notebook 2: the activations of the feed-forward network."""

import math

import numpy as np

from minitransformer.exercises.cases import USUAL, Variant
from minitransformer.exercises.catalogue.entries import backward, forward
from minitransformer.functional import erf, gelu, gelu_backward

LINEAR = "02_linear_layers"


def Phi(x):
    return 0.5 * (1 + erf(x / math.sqrt(2)))


def _phi(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def silu_slope(x):
    return sigmoid(x) * (1 + x * (1 - sigmoid(x)))


def _tanh(x):
    """t and du/dx of GELU's tanh form."""
    k = math.sqrt(2 / math.pi)
    return np.tanh(k * (x + 0.044715 * x**3)), k * (1 + 3 * 0.044715 * x**2)


def gelu_tanh(x):
    r"""GELU's tanh form.

    .. math:: y = \frac{x}{2} \Big(1 + \tanh\big(\sqrt{2 / \pi} \, (x + 0.044715 \, x^3)\big)\Big)

    Parameters
    ----------
    x : (...) array

    Returns
    -------
    y : (...) array
    """
    return gelu(x, "tanh")


def gelu_tanh_backward(dy, x):
    """Vector-Jacobian product of GELU's tanh form.

    Parameters
    ----------
    dy, x : (...) arrays
        Upstream gradient, and input of the forward pass.

    Returns
    -------
    dx : (...) array
    """
    return gelu_backward(dy, x, "tanh")


def _tanh_parts(c):
    t, du = _tanh(c.x)
    return {
        "dx": {
            "1/2 (1 + t)": c.dy * (1 + t) / 2,
            "1/2 x (1 - t^2) du/dx": c.dy * c.x * (1 - t * t) * du / 2,
        }
    }


TANH = Variant(
    'approximate = "tanh"',
    options=("approximate",),
    adjust=lambda inputs, rng: inputs | {"approximate": "tanh"},
    blame='right with erf, but `approximate` is not used: approximate="tanh" is the tanh form',
    sure=True,
)
KINK = Variant(
    "x = 0",
    adjust=lambda inputs, rng: {"x": inputs["x"] * (rng.random(inputs["x"].shape) < 0.5)},
    blame="right where x is not 0: at the kink, at x = 0, the gradient is defined as 0",
)


EXERCISES = [
    backward(
        "relu_backward",
        ("dx",),
        LINEAR,
        (
            "Where the input was positive, relu changed nothing. Elsewhere it returned 0.",
            "The output alone shows which entries these were.",
            "Multiply dy by a boolean array: the comparison y > 0.",
        ),
        variants=(*USUAL, KINK),
        mistakes={
            "relu is applied to dy: the condition is on y, not on dy": lambda c: np.maximum(
                c.dy, 0
            ),
            "the condition is on dy: it should be on y": lambda c: c.dy * (c.dy > 0),
            "multiplied by y itself: the slope is 1 where y > 0": lambda c: c.dy * c.y,
            "the upstream gradient is not used": lambda c: (c.y > 0) * 1.0,
            "the upstream gradient passes everywhere: where y is 0, the gradient is 0": (
                lambda c: c.dy
            ),
            "the condition is the wrong way round: dy passes where y > 0": lambda c: (
                c.dy * (c.y <= 0)
            ),
            "where y is 0, half of dy passes: the gradient is 0 there": lambda c: (
                c.dy * np.where(c.y > 0, 1, 0.5)
            ),
            "where y is 0, minus dy is returned: the gradient is 0 there": lambda c: (
                c.dy * np.where(c.y > 0, 1, -1)
            ),
        },
    ),
    forward(
        "gelu",
        ("y",),
        LINEAR,
        (
            "Each x is multiplied by the probability that a standard normal number is smaller.",
            "NumPy has no erf. Use minitransformer.functional.erf, which takes whole arrays.",
            "x / 2 times (1 + erf(x / sqrt(2))).",
        ),
        variants=(*USUAL, TANH),
        parts=lambda c: {
            "y": {"x / 2": c.x / 2, "x / 2 erf(x / sqrt 2)": c.x / 2 * erf(c.x / math.sqrt(2))}
        },
        mistakes={
            "the root of 2 is missing inside erf": lambda c: c.x / 2 * (1 + erf(c.x)),
            "this is the tanh form, an approximation": lambda c: c.x / 2 * (1 + _tanh(c.x)[0]),
            "this is the approximation x sigmoid(1.702 x)": lambda c: c.x * sigmoid(1.702 * c.x),
            "this is Phi(x) alone: multiply it by x": lambda c: Phi(c.x),
            "this is silu: x sigmoid(x)": lambda c: silu(c.x),
            "this is relu": lambda c: np.maximum(c.x, 0),
            "the density phi(x) instead of the probability Phi(x)": lambda c: c.x * _phi(c.x),
        },
    ),
    backward(
        "gelu_backward",
        ("dx",),
        LINEAR,
        (
            "y = x Phi(x) is a product: the product rule gives two terms.",
            "The derivative of Phi is the density of the normal distribution.",
            "dy times (Phi(x) + x phi(x)), with phi(x) = exp(-x^2/2) / sqrt(2 pi).",
        ),
        variants=(*USUAL, TANH),
        parts=lambda c: {"dx": {"Phi(x)": c.dy * Phi(c.x), "x phi(x)": c.dy * c.x * _phi(c.x)}},
        mistakes={
            "the density phi(x) is without its factor x": lambda c: c.dy * (Phi(c.x) + _phi(c.x)),
            "the density lacks the 1/2 in the exponent": lambda c: (
                c.dy * (Phi(c.x) + c.x * np.exp(-(c.x**2)) / math.sqrt(2 * math.pi))
            ),
            "the density lacks the factor 1 / sqrt(2 pi)": lambda c: (
                c.dy * (Phi(c.x) + c.x * np.exp(-(c.x**2) / 2))
            ),
            "this is the derivative of the tanh form": lambda c: sum(_tanh_parts(c)["dx"].values()),
            "the upstream gradient is not used": lambda c: Phi(c.x) + c.x * _phi(c.x),
            "this is the forward pass times dy, not the derivative": lambda c: (
                c.dy * c.x * Phi(c.x)
            ),
            "the root of 2 is missing inside erf": lambda c: (
                c.dy * (0.5 * (1 + erf(c.x)) + c.x * _phi(c.x))
            ),
            "the derivative of silu, not of gelu": lambda c: c.dy * silu_slope(c.x),
        },
    ),
    backward(
        "gelu_tanh_backward",
        ("dx",),
        LINEAR,
        (
            "y = x/2 (1 + tanh u) is a product, and u depends on x: product rule and chain rule.",
            "With t = tanh u, the derivative of t with respect to u is 1 - t^2.",
            "dy times (1/2 (1 + t) + 1/2 x (1 - t^2) du/dx), where du/dx = sqrt(2/pi) (1 + 3 * "
            "0.044715 x^2).",
        ),
        pair="gelu_tanh",
        forward=gelu_tanh,
        twin=gelu_tanh_backward,
        parts=_tanh_parts,
        mistakes={
            "du/dx, the last factor of the chain rule, is missing": lambda c: (
                c.dy * ((1 + _tanh(c.x)[0]) / 2 + c.x * (1 - _tanh(c.x)[0] ** 2) / 2)
            ),
            "du/dx lacks the 3 from the derivative of the cube": lambda c: (
                c.dy
                * (
                    (1 + _tanh(c.x)[0]) / 2
                    + c.x
                    / 2
                    * (1 - _tanh(c.x)[0] ** 2)
                    * math.sqrt(2 / math.pi)
                    * (1 + 0.044715 * c.x**2)
                )
            ),
            "du/dx lacks the cube's term": lambda c: (
                c.dy
                * (
                    (1 + _tanh(c.x)[0]) / 2
                    + c.x / 2 * (1 - _tanh(c.x)[0] ** 2) * math.sqrt(2 / math.pi)
                )
            ),
            "du/dx lacks the factor sqrt(2/pi)": lambda c: (
                c.dy
                * (
                    (1 + _tanh(c.x)[0]) / 2
                    + c.x / 2 * (1 - _tanh(c.x)[0] ** 2) * (1 + 3 * 0.044715 * c.x**2)
                )
            ),
            "the derivative of tanh is 1 - t^2, not 1 - t": lambda c: (
                c.dy * ((1 + _tanh(c.x)[0]) / 2 + c.x / 2 * (1 - _tanh(c.x)[0]) * _tanh(c.x)[1])
            ),
            "the upstream gradient is not used": lambda c: (
                (1 + _tanh(c.x)[0]) / 2 + c.x / 2 * (1 - _tanh(c.x)[0] ** 2) * _tanh(c.x)[1]
            ),
            "this is the derivative of the exact form, with erf": lambda c: (
                c.dy * (Phi(c.x) + c.x * _phi(c.x))
            ),
        },
    ),
]
