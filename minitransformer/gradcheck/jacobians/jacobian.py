"""Builds both Jacobians of one input: from the forward pass, and from the backward pass."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MAX_SIZE = 40_000  # entries of a Jacobian
MAX_PASSES = 400  # forward or backward passes for one Jacobian
STEP, WIDTH = 1e-20, 2.0**-12
CLOSE = 1e-6  # precision to which a pattern must explain a Jacobian
ERRORS = (ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError)


@dataclass(frozen=True)
class Jacobian:
    """The derivatives of all outputs by one input.

    Attributes
    ----------
    right, claimed : arrays of shape (outputs, inputs)
        From the forward pass, and from the backward pass with unit upstream gradients.
    constant : array of shape (inputs,)
        What the backward pass returns for an upstream gradient of 0.
    y, x : arrays
        The outputs (flattened if there are several) and the input.
    backward : callable
        ``backward(dy)`` -> flat gradient, for a flat upstream gradient.
    times : callable
        ``times(inputs, v)`` -> the right Jacobian at other inputs times `v`, an array of the shape
        of `x`; None if they do not fit.
    forward : callable or None
        ``forward(values)`` -> the flat outputs, if the complex step can be used.
    """

    right: np.ndarray
    claimed: np.ndarray
    constant: np.ndarray
    y: np.ndarray
    x: np.ndarray
    backward: Callable
    times: Callable
    forward: Callable | None = None

    @property
    def size(self):
        """The largest entry of both Jacobians."""
        return max(np.abs(self.right).max(), np.abs(self.claimed).max())

    @property
    def difference(self):
        """The claimed Jacobian minus the right one; 0 where they agree."""
        gap = self.claimed - self.right
        return np.where(np.abs(gap) <= CLOSE * self.size, 0.0, gap)

    def nonzero(self, matrix):
        """Where `matrix` is not 0 up to rounding."""
        return np.abs(matrix) > 1e-9 * self.size

    def same(self, a, b):
        """Whether two Jacobians agree, relative to the largest entry of both."""
        size = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
        return bool(a.shape == b.shape and 0 < size and np.abs(a - b).max() <= CLOSE * size)

    @property
    def is_elementwise(self):
        """Whether every output depends on the input at the same place only, in both Jacobians."""
        if self.y.shape != self.x.shape or not self.x.size:
            return False
        off = ~np.eye(self.x.size, dtype=bool)
        return not (self.nonzero(self.right)[off].any() or self.nonzero(self.claimed)[off].any())


def build(problem, name, inputs, run, n, analytic):
    """Both Jacobians of the variable `name`; None if they are too large, or cannot be built.

    Parameters
    ----------
    problem : Problem
    name : str
    inputs : dict
        All inputs by name.
    run : callable or None
        ``run(inputs)`` -> tuple of outputs. If it is None, only variables can be changed.
    n : array
        The oracle's gradient, which the right Jacobian must reproduce.
    analytic : bool
        Whether the complex step can be used.
    """
    x = problem.values[name]
    sizes = [np.size(dy) for dy in problem.upstream]
    count = sum(sizes)
    if not 0 < count * x.size <= MAX_SIZE or max(count, x.size) > MAX_PASSES:
        return None

    def outputs(values):
        found = problem.forward(values) if run is None else run({**inputs, **values})
        return np.concatenate([np.ravel(np.asarray(y)) for y in found[: len(sizes)]])

    def times(changed, v):
        known = {k: np.asarray(changed[k]) for k in problem.values if k in changed}
        call = outputs if run is None else lambda values: outputs({**changed, **values})
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                found = _derivative(call, {**problem.values, **known}, name, v, analytic)
        except ERRORS:
            return None
        return found if found.shape == (count,) and np.isfinite(found).all() else None

    def backward(dy):
        parts = np.split(np.asarray(dy, float), list(itertools.accumulate(sizes))[:-1])
        shaped = tuple(
            part.reshape(np.shape(like)) for part, like in zip(parts, problem.upstream, strict=True)
        )
        return np.ravel(problem.backward(problem.values, shaped)[name]).astype(float)

    try:
        units = np.eye(x.size).reshape(x.size, *x.shape)
        columns = [times(inputs, unit) for unit in units]
        if any(column is None for column in columns):
            return None
        right = np.stack(columns, axis=1)
        claimed = np.stack([backward(row) for row in np.eye(count)])
        constant = backward(np.zeros(count))
        y = problem.forward(problem.values)
    except ERRORS:
        return None
    dy = np.concatenate([np.ravel(part) for part in problem.upstream])
    gap = np.abs(dy @ right - np.ravel(n))
    if claimed.shape != right.shape or gap.max() > 1e-5 * max(np.abs(n).max(), 1e-300):
        return None
    y = np.asarray(y[0]) if len(sizes) == 1 else np.concatenate([np.ravel(part) for part in y])
    return Jacobian(right, claimed, constant, y, x, backward, times, outputs if analytic else None)


def _derivative(outputs, values, name, direction, analytic):
    """The derivative along a direction, by the complex step or differences of fourth order."""
    x = values[name]
    dtype = np.complex128 if analytic else np.float64
    values = {key: np.array(value, dtype) for key, value in values.items()}
    if analytic:
        return outputs({**values, name: x + 1j * STEP * direction}).imag / STEP
    size = np.abs(x[direction != 0]).max(initial=0.0)
    h = WIDTH * (2.0 ** np.floor(np.log2(size)) if size else 1.0)
    f = [outputs({**values, name: x + k * h * direction}) for k in (1, -1, 2, -2)]
    return (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h)
