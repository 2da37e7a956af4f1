"""Norms: layer norm, and RMS norm, which subtracts no mean and has no shift."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.layers.base import Layer, Parameter

NORM_KINDS = ("layer", "rms")


class LayerNormCache(NamedTuple):
    """xhat (..., D), the normalised input; rstd (..., 1), 1 / standard deviation."""

    xhat: Any
    rstd: Any


class LayerNorm(Layer):
    r"""Layer norm with learned scale :math:`\gamma` (starts at 1) and shift :math:`\beta` (0).

    Parameters
    ----------
    d_model : int
    eps : float
        Added to the variance, inside the root.
    dtype : dtype
    ops : module
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


class RMSNormCache(NamedTuple):
    """xhat (..., D), the input over its root mean square; rstd (..., 1), 1 / that."""

    xhat: Any
    rstd: Any


class RMSNorm(Layer):
    r"""RMS norm with learned scale :math:`\gamma` (starts at 1).

    Parameters
    ----------
    d_model : int
    eps : float
        Added to the mean square, inside the root.
    dtype : dtype
    ops : module

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
    """A :class:`LayerNorm` or an :class:`RMSNorm`, by its name in NORM_KINDS."""
    if kind not in NORM_KINDS:
        raise ValueError(f"norm_kind must be 'layer' or 'rms', got {kind!r}")
    return {"layer": LayerNorm, "rms": RMSNorm}[kind](d_model, eps=eps, dtype=dtype, ops=ops)
