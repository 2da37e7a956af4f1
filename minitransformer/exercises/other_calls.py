"""Faults that go away if the function is called in another way: another order, another default."""

from functools import partial, wraps
from itertools import combinations

from minitransformer.exercises.binding import EMPTY, CannotTry, parameters_of, required
from minitransformer.exercises.calls import attempt


def exchanged_arguments(exercise, function, trials):
    """Rule: the function is right if two of its arguments are exchanged."""
    names = required(exercise)
    for i, j in combinations(range(len(names)), 2):
        if _all_right(exercise, _exchanged(function, i, j), trials):
            return (
                f"{names[i]} and {names[j]} are exchanged among the parameters: the order is "
                f"{', '.join(names)}"
            )
    return ""


def _exchanged(function, i, j):
    @wraps(function)
    def called(*args, **kwargs):
        args = list(args)
        args[i], args[j] = args[j], args[i]
        return function(*args, **kwargs)

    return called


def other_default(exercise, function, trials):
    """Rule: the function is right if an option has the template's default."""
    own = parameters_of(function)
    by_place = dict(zip(exercise.parameters, own, strict=False))
    for name, template in exercise.parameters.items():
        theirs = name if name in own else by_place.get(name)
        if template.default is EMPTY or theirs is None or own[theirs].default is EMPTY:
            continue
        if theirs != name and theirs in exercise.parameters:
            continue
        if own[theirs].default is template.default or own[theirs].default == template.default:
            continue
        if _all_right(exercise, partial(function, **{theirs: template.default}), trials):
            return (
                f"the default of {theirs} must be {template.default}, got {own[theirs].default!r}"
            )
    return ""


def _all_right(exercise, function, trials):
    failed_first = sorted(trials, key=lambda trial: trial.ok)
    try:
        return all(attempt(exercise, function, trial.case).ok for trial in failed_first)
    except (CannotTry, NotImplementedError):
        return False
