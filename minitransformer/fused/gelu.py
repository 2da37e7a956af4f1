r"""Faster GELU for NumPy arrays on a CPU. Both forms are computed with one hyperbolic tangent.

As in the tanh form, the normal distribution function can be written as

.. math:: \Phi(x) = \tfrac12 \Big(1 + \tanh\big(x \, P(x^2)\big)\Big)

where :math:`P(x^2) = \mathrm{artanh}(\mathrm{erf}(x / \sqrt 2)) / x` is smooth. A polynomial for P
takes a quarter of the time of the error function, which needs six lookups per number.
"""

import math

import numpy as np

from minitransformer import functional
from minitransformer.functional._checks import require_same_shape
from minitransformer.functional.activations import _SATURATED, _TANH_CUBIC, _TANH_SCALE
from minitransformer.fused.cpu import stands_for

# Number of entries processed at a time, so that they stay in the caches for some twenty passes.
_BLOCK = 1 << 16

# Coefficients of P, starting with the constant, and the largest x^2 at which P is evaluated: beyond
# it, Phi is 0 or 1 in float32. The coefficients minimise the largest error of x Phi(x) on |x| <=
# 5.3, which is 6.8e-8.
_EXACT = (
    0.7978844924169537, 0.0363339123837015, -3.2955765627131774e-05, -5.527757345930614e-05,
    3.97305352127234e-06, -1.3364258569904835e-07, 1.8092534378347906e-09,
)  # fmt: skip
_EXACT_LIMIT = 5.3**2
_TANH = (_TANH_SCALE, _TANH_SCALE * _TANH_CUBIC)

# Added to x, so that x Phi(x) / x is Phi(0) = 1/2 at x = 0 too: (0 + tiny / 2) / (0 + tiny).
_TINY = 1e-30


def _fits(x, approximate):
    """Whether the polynomial is as accurate as the dtype. For erf in float64, it is not."""
    return approximate == "tanh" or (approximate == "none" and x.dtype == np.float32)


def _Phi(x, approximate, bounded, square, out):
    """Write (1 + tanh(x P(x^2))) / 2 to `out`, the x and x^2 used to `bounded` and `square`."""
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
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out


def _Phi_from_y(y, x, bounded, square, out):
    """Phi(x) from y = x Phi(x), which is much faster; False if an entry rules this out."""
    np.add(x, _TINY, out=bounded)
    np.add(y, _TINY / 2, out=out)
    with np.errstate(divide="ignore", invalid="ignore"):
        out /= bounded
    if not np.isfinite(out @ out):  # some x is infinite, NaN or -_TINY
        return False
    np.clip(x, -_SATURATED, _SATURATED, out=bounded)
    np.multiply(bounded, bounded, out=square)
    return True


def _pieces(n_scratch, *arrays):
    """Pieces of the flattened arrays, and scratch arrays of the same length."""
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
        _Phi(x_part, approximate, bounded, square, y_part)
        y_part *= x_part
    return y


@stands_for(functional.gelu_backward)
def gelu_backward(dy, x, approximate="none", y=None):
    if not _fits(x, approximate):
        return functional.gelu_backward(dy, x, approximate)
    require_same_shape("dy", dy, "x", x)
    dx = np.empty(x.shape, x.dtype)
    to_slope = _slope_of_tanh_form if approximate == "tanh" else _slope
    results = x if y is None else y
    for dy_part, x_part, y_part, Phi, *scratch in _pieces(3, dy, x, results, dx):
        bounded, square, _ = scratch
        if y is None or not _Phi_from_y(y_part, x_part, bounded, square, Phi):
            _Phi(x_part, approximate, bounded, square, Phi)
        to_slope(Phi, *scratch)
        Phi *= dy_part
    return dx


def _slope(Phi, x, square, scratch):
    """Turn Phi(x) into Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi), in place."""
    # `square` was limited where Phi is 1, but the second term still matters there.
    np.multiply(x, x, out=square)
    square *= -0.5
    np.exp(square, out=scratch)
    scratch *= 1 / math.sqrt(2 * math.pi)
    scratch *= x
    Phi += scratch


def _slope_of_tanh_form(Phi, x, square, scratch):
    """Turn Phi = (1 + tanh u) / 2 into the slope of x Phi, Phi + 2 Phi (1 - Phi) x du, in place."""
    # u = x P(x^2), du = P + 2 x^2 P'
    np.multiply(square, 6 * _TANH[1], out=scratch)
    scratch += 2 * _TANH[0]
    scratch *= x
    np.subtract(1, Phi, out=square)
    scratch *= square
    scratch += 1
    Phi *= scratch
