"""Calling somebody's function, and what keeps its results from being compared."""

from __future__ import annotations

import copy
import inspect
import linecache
import traceback
from dataclasses import dataclass, field

import numpy as np

from minitransformer.gradcheck.pairs import as_tuple

TOLERANCE = {"f4": 1e-4, "f8": 1e-9}
DTYPE, NOT_FINITE = "dtype", "not finite"  # kinds of faults that are told apart
EMPTY = inspect.Parameter.empty


class CannotTry(Exception):
    """The function does not take an option that this case is about."""


@dataclass
class Trial:
    """What a function made of one case.

    `fault` says in words what keeps the results from being compared; `gaps` holds for each wrong
    result the worst place and both values there.
    """

    case: object
    fault: str = ""
    kind: str = ""
    values: dict = field(default_factory=dict)
    right: dict = field(default_factory=dict)
    gaps: dict = field(default_factory=dict)

    @property
    def ok(self):
        """Whether everything is right."""
        return not self.fault and not self.gaps


def attempt(exercise, function, case):
    """Call `function` on a copy of the case and compare with the twin.

    Raises
    ------
    NotImplementedError
        If the function is not written yet.
    CannotTry
        If it does not take an option that the case is about.
    """
    positional, options = bind(exercise, function, case)
    before = [_copy(value) for value in (*positional, *options.values())]
    given = [_copy(value) for value in before]
    n = len(positional)
    try:
        returned = function(*given[:n], **dict(zip(options, given[n:], strict=True)))
    except NotImplementedError:
        raise
    except (Exception, SystemExit) as error:
        return Trial(case, describe_error(error, function))
    trial = compare(exercise, case, returned)
    names = [*_required(exercise), *options]
    changed = [k for k, a, b in zip(names, before, given, strict=False) if not _same(a, b)]
    if changed and not trial.fault:
        trial.fault = (
            f"it writes into its argument {changed[0]}, which the caller still needs: make a new "
            "array instead of changing the one that came in (x = x - m, not x -= m)"
        )
    return trial


def bind(exercise, function, case):
    """Positional arguments, and options by keyword as far as the function takes them."""
    theirs = _parameters(function)
    positional = [case.arguments[name] for name in _required(exercise)]
    takes_all = any(p.kind is p.VAR_KEYWORD for p in theirs.values())
    options = {}
    for name, parameter in exercise.parameters.items():
        if parameter.default is EMPTY:
            continue
        if name in case.arguments:
            if takes_all or name in theirs:
                options[name] = case.arguments[name]
            elif name in case.about:
                raise CannotTry(name)
        elif name in theirs and theirs[name].default is EMPTY:
            options[name] = parameter.default
    return positional, options


def _required(exercise):
    return [name for name, p in exercise.parameters.items() if p.default is EMPTY]


