"""Fused kernels for CuPy arrays.

Each function has the name and the signature of its plain counterpart in `functional`. Each is here
because tests on a GPU found it correct and at least 1.3 times as fast (docs/performance.md,
measured by ``python -m minitransformer bench fused --device gpu``). The environment variable
``MINITRANSFORMER_GPU_KERNELS=0`` switches all of them off.
"""

import functools
import math
import os

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module, check_ids, random_lanes, swap
from minitransformer.functional._checks import check_attention_shapes, require_one_device
from minitransformer.functional.attention import attended_keys, zero_unused
from minitransformer.functional.dropout import LEVELS, check_probability, drop_threshold
from minitransformer.functional.heads import repeat_kv
from minitransformer.functional.loss import (
    CrossEntropySaved,
    check_arguments,
    reciprocal_or_zero,
    what_counts,
)
from minitransformer.fused.kernels import REALS, source

THREADS = 256  # per block; the sums over a block in kernels.py rely on this number


def switched_on():
    """Whether the kernels are enabled."""
    return os.environ.get("MINITRANSFORMER_GPU_KERNELS") != "0"


@functools.cache
def _kernel(cupy, name, dtype_char):
    # Without this option, a product and a difference are rounded together, and would not cancel.
    return cupy.RawKernel(source(name, dtype_char), name, options=("--fmad=false",))


def _launch(name, like, blocks, *arguments):
    """Run a kernel. An int becomes a 64-bit integer, a float gets the dtype of `like`."""
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
    """Whether the kernels accept these arrays: all float32 or all float64, and none empty."""
    chars = {a.dtype.char for a in arrays}
    return len(chars) == 1 and chars <= set(REALS) and all(a.size for a in arrays)


def _dense(x):
    return array_module(x).ascontiguousarray(x)


