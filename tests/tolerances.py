"""Every numeric tolerance of the tests, beside the worst case that was measured.

A tolerance more than a hundred times the measured worst case is a fault too, so each row keeps
both numbers: ``NAME: (tolerance, measured worst)``.
"""

TOLERANCES = {}


def tolerance(name: str) -> float:
    """The tolerance registered under `name`."""
    return TOLERANCES[name][0]
