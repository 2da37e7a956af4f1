"""Fused kernels for CuPy arrays. NOT MEASURED ON A GPU YET: off unless switched on.

``MINITRANSFORMER_GPU_KERNELS=1`` in the environment switches them on, to be measured. A function
has the name and the signature of its plain twin in `functional`. What stands in :data:`MEASURED`
as False may not be faster, and has not been seen to be right on a device.
"""

import functools
import math
import os

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module
from minitransformer.fused.kernels import REALS, SOURCES, source

MEASURED = dict.fromkeys(SOURCES, False)
"""Kernels by name: whether a GPU has shown that they are right and faster."""

THREADS = 256  # of a block: the sums over a block in kernels.py count on it


def switched_on():
    """Whether the kernels that were not measured yet are to be used."""
    return os.environ.get("MINITRANSFORMER_GPU_KERNELS") == "1"


@functools.cache
def _kernel(cupy, name, dtype_char):
    return cupy.RawKernel(source(name, dtype_char), name)


def _launch(name, like, blocks, *arguments):
    """Run a kernel; whole numbers become 64-bit integers, other numbers get the dtype of `like`."""
    if blocks == 0:
        return
    ready = [
        np.int32(a) if isinstance(a, bool)
        else np.int64(a) if isinstance(a, int)
        else like.dtype.type(a) if isinstance(a, float)
        else a
        for a in arguments
    ]  # fmt: skip
    kernel = _kernel(array_module(like), name, like.dtype.char)
    kernel((blocks,), (THREADS,), tuple(ready))


def _fits(*arrays):
    """Whether the kernels take these arrays: one dtype, float32 or float64, none of them empty."""
    chars = {a.dtype.char for a in arrays}
    return len(chars) == 1 and chars <= set(REALS) and all(a.size for a in arrays)


def _dense(x):
    return array_module(x).ascontiguousarray(x)


def _blocks(n):
    return -(-n // THREADS)


def softmax(x, axis=-1):
    """See :func:`minitransformer.functional.softmax`."""
    if not _fits(x) or axis not in (-1, x.ndim - 1):
        return functional.softmax(x, axis)
    x = _dense(x)
    y = array_module(x).empty_like(x)
    # Without a mask its pointer is not read; any array will do.
    _launch("masked_softmax", x, x.size // x.shape[-1], x, x, False, 1.0, y, x.shape[-1])
    return y


def layer_norm(x, gamma, beta, eps=1e-5):
    """See :func:`minitransformer.functional.layer_norm`."""
    if not _fits(x, gamma, beta) or gamma.shape != x.shape[-1:] or beta.shape != gamma.shape:
        return functional.layer_norm(x, gamma, beta, eps)
    xp, x = array_module(x=x, gamma=gamma, beta=beta), _dense(x)
    y, xhat, rstd = xp.empty_like(x), xp.empty_like(x), xp.empty((*x.shape[:-1], 1), x.dtype)
    arguments = x, _dense(gamma), _dense(beta), float(eps), y, xhat, rstd, x.shape[-1]
    _launch("layer_norm", x, rstd.size, *arguments)
    return y, xhat, rstd


def layer_norm_backward(dy, xhat, rstd, gamma):
    """See :func:`minitransformer.functional.layer_norm_backward`."""
    if not _fits(dy, xhat, rstd, gamma):
        return functional.layer_norm_backward(dy, xhat, rstd, gamma)
    dy, xhat = _dense(dy), _dense(xhat)
    dx, rows = array_module(dy=dy, xhat=xhat).empty_like(dy), tuple(range(dy.ndim - 1))
    arguments = dy, xhat, _dense(rstd), _dense(gamma), dx, dy.shape[-1]
    _launch("layer_norm_backward", dy, rstd.size, *arguments)
    return dx, (dy * xhat).sum(axis=rows), dy.sum(axis=rows)


def gelu(x, approximate="none"):
    """See :func:`minitransformer.functional.gelu`."""
    if not _fits(x) or approximate not in ("none", "tanh"):
        return functional.gelu(x, approximate)
    x = _dense(x)
    y = array_module(x).empty_like(x)
    _launch("gelu", x, _blocks(x.size), x, y, approximate == "tanh", x.size)
    return y


def gelu_backward(dy, x, approximate="none"):
    """See :func:`minitransformer.functional.gelu_backward`."""
    if not _fits(dy, x) or dy.shape != x.shape or approximate not in ("none", "tanh"):
        return functional.gelu_backward(dy, x, approximate)
    dy, x = _dense(dy), _dense(x)
    dx = array_module(dy=dy, x=x).empty_like(x)
    _launch("gelu_backward", x, _blocks(x.size), dy, x, dx, approximate == "tanh", x.size)
    return dx


def adam_step(theta, g, m, v, beta1, beta2, eps, rate, t):
    """Step `t` of :class:`~minitransformer.training.optimizers.Adam`, in place on flat arrays."""
    rate, root = rate / (1 - beta1**t), math.sqrt(1 - beta2**t)
    # 1 - beta on the host: in float32 it would lose five digits
    numbers = 1 - beta1, beta2, 1 - beta2, float(eps), float(rate), root
    _launch("adam", theta, _blocks(theta.size), theta, g, m, v, *numbers, theta.size)


FASTER = {
    function.__name__: function
    for function in (softmax, layer_norm, layer_norm_backward, gelu, gelu_backward)
}
"""The functions above that have a plain twin, by name."""
