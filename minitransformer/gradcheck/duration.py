"""Says how long a check will take, if that is long: its time grows with the square of the size."""

from __future__ import annotations

import sys
import time

LONG = 5.0  # seconds; a shorter check is not announced
# Measured: evaluations of the forward pass for each entry, by the complex step and by differences
BY_STEPS, BY_DIFFERENCES = 1, 6


def announce(name, problem, entries):
    """Print on standard error about how long the check takes, unless it is short.

    Parameters
    ----------
    name : str
    problem : Problem
    entries : int or None
        As for :func:`~minitransformer.gradcheck.check`.
    """
    one = min(_time_of_one(problem) for _ in range(2))
    n = sum(x.size for x in problem.values.values())
    seconds = n * one * (BY_STEPS + (BY_DIFFERENCES if entries is None else 0))
    if seconds < LONG:
        return
    hint = "smaller inputs show the same faults"
    if entries is None:
        hint += "; entries=20 tries 20 of them by differences"
    took = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    print(f"{name}: {n:,} entries take about {took}; {hint}", file=sys.stderr, flush=True)


def _time_of_one(problem):
    began = time.perf_counter()
    problem.terms(problem.values)
    return time.perf_counter() - began
