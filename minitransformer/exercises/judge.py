"""The check of one function, which tries every case and names the fault in the verdict."""

from __future__ import annotations

import io
import warnings
from contextlib import nullcontext, redirect_stdout

import numpy as np

from minitransformer.exercises.binding import CannotTry, missing_option, not_passed
from minitransformer.exercises.calls import attempt
from minitransformer.exercises.diagnosis import name_fault
from minitransformer.exercises.verdict import (
    NOT_WRITTEN,
    RIGHT,
    RIGHT_BUT_FLOAT64,
    WRONG,
    Verdict,
)


def judge(exercise, function, seed=0):
    """Try `function` on all cases of `exercise`.

    Parameters
    ----------
    exercise : Exercise
        The exercise that `function` is meant to solve.
    function : callable
        The function to check. The verdict on any other object is "wrong".
    seed : int
        Seed of the random inputs.

    Returns
    -------
    Verdict
    """
    if not callable(function):
        kind = type(function).__name__
        return Verdict(exercise.name, WRONG, f"it must be a function, got {kind}")
    trials, untried = [], []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            for case in exercise.draw(np.random.default_rng(seed)):
                try:
                    with _output(shown=not trials):
                        trials.append(attempt(exercise, function, case))
                except CannotTry as missing:
                    untried.append(str(missing))
            with _output(shown=False):
                return _verdict(exercise, function, trials, untried)
        except NotImplementedError:
            return Verdict(exercise.name, NOT_WRITTEN)


def _output(shown):
    """Show what the learner's function prints, or drop it: one case is enough to read."""
    return nullcontext() if shown else redirect_stdout(io.StringIO())


def _verdict(exercise, function, trials, untried):
    limits = tuple(_limit(trial) for trial in trials if trial.case.limit and not trial.ok)
    trials = [trial for trial in trials if not trial.case.limit]
    missing = [name for name in dict.fromkeys(untried) if name in exercise.needed]
    good = tuple(trial.case.label for trial in trials if trial.ok)
    bad = tuple(trial.case.label for trial in trials if not trial.ok)
    if bad:
        fault = missing_option(exercise, function, trials)
        fault = fault or name_fault(exercise, function, trials)
        elsewhere = any(trial.fault and trial.fault in fault for trial in trials)
        place = "" if elsewhere else _place(trials)
        return Verdict(exercise.name, WRONG, fault, good, bad, place)
    if missing:
        option = missing[0].partition("=")[0]
        fault = f"it has no parameter `{option}`, which this exercise is about"
        fault += not_passed(exercise, function)
        return Verdict(exercise.name, WRONG, fault, good, tuple(missing))
    if absent := _absent(exercise, trials):
        kept = [name for name in exercise.results if name not in absent]
        fault = (
            f"{_listed(kept)} right, but {_listed(absent)} missing: return "
            f"{', '.join(exercise.results)}"
        )
        return Verdict(exercise.name, WRONG, fault, good, tuple(absent))
    wide = next((trial.wide for trial in trials if trial.wide), "")
    state = RIGHT_BUT_FLOAT64 if wide else RIGHT
    untried = tuple(dict.fromkeys(untried))
    return Verdict(exercise.name, state, wide, right=good, untried=untried, limits=limits)


def _absent(exercise, trials):
    """The results of the exercise that the function does not return."""
    seen = set().union(*(trial.values for trial in trials))
    return [] if exercise.judge else [name for name in exercise.results if name not in seen]


def _listed(names):
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _limit(trial):
    why = trial.case.blame or trial.fault or f"{', '.join(trial.gaps)} is wrong"
    return f"{trial.case.label}: {why.splitlines()[0]}"


def _place(trials):
    for trial in trials:
        for name, (place, yours, right) in trial.gaps.items():
            where = f"{name}[{', '.join(map(str, place))}]" if place else name
            label = f" where {trial.case.label}"
            yours, right = _numbers(yours, right)
            return f"{where}{label}: yours is {yours}, right is {right}"
    return ""


def _numbers(*values):
    """The values in words, with as many digits as it takes to tell them apart."""
    if any(np.asarray(x).dtype.kind != "f" for x in values):
        return [str(x) for x in values]
    for digits in (6, 9, 12, 17):
        shown = [f"{float(x):.{digits}g}" for x in values]
        if shown[0] != shown[1]:
            break
    return shown
