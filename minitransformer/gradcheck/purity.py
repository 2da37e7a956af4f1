"""Passes must be pure: finds out whether a pass wrote into its arguments, or is random.

The upstream gradient matters most. The oracles differentiate sum(dy * y) with the same dy, so a
backward pass that changed dy could make its own wrong answer look right.
"""

from __future__ import annotations

import numpy as np

from minitransformer.backend import to_host

REPEATS = 8  # calls with the same arguments; a few dropout masks may be equal by chance
SAME = 1e-9  # results that agree to this fraction of the largest number count as the same
NUMBERS = "biufcSU"  # kinds of dtype that are compared


def own(x):
    """`x` with all its arrays copied, including those inside tuples, lists and dicts."""
    if hasattr(x, "dtype") and hasattr(x, "copy"):
        return x.copy()
    if isinstance(x, dict):
        return {key: own(value) for key, value in x.items()}
    if hasattr(x, "_fields"):
        return type(x)(*map(own, x))
    return type(x)(map(own, x)) if type(x) in (tuple, list) else x


def written_into(which, now, before):
    """Which argument a pass wrote into; None if it wrote into none.

    `now` and `before` are dicts of the arguments by name.
    """
    for key, value in now.items():
        if not _same(value, before[key]):
            return f"the {which} pass wrote into its argument {key}: passes must be pure"
    return None


def changes(which, first, run, repeats=REPEATS):
    """What is wrong if a pass gives different results for the same arguments; None if it does not.

    Parameters
    ----------
    which : {"forward", "backward"}
    first : list of arrays
        The results of the first call.
    run : callable
        Calls the pass again.
    repeats : int
        The number of further calls.
    """
    for _ in range(repeats):
        if not all(map(_alike, first, run())):
            return (
                f"the {which} pass gives different results for the same arguments, so it is "
                "random, or changes something: draw dropout masks once, outside, and pass them in"
            )
    return None


def _alike(x, y):
    if x is None or not hasattr(x, "dtype") or x.dtype.kind not in "fc":
        return True
    x, y = to_host(x), np.asarray(to_host(y))
    if np.shape(x) != y.shape:
        return False
    size = np.abs(x, where=np.isfinite(x), out=np.zeros(np.shape(x))).max(initial=0.0)
    return np.allclose(x, y, rtol=0.0, atol=SAME * size, equal_nan=True)


def _same(x, y):
    """Whether two arguments contain the same numbers; NaN equals NaN."""
    if hasattr(x, "dtype"):
        x, y = np.asarray(to_host(x)), np.asarray(to_host(y))
        if x.dtype.kind not in NUMBERS:
            return True  # objects, dates and records have no equality to rely on
        return np.array_equal(x, y, equal_nan=x.dtype.kind in "fc")
    if isinstance(x, dict):
        return x.keys() == y.keys() and all(_same(x[key], y[key]) for key in x)
    if isinstance(x, tuple | list):
        return len(x) == len(y) and all(map(_same, x, y))
    return True
