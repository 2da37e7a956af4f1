"""Inputs and results of the passes that are checked: conversions, names and refusals."""

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
    """A contiguous float64 copy of a floating array; anything else unchanged.

    A list of floats, or an array of another library, counts as an array.
    """
    if type(x) in (list, tuple) or (hasattr(x, "__array__") and not _has_numpy_dtype(x)):
        try:
            array = np.asarray(x)
        except (TypeError, ValueError, RuntimeError):
            return x  # lists of different lengths, for example
        return array.astype(np.float64) if array.dtype.kind == "f" else x
    return x.astype(np.float64).copy(order="C") if is_floating(x) else x


def _has_numpy_dtype(x):
    return isinstance(x, np.generic) or is_cupy(x) or type(x) is np.ndarray


def as_variable(name, x):
    """The input `x` as a float64 array that can be differentiated; None stays None."""
    if x is None or is_floating(x):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"input {name} must be an array of real numbers, got {describe(x)}")
    return array.astype(np.float64)


def describe(x):
    """What `x` is, for a message: the dtype of an array, or the type and value of the rest."""
    if hasattr(x, "dtype") and not np.isscalar(x):
        return f"an array of {x.dtype}"
    return "None" if x is None else f"{type(x).__name__} {x!r:.60}"


def choose_variables(inputs, wrt):
    """Names of the inputs that receive a gradient: `wrt`, or every floating array.

    If there is no floating array, every Python float is one.
    """
    if wrt is not None:
        names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
        unknown = [key for key in names if key not in inputs]
        if unknown:
            raise ValueError(f"wrt must name inputs {list(inputs)}, got {unknown}")
        return names
    names = tuple(key for key, value in inputs.items() if is_floating(value))
    names = names or tuple(key for key, x in inputs.items() if isinstance(x, float | np.floating))
    if not names:
        given = ", ".join(f"{key} is {describe(x)}" for key, x in inputs.items()) or "there is none"
        raise ValueError(
            f"nothing to check: an input must be a floating array, but {given}. Name an input in "
            "wrt to convert it to float64"
        )
    return names


def check_outputs(outputs, count):
    """Refuse a forward pass whose first `count` outputs are not finite numbers in float64."""
    if count > len(outputs):
        raise ValueError(f"upstream must be at most {len(outputs)}, the outputs, got {count}")
    for y in outputs[:count]:
        kind = y.dtype if hasattr(y, "dtype") else None
        if kind is None and not isinstance(y, float):
            raise TypeError(
                "forward must return an array of floats, or a tuple whose first element is one, "
                f"got {describe(y)}"
            )
        if kind is not None and kind != np.float64:
            raise TypeError(
                f"forward must return float64 for inputs in float64, got {describe(y)}: gradients "
                "are checked in float64"
            )
        if not np.isfinite(to_host(y)).all():
            raise ValueError("the forward pass gives NaN or infinity on these inputs")


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
        return (
            f"the gradient has the wrong shape {gradient.shape}; the input has {x.shape}"
            f"{_shape_advice(gradient.shape, x.shape)}"
        )
    if gradient.dtype != x.dtype:
        return f"the gradient has the wrong dtype {gradient.dtype}; the input has {x.dtype}"
    if not np.isfinite(to_host(gradient)).all():
        return "the gradient contains NaN or infinity"
    return None


def _shape_advice(shape, right):
    """How the wrong shape may have come about."""
    if shape == right[::-1]:
        return ": it is transposed"
    try:
        broadcast = np.broadcast_shapes(shape, right) == shape
    except ValueError:
        return ""
    return ": sum it over the axes along which the input was broadcast" if broadcast else ""


def gradients_by_name(returned, wrt, inputs):
    """The gradients that a backward pass returned, by name, and what is wrong with their number.

    They come in a dict by name, in the order of `wrt`, or in the order of all inputs with None for
    those without a gradient. An input that is None has no gradient.
    """
    if isinstance(returned, dict):
        found, surplus = dict(returned), [str(key) for key in returned if key not in wrt]
        problem = f"has gradients of {', '.join(surplus)}" if surplus else None
    else:
        returned = as_tuple(returned)
        keys = wrt
        if len(returned) > len(wrt) and len(returned) == len(inputs):
            keys = tuple(inputs)
        found = dict(zip(keys, returned, strict=False))
        surplus = len(returned) > len(keys) or any(
            found[key] is not None for key in found if key not in wrt
        )
        problem = f"returned {len(returned)}" if surplus else None
    if problem:
        problem = (
            f"the backward pass must return {len(wrt)} gradient{'s' * (len(wrt) > 1)} "
            f"({', '.join(wrt)}), but it {problem}"
        )
    return {key: found.get(key) for key in wrt if inputs[key] is not None}, problem


def _parameters(function):
    """The names of a function's parameters; none if it is written in C."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def parameter_names(forward, count):
    """Names for positional inputs: the names of `forward`'s parameters, if there are enough."""
    names = _parameters(forward)
    enough = len(names) >= count and "args" not in names
    return names[:count] if enough else [f"argument {i}" for i in range(count)]


def positional(forward, inputs):
    """Inputs that were given by position, by name. A single array is one input."""
    if inputs is None or isinstance(inputs, str | bytes) or callable(inputs):
        raise TypeError(f"inputs must be a dict, a tuple or an array, got {describe(inputs)}")
    if type(inputs) not in (tuple, list):
        inputs = (inputs,)
    return dict(zip(parameter_names(forward, len(inputs)), inputs, strict=True))


def in_order(forward, inputs):
    """Inputs by name in the order of `forward`'s parameters, which is that of the gradients."""
    names = _parameters(forward)
    return {name: inputs[name] for name in names if name in inputs} | inputs


def by_keyword(what, function, leading, names):
    """Whether `function` takes these names as keywords, after `leading` positional arguments.

    Functions that are written in C (``np.tanh``) have no names, or names that cannot be used.

    Raises
    ------
    TypeError
        If the parameters of `function` have other names.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind(*[None] * leading, **dict.fromkeys(names))
    except TypeError as error:
        parameters = [p for p in signature.parameters.values() if p.default is p.empty]
        if any(p.kind is not p.POSITIONAL_ONLY for p in parameters[leading:]) or (
            len(parameters) > leading + len(names)
        ):
            raise TypeError(
                f"{what} must take the arguments {', '.join(names)} by name, got the parameters "
                f"({', '.join(signature.parameters)}): {error}. Give them these names, or pass a "
                "tuple"
            ) from None
        return False
    return True
