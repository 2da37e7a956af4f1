"""Layer norm, and RMS norm, which does not subtract the mean and has no shift."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.checks import check_choice
from minitransformer.layers.base import Layer
from minitransformer.layers.parameters import Parameter
from minitransformer.layers.shown import by_shape

NORM_KINDS = ("layer", "rms")


@by_shape
class LayerNormCache(NamedTuple):
    """xhat (..., D) is the normalised input; rstd (..., 1) is 1 / the standard deviation."""

    xhat: Any
    rstd: Any


class LayerNorm(Layer):
    r"""Layer norm with a learned scale :math:`\gamma` and shift :math:`\beta`.

    The scale starts at 1, and the shift at 0.

    Parameters
    ----------
    d_model : int
        D, the number of features that are normalised together.
    eps : float
        Added to the variance, inside the square root.
    dtype : dtype
        The dtype of the parameters.
    ops : module
        The module of the equations: ``functional`` or ``fused``.
    """

    def __init__(self, d_model, *, eps=1e-5, dtype="float32", ops=functional):
        self.gamma = Parameter(np.ones(d_model, dtype))
        self.beta = Parameter(np.zeros(d_model, dtype))
        self.eps = eps
        self.ops = ops

    def forward(self, x, *, mask=None, rng=None):
        """x (..., D) -> y (..., D), :class:`LayerNormCache`."""
        y, xhat, rstd = self.ops.layer_norm(x, self.gamma.value, self.beta.value, self.eps)
        return y, LayerNormCache(xhat, rstd)

    def backward(self, dy, cache):
        """dy (..., D) -> dx (..., D)."""
        dx, dgamma, dbeta = self.ops.layer_norm_backward(
            dy, cache.xhat, cache.rstd, self.gamma.value
        )
        self.gamma.grad += dgamma
        self.beta.grad += dbeta
        return dx


@by_shape
class RMSNormCache(NamedTuple):
    """xhat (..., D) is the input times rstd; rstd (..., 1) is 1 / the root mean square."""

    xhat: Any
    rstd: Any


class RMSNorm(Layer):
    r"""RMS norm with a learned scale :math:`\gamma`, which starts at 1.

    Parameters
    ----------
    eps : float
        Added to the mean square, inside the square root.
    d_model, dtype, ops
        As for :class:`LayerNorm`.

    Source: Zhang and Sennrich 2019, equation (4).
    """

    def __init__(self, d_model, *, eps=1e-6, dtype="float32", ops=functional):
        self.gamma = Parameter(np.ones(d_model, dtype))
        self.eps = eps
        self.ops = ops

    def forward(self, x, *, mask=None, rng=None):
        """x (..., D) -> y (..., D), :class:`RMSNormCache`."""
        y, xhat, rstd = self.ops.rms_norm(x, self.gamma.value, self.eps)
        return y, RMSNormCache(xhat, rstd)

    def backward(self, dy, cache):
        """dy (..., D) -> dx (..., D)."""
        dx, dgamma = self.ops.rms_norm_backward(dy, cache.xhat, cache.rstd, self.gamma.value)
        self.gamma.grad += dgamma
        return dx


def make_norm(kind, d_model, *, eps=1e-5, dtype="float32", ops=functional):
    """A :class:`LayerNorm` if `kind` is "layer", an :class:`RMSNorm` if it is "rms"."""
    check_choice("norm_kind", kind, NORM_KINDS)
    return {"layer": LayerNorm, "rms": RMSNorm}[kind](d_model, eps=eps, dtype=dtype, ops=ops)
