"""Why results cannot be compared, in words: a wrong number, shape or dtype, or an error."""

import linecache
import re
import traceback

import numpy as np

from minitransformer.gradcheck.arguments import as_tuple

# kinds of faults that are treated specially
DTYPE, FLOAT64, NOT_FINITE = "dtype", "float64", "not finite"
MAX_MESSAGE, MAX_FAULT = 200, 600  # characters of an error's message and of a fault that are shown


def name_results(exercise, returned, right):
    """The `returned` results by name, and a fault in words if their number is wrong."""
    names = exercise.results
    listing = ", ".join(names)
    if returned is None:
        return {}, f"it returns None: is `return {listing}` missing?"
    if isinstance(returned, dict) and set(returned) & set(names):
        if missing := [name for name in names if name not in returned]:
            return {}, f"it returns a dict without {', '.join(missing)}: return {listing}"
        return {name: returned[name] for name in names}, ""
    alone = hasattr(returned, "dtype") or isinstance(returned, int | float)
    values = (returned,) if alone else as_tuple(returned)
    if len(names) == 1 and isinstance(returned, list):
        return {}, f"it returns a list; an array is expected: {listing}"
    if len(names) == 1 < len(values) and exercise.required is None:
        return {}, f"it returns {len(values)} results in a tuple; one is expected: {listing}"
    if len(values) < exercise.n_required:
        return {}, (
            f"it returns {_count(len(values))}; {len(names)} are expected, in this order: {listing}"
        )
    if len(values) > len(names) and exercise.required is None:
        return {}, (
            f"it returns {_count(len(values))}; {len(names)} are expected, in this order: {listing}"
        )
    return dict(zip(names, values, strict=False)), ""


def _count(n):
    return "1 result" if n == 1 else f"{n} results"


def contract_fault(name, value, right):
    """Why a result cannot be compared, in words, and the kind of fault; both empty if it can."""
    if value is None:
        return f"{name} is None", ""
    if not hasattr(value, "dtype") and not isinstance(value, int | float):
        return f"{name} is a {type(value).__name__}; an array is expected", ""
    right = np.asarray(right)
    python_number = not hasattr(value, "dtype") and right.ndim == 0
    value = np.asarray(value)
    if value.shape != right.shape:
        return shape_words(name, value.shape, right.shape), ""
    if right.dtype == bool and value.dtype != bool:
        return dtype_words(name, value.dtype, right.dtype), DTYPE
    if value.dtype.kind == "f" and not np.isfinite(value).all() and np.isfinite(right).all():
        nan = np.isnan(value).any()
        return (
            f"{name} contains {'NaN' if nan else 'infinity'} where it should not: from "
            f"{'a division 0 / 0' if nan else 'a division by 0'}, the logarithm of "
            f"{'a negative number' if nan else '0'}, or an exponential that overflowed",
            NOT_FINITE,
        )
    if value.dtype != right.dtype and not python_number:
        wide = (value.dtype, right.dtype) == (np.float64, np.float32)
        return dtype_words(name, value.dtype, right.dtype), FLOAT64 if wide else DTYPE
    return "", ""


def shape_words(name, shape, right):
    """Describe a wrong shape in words: which axis was summed, kept or moved."""
    words = f"{name} has the shape {shape}; it should be {right}"
    if not right:
        mean = ": the mean over all of them" if name == "loss" else ""
        return f"{words}: one number for all entries together, not an array{mean}"
    if sorted(shape) == sorted(right):
        return f"{words}: the axes are in another order (a transpose)"
    if len(shape) < len(right):
        for axis in range(len(right)):
            if shape == right[:axis] + right[axis + 1 :]:
                return f"{words}: axis {axis} is gone (do not sum it, or use keepdims=True)"
    if len(shape) > len(right):
        for axis in range(len(shape)):
            if shape[:axis] + shape[axis + 1 :] == right:
                return f"{words}: your axis {axis} should be summed or squeezed"
        if right == shape[len(shape) - len(right) :]:
            return f"{words}: the leading axes should be summed (all tokens share it)"
    if len(shape) == len(right):
        axes = [i for i, (a, b) in enumerate(zip(shape, right, strict=True)) if a != b]
        if all(shape[i] == 1 for i in axes):
            return f"{words}: axis {axes[0]} is summed, or not yet broadcast"
        if all(right[i] == 1 for i in axes):
            return f"{words}: axis {axes[0]} should be summed, with keepdims=True"
    return words


def dtype_words(name, dtype, right):
    """Describe a wrong dtype in words."""
    words = f"{name} has the dtype {dtype}; it should be {right}"
    if (dtype, right) == (np.float64, np.float32):
        words += (
            ", like the arguments: np.zeros, np.empty, np.eye and random numbers are float64 "
            "unless you pass a dtype, and a NumPy scalar such as np.sqrt(64) turns float32 into "
            "float64 (64**0.5, a Python number, does not)"
        )
    if right.kind == "b":
        words += ": a mask is boolean, and True means that a key may be seen"
    return words


def describe_error(error, function):
    """Describe an error in words, with the line of the function in which it was raised."""
    words = error_words(error)
    words = f"it raises {words}{_lost_axis(words)}"
    code = getattr(function, "__code__", None)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if code is not None and frame.filename == code.co_filename:
            line = (frame.line or linecache.getline(frame.filename, frame.lineno)).strip()
            return f"{words}\n          in line {frame.lineno}: {printable(line, MAX_MESSAGE)}"
    return words


def _lost_axis(words):
    """A reminder of keepdims if an array lacks just one axis of the other."""
    found = re.findall(r"\(([\d,]+)\)", words)
    if "broadcast together" not in words or len(found) != 2:
        return ""
    small, large = sorted(([int(n) for n in text.split(",") if n] for text in found), key=len)
    if any(small == large[:axis] + large[axis + 1 :] for axis in range(len(large))):
        return ": a sum, mean or max along an axis needs keepdims=True here"
    return ""


def error_words(error):
    """The type and message of an error, on one line, with nothing that a terminal would obey."""
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown, because its __str__ fails)"
    return printable(f"{type(error).__name__}: {message}".strip(" :"), MAX_MESSAGE)


def printable(text, most=MAX_FAULT):
    """`text` on one line and cut to `most` characters, with unprintable characters escaped."""
    shown = " ".join(text[: 4 * most].split())
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown)
    if len(shown) <= most and len(text) <= 4 * most:
        return shown
    return f"{shown[:most]} ... ({len(text):,} characters)"
