"""Compares a backward pass with the two oracles: one row of figures per variable."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from minitransformer.gradcheck.noise import is_rounding
from minitransformer.gradcheck.oracles import (
    along,
    central_derivative,
    central_gradient,
    complex_gradient,
)
from minitransformer.gradcheck.problem import largest


@dataclass(frozen=True)
class Tolerance:
    """The largest error that still counts as rounding, for each oracle."""

    complex_step: float
    central: float


PAIR = Tolerance(complex_step=1e-14, central=1e-8)
NETWORK = Tolerance(complex_step=1e-13, central=1e-8)  # layers and models: longer chains


def as_tolerance(tolerance, default):
    """A :class:`Tolerance` from None, one number for both oracles, or a Tolerance."""
    if tolerance is None or isinstance(tolerance, Tolerance):
        return tolerance or default
    return Tolerance(complex_step=float(tolerance), central=float(tolerance))


@dataclass
class Row:
    """The verdict on one variable.

    `complex_error` and `central_error` are max|a - n| / max(max|n|, natural scale), or None if an
    oracle was not used. Central differences were computed for `visited` entries and directions, of
    which `skipped` were skipped because of a kink. `index` is the place of the largest error, and
    `analytic` and `numeric` are the two gradients there. If the gradients could not be compared,
    `failure` says why.
    """

    name: str
    shape: tuple
    tolerance: Tolerance
    complex_error: float | None = None
    central_error: float | None = None
    skipped: int = 0
    visited: int = 0
    index: tuple = ()
    analytic: float = 0.0
    numeric: float = 0.0
    failure: str | None = None
    gradient: np.ndarray | None = field(default=None, repr=False)
    oracle: np.ndarray | None = field(default=None, repr=False)

    @property
    def complex_ok(self):
        """Whether the error against the complex step is within tolerance, if it was measured."""
        return self.complex_error is None or self.complex_error <= self.tolerance.complex_step

    @property
    def central_ok(self):
        """Whether the error against central differences is within tolerance, if it was measured."""
        return self.central_error is None or self.central_error <= self.tolerance.central

    @property
    def ok(self):
        """Whether nothing failed and both errors are within tolerance."""
        return self.failure is None and self.complex_ok and self.central_ok


def relative_error(a, n, scale):
    """max|a - n| / max(max|n|, scale) over the entries where `n` is not NaN, or 0."""
    known = ~np.isnan(n)
    difference = largest(a[known] - n[known])
    size = max(largest(n[known]), scale)
    return difference and (difference / size if size else math.inf)


def judged_error(problem, name, n, scale, limit, oracle):
    """The error of a gradient against the oracle's `n`.

    The error is taken relative to the natural `scale` only if it is rounding noise. If the error
    exceeds `limit` relative to `n` itself, and is larger than rounding can explain, it is taken
    relative to `n`.
    """
    a = problem.gradients[name]
    error, alone = relative_error(a, n, scale), relative_error(a, n, 0.0)
    if error <= limit < alone and not is_rounding(problem, name, oracle, ~np.isnan(n)):
        return alone
    return error


def compare(problem, *, analytic, tolerance, entries, rng):
    """Judge every gradient of `problem`.

    Parameters
    ----------
    problem : Problem
    analytic : bool
        Whether the complex step can be used.
    tolerance : Tolerance
    entries : int or None
        Number of random entries of each variable that central differences check, in addition to one
        random direction through all entries. None checks every entry. If the complex step cannot be
        used, every entry is always checked.
    rng : numpy.random.Generator

    Returns
    -------
    rows : list of Row, in the order of ``problem.values``

    Raises
    ------
    ValueError
        If there is nothing to differentiate, since a check of nothing must not pass.
    """
    if not problem.values:
        raise ValueError("nothing to check: there is no floating input or parameter")
    scales = problem.natural_scales()
    rows = []
    for name, x in problem.values.items():
        row = Row(name, x.shape, tolerance, failure=problem.failures.get(name))
        rows.append(row)
        if row.failure is None:
            _judge(row, problem, analytic, entries, scales[name], rng)
    return rows


def _judge(row, problem, analytic, entries, scale, rng):
    """Fill in `row` with the verdict of the oracles."""
    x = problem.values[row.name]
    row.gradient = problem.gradients[row.name]
    if analytic:
        _judge_by_complex_step(row, problem, scale)
        if row.failure is not None:
            return
        scale = max(scale, largest(row.oracle))
    everything = entries is None or not analytic or entries >= x.size
    drawn = None if everything else rng.choice(x.size, entries, replace=False)
    indices = None if everything else [np.unravel_index(i, x.shape) for i in drawn]
    row.visited = x.size if everything else entries
    _judge_by_differences(row, problem, scale, indices)
    if x.size and not everything:
        error, kink = _one_direction(row, problem, scale, rng)
        row.central_error = max(row.central_error, error)
        row.skipped += kink
        row.visited += 1
    if x.size and everything and row.skipped == x.size:
        row.failure = "every entry is at a kink of the function, where there is no derivative"
    _point_at_worst(row)


def _judge_by_complex_step(row, problem, scale):
    """Compare every entry with the complex step."""

    def oracle(values, upstream):
        return complex_gradient(partial(problem.terms, upstream=upstream), values, row.name)

    n = oracle(problem.values, problem.upstream)
    if not np.isfinite(n).all():
        row.failure = "the complex step gives NaN or infinity; pass analytic=False?"
        return
    row.oracle = n
    limit = row.tolerance.complex_step
    row.complex_error = judged_error(problem, row.name, n, scale, limit, oracle)


def _judge_by_differences(row, problem, scale, indices):
    """Compare the entries at `indices`, all if None, with central differences.

    They also guard against a forward pass that drops the imaginary part of the complex step.
    """

    def oracle(values, upstream):
        terms = partial(problem.terms, upstream=upstream)
        return central_gradient(terms, values, row.name, 0.0, indices, at_kinks=True)[0]

    n, row.skipped = central_gradient(problem.terms, problem.values, row.name, scale, indices)
    limit = row.tolerance.central
    row.central_error = judged_error(problem, row.name, n, scale, limit, oracle)
    if row.oracle is None or (row.complex_ok and not row.central_ok):
        row.oracle = n  # the report shows an oracle that disagrees


def _one_direction(row, problem, scale, rng):
    """The error along one random unit vector through all entries, and whether it meets a kink."""
    x = problem.values[row.name]
    direction = rng.standard_normal(x.shape)
    direction /= np.sqrt((direction**2).sum())
    moved = along(problem.terms, problem.values, row.name, direction)
    value, kink = central_derivative(moved, scale)
    claimed = float((problem.gradients[row.name] * direction).sum())
    return (0.0 if kink else abs(claimed - value) / max(abs(value), scale, 1e-300)), kink


def _point_at_worst(row):
    """Record the place where the two gradients differ most."""
    if row.gradient.size and not np.isnan(row.oracle).all():
        gap = np.nan_to_num(np.abs(row.gradient - row.oracle), nan=-1.0)
        row.index = tuple(int(i) for i in np.unravel_index(gap.argmax(), gap.shape))
        row.analytic = float(row.gradient[row.index])
        row.numeric = float(row.oracle[row.index])
