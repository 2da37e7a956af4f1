"""A rule for a wrong factor inside the forward pass: one for each entry of a value on the way."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.fault import close
from minitransformer.gradcheck.jacobians.expressions import name
from minitransformer.gradcheck.jacobians.paths import STEP, paths, short
from minitransformer.gradcheck.jacobians.traced import Trace, bracketed

MAX_SIZE = 64  # entries of a value on the way
MAX_NAMED = 6  # values of which functions are tried


def factor_on_the_way(fault):
    """What flows through one step is multiplied by a wrong factor at each entry."""
    if (p := paths(fault)) is None or p.fault.jacobian.x.size > MAX_SIZE:
        return None
    arriving = _arriving(p)
    found = []
    for at, tangents in arriving.items():
        step, slot = p.trace.steps[at[0]], at[1]
        table = _table(p, at, tangents)
        used = np.abs(table).max(axis=0) > 1e-12 * np.abs(table).max()
        table = table[:, used]
        value = short(p.trace.texts[step.sources[slot]])
        start = f"the gradient that reaches {value} from {short(step.words)}"
        arrays = _arrays(p, step, step.operands[slot].shape)
        arrays = {key: values[used] for key, values in arrays.items()}
        for words in _named(p.fault.jacobian.difference.ravel(), table, arrays):
            found.append((len(words), -at[0], f"{start} {words}"))
    return min(found)[2] if found else None


def _named(gap, table, arrays):
    """Words for the factor at each entry: a value of the forward pass, or a function of one."""
    for key, values in arrays.items():
        if np.ptp(values) and values.all():
            if close(table @ (1 / values - 1), gap):
                yield f"lacks the factor {short(key)}"
            if close(table @ (values - 1), gap):
                yield f"has a factor {short(key)} too much"
    if np.linalg.matrix_rank(table) < table.shape[1]:
        return
    factors = 1 + np.linalg.lstsq(table, gap, rcond=None)[0]
    if close(table @ (factors - 1), gap):
        for key in list(arrays)[:MAX_NAMED]:
            if words := _function(factors, key, arrays[key]):
                yield words


def _arriving(p):
    """The derivative of each operand on the way by each entry of the input, by step and slot."""
    x = p.fault.jacobian.x
    found = {}
    for unit in np.eye(x.size).reshape(x.size, *x.shape):
        trace = Trace(still=p.still)
        p.run(trace, unit)
        for number, step in enumerate(trace.steps):
            for slot, operand in enumerate(step.operands):
                if 2 <= operand.size <= MAX_SIZE:
                    tangent = np.imag(operand).ravel() / STEP
                    found.setdefault((number, slot), []).append(tangent)
    return {at: np.stack(rows, axis=1) for at, rows in found.items() if np.any(rows)}


def _table(p, at, tangents):
    """What each entry of an operand contributes to the Jacobian, (outputs * inputs, entries)."""
    shape = p.trace.steps[at[0]].operands[at[1]].shape
    columns = [_from(p, at, unit.reshape(shape)) for unit in np.eye(len(tangents))]
    return np.stack([np.outer(b, a).ravel() for b, a in zip(columns, tangents, strict=True)], 1)


def _from(p, at, tangent):
    """The derivative of the outputs by one operand, along a direction."""

    def edit(number, call, operands):
        if number != at[0]:
            return None
        operands = list(operands)
        operands[at[1]] = operands[at[1]].real + 1j * STEP * tangent
        return call(*operands)

    return p.along(edit, 1, moving=False)[0]


def _arrays(p, step, shape):
    """The values near the step that fit its operand, by name."""
    found = {}
    for other in (step, *reversed(p.trace.steps)):
        for operand, source in zip(other.operands, other.sources, strict=True):
            found.setdefault(p.trace.texts[source], operand.real)
        if isinstance(other.result, np.ndarray):
            found.setdefault(other.words, np.real(other.result))
    found = {
        key: np.broadcast_to(value, shape).ravel()
        for key, value in found.items()
        if value.ndim == len(shape)
        and all(size in (1, full) for size, full in zip(value.shape, shape, strict=True))
    }
    return {bracketed(key): found[key] for key in sorted(found, key=len)}


def _function(factors, key, values):
    """Words for a factor that is a function of a value."""
    with np.errstate(all="ignore"):
        inverse = 1 / factors
    arrays = {key: values}
    found = name(factors, arrays)
    missing = name(inverse, arrays) if np.isfinite(inverse).all() else None
    if missing and (not found or "1 / " in found or len(missing) < len(found)):
        return f"lacks the factor {missing}"
    if found and found.count(" / ") == 1 and not found.startswith("1 / "):
        return "has {} where {} belongs".format(*found.split(" / "))
    return f"has a factor {found} too much" if found else None


RULES = (factor_on_the_way,)
