"""Argument checks that the pairs share. Each error names the argument and says what is allowed."""

import functools
import inspect

import numpy as np

from minitransformer.backend import array_module, rounded_to

_PLAIN = frozenset((type(None), bool, int, float, str))


def _leaves(value):
    """The arrays in an argument: the argument itself, or the fields of a tuple."""
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value] if getattr(value, "dtype", None) is not None else []


def shared_dtype(values):
    """float32 or float64, if every floating array among `values` has that dtype; else None.

    This finds the usual case in about a microsecond. None means that a closer look is needed.
    """
    shared = None
    for value in values:
        if type(value) is np.ndarray:
            dtype = value.dtype
            # `is` is the fast test; an array that was pickled has an equal dtype object of its own
            if dtype.kind in "fc" and dtype is not shared:
                if dtype.char not in "fd" or (shared is not None and dtype != shared):
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


def _by_name(name, value):
    """(name, value) of an argument, or of each part of a tuple."""
    if not isinstance(value, tuple):
        return [(name, value)]
    names = getattr(value, "_fields", None) or [f"{name}[{i}]" for i in range(len(value))]
    return zip(names, value, strict=True)


def require_one_device(**arguments):
    """Refuse lists, and NumPy arrays mixed with CuPy arrays. The error names the arguments."""
    array_module(**arguments)


def in_one_dtype(function):
    """Pass `function` all its floating-point arrays in one dtype, with float16 as float32.

    Results are in the common dtype of the arguments; if that is float16, they are rounded once. A
    0-d argument does not affect the common dtype: otherwise a NumPy scalar such as
    ``np.float64(1e-5)`` would turn a float32 model into a float64 one. The decorated function can
    therefore be plain array code that works in place. The decorator also refuses lists, and NumPy
    arrays mixed with CuPy arrays. The error names the argument.
    """

    names = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if shared_dtype((*args, *kwargs.values())) is not None:
            return function(*args, **kwargs)
        arguments = (*zip(names, args, strict=False), *kwargs.items())
        require_one_device(**dict(part for pair in arguments for part in _by_name(*pair)))
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
    """Refuse an array that does not broadcast to `shape`, or would enlarge it. None is allowed."""
    if x is None:
        return
    pairs = zip(reversed(x.shape), reversed(shape), strict=False)
    if x.ndim > len(shape) or not all(n in (1, m) for n, m in pairs):
        raise ValueError(f"{name} must broadcast to {target} {shape}, got {x.shape}")


def require_bool(name, mask):
    """Refuse a mask that is not boolean: other libraries read 0/1 and -inf/0 masks differently."""
    if mask is not None and mask.dtype != bool:
        raise TypeError(
            f"{name} must be boolean (True = may attend, or: is a real token), got {mask.dtype}"
        )


def check_attention_shapes(Q, K, V, mask, keep, bias):
    """Refuse arguments of :func:`~minitransformer.functional.attention` that do not fit."""
    if min(Q.ndim, K.ndim, V.ndim) < 2:
        raise ValueError(
            f"Q, K and V must have the shapes (..., T, E), (..., S, E) and (..., S, E), "
            f"got {Q.shape}, {K.shape} and {V.shape}"
        )
    if Q.shape[-1] != K.shape[-1] or Q.shape[-1] == 0:
        raise ValueError(
            f"Q (..., T, E) and K (..., S, E) must have the same E of at least 1, "
            f"got {Q.shape} and {K.shape}"
        )
    if K.shape[:-1] != V.shape[:-1]:
        raise ValueError(
            f"K and V must have the same batch, heads and length, got {K.shape} and {V.shape}"
        )
    heads, kv_heads = Q.shape[:-2], K.shape[:-2]
    grouped = len(heads) and len(heads) == len(kv_heads) and kv_heads[-1]
    if heads != kv_heads and not (
        grouped and heads[:-1] == kv_heads[:-1] and heads[-1] % kv_heads[-1] == 0
    ):
        raise ValueError(
            f"the number of heads of K and V must divide that of Q, and the batches must be "
            f"equal, got Q {Q.shape} and K {K.shape}"
        )
    require_bool("mask", mask)
    scores = (*heads, Q.shape[-2], K.shape[-2])
    for name, array in (("mask", mask), ("keep", keep), ("bias", bias)):
        require_broadcast(name, array, "the scores", scores)
