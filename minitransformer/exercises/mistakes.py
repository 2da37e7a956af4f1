"""Compare wrong results with those of the known mistakes of an exercise."""

import numpy as np


def known_mistake(exercise, trial, trials, only_everywhere=False):
    """Rule: a known mistake gives this result; if several do, take one that does in every case."""
    found = [
        (name, words, compute)
        for words, compute in exercise.mistakes.items()
        for name in trial.gaps or trial.values
        if _makes(exercise, compute, trial, name)
    ]
    everywhere = [
        (name, words, compute)
        for name, words, compute in found
        if all(_makes(exercise, compute, other, name) is not False for other in trials)
    ]
    for name, words, _ in everywhere if only_everywhere else everywhere or found:
        return words if len(exercise.results) == 1 else f"{name}: {words}"
    return ""


def _makes(exercise, compute, trial, name):
    """Whether a mistake gives this result; None if this cannot be decided."""
    try:
        made = compute(trial.case.names)
    except (ValueError, TypeError, IndexError, AttributeError, ArithmeticError):
        return None  # the mistake cannot be made in this case
    made = made if isinstance(made, dict) else {exercise.results[0]: made}
    if made.get(name) is None or name not in trial.values:
        return None
    value, right = np.asarray(trial.values[name]), np.asarray(trial.right[name])
    if np.float32 in (value.dtype, right.dtype):
        return None
    return alike(value, np.asarray(made[name]), right)


def alike(x, y, right):
    """Whether two results agree to nine digits, which is enough to notice a different eps.

    Entries that are infinite or NaN must be so in both: they say nothing about the size of the
    others.
    """
    if x.shape != y.shape or not x.size:
        return False
    if x.dtype.kind != "f" or y.dtype.kind not in "fiu":
        return np.array_equal(x, y)
    finite = np.isfinite(x) & np.isfinite(y)
    if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
        return False
    sizes = [np.abs(z[finite & np.isfinite(right)]).max(initial=0) for z in (x, y, right)]
    size = max(sizes[2], min(sizes[:2]))  # a mistake may be far too large
    return bool(np.abs(x[finite] - y[finite]).max(initial=0) <= 1e-9 * size)
