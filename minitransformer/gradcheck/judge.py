"""Decides whether the gradient of one variable is right, by the evidence of two oracles.

The complex step is exact, but only for analytic functions. Differences work for every function, and
say how uncertain they are. If the two disagree by more than that, the function is not analytic and
differences decide. An error is accepted if it is within the tolerance, within the uncertainty of
the differences, or behaves like rounding.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from minitransformer.gradcheck.noise import EPS, is_rounding
from minitransformer.gradcheck.oracles import (
    DOUBT,
    along,
    central_derivative,
    central_gradient,
    complex_gradient,
    sizes_of,
)
from minitransformer.gradcheck.problem import largest

SURE = 1e-6  # differences that are less certain than this, relative to the gradient, show nothing
NEAR_ONE = 1e-3  # the same for two oracles, at inputs near 1
SHRUNK = (0.1, 0.01, 0.001)
# rounding never excuses a larger error, relative to the gradient, or to its natural scale
EXCUSED, EXCUSED_AT_ZERO = 1e-6, 1e-2


class Judge:
    """Fills in one row.

    `by_steps` is the gradient from the complex step, None if it cannot be used; `by_differences` is
    the one from differences, NaN where there is none, and `gaps` is its uncertainty.
    """

    def __init__(self, row, problem, natural):
        self.row, self.problem, self.natural = row, problem, natural
        self.x = problem.values[row.name]
        self.by_steps = self.by_differences = self.gaps = self.oracle = None

    def judge(self, analytic, entries, rng):
        """Compare with the complex step, then with differences, and decide between the two."""
        row, x = self.row, self.x
        if analytic:
            self._complex_step()
        everything = entries is None or self.by_steps is None or entries >= x.size
        if everything:
            self._differences(None)
        else:
            drawn = rng.choice(x.size, entries, replace=False)
            self._differences([np.unravel_index(i, x.shape) for i in drawn])
            self._one_direction(rng)
        if self.by_steps is None or (row.complex_ok and row.central_ok):
            return
        if not everything and row.complex_ok != row.central_ok:
            self._differences(None)  # they decide between the two, so they visit every entry
        if not row.complex_ok and row.skipped:
            self._leave_out_kinks()
        row.not_analytic = self._oracles_disagree() or (row.central_ok and self._disagree_at_one())
        if row.not_analytic:
            row.oracle = self.by_differences
        elif row.complex_ok:
            row.central_rounding = True  # the differences are off, not the gradient

    def _complex_step(self):
        """Compare every entry with the complex step."""
        n = self._steps(self.problem.values, self.problem.upstream)
        if n is None:
            self.row.not_analytic = True
            return
        self.by_steps = self.row.oracle = n
        limit = self.row.tolerance.complex_step
        self.row.complex_error, self.row.complex_rounding = self._verdict(n, limit, self._steps)

    def _steps(self, values, upstream):
        """The gradient from the complex step; None if the forward pass cannot do it."""
        try:
            n = complex_gradient(
                partial(self.problem.terms, upstream=upstream), values, self.row.name
            )
        except (TypeError, ValueError, ArithmeticError, AttributeError, np.linalg.LinAlgError):
            return None
        return n if np.isfinite(n).all() else None

    def _leave_out_kinks(self):
        """Compare with the complex step again, without the entries that are at a kink.

        There is no derivative at a kink, and the complex step gives that of one side.
        """
        self.by_steps[np.isnan(self.by_differences)] = np.nan
        if not np.isnan(self.by_steps).all():
            limit = self.row.tolerance.complex_step
            self.row.complex_error, self.row.complex_rounding = self._verdict(
                self.by_steps, limit, self._steps
            )

    def _differences(self, indices):
        """Compare the entries at `indices`, all if None, with central differences."""
        row, problem = self.row, self.problem
        scale = self._expected_size()

        def oracle(values, upstream):
            terms = partial(problem.terms, upstream=upstream)
            return central_gradient(terms, values, row.name, scale, indices, at_kinks=True)[0]

        n, gaps, row.skipped = central_gradient(
            problem.terms, problem.values, row.name, scale, indices
        )
        row.visited = self.x.size if indices is None else len(indices)
        self.by_differences, self.gaps, self.oracle = n, gaps, oracle
        if row.oracle is None or row.not_analytic:
            row.oracle = n
        if self.x.size and indices is None and row.skipped == self.x.size:
            row.failure = (
                "every entry is at a kink of the function, or at the edge of its domain, where "
                "there is no derivative"
            )
            return
        if self.by_steps is None and not largest(n[~np.isnan(n)]) and self._underflows():
            row.unclear = "the outputs are too small for differences: they round to 0"
        row.central_error, row.central_rounding = self._verdict(
            n, row.tolerance.central, oracle, gaps
        )

    def _underflows(self):
        """Whether all outputs are so small that their differences are lost."""
        return self.row.gradient.any() and largest(self.problem.terms(self.problem.values)) < 1e-290

    def _expected_size(self):
        """The gradient's size, relative to which differences have to agree."""
        if self.by_steps is not None and self.by_steps.any():
            return largest(self.by_steps)
        return min(largest(self.row.gradient), self.natural)

    def _verdict(self, n, limit, oracle, gaps=None):
        """The error of the gradient against the oracle's `n`, and whether it is only rounding.

        The error is taken relative to the natural scale only if it is rounding noise. If it exceeds
        `limit` relative to `n` itself, and rounding cannot explain it, it is relative to `n`.
        """
        known = ~np.isnan(n)
        difference = np.where(known, np.abs(self.row.gradient - np.where(known, n, 0.0)), 0.0)
        size, error = largest(n[known]), largest(difference)
        if gaps is not None and self.by_steps is not None:
            size = max(size, largest(self.by_steps))
        relative = error and (error / max(size, self.natural) if size or self.natural else math.inf)
        alone = error and (error / size if size else math.inf)
        if alone <= limit:
            return relative, False
        if gaps is not None and not (difference > DOUBT * gaps).any():
            return self._uncertain(relative, error, size)
        if gaps is None and self._is_last_bit(error, limit):
            return relative, True
        excused = max(EXCUSED_AT_ZERO * self.natural, EXCUSED * size)
        if error <= excused and self._is_rounding(oracle, known, constant=not n[known].any()):
            return relative, True
        return alone, False

    def _uncertain(self, relative, error, size):
        """The verdict if differences cannot tell the gradient from their own result."""
        row, doubt = self.row, largest(self.gaps)
        trusted = self.by_steps is not None and row.complex_ok
        floor = row.tolerance.central * self.natural
        if not trusted and max(doubt, error) > max(SURE * size, floor):
            row.unclear = f"differences are only known to {doubt:.1e} here"
        return relative, True

    def _is_rounding(self, oracle, known, constant):
        def error(values, upstream):
            a = self.problem.backward(values, upstream).get(self.row.name)
            n = oracle(values, upstream)
            if a is None or n is None or np.shape(a) != known.shape:
                return None
            return np.where(known, a - n, 0.0)

        return is_rounding(self.problem, error, self.natural, constant)

    def _oracles_disagree(self):
        """Whether the difference between the two oracles is more than their uncertainty."""
        n = self.by_differences
        visited = ~np.isnan(n)
        gap = np.abs(np.where(visited, self.by_steps, 0.0) - np.where(visited, n, 0.0))
        size = max(largest(self.by_steps), largest(n[visited]))
        tolerance = self.row.tolerance.central
        limit = size * (tolerance if self.row.complex_ok else max(SURE, 10 * tolerance))
        if not (gap > np.maximum(limit, DOUBT * self.gaps)).any():
            return False

        def error(values, upstream):
            steps = self._steps(values, upstream)
            if steps is None:
                return None
            return np.where(visited, steps - self.oracle(values, upstream), 0.0)

        return not is_rounding(self.problem, error, self.natural)

    def _disagree_at_one(self):
        """Whether the oracles disagree at inputs near 1, if differences see nothing at these."""
        values = {key: x / (largest(x) or 1.0) for key, x in self.problem.values.items()}
        steps = self._steps(values, self.problem.upstream)
        if steps is None:
            return False
        n, gaps, _ = central_gradient(self.problem.terms, values, self.row.name, largest(steps))
        gap = np.nan_to_num(np.abs(steps - n))
        return bool((gap > np.maximum(NEAR_ONE * largest(steps), DOUBT * gaps)).any())

    def _is_last_bit(self, error, limit):
        """Whether an error is a last bit of the gradients at smaller inputs, which are right.

        A saturated softmax has gradients of 1e-50, but they are computed from 1 - 1.
        """
        for factor in SHRUNK if error <= EXCUSED * self.natural else ():
            values = {key: x * factor for key, x in self.problem.values.items()}
            n = self._steps(values, self.problem.upstream)
            if n is None or error > 8 * EPS * largest(n):
                continue
            a = self.problem.backward(values, self.problem.upstream).get(self.row.name)
            if np.shape(a) == n.shape and largest(a - n) <= limit * largest(n):
                return True
        return False

    def _one_direction(self, rng):
        """Compare along one random unit vector through all entries."""
        row, problem = self.row, self.problem
        direction = rng.standard_normal(self.x.shape)
        direction /= np.sqrt((direction**2).sum())
        moved = along(problem.terms, problem.values, row.name, direction)
        smallest = np.abs(self.x[self.x != 0]).min(initial=np.inf)
        sizes = sizes_of(smallest if np.isfinite(smallest) else 0.0, largest(self.x))
        value, gap, kink, _ = central_derivative(moved, self._expected_size(), sizes)
        row.visited += 1
        row.skipped += kink
        if kink:
            return
        error = abs(float((row.gradient * direction).sum()) - value)
        size = max(abs(value), self._expected_size(), 1e-300)
        limit = row.tolerance.central
        doubtful = row.complex_ok or error <= NEAR_ONE * size
        if error > max(DOUBT * gap, limit * size) and row.central_ok and doubtful:
            self._differences(None)  # the direction sees an error: look for it in every entry
        elif error <= limit * max(size, self.natural):
            row.central_error = max(row.central_error, error / max(size, self.natural))
        elif error > DOUBT * gap:
            row.central_error = max(row.central_error, error / size)
