"""Arguments and results of the passes that are checked: types, names and upstream gradients."""

from __future__ import annotations

import inspect

import numpy as np

from minitransformer.backend import array_module, is_cupy, to_host


def as_tuple(x):
    """`x` as a tuple; an array or a single value becomes a tuple of one."""
    return tuple(x) if type(x) in (tuple, list) or hasattr(x, "_fields") else (x,)


def is_floating(x):
    """Whether `x` is a floating array."""
    return hasattr(x, "dtype") and not np.isscalar(x) and x.dtype.kind == "f"


def in_float64(x):
    """A contiguous float64 copy of a floating array; anything else unchanged."""
    return x.astype(np.float64).copy(order="C") if is_floating(x) else x


def draw_upstream(rng, outputs):
    """A random upstream gradient for each output, on the output's device."""
    drawn = []
    for y in outputs:
        dy = rng.standard_normal(np.shape(y))
        drawn.append(array_module(y).asarray(dy) if is_cupy(y) else np.asarray(dy)[()])
    return tuple(drawn)


def gradient_failure(gradient, x):
    """Why `gradient` cannot be compared with the oracle's gradient of `x`; None if it can."""
    if gradient is None:
        return "the gradient is missing: the backward pass returned None for it"
    if not hasattr(gradient, "shape"):
        return f"the gradient is not an array but a {type(gradient).__name__}"
    if gradient.shape != x.shape:
        return f"the gradient has the wrong shape {gradient.shape}; the input has {x.shape}"
    if gradient.dtype != x.dtype:
        return f"the gradient has the wrong dtype {gradient.dtype}; the input has {x.dtype}"
    if not np.isfinite(to_host(gradient)).all():
        return "the gradient contains NaN or infinity"
    return None


def parameter_names(forward, count):
    """Names for positional inputs: the names of `forward`'s parameters, if there are enough."""
    try:
        names = list(inspect.signature(forward).parameters)
    except (TypeError, ValueError):
        names = []
    enough = len(names) >= count and "args" not in names
    return names[:count] if enough else [f"argument {i}" for i in range(count)]
