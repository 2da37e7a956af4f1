"""The verdict on one variable, and the tolerances that it is judged by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from minitransformer.checks import check_number


@dataclass(frozen=True)
class Tolerance:
    """The largest error that still counts as rounding, for each oracle."""

    complex_step: float
    central: float

    def __post_init__(self):
        check_number("complex_step", self.complex_step, 0)
        check_number("central", self.central, 0)


def as_tolerance(tolerance, default):
    """A :class:`Tolerance` from None, one number for both oracles, or a Tolerance."""
    if tolerance is None or isinstance(tolerance, Tolerance):
        return tolerance or default
    number = check_number("tolerance", tolerance, 0)
    return Tolerance(complex_step=number, central=number)


@dataclass
class Row:
    """The verdict on one variable.

    `complex_error` and `central_error` are max|a - n| / max(max|n|, natural scale), or None if an
    oracle was not used. `complex_rounding` and `central_rounding` say that an error above its
    tolerance was found to be rounding. Central differences were computed for `visited` entries and
    directions, of which `skipped` were skipped because of a kink. If `not_analytic`, the two
    oracles disagree, and only central differences count. `index` is the place of the largest error,
    and `analytic` and `numeric` are the two gradients there. If the gradients could not be
    compared, `failure` says why; if they are too imprecise to be compared, so does `unclear`.
    """

    name: str
    shape: tuple
    tolerance: Tolerance
    complex_error: float | None = None
    central_error: float | None = None
    complex_rounding: bool = False
    central_rounding: bool = False
    not_analytic: bool = False
    skipped: int = 0
    visited: int = 0
    index: tuple = ()
    analytic: float = 0.0
    numeric: float = 0.0
    failure: str | None = None
    unclear: str | None = None
    gradient: np.ndarray | None = field(default=None, repr=False)
    oracle: np.ndarray | None = field(default=None, repr=False)

    @property
    def complex_ok(self):
        """Whether the error against the complex step is rounding, if that step can be used."""
        error = None if self.not_analytic else self.complex_error
        return error is None or error <= self.tolerance.complex_step or self.complex_rounding

    @property
    def central_ok(self):
        """Whether the error against central differences is rounding, if it was measured."""
        error = self.central_error
        return error is None or error <= self.tolerance.central or self.central_rounding

    @property
    def ok(self):
        """Whether nothing failed and both errors are rounding."""
        return not (self.failure or self.unclear) and self.complex_ok and self.central_ok

    @property
    def verdict(self):
        """One of "ok", "WRONG" and "unclear" (too imprecise to be compared)."""
        if self.unclear and not self.failure:
            return "unclear"
        return "ok" if self.ok else "WRONG"
