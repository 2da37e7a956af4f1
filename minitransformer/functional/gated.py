r"""SiLU, and SwiGLU, a gated unit of the feed-forward network that uses SiLU."""

from minitransformer.backend import array_module
from minitransformer.functional._checks import in_one_dtype, require_same_shape

# Beyond this, SiLU differs from ReLU by less than 2e-33. Below it, exp cannot overflow.
_SATURATED = 80.0


def _sigmoid(x):
    """1 / (1 + exp(-x)), and the bounded x it was computed from."""
    xp = array_module(x)
    x = xp.clip(x, -_SATURATED, _SATURATED)
    return 1 / (1 + xp.exp(-x)), x


def sigmoid(x):
    """The logistic function, 1 / (1 + exp(-x)), without overflow: the gates of LSTM and GRU."""
    return _sigmoid(x)[0]


@in_one_dtype
def silu(x):
    r"""Sigmoid linear unit, also called swish.

    .. math:: y = x \, \sigma(x), \qquad \sigma(x) = \frac{1}{1 + e^{-x}}

    Parameters
    ----------
    x : (...) array

    Returns
    -------
    y : (...) array

    Source: Hendrycks and Gimpel 2016, section 2; Ramachandran, Zoph and Le 2017, section 4.
    """
    sigma, _ = _sigmoid(x)
    sigma *= array_module(x).maximum(x, -_SATURATED)  # y = x sigma(x)
    return sigma


@in_one_dtype
def silu_backward(dy, x):
    r"""Vector-Jacobian product of :func:`silu`.

    .. math:: \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \,
        \sigma(x) \, \big( 1 + x \, (1 - \sigma(x)) \big)

    Parameters
    ----------
    dy : (...) array
        Gradient of the loss with respect to `y`.
    x : (...) array
        Input of :func:`silu`.

    Returns
    -------
    dx : (...) array

    Derivation: docs/derivations/silu.md, equation (4).
    Notebook: notebooks/02_linear_layers.ipynb.
    """
    require_same_shape("dy", dy, "x", x)
    # y = x sigma(x); below the bound, y is constant
    sigma, bounded = _sigmoid(x)
    return dy * (sigma * (1 + bounded * (1 - sigma)) * (x >= -_SATURATED))


@in_one_dtype
def swiglu(gate, up):
    r"""Gated linear unit with SiLU: one projection gates the other.

    .. math:: y = \mathrm{silu}(gate) \odot up, \qquad gate = x W, \quad up = x V

    The two projections before this function and the one after it are linear maps. They are not part
    of this function.

    Parameters
    ----------
    gate, up : (..., F) arrays
        Arrays of the same shape.

    Returns
    -------
    y : (..., F) array

    Raises
    ------
    ValueError
        If the shapes differ.

    Source: Shazeer 2020, equations (5) and (6), with beta = 1 and without biases.
    """
    require_same_shape("up", up, "gate", gate)
    y = silu(gate)
    y *= up
    return y


@in_one_dtype
def swiglu_backward(dy, gate, up):
    r"""Vector-Jacobian product of :func:`swiglu`.

    .. math:: dgate = \mathrm{silu}'(gate) \odot (dy \odot up), \qquad
        dup = dy \odot \mathrm{silu}(gate)

    Parameters
    ----------
    dy : (..., F) array
        Gradient of the loss with respect to `y`.
    gate, up : (..., F) arrays
        Inputs of :func:`swiglu`.

    Returns
    -------
    dgate, dup : (..., F) arrays

    Derivation: docs/derivations/swiglu.md, equations (7) and (8).
    Notebook: notebooks/02_linear_layers.ipynb.
    """
    require_same_shape("up", up, "gate", gate)
    require_same_shape("dy", dy, "gate", gate)
    # y = silu(gate) up
    dup = dy * silu(gate)
    dgate = silu_backward(dy * up, gate)
    return dgate, dup
