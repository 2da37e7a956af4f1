"""Every numeric tolerance of the tests, beside the worst case that was measured.

A tolerance more than a hundred times the measured worst case is a fault too, so each row keeps
both numbers: ``NAME: (tolerance, measured worst)``.
"""

TOLERANCES = {
    # float64; 40 steps of every optimiser, relative to max(1, |value|)
    "optimizer vs scalar loop": (1e-13, 1.4e-14),
    # every pair, element by element, relative to max(1, |value|)
    "forward vs scalar loops, float64": (1e-13, 1.5e-15),
    # the same in float32; worst: qkv_projection
    "forward vs scalar loops, float32": (2e-6, 7.8e-7),
    # sinusoidal table, 1,000 positions, absolute
    "positions vs scalar loops": (2e-15, 2.3e-16),
    # float64 and float32, against math.erf rounded to the dtype, 60,012 points, in ulp
    "erf in ulp": (2, 2),
    # whole model, padded batch against single texts, relative to max(1, |logit|)
    "classifier vs scalar loops, float64": (1e-13, 2e-15),
    # the same in float32
    "classifier vs scalar loops, float32": (2e-6, 6.9e-7),
}


def tolerance(name: str) -> float:
    """The tolerance registered under `name`."""
    return TOLERANCES[name][0]
