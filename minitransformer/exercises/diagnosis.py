"""Find the likely fault from wrong numbers: try known mistakes first, then general patterns."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from minitransformer.exercises.binding import CannotTry
from minitransformer.exercises.calls import attempt
from minitransformer.exercises.cases import BATCH, BATCH_OF_ONE
from minitransformer.exercises.contract import DTYPE, NOT_FINITE
from minitransformer.gradcheck import rules_rerun, rules_terms, rules_values
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
    if first.kind == NOT_FINITE:
        known = known_mistake(exercise, first, trials, only_everywhere=True) or first.case.blame
        return f"{known} ({first.fault})" if known else first.fault
    if first.fault or first.case.sure:
        return first.fault or first.case.blame
    wrong = [trial for trial in failed if trial.gaps]
    main = next((trial for trial in wrong if trial.case.label == BATCH.label), wrong[0])
    for trial in (main, *(trial for trial in wrong if trial is not main)):
        for rule in (exchanged_results, batch_factor, known_mistake):
            if words := rule(exercise, trial, trials):
                return words
        if trial is main and (words := parts_wrong(exercise, trial)):
            return words  # in a small case, wrong terms often fit by chance
    return pattern(exercise, function, main) or "no known pattern"


def exchanged_results(exercise, trial, trials):
    """Rule: two results are exchanged."""
    names = list(trial.gaps)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if close(trial.values[one], trial.right[other]) and close(
                trial.values[other], trial.right[one]
            ):
                return f"{one} and {other} are exchanged: the order is {exercise.results}"
    return ""


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
        if rank < len(terms) or not _alike(target, basis @ found, trial.right[name].ravel()):
            continue
        if np.abs(found - found[0]).max() < 1e-6:
            continue  # the same factor for all terms, so the fault is not in one term
        words = [w for f, term in zip(found, terms, strict=True) if (w := _coefficient(f, term))]
        if words:
            return f"{name}: {'; '.join(words)}"
    return ""


def _coefficient(found, term):
    if abs(found - 1) < 1e-6:
        return ""
    if abs(found) < 1e-6:
        return f"the term {term} is missing"
    if abs(found + 1) < 1e-6:
        return f"the term {term} has the wrong sign"
    return f"the term {term} is {found:.4g} times what it should be"


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
    return _alike(value, np.asarray(made[name]), right)


def _alike(x, y, right):
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


def pattern(exercise, function, trial):
    """What the rules of the gradient checker, and the case itself, say about the wrong results."""
    wrt = dict(zip(exercise.results, exercise.wrt or exercise.results, strict=True))
    backward = bool(exercise.wrt)
    rules = [*(BACKWARD if backward else FORWARD), lambda _: trial.case.blame, *LOOSE]
    names = [name for name in trial.gaps if np.asarray(trial.right[name]).dtype.kind == "f"]
    faults = {name: fault_of(exercise, function, trial, name, wrt) for name in names}
    for rule in rules:
        for name, fault in faults.items():
            if words := rule(fault):
                words = words if backward else words.replace("the gradient", "the result")
                return words if len(exercise.results) == 1 else f"{name}: {words}"
    return trial.case.blame


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