def _blocks(n):
    return -(-n // THREADS)


def _masked_softmax(x, mask, scale):
    """softmax(scale * x) over the last axis where `mask` is True. `mask` broadcasts, or is None."""
    xp, x = array_module(x), _dense(x)
    y = xp.empty_like(x)
    # Without a mask, the kernel does not read the pointer, so any array will do.
    allowed = x if mask is None else _dense(xp.broadcast_to(mask, x.shape))
    S = x.shape[-1]
    _launch("masked_softmax", x, x.size // S, x, allowed, mask is not None, scale, y, S)
    return y


def softmax(x, axis=-1):
    """See :func:`minitransformer.functional.softmax`."""
    if not _fits(x) or axis not in (-1, x.ndim - 1):
        return functional.softmax(x, axis)
    return _masked_softmax(x, None, 1.0)


def attention(Q, K, V, mask=None, *, keep=None, bias=None):
    """See :func:`minitransformer.functional.attention`."""
    floats = [a for a in (Q, K, V, keep) if a is not None]
    if bias is not None or not _fits(*floats):
        return functional.attention(Q, K, V, mask, keep=keep, bias=bias)
    require_one_device(Q=Q, K=K, V=V, mask=mask, keep=keep)
    check_attention_shapes(Q, K, V, mask, keep, bias)
    K, V = repeat_kv(K, Q), repeat_kv(V, Q)
    if mask is not None:
        V = zero_unused(V, attended_keys(mask))
    P = _masked_softmax(Q @ swap(K), mask, Q.shape[-1] ** -0.5)
    return (P if keep is None else P * keep) @ V, P


def cross_entropy(logits, targets, *, label_smoothing=0.0, class_weights=None, ignore_index=None):
    """See :func:`minitransformer.functional.cross_entropy`."""
    floats = [a for a in (logits, class_weights) if a is not None]
    if label_smoothing or not _fits(*floats):
        return functional.cross_entropy(
            logits, targets, label_smoothing=label_smoothing, class_weights=class_weights,
            ignore_index=ignore_index,
        )  # fmt: skip
    xp = array_module(logits=logits, targets=targets, class_weights=class_weights)
    check_arguments(logits, targets, label_smoothing, class_weights)
    C, dtype = logits.shape[-1], logits.dtype
    y, w, w_y = what_counts(logits, targets, class_weights, ignore_index)
    normaliser = w_y.sum()
    losses, p = xp.empty(targets.shape, dtype), xp.empty(logits.shape, dtype)
    arguments = _dense(logits), _dense(y.astype(np.int64)), losses, p, C
    _launch("cross_entropy", logits, targets.size, *arguments)
    loss = (w_y * losses).sum() * reciprocal_or_zero(normaliser)
    return loss, CrossEntropySaved(p, y, w, normaliser, label_smoothing)


def dropout_mask(rng, shape, p, dtype):
    """See :func:`minitransformer.functional.dropout_mask`: the same mask from the same bits."""
    dtype, n = np.dtype(dtype), math.prod(shape)
    if isinstance(rng, np.random.Generator) or dtype.char not in REALS or n == 0:
        return functional.dropout_mask(rng, shape, p, dtype)
    check_probability("p", p)
    threshold, lanes = drop_threshold(p), random_lanes(rng, n)
    keep = array_module(lanes).empty(shape, dtype)
    numbers = np.int32(threshold), LEVELS / (LEVELS - threshold)
    _launch("dropout_mask", keep, _blocks(n), lanes, *numbers, keep, n)
    return keep


def embedding_row_gradients(dy, ids, n_rows):
    """See :func:`minitransformer.functional.embedding_row_gradients`; this returns all the rows."""
    if not _fits(dy) or n_rows == 0:
        return functional.embedding_row_gradients(dy, ids, n_rows)
    return slice(None), embedding_backward(dy, ids, n_rows)


def embedding_backward(dy, ids, n_rows):
    """See :func:`minitransformer.functional.embedding_backward`."""
    if not _fits(dy) or n_rows == 0:
        return functional.embedding_backward(dy, ids, n_rows)
    xp, D = array_module(dy=dy, ids=ids), dy.shape[-1]
    check_ids(ids, n_rows)
    ids, dy, every = ids.reshape(-1), dy.reshape(ids.size, D), xp.arange(n_rows)
    order = xp.argsort(ids, kind="stable")
    bounds = (xp.searchsorted(ids[order], every, side=side) for side in ("left", "right"))
    whole = [_dense(a.astype(np.int64)) for a in (order, *bounds)]
    dW = xp.empty((n_rows, D), dy.dtype)
    _launch("embedding_gradient", dy, n_rows, _dense(dy), *whole, dW, D)
    return dW


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
    xp = array_module(dy=dy, xhat=xhat)
    dx = xp.empty_like(dy)
    arguments = dy, xhat, _dense(rstd), _dense(gamma), dx, dy.shape[-1]
    _launch("layer_norm_backward", dy, rstd.size, *arguments)
    # a product with a row of ones sums the rows faster than a reduction over the first axes
    ones = xp.ones(rstd.size, dy.dtype)
    return dx, ones @ (dy * xhat).reshape(ones.size, -1), ones @ dy.reshape(ones.size, -1)


def gelu(x, approximate="none"):
    """See :func:`minitransformer.functional.gelu`."""
    if not _fits(x) or approximate not in ("none", "tanh"):
        return functional.gelu(x, approximate)
    x = _dense(x)
    y = array_module(x).empty_like(x)
    _launch("gelu", x, _blocks(x.size), x, y, approximate == "tanh", x.size)
    return y


def gelu_backward(dy, x, approximate="none", y=None):
    """See :func:`minitransformer.functional.gelu_backward`."""
    if not _fits(dy, x) or dy.shape != x.shape or approximate not in ("none", "tanh"):
        return functional.gelu_backward(dy, x, approximate)
    dy, x = _dense(dy), _dense(x)
    dx = array_module(dy=dy, x=x).empty_like(x)
    _launch("gelu_backward", x, _blocks(x.size), dy, x, dx, approximate == "tanh", x.size)
    return dx


def adam_step(theta, g, m, v, beta1, beta2, eps, rate, t):
    """Step `t` of :class:`~minitransformer.training.Adam`, in place on flat arrays.

    One launch replaces a dozen. ``fused.optimizer_kernel("adam")`` returns this function.

    Raises
    ------
    ValueError
        If the arrays are not contiguous, differ in length, or are not all float32 or all float64.
    """
    arrays = {"theta": theta, "g": g, "m": m, "v": v}
    for name, a in arrays.items():
        like = a.shape == theta.shape and a.dtype == theta.dtype and a.dtype.char in REALS
        if not like or a.ndim != 1 or not a.flags.c_contiguous:
            raise ValueError(
                f"{name} must be a contiguous flat float32 or float64 array like theta "
                f"({theta.dtype}, {theta.shape}), got {a.dtype} of shape {a.shape}"
            )
    # 1 - beta is computed on the host, since in float32 it would lose five digits
    numbers = 1 - beta1, beta2, 1 - beta2, eps, rate / (1 - beta1**t), math.sqrt(1 - beta2**t)
    _launch("adam", theta, _blocks(theta.size), *arrays.values(), *map(float, numbers), theta.size)


FASTER = {
    function.__name__: function
    for function in (
        softmax, attention, layer_norm, layer_norm_backward, gelu, gelu_backward, cross_entropy,
        dropout_mask, embedding_backward, embedding_row_gradients,
    )
}  # fmt: skip
"""The functions above that have a plain counterpart, by name."""
