"""Every numeric tolerance of the tests, beside the worst case that was measured.

A tolerance more than a hundred times the measured worst case is a fault too, so each row keeps
both numbers: ``NAME: (tolerance, measured worst)``.
"""

TOLERANCES = {
    # float64; 40 steps of every optimiser, relative to max(1, |value|)
    "optimizer vs scalar loop": (1e-13, 1.4e-14),
}


def tolerance(name: str) -> float:
    """The tolerance registered under `name`."""
    return TOLERANCES[name][0]
