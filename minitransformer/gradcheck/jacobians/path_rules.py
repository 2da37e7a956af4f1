"""Rules that follow the paths of the forward pass: which one is lost, doubled, or at wrong values.

The derivative is a sum over the paths from the input to the outputs. A path that is cut, has the
wrong sign, or takes a local derivative at the wrong values leaves a difference that only this path
can explain.
"""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.fault import close
from minitransformer.gradcheck.jacobians.paths import MAX_USES, cut, paths, short

LINEAR = {"add", "subtract", "multiply", "divide", "negative", "add.reduce", "sqrt", "square", "[]"}


def path_lost(fault):
    """A use of a value is lost, has the wrong sign, or is counted twice."""
    return _path(fault, simple=True)


def path_scaled(fault):
    """A use of a value has a wrong factor."""
    return _path(fault, simple=False)


def _path(fault, simple):
    if (p := paths(fault)) is None:
        return None
    for source, uses in p.uses().items():
        if len(uses) > MAX_USES:
            continue
        through = [p.right - p.along(cut(at)) for at in uses]
        table = np.stack([part.ravel() for part in through], axis=1)
        alone = [close(part, p.right) for part in through]
        if np.linalg.matrix_rank(table, tol=1e-9 * np.abs(table).max()) < len(uses) or all(alone):
            continue
        factors = np.linalg.lstsq(table, p.gap.ravel(), rcond=None)[0]
        if not close((table @ factors).reshape(p.gap.shape), p.gap):
            continue
        wrong = [(at, 1 + f) for at, f in zip(uses, factors, strict=True) if abs(f) > 1e-6]
        is_simple = all(min(abs(f), abs(f + 1), abs(f - 2)) < 1e-6 for _, f in wrong)
        is_one = np.ptp([f for _, f in wrong]) <= 1e-6
        if is_simple is simple and (is_one or len(wrong) < 3):
            return _path_words(p, source, len(uses), wrong)
    return None


def _path_words(p, source, count, wrong):
    value = short(p.trace.texts[source])
    parts = [f"{_where(p.trace.steps[at[0]], at[1])} {_happens(factor)}" for at, factor in wrong]
    parts = list(dict.fromkeys(parts))[:2]
    used = f" ({value} is used {count} times)" if count > 1 else ""
    return f"the gradient that reaches {value} through {' and that through '.join(parts)}{used}"


def _where(step, slot):
    twice = step.sources.count(step.sources[slot]) > 1
    return short(step.words) + (f" (as its operand {slot + 1})" if twice else "")


def _happens(factor):
    if abs(factor) < 1e-6:
        return "is missing: this path is left out, or treated as constant"
    if abs(factor + 1) < 1e-6:
        return "has the wrong sign"
    if abs(factor - 2) < 1e-6:
        return "is counted twice"
    return f"is {factor:.4g} times the right one"


def wrong_value(fault):
    """A local derivative uses another value than in the forward pass."""
    if (p := paths(fault)) is None:
        return None
    values = dict(_values(p))
    for number, step in enumerate(p.trace.steps):
        if not any(np.iscomplexobj(x) and x.imag.any() for x in step.operands):
            continue
        for slot, operand in enumerate(step.operands):
            for node, value in values.items():
                if value.shape != operand.shape or close(value, operand.real):
                    continue
                if p.explains(_evaluated_at(number, slot, value)):
                    return (
                        f"in the derivative of {short(step.words)}, {short(p.trace.texts[node])} "
                        f"is used in place of {short(p.trace.texts[step.sources[slot]])}"
                    )
    return None


def _values(p):
    """(number, real part) of all values of the forward pass."""
    for step in p.trace.steps:
        for operand, source in zip(step.operands, step.sources, strict=True):
            yield source, operand.real
    last = p.trace.steps[-1].result
    if isinstance(last, np.ndarray):
        yield len(p.trace.texts) - 1, last.real


def _evaluated_at(at, slot, value):
    """The edit that takes the derivative of a step with one operand replaced."""

    def edit(number, call, operands):
        if number != at:
            return None
        moved = list(operands)
        moved[slot] = value + 1j * operands[slot].imag
        return np.real(call(*(x.real + 0j for x in operands))) + 1j * np.imag(call(*moved))

    return edit


def reduced_over_another_axis(fault):
    """A sum or mean on the way runs over another axis than in the forward pass."""
    if (p := paths(fault)) is None:
        return None
    for number, step in enumerate(p.trace.steps):
        if step.function != "add.reduce" or np.ndim(step.result) != step.operands[0].ndim:
            continue
        shape = step.operands[0].shape
        axes = [i for i, size in enumerate(shape) if np.shape(step.result)[i] != size]
        for axis in range(len(shape)) if len(axes) == 1 else ():
            for factor in {1.0, shape[axes[0]] / shape[axis]} if axis != axes[0] else ():
                if p.explains(_reduced(number, axis, factor)):
                    return (
                        f"in the derivative of {short(step.words)}, it sums (or averages) over "
                        f"axis {axis} instead of axis {axes[0]}"
                    )
    return None


def _reduced(at, axis, factor):
    """The edit that sums the derivatives over another axis."""

    def edit(number, call, operands):
        if number != at:
            return None
        moved = factor * np.imag(operands[0]).sum(axis=axis, keepdims=True)
        return np.real(call(*operands)) + 1j * moved

    return edit


def function_skipped(fault):
    """The gradient passes from one value to an earlier one as if there were nothing between."""
    if (p := paths(fault)) is None:
        return None
    flowing = [n for n, uses in p.uses().items()]
    steps = p.trace.steps
    for number, step in enumerate(steps):
        if not (np.iscomplexobj(step.result) and np.imag(step.result).any()) or isinstance(
            step.result, (tuple, list)
        ):
            continue
        for earlier in flowing:
            first = _first_use(p, earlier)
            if first is None or first[0] > number or first[2] != step.result.shape:
                continue
            if all(between.function in LINEAR for between in steps[first[0] : number + 1]):
                continue  # a factor, not a function
            if p.explains(_skipping(first, number)):
                if step.function == "where":
                    return (
                        f"the derivative of the branch {short(p.trace.texts[earlier])} is used "
                        "everywhere: the choice between the branches (where) is left out"
                    )
                return (
                    f"the gradient passes from {short(step.words)} to "
                    f"{short(p.trace.texts[earlier])} as if they were the same: the derivative of "
                    "the function between them is left out"
                )
    return None


def _first_use(p, source):
    for number, step in enumerate(p.trace.steps):
        if source in step.sources:
            slot = step.sources.index(source)
            return number, slot, step.operands[slot].shape
    return None


def _skipping(first, last):
    kept = {}

    def edit(number, call, operands):
        if number == first[0]:
            kept["tangent"] = operands[first[1]].imag
        if number != last:
            return None
        return np.real(call(*operands)) + 1j * kept["tangent"]

    return edit


FIRST = (path_lost,)
RULES = (function_skipped, wrong_value, reduced_over_another_axis)
LOOSE = (path_scaled,)
