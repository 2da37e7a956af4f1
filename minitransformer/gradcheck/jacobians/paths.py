"""The paths of a forward pass from an input to the outputs, which can be cut or changed."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.fault import close
from minitransformer.gradcheck.jacobians.jacobian import ERRORS
from minitransformer.gradcheck.jacobians.traced import Trace

STEP = 1e-20
DIRECTIONS = 5
MAX_STEPS = 60  # longer forward passes are not followed
MAX_RUNS = 1500
MAX_USES = 6
MAX_TEXT = 60  # characters of an expression in a message
FACTORS = {"multiply", "divide", "power"}
MAXIMA = {"maximum.reduce", "amax", "max"}


class Paths:
    """The forward pass of a fault, run along random directions with single steps changed."""

    def __init__(self, fault):
        j = fault.jacobian
        self.fault, self.forward = fault, j.forward
        self.directions = np.random.default_rng(6).standard_normal((DIRECTIONS, *j.x.shape))
        self.runs, self.still = 0, frozenset()
        self.trace = Trace()
        self.run(self.trace, self.directions[0])
        if len(self.trace.steps) > MAX_STEPS:
            raise ValueError("too many steps")
        right, claimed = (
            np.stack([m @ v.ravel() for v in self.directions]) for m in (j.right, j.claimed)
        )
        self.right, self.gap = right, claimed - right
        self._leave_out_shifts()

    def _leave_out_shifts(self):
        """Treat a maximum that is only subtracted against overflow as constant."""
        steps = enumerate(self.trace.steps)
        largest = frozenset(number for number, step in steps if step.function in MAXIMA)
        if largest and close(self.along(None, still=largest), self.right):
            self.still = largest
            self.trace = Trace(still=largest)
            self.run(self.trace, self.directions[0])

    def run(self, trace, direction):
        """The derivative of the outputs along a direction, in a run that `trace` follows."""
        j, name = self.fault.jacobian, self.fault.name
        values = {}
        for key, value in self.fault.arrays("f").items():
            moved = value + (1j * STEP * direction if key == name else 0j)
            values[key] = trace.value(moved, key)
        return np.imag(self.forward(values)).reshape(j.y.size) / STEP

    def along(self, edit, count=DIRECTIONS, moving=True, still=None):
        """Derivatives along the first directions, (count, outputs), with an edited step.

        If `moving` is False, the input does not move, only what the edit adds.
        """
        self.runs += count
        if self.runs > MAX_RUNS:
            raise ValueError("too many runs")
        still = self.still if still is None else still
        return np.stack([self.run(Trace(edit, still), moving * v) for v in self.directions[:count]])

    def explains(self, edit):
        """Whether the claimed Jacobian is that of the forward pass with an edited step."""
        try:
            first = self.along(edit, 1) - self.right[:1]
            if not close(first, self.gap[:1]):
                return False
            return close(self.along(edit) - self.right, self.gap)
        except (ValueError, TypeError, IndexError):
            if self.runs > MAX_RUNS:
                raise
            return False

    def uses(self):
        """(value, [(step, slot), ...]) for every value through which a derivative flows."""
        found = {}
        for number, step in enumerate(self.trace.steps):
            for slot, (operand, source) in enumerate(zip(step.operands, step.sources, strict=True)):
                if np.iscomplexobj(operand) and operand.imag.any():
                    found.setdefault(source, []).append((number, slot))
        return found


def paths(fault):
    """The paths of a fault; None if its forward pass cannot be followed."""
    if fault.jacobian.forward is None or not fault.jacobian.difference.any():
        return None
    try:
        found = Paths(fault)
    except ERRORS:
        return None
    return found if found.trace.steps else None


def short(text):
    """A text that is too long, without its middle."""
    half = MAX_TEXT // 2
    return text if len(text) <= MAX_TEXT else f"{text[:half]} ... {text[-half:]}"


def cut(at):
    """The edit that treats one operand of a step as constant."""

    def edit(number, call, operands):
        if number != at[0]:
            return None
        operands = list(operands)
        operands[at[1]] = operands[at[1]].real + 0j
        return call(*operands)

    return edit


def constants(fault):
    """(value, words) of the numbers that the forward pass multiplies or divides by."""
    if fault.jacobian is None or (p := paths(fault)) is None:
        return []
    found = {}
    for step in p.trace.steps:
        for value in step.constants if step.function in FACTORS else ():
            if step.function == "divide" and value and step.words.endswith(f"/ {value:.4g}"):
                found[1 / value] = f"1 / {value:.4g} (in {short(step.words)})"
            else:
                found[abs(value)] = f"{abs(value):.4g} (in {short(step.words)})"
    return [(value, words) for value, words in found.items() if value not in (0, 1)]
