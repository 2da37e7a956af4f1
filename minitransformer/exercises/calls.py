"""Call the learner's function on a case, and compare its results with those of the package."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from minitransformer.exercises.binding import bind, required
from minitransformer.exercises.contract import (
    FLOAT64,
    contract_fault,
    describe_error,
    name_results,
)
from minitransformer.gradcheck.arguments import as_tuple

TOLERANCE = {"f4": 1e-4, "f8": 1e-9}


@dataclass
class Trial:
    """The results of a function on one case.

    `fault` says in words why the results cannot be compared. `gaps` gives, for each wrong result,
    the place of the largest error and the values of both functions there. `wide` says in words
    which result is float64 although the arguments are float32.
    """

    case: object
    fault: str = ""
    kind: str = ""
    values: dict = field(default_factory=dict)
    right: dict = field(default_factory=dict)
    gaps: dict = field(default_factory=dict)
    wide: str = ""

    @property
    def ok(self):
        """Whether all results are right."""
        return not self.fault and not self.gaps


def attempt(exercise, function, case):
    """Call `function` on a copy of the case, and compare its results with those of the twin.

    Raises
    ------
    NotImplementedError
        If the function is not written yet.
    CannotTry
        If the function does not take an option that the case tests.
    """
    positional, options = bind(exercise, function, case)
    before = [_copy(value) for value in (*positional, *options.values())]
    given = [_copy(value) for value in before]
    n = len(positional)
    try:
        returned = function(*given[:n], **dict(zip(options, given[n:], strict=True)))
    except NotImplementedError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a learner's function may raise anything
        return Trial(case, describe_error(error, function))
    trial = compare(exercise, case, returned)
    if exercise.judge and not trial.fault:
        try:
            again = partial(_again, exercise, function, case)
            trial.fault = exercise.judge(case, trial.values, again) or ""
        except Exception as error:  # from the learner's code, which the judge calls again
            trial.fault = describe_error(error, function)
    names = [*required(exercise), *options]
    changed = [k for k, a, b in zip(names, before, given, strict=False) if not _same(a, b)]
    if changed and not trial.fault:
        trial.fault = (
            f"it writes into its argument {changed[0]}, which the caller still needs: make a new "
            "array instead of changing the argument (x = x - m, not x -= m)"
        )
    return trial


def _again(exercise, function, case, **changes):
    """The results of `function` by name, for arguments of which some are changed."""
    arguments = {name: _copy(value) for name, value in case.arguments.items()}
    changed = replace(case, arguments={**arguments, **changes})
    positional, options = bind(exercise, function, changed)
    returned = function(*positional, **options)
    return dict(zip(exercise.results, as_tuple(returned), strict=False))


def compare(exercise, case, returned):
    """The trial of the results that were `returned`: a fault in words, or the wrong results."""
    right = dict(zip(exercise.results, expected(exercise, case), strict=False))
    if right[exercise.results[0]] is None:
        return Trial(case, "" if returned is None else case.blame)
    values, fault = name_results(exercise, returned, right)
    trial = Trial(case, fault, values=values, right=right)
    if fault:
        return trial
    if exercise.judge:
        return trial
    for name, value in values.items():
        if not trial.fault:
            fault, kind = contract_fault(name, value, right[name])
            if kind == FLOAT64 and "dtype" not in case.arguments:
                trial.wide = trial.wide or fault
            else:
                trial.fault, trial.kind = fault, kind
    if not trial.fault:
        trial.values = {name: np.asarray(value) for name, value in values.items()}
        for name, value in trial.values.items():
            gap = worst_gap(value, right[name], case.tolerance)
            if gap is not None:
                trial.gaps[name] = gap
    return trial


def expected(exercise, case):
    """The results of the twin, which are right."""
    arguments = {name: _copy(value) for name, value in case.arguments.items()}
    return as_tuple(exercise.twin(**arguments))[: len(exercise.results)]


def worst_gap(value, right, tolerance):
    """The largest error, as (place, value, right value), or None if it is only rounding."""
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


def _copy(value):
    if isinstance(value, np.random.Generator):
        return copy.deepcopy(value)
    if isinstance(value, tuple | list):
        parts = [_copy(part) for part in value]
        if isinstance(value, list):
            return parts
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(x, y):
    if isinstance(x, tuple | list):
        return len(x) == len(y) and all(_same(a, b) for a, b in zip(x, y, strict=True))
    if isinstance(x, np.ndarray):
        return np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
    return True
