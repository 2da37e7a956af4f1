"""From wrong numbers to the likely fault: particular mistakes first, then general patterns."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from minitransformer.exercises.calls import CannotTry, attempt
from minitransformer.gradcheck.diagnosis import diagnose
from minitransformer.gradcheck.fault import Fault, close


def name_fault(exercise, function, trials):
    """What is wrong, in words, from all trials of a function that is wrong."""
    failed = [trial for trial in trials if not trial.ok]
    if failed[0].fault:
        return failed[0].fault
    main = next((t for t in failed if t.gaps and t.case.label == "B = 3"), failed[0])
    ask = (exchanged_results, batch_factor, parts_wrong, known_mistake)
    for trial in dict.fromkeys((id(main), id(failed[0]))):
        trial = main if trial == id(main) else failed[0]
        for rule in ask:
            if words := rule(exercise, trial, trials):
                return words
    return pattern(exercise, function, main) or failed[0].case.blame or "no known pattern"


def exchanged_results(exercise, trial, trials):
    """Two results stand in each other's place."""
    names = list(trial.gaps)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if close(trial.values[one], trial.right[other]) and close(
                trial.values[other], trial.right[one]
            ):
                return f"{one} and {other} are exchanged: the order is {exercise.results}"
    return ""


def batch_factor(exercise, trial, trials):
    """Right for a batch of one, and wrong by the size of the batch otherwise."""
    ones = [t for t in trials if t.case.label.startswith("B = 1")]
    if not ones or not all(t.ok for t in ones) or trial.case.label != "B = 3":
        return ""
    for name in trial.gaps:
        value, right = trial.values[name], np.asarray(trial.right[name])
        for factor, words in (
            (1 / 3, "B times too small for B = 3: is the batch divided out twice?"),
            (3, "B times too large for B = 3: is the mean over the batch a sum?"),
        ):
            if close(value, factor * right):
                return f"{name} is right for B = 1, and {words}"
    return ""


def parts_wrong(exercise, trial, trials):
    """A result is a sum of terms, and one of them is missing, or has the wrong sign or factor."""
    if exercise.parts is None:
        return ""
    for name, terms in exercise.parts(trial.case.names).items():
        if name not in trial.gaps:
            continue
        basis = np.stack([np.broadcast_to(t, trial.right[name].shape).ravel()
                          for t in terms.values()], axis=1)
        target = trial.values[name].ravel()
        found, _, rank, _ = np.linalg.lstsq(basis, target, rcond=None)
        if rank < len(terms) or not close(basis @ found, target):
            continue
        if np.abs(found - found[0]).max() < 1e-6:
            continue  # one factor for all: not a matter of the terms
        words = [w for f, term in zip(found, terms, strict=True) if (w := _coefficient(f, term))]
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


def known_mistake(exercise, trial, trials):
    """The result is what a known mistake gives."""
    for words, compute in exercise.mistakes.items():
        try:
            made = compute(trial.case.names)
        except (ValueError, TypeError, IndexError, AttributeError, ArithmeticError):
            continue  # the mistake cannot be made in this case
        made = made if isinstance(made, dict) else {exercise.results[0]: made}
        for name, value in made.items():
            if name in trial.gaps and close(trial.values[name], np.asarray(value)):
                return words if len(exercise.results) == 1 else f"{name}: {words}"
    return ""


def pattern(exercise, function, trial):
    """What the rules of the gradient checker say of the first result that is wrong."""
    wrt = dict(zip(exercise.results, exercise.wrt or exercise.results, strict=True))
    for name in trial.gaps:
        fault = fault_of(exercise, function, trial, name, wrt)
        if words := diagnose(fault):
            return f"{name}: {words}"
    return ""


def fault_of(exercise, function, trial, name, wrt):
    """The wrong result as the checker's rules know it."""
    case = trial.case
    floating = {k: v for k, v in trial.right.items() if np.asarray(v).dtype.kind == "f"}

    def again(inputs):
        other = attempt(exercise, function, case.rebuild(inputs))
        ok = other.ok or (not other.fault and name not in other.gaps)
        return SimpleNamespace(row=lambda _: SimpleNamespace(ok=ok))

    def safely(inputs):
        try:
            return again(inputs)
        except (CannotTry, NotImplementedError) as error:
            raise ValueError(str(error)) from None

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
        again=safely,
    )