def _parameters(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def compare(exercise, case, returned):
    """The trial that `returned` gives: a fault in words, or the results that differ."""
    right = dict(zip(exercise.results, expected(exercise, case), strict=False))
    values, fault = name_results(exercise, returned, right)
    trial = Trial(case, fault, values=values, right=right)
    if fault:
        return trial
    if exercise.judge:
        trial.fault = exercise.judge(case, values) or ""
        return trial
    for name, value in values.items():
        if not trial.fault:
            trial.fault, trial.kind = contract_fault(name, value, right[name])
    if not trial.fault:
        trial.values = {name: np.asarray(value) for name, value in values.items()}
        for name, value in trial.values.items():
            gap = worst_gap(value, right[name], case.tolerance)
            if gap is not None:
                trial.gaps[name] = gap
    return trial


def expected(exercise, case):
    """The twin's results."""
    arguments = {name: _copy(value) for name, value in case.arguments.items()}
    return as_tuple(exercise.twin(**arguments))[: len(exercise.results)]


def name_results(exercise, returned, right):
    """What was returned by name, and a fault in words if the number of results is wrong."""
    names = exercise.results
    listing = ", ".join(names)
    if returned is None:
        return {}, f"it returns None: is `return {listing}` missing?"
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
    """What keeps a result from being compared, in words, and its kind; empty if nothing does."""
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
        found = "NaN" if np.isnan(value).any() else "infinity"
        return (
            f"{name} holds {found} where it should not: a division 0 / 0, the logarithm of 0, or "
            "an exponential that overflowed",
            NOT_FINITE,
        )
    if value.dtype != right.dtype and not python_number:
        return dtype_words(name, value.dtype, right.dtype), DTYPE
    return "", ""


def shape_words(name, shape, right):
    """A wrong shape in words: which axis was summed, kept or moved."""
    words = f"{name} has the shape {shape}; it should be {right}"
    if sorted(shape) == sorted(right):
        return f"{words}: the axes stand in another order (a transpose)"
    if len(shape) < len(right):
        for axis in range(len(right)):
            if shape == right[:axis] + right[axis + 1 :]:
                return f"{words}: axis {axis} is gone (summed too much, or keepdims is missing)"
    if len(shape) > len(right):
        for axis in range(len(shape)):
            if shape[:axis] + shape[axis + 1 :] == right:
                return f"{words}: axis {axis} of yours should be summed, or squeezed"
        if right == shape[len(shape) - len(right) :]:
            return f"{words}: the leading axes should be summed (every token shares it)"
    if len(shape) == len(right):
        axes = [i for i, (a, b) in enumerate(zip(shape, right, strict=True)) if a != b]
        if all(shape[i] == 1 for i in axes):
            return f"{words}: axis {axes[0]} is summed, or not yet broadcast"
        if all(right[i] == 1 for i in axes):
            return f"{words}: axis {axes[0]} should be summed, with keepdims=True"
    return words


def dtype_words(name, dtype, right):
    """A wrong dtype in words."""
    words = f"{name} has the dtype {dtype}; it should be {right}"
    if (dtype, right) == (np.float64, np.float32):
        words += (
            ", as the arguments are: np.zeros without a dtype, or a NumPy scalar such as "
            "np.sqrt(64), makes float64 of float32 (x**0.5 of a Python number does not)"
        )
    if right == bool:
        words += ": a mask is boolean, True = may be seen"
    return words


def worst_gap(value, right, tolerance):
    """(place, value there, right value there) if they differ by more than rounding, else None."""
    right = np.asarray(right)
    if value.dtype.kind not in "fc":
        wrong = value != right
        if not wrong.any():
            return None
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        return place, value[place], right[place]
    if not right.size:
        return None
    tolerance = tolerance or TOLERANCE.get(right.dtype.str[1:], 1e-9)
    finite = np.isfinite(right)
    gap = np.where(finite, np.abs(value - np.where(finite, right, 0)), 0.0)
    gap = np.where(finite | (value == right), gap, np.inf)
    size = max(1.0, float(np.abs(right[finite]).max(initial=0)))
    if gap.max() <= tolerance * size:
        return None
    place = tuple(int(i) for i in np.unravel_index(gap.argmax(), gap.shape))
    return place, value[place], right[place]


def describe_error(error, function):
    """An error in words, with the line of the function where it came up."""
    words = f"it raises {type(error).__name__}: {error}"
    code = getattr(function, "__code__", None)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if code is not None and frame.filename == code.co_filename:
            line = (frame.line or linecache.getline(frame.filename, frame.lineno)).strip()
            return f"{words}\n          in line {frame.lineno}: {line}"
    return words


def _copy(value):
    if isinstance(value, np.random.Generator):
        return copy.deepcopy(value)
    if isinstance(value, tuple):
        parts = [_copy(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(x, y):
    if isinstance(x, tuple):
        return all(_same(a, b) for a, b in zip(x, y, strict=True))
    if isinstance(x, np.ndarray):
        return np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
    return True
