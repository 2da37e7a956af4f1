"""Compares a backward pass with the two oracles: one row of figures per variable."""

from __future__ import annotations

import numpy as np

from minitransformer.checks import check_count
from minitransformer.gradcheck.judge import Judge
from minitransformer.gradcheck.linearity import not_linear
from minitransformer.gradcheck.row import Row, Tolerance

PAIR = Tolerance(complex_step=1e-14, central=1e-8)
NETWORK = Tolerance(complex_step=1e-13, central=1e-8)  # layers and models: longer chains


def compare(problem, *, analytic, tolerance, entries, rng):
    """Judge every gradient of `problem`.

    Parameters
    ----------
    problem : Problem
    analytic : bool
        Whether to use the complex step.
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
    if entries is not None:
        check_count("entries", entries, 0)
    if not problem.values:
        raise ValueError("nothing to check: there is no floating input or parameter")
    scales = problem.natural_scales()
    rows = []
    for name, x in problem.values.items():
        row = Row(name, x.shape, tolerance, failure=problem.failures.get(name))
        rows.append(row)
        if row.failure is None:
            row.gradient = problem.gradients[name]
            Judge(row, problem, scales[name]).judge(analytic, entries, rng)
            _point_at_worst(row)
            if row.ok:
                row.failure = not_linear(problem, name, scales[name])
    return rows


def _point_at_worst(row):
    """Record the place where the two gradients differ most."""
    if row.gradient.size and row.oracle is not None and not np.isnan(row.oracle).all():
        gap = np.nan_to_num(np.abs(row.gradient - row.oracle), nan=-1.0)
        row.index = tuple(int(i) for i in np.unravel_index(gap.argmax(), gap.shape))
        row.analytic = float(row.gradient[row.index])
        row.numeric = float(row.oracle[row.index])
