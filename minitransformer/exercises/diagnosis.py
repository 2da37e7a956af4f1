"""Find the likely fault from wrong numbers: try known mistakes first, then general patterns."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np

from minitransformer.exercises.binding import CannotTry
from minitransformer.exercises.calls import attempt
from minitransformer.exercises.cases import BATCH, BATCH_OF_ONE
from minitransformer.exercises.contract import DTYPE, NOT_FINITE
from minitransformer.exercises.mistakes import alike, known_mistake
from minitransformer.exercises.other_calls import exchanged_arguments, other_default
from minitransformer.gradcheck import rules_rerun, rules_terms, rules_values
from minitransformer.gradcheck.factors import LETTERS
from minitransformer.gradcheck.fault import Fault, close

# Rules for results that are not gradients, rules for gradients, and then less specific patterns.
FORWARD = (*rules_values.EXACT, *rules_rerun.RULES)
BACKWARD = (*FORWARD, *rules_terms.RULES)
LOOSE = rules_values.LOOSE


def name_fault(exercise, function, trials):
    """What is wrong, in words, from all trials of a wrong function.

    Wrong numbers reveal more than a wrong dtype, and the case with a batch reveals more than the
    small cases, so they are considered first.
    """
    failed = [trial for trial in trials if not trial.ok]
    first = next((trial for trial in failed if trial.gaps or trial.kind != DTYPE), failed[0])
    if words := other_default(exercise, function, trials):
        return words
    if first.kind == NOT_FINITE:
        known = known_mistake(exercise, first, trials, only_everywhere=True) or first.case.blame
        return f"{known} ({first.fault})" if known else first.fault
    wrong = [trial for trial in failed if trial.gaps]
    if first.fault:
        words = _results_by_value(exercise, first)
        for trial in wrong:
            words = words or exchanged_results(exercise, trial, trials)
            words = words or known_mistake(exercise, trial, trials)
        if words := words or exchanged_arguments(exercise, function, trials):
            return f"{words}; in some cases, {first.fault}"
        return first.fault
    if first.case.sure:
        return first.case.blame
    main = next((trial for trial in wrong if trial.case.label == BATCH.label), wrong[0])
    for trial in (main, *(trial for trial in wrong if trial is not main)):
        for rule in (exchanged_results, batch_factor, known_mistake):
            if words := rule(exercise, trial, trials):
                return words
        if trial is main and (words := parts_wrong(exercise, trial)):
            return words  # in a small case, wrong terms often fit by chance
    words = exchanged_arguments(exercise, function, trials) or single_precision(failed)
    return words or pattern(exercise, function, main, first) or "no known pattern"


def exchanged_results(exercise, trial, trials):
    """Rule: two results are exchanged."""
    names = list(trial.gaps)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if close(trial.values[one], trial.right[other]) and close(
                trial.values[other], trial.right[one]
            ):
                return f"{one} and {other} are exchanged: the order is {_listed(exercise)}"
    return ""


def _listed(exercise):
    return ", ".join(exercise.results)


def _results_by_value(exercise, trial):
    """Rule: two results of different shapes are exchanged."""
    values = {k: v for k, v in trial.values.items() if hasattr(v, "dtype")}
    for one, other in combinations(values, 2):
        right = np.asarray(trial.right[one]), np.asarray(trial.right[other])
        if values[one].shape != right[1].shape or values[other].shape != right[0].shape:
            continue
        if close(values[one], right[1]) and close(values[other], right[0]):
            return f"{one} and {other} are exchanged: the order is {_listed(exercise)}"
    return ""


def single_precision(failed):
    """Rule: all results are right to the seven digits of float32."""
    for trial in failed:
        for name in trial.gaps:
            value, right = np.asarray(trial.values[name]), np.asarray(trial.right[name])
            if value.dtype != np.float64 or not np.isfinite(right).all():
                return ""
            if np.abs(value - right).max() > 1e-6 * np.abs(right).max():
                return ""
    return (
        "right to about 7 digits: computed in float32 (or rounded), but the arguments are float64"
    )


def batch_factor(exercise, trial, trials):
    """Rule: a result is right for a batch of one, otherwise wrong by a factor of the batch size."""
    ones = [t for t in trials if t.case.label == BATCH_OF_ONE.label]
    if not ones or not all(t.ok for t in ones) or trial.case.label != BATCH.label:
        return ""
    for name in trial.gaps:
        value, right = trial.values[name], np.asarray(trial.right[name])
        for factor, words in (
            (1 / 3, "B times too small for B = 3: is it divided by the batch size twice?"),
            (3, "B times too large for B = 3: is it a sum over the batch instead of a mean?"),
        ):
            if close(value, factor * right):
                return f"{name} is right for B = 1, and {words}"
    return ""


def parts_wrong(exercise, trial):
    """Rule: in a result that is a sum, terms are missing or have a wrong sign or factor."""
    if exercise.parts is None:
        return ""
    try:
        parts = exercise.parts(trial.case.names)
    except (ValueError, TypeError, IndexError, AttributeError, ArithmeticError):
        return ""
    for name, terms in parts.items():
        if name not in trial.gaps:
            continue
        shape = trial.right[name].shape
        basis = np.stack([np.broadcast_to(t, shape).ravel() for t in terms.values()], axis=1)
        target = trial.values[name].ravel()
        if target.size < 3 * len(terms):
            continue  # a few numbers can be made of any terms
        found, _, rank, _ = np.linalg.lstsq(basis, target, rcond=None)
        if rank < len(terms) or not alike(target, basis @ found, trial.right[name].ravel()):
            continue
        if np.abs(found - found[0]).max() < 1e-6:
            continue  # the same factor for all terms, so the fault is not in one term
        words = [_coefficient(f, term, shape) for f, term in zip(found, terms, strict=True)]
        words = [w for w in words if w]
        if words:
            return f"{name}: {'; '.join(words)}"
    return ""


def _coefficient(found, term, shape):
    if abs(found - 1) < 1e-6:
        return ""
    if abs(found) < 1e-6:
        return f"the term {term} is missing"
    if abs(found + 1) < 1e-6:
        return f"the term {term} has the wrong sign"
    words = f"the term {term} is {found:.4g} times what it should be"
    for size, letter in zip(shape[::-1], LETTERS.get(len(shape), "")[::-1], strict=False):
        if size > 1 and abs(found * size - 1) < 1e-6:
            return f"{words}: a mean in place of a sum (1/{size} = 1/{letter})"
        if size > 1 and abs(found - size) < 1e-6 * size:
            return f"{words}: a sum in place of a mean ({size} = {letter})"
    return words


def pattern(exercise, function, trial, first):
    """What the rules of the gradient checker, and the case itself, say about the wrong results.

    What the case says holds only if no case of another kind, such as `first`, failed before it.
    """
    blame = trial.case.blame if trial.case.blame == first.case.blame else ""
    wrt = dict(zip(exercise.results, exercise.wrt or exercise.results, strict=True))
    backward = bool(exercise.wrt)
    rules = [*(BACKWARD if backward else FORWARD), lambda _: blame, *LOOSE]
    names = [name for name in trial.gaps if np.asarray(trial.right[name]).dtype.kind == "f"]
    faults = {name: fault_of(exercise, function, trial, name, wrt) for name in names}
    for rule in rules:
        for name, fault in faults.items():
            if words := rule(fault):
                words = words if backward else words.replace("the gradient", "the result")
                return words if len(exercise.results) == 1 else f"{name}: {words}"
    return blame


def fault_of(exercise, function, trial, name, wrt):
    """The wrong result, in the form that the rules of the gradient checker take."""
    case = trial.case
    floating = {k: v for k, v in trial.right.items() if np.asarray(v).dtype.kind == "f"}

    def again(inputs):
        try:
            other = attempt(exercise, function, case.rebuild(inputs))
        except (CannotTry, NotImplementedError) as error:
            raise ValueError(str(error)) from None  # the rule does not apply
        ok = other.ok or (not other.fault and name not in other.gaps)
        return SimpleNamespace(row=lambda _: SimpleNamespace(ok=ok))

    backward = bool(exercise.wrt)
    return Fault(
        name=wrt[name],
        a=np.asarray(trial.values[name], float),
        n=np.asarray(trial.right[name], float),
        inputs=case.inputs if backward else {**case.inputs, **trial.right},
        outputs=case.outputs,
        upstream=case.upstream,
        oracles={wrt[k]: np.asarray(v) for k, v in floating.items()},
        right=frozenset(wrt[k] for k in trial.right if k not in trial.gaps),
        again=again,
    )
