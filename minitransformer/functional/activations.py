r"""The activations of the feed-forward network: ReLU and GELU."""

import math

from minitransformer.backend import array_module
from minitransformer.functional._checks import (
    in_one_dtype,
    require_one_device,
    require_same_shape,
)
from minitransformer.functional.erf import erf

# Beyond this, both forms of GELU equal ReLU to the last bit. Below it, x * x cannot overflow.
_SATURATED = 30.0
_TANH_SCALE = math.sqrt(2 / math.pi)
_TANH_CUBIC = 0.044715


def relu(x):
    r"""Rectified linear unit, :math:`y = \max(x, 0)`.

    Parameters
    ----------
    x : (...) array

    Returns
    -------
    y : (...) array

    Source: Vaswani et al. 2017, equation (2); Nair and Hinton 2010.
    """
    return array_module(x).maximum(x, 0)


def relu_backward(dy, y):
    r"""Vector-Jacobian product of :func:`relu`.

    .. math:: \frac{\partial L}{\partial x}
        = \frac{\partial L}{\partial y} \, [\, y > 0 \,]

    At x = 0, where the function has a kink, the gradient is taken to be 0.

    Parameters
    ----------
    dy : (...) array
        Gradient of the loss with respect to `y`.
    y : (...) array
        Output of :func:`relu`, which is positive exactly where the input is.

    Returns
    -------
    dx : (...) array

    Derivation: docs/derivations/relu.md, equation (4).
    Notebook: notebooks/02_linear_layers.ipynb.
    """
    require_one_device(dy=dy, y=y)
    require_same_shape("dy", dy, "y", y)
    return dy * (y > 0)


def _check_approximate(approximate):
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate must be 'none' or 'tanh', got {approximate!r}")


def _tanh_inner(x):
    """tanh of GELU's inner cubic, and the bounded x it was computed from."""
    xp = array_module(x)
    x = xp.clip(x, -_SATURATED, _SATURATED)
    return xp.tanh(_TANH_SCALE * (x + _TANH_CUBIC * (x * x * x))), x


@in_one_dtype
def gelu(x, approximate="none"):
    r"""Gaussian error linear unit.

    .. math:: y = x \, \Phi(x) = \frac{x}{2} \Big(1 + \mathrm{erf} \frac{x}{\sqrt 2}\Big)

    or, with ``approximate="tanh"``, the form that GPT-2 uses:

    .. math:: y = \frac{x}{2} \Big(1 + \tanh\Big(\sqrt{2 / \pi} \,
        (x + 0.044715 \, x^3)\Big)\Big)

    Parameters
    ----------
    x : (...) array
    approximate : {"none", "tanh"}
        "none" is the first form, with the error function; "tanh" is the second.

    Returns
    -------
    y : (...) array

    Raises
    ------
    ValueError
        If `approximate` has any other value.

    Source: Hendrycks and Gimpel 2016, section 2.
    """
    _check_approximate(approximate)
    xp = array_module(x)
    if approximate == "tanh":
        y, _ = _tanh_inner(x)
    else:
        y = erf(xp.clip(x, -_SATURATED, _SATURATED) / math.sqrt(2))
    y += 1
    y *= 0.5 * x
    return y


@in_one_dtype
def gelu_backward(dy, x, approximate="none", y=None):
    r"""Vector-Jacobian product of :func:`gelu`.

    .. math:: \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}
        \big( \Phi(x) + x \, \varphi(x) \big), \qquad
        \varphi(x) = \frac{1}{\sqrt{2 \pi}} e^{-x^2 / 2}

    and for the tanh form, with :math:`t = \tanh u` and
    :math:`u = \sqrt{2/\pi}\,(x + 0.044715\,x^3)`:

    .. math:: \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}
        \Big( \tfrac12 (1 + t) + \tfrac12 x (1 - t^2) \, \frac{du}{dx} \Big)

    Parameters
    ----------
    dy : (...) array
        Gradient of the loss with respect to `y`.
    x : (...) array
        Input of :func:`gelu`.
    approximate : {"none", "tanh"}
        As in the forward pass.
    y : (...) array, optional
        Output of :func:`gelu`, if you have it. This function does not use it; the faster one in
        `fused` computes :math:`\Phi(x) = y / x` from it.

    Returns
    -------
    dx : (...) array

    Derivation: docs/derivations/gelu.md, equations (5) and (7).
    Notebook: notebooks/02_linear_layers.ipynb.
    """
    _check_approximate(approximate)
    xp = array_module(x)
    require_same_shape("dy", dy, "x", x)
    if approximate == "tanh":
        # y = x/2 (1 + tanh u)
        t, x = _tanh_inner(x)
        du = _TANH_SCALE * (1 + 3 * _TANH_CUBIC * (x * x))
        slope = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du
    else:
        # y = x Phi(x)
        x = xp.clip(x, -_SATURATED, _SATURATED)
        Phi = 0.5 * (1 + erf(x / math.sqrt(2)))
        phi = xp.exp(-0.5 * (x * x)) / math.sqrt(2 * math.pi)
        slope = Phi + x * phi
    return dy * slope
