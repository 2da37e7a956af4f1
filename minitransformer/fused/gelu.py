r"""GELU's faster form for NumPy arrays on a CPU: both of its forms by one hyperbolic tangent.

The normal distribution function is, like the tanh form, of the shape

.. math:: \Phi(x) = \tfrac12 \Big(1 + \tanh\big(x \, P(x^2)\big)\Big)

where :math:`P(x^2) = \mathrm{artanh}(\mathrm{erf}(x / \sqrt 2)) / x` is smooth. A polynomial for it
takes a quarter of the time of the error function, which needs six lookups a number.
"""

import math

import numpy as np

from minitransformer import functional
from minitransformer.functional._checks import require_same_shape
from minitransformer.functional.activations import _SATURATED, _TANH_CUBIC, _TANH_SCALE
from minitransformer.fused.cpu import stands_for

# Numbers of which this many at a time stay in the caches, through some twenty passes.
_BLOCK = 1 << 16

# Coefficients of P from the constant up, and the largest x^2 that is put into it: beyond, Phi is 0
# or 1 in float32. Lowest largest error of x Phi(x) on |x| <= 5.3: 6.8e-8.
_EXACT = (
    0.7978844924169537, 0.0363339123837015, -3.2955765627131774e-05, -5.527757345930614e-05,
    3.97305352127234e-06, -1.3364258569904835e-07, 1.8092534378347906e-09,
)  # fmt: skip
_EXACT_LIMIT = 5.3**2
_TANH = (_TANH_SCALE, _TANH_SCALE * _TANH_CUBIC)


def _fits(x, approximate):
    """Whether the polynomial is as exact as the numbers; it is not for erf in float64."""
    return approximate == "tanh" or (approximate == "none" and x.dtype == np.float32)


def _tanh_of(x, approximate, bounded, square, out):
    """tanh(x P(x^2)) into `out`; x and x^2 as they are put in into `bounded` and `square`."""
    np.clip(x, -_SATURATED, _SATURATED, out=bounded)
    np.multiply(bounded, bounded, out=square)
    P = _TANH
    if approximate == "none":
        P = _EXACT
        np.minimum(square, _EXACT_LIMIT, out=square)
    np.multiply(square, P[-1], out=out)
    for coefficient in P[-2:0:-1]:
        out += coefficient
        out *= square
    out += P[0]
    out *= bounded
    return np.tanh(out, out=out)


def _pieces(n_scratch, *arrays):
    """Pieces of the flat arrays, all of one size, each time with scratch arrays as long."""
    size = arrays[0].size
    scratch = np.empty((n_scratch, min(_BLOCK, size)), arrays[0].dtype)
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, size, _BLOCK):
        parts = [array[start : start + _BLOCK] for array in flat]
        yield *parts, *scratch[:, : len(parts[0])]


@stands_for(functional.gelu)
def gelu(x, approximate="none"):
    if not _fits(x, approximate):
        return functional.gelu(x, approximate)
    y = np.empty(x.shape, x.dtype)
    for x_part, y_part, bounded, square in _pieces(2, x, y):
        t = _tanh_of(x_part, approximate, bounded, square, y_part)
        t += 1
        t *= 0.5
        t *= x_part
    return y


@stands_for(functional.gelu_backward)
def gelu_backward(dy, x, approximate="none"):
    if not _fits(x, approximate):
        return functional.gelu_backward(dy, x, approximate)
    require_same_shape("dy", dy, "x", x)
    dx = np.empty(x.shape, x.dtype)
    turn = _slope_of_tanh_form if approximate == "tanh" else _slope
    for dy_part, x_part, dx_part, bounded, square, scratch in _pieces(3, dy, x, dx):
        t = _tanh_of(x_part, approximate, bounded, square, dx_part)
        turn(t, bounded, square, scratch)
        t *= dy_part
    return dx


def _slope(t, x, square, scratch):
    """From t to Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi), in place."""
    # The square was cut where Phi is 1, and there the second term is still to be seen.
    np.multiply(x, x, out=square)
    square *= -0.5
    np.exp(square, out=scratch)
    scratch *= 1 / math.sqrt(2 * math.pi)
    scratch *= x
    t += 1
    t *= 0.5
    t += scratch


def _slope_of_tanh_form(t, x, square, scratch):
    """From t to the slope of x/2 (1 + t), which is (1 + t)/2 (1 + (1 - t) x du), in place."""
    # u = x P(x^2), du = P + 2 x^2 P'
    np.multiply(square, 3 * _TANH[1], out=scratch)
    scratch += _TANH[0]
    scratch *= x
    np.subtract(1, t, out=square)
    scratch *= square
    scratch += 1
    t += 1
    t *= 0.5
    t *= scratch
