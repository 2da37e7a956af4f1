"""Argument checks shared by the pairs: one sentence that names the argument and what is allowed."""

import functools
import inspect

import numpy as np

from minitransformer.backend import rounded_to

_PLAIN = frozenset((type(None), bool, int, float, str))


def _leaves(value):
    """The arrays in an argument: itself, or the fields of a tuple."""
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value] if getattr(value, "dtype", None) is not None else []


def shared_dtype(values):
    """float32 or float64, if every floating array among `values` has that dtype; else None.

    The usual case, found in a microsecond. None also means: look more closely.
    """
    shared = None
    for value in values:
        if type(value) is np.ndarray:
            dtype = value.dtype
            if dtype.kind in "fc" and dtype is not shared:
                if shared is not None or dtype.char not in "fd":
                    return None
                shared = dtype
        elif type(value) not in _PLAIN:  # np.float64 is a float, but has a dtype
            return None
    return shared


def _map_leaves(convert, value):
    if isinstance(value, tuple):
        parts = [_map_leaves(convert, part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return convert(value) if hasattr(value, "dtype") else value


def in_one_dtype(function):
    """Let `function` see all its floating arrays in one dtype, float16 in float32.

    Results are then in the common dtype of the arguments, rounded once where that is float16.
    A 0-d argument has no say: a NumPy scalar such as ``np.float64(1e-5)`` would otherwise turn a
    float32 model into a float64 one. The body below the decorator can so be read, and work in
    place, as plain array code.
    """

    names = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if shared_dtype((*args, *kwargs.values())) is not None:
            return function(*args, **kwargs)
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            if isinstance(value, list):
                raise TypeError(f"{name} must be a NumPy or CuPy array, got a list")
        leaves = [a for a in _leaves((*args, *kwargs.values())) if a.dtype.kind in "fc"]
        if not leaves:
            raise TypeError(f"{function.__name__} needs floating-point arrays, got none")
        dtypes = {a.dtype for a in leaves}
        if len(dtypes) < 2 and np.dtype(np.float16) not in dtypes:
            return function(*args, **kwargs)
        common = np.result_type(*{a.dtype for a in leaves if a.ndim} or dtypes)
        working = np.result_type(common, np.float32)

        def up(a):
            return a.astype(working) if a.dtype.kind in "fc" else a

        def down(a):
            return rounded_to(a, common) if a.dtype == working else a

        args = [_map_leaves(up, a) for a in args]
        kwargs = {name: _map_leaves(up, a) for name, a in kwargs.items()}
        return _map_leaves(down, function(*args, **kwargs))

    return wrapper


def require_features(name, x):
    """Refuse an array without a last axis, or with an empty one: there is nothing to normalise."""
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"{name} must have a last axis of at least 1, got shape {x.shape}")


def require_same_shape(name, x, other_name, other):
    """Refuse two arrays whose shapes differ."""
    if x.shape != other.shape:
        raise ValueError(
            f"{name} must have the shape of {other_name}, {other.shape}, got {x.shape}"
        )


def require_broadcast(name, x, target, shape):
    """Refuse an array, other than None, that does not broadcast to `shape`, or makes it larger."""
    if x is None:
        return
    pairs = zip(reversed(x.shape), reversed(shape), strict=False)
    if x.ndim > len(shape) or not all(n in (1, m) for n, m in pairs):
        raise ValueError(f"{name} {x.shape} does not broadcast to {target} {shape}")


def require_bool(name, mask):
    """Refuse a mask that is not boolean: 0/1 and -inf/0 masks mean different things elsewhere."""
    if mask is not None and mask.dtype != bool:
        raise TypeError(
            f"{name} must be boolean (True = may attend, or: is a real token), got {mask.dtype}"
        )
