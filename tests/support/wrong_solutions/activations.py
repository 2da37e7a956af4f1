"""Wrong activations, gated ones among them."""

import math

import numpy as np

from minitransformer.functional import erf


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu_slope(x):
    return sigmoid(x) + x * sigmoid(x) * (1 - sigmoid(x))


def Phi(x):
    return (1 + erf(x / math.sqrt(2))) / 2


def phi(x):
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def tanh(x):
    return np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def tanh_backward(slope):
    """dy times (1 + t) / 2 + x / 2 * slope(x, t)."""
    return lambda dy, x: dy * ((1 + tanh(x)) / 2 + x / 2 * slope(x, tanh(x)))


K = math.sqrt(2 / math.pi)


def du(x):
    return K * (1 + 3 * 0.044715 * x**2)


WRONG = {
    "relu_backward": [
        ("not on dy|on y, not", lambda dy, y: np.maximum(dy, 0)),
        ("slope is 1", lambda dy, y: dy * y),
        ("upstream gradient is not used", lambda dy, y: (y > 0).astype(y.dtype)),
        ("passes everywhere", lambda dy, y: dy * (y >= 0)),
        ("wrong way round", lambda dy, y: dy * (y == 0)),
        ("minus dy", lambda dy, y: np.where(y > 0, dy, -dy)),
        ("half of dy", lambda dy, y: np.where(y > 0, dy, 0.5 * dy)),
    ],
    "gelu": [
        ("root of 2", lambda x: x * (1 + erf(x)) / 2),
        ("tanh form", lambda x: x * (1 + tanh(x)) / 2),
        ("1.702", lambda x: x * sigmoid(1.702 * x)),
        ("Phi.*alone", Phi),
        ("silu", lambda x: x * sigmoid(x)),
        ("factor 2 too much|2 times", lambda x: x * (1 + erf(x / math.sqrt(2)))),
        ("wrong sign", lambda x: x * (1 - erf(x / math.sqrt(2))) / 2),
        ("relu", lambda x: x * (x > 0)),
        ("not used", lambda x, approximate="none": x * (1 + erf(x / math.sqrt(2))) / 2),
    ],
    "gelu_backward": [
        (r"x phi\(x\) is missing", lambda dy, x: dy * Phi(x)),
        ("without its factor x", lambda dy, x: dy * (Phi(x) + phi(x))),
        ("sqrt\\(2 pi\\)", lambda dy, x: dy * (Phi(x) + x * np.exp(-x * x / 2))),
        (
            "1/2 in the exponent",
            lambda dy, x: dy * (Phi(x) + x * np.exp(-x * x) / math.sqrt(2 * math.pi)),
        ),
        ("not used", lambda dy, x: Phi(x) + x * phi(x)),
        ("wrong sign", lambda dy, x: dy * (Phi(x) - x * phi(x))),
        ("tanh form", tanh_backward(lambda x, t: (1 - t * t) * du(x))),
        ("forward pass times dy", lambda dy, x: dy * x * Phi(x)),
    ],
    "gelu_tanh_backward": [
        ("chain rule", tanh_backward(lambda x, t: 1 - t * t)),
        ("lacks the 3", tanh_backward(lambda x, t: (1 - t * t) * K * (1 + 0.044715 * x**2))),
        ("1 - t\\^2", tanh_backward(lambda x, t: (1 - t) * du(x))),
        ("is missing", lambda dy, x: dy * (1 + tanh(x)) / 2),
        ("is 2 times|times what", tanh_backward(lambda x, t: 2 * (1 - t * t) * du(x))),
        ("exact form", lambda dy, x: dy * (Phi(x) + x * phi(x))),
        ("lacks the cube", tanh_backward(lambda x, t: (1 - t * t) * K)),
        ("not used", lambda dy, x: (1 + tanh(x)) / 2 + x / 2 * (1 - tanh(x) ** 2) * du(x)),
    ],
    "silu_backward": [
        ("is missing", lambda dy, x: dy * sigmoid(x)),
        ("factor 1 - sigma is missing", lambda dy, x: dy * sigmoid(x) * (1 + x)),
        ("factor x of the second", lambda dy, x: dy * sigmoid(x) * (1 + 1 - sigmoid(x))),
        ("forward pass", lambda dy, x: dy * x * sigmoid(x)),
        ("is missing", lambda dy, x: dy * x * sigmoid(x) * (1 - sigmoid(x))),
        ("wrong sign", lambda dy, x: dy * sigmoid(x) * (1 - x * (1 - sigmoid(x)))),
        ("not used", lambda dy, x: silu_slope(x)),
    ],
    "swiglu": [
        ("changed places", lambda gate, up: up * sigmoid(up) * gate),
        ("sigmoid.*alone", lambda gate, up: sigmoid(gate) * up),
        ("silu is missing", lambda gate, up: gate * up),
        ("instead of a product", lambda gate, up: gate * sigmoid(gate) + up),
        ("up is not used", lambda gate, up: gate * sigmoid(gate)),
        ("gelu", lambda gate, up: gate * Phi(gate) * up),
        ("applied to the product", lambda gate, up: gate * up * sigmoid(gate * up)),
    ],
    "swiglu_backward": [
        ("exchanged", lambda dy, g, u: (dy * g * sigmoid(g), dy * u * silu_slope(g))),
        ("dgate: .*up is missing", lambda dy, g, u: (dy * silu_slope(g), dy * g * sigmoid(g))),
        (
            "silu instead of its derivative",
            lambda dy, g, u: (dy * u * g * sigmoid(g), dy * g * sigmoid(g)),
        ),
        ("dup: silu is missing", lambda dy, g, u: (dy * u * silu_slope(g), dy * g)),
        (
            "sigmoid's derivative",
            lambda dy, g, u: (dy * u * sigmoid(g) * (1 - sigmoid(g)), dy * g * sigmoid(g)),
        ),
        ("2 are expected", lambda dy, g, u: dy * u * silu_slope(g)),
        (
            "dup: .*derivative of silu instead of silu itself",
            lambda dy, g, u: (dy * u * silu_slope(g), dy * silu_slope(g)),
        ),
    ],
}
