"""Checks of the weights of examples."""

import numpy as np

from minitransformer.data.examples.foreign_arrays import host_array

# float32 has these numbers, and the sums of many of them.
SMALLEST, LARGEST = 1e-30, 1e30


def read_sample_weight(weights, n):
    """Check the weights of `n` examples.

    Parameters
    ----------
    weights : (n,) or (n, 1) sequence of float
        Weight of each example; 0, or from 1e-30 to 1e30. Not all may be 0.
    n : int
        Number of examples.

    Returns
    -------
    (n,) float64 array

    Raises
    ------
    TypeError, ValueError
        The message gives the place of the first fault.
    """
    try:
        weights = np.asarray(host_array(weights))
    except ValueError:
        raise ValueError("sample_weight must be a flat list of numbers, got nested lists") from None
    if weights.shape == (n, 1):
        weights = weights[:, 0]
    if weights.shape != (n,):
        raise ValueError(
            f"sample_weight must have the shape ({n},), one weight per example, "
            f"got shape {weights.shape}"
        )
    if weights.dtype.kind not in "fiub":
        raise TypeError(f"sample_weight must hold numbers, got {weights.dtype}")
    weights = weights.astype(np.float64)
    for i in np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))[:1]:
        raise ValueError(f"sample_weight[{i}] must be finite and >= 0, got {weights[i]}")
    for i in np.flatnonzero((weights != 0) & ((weights < SMALLEST) | (weights > LARGEST)))[:1]:
        raise ValueError(
            f"sample_weight[{i}] must be 0 or from {SMALLEST:g} to {LARGEST:g}, "
            f"got {weights[i]:g}: "
            "only the ratios of the weights matter"
        )
    if not weights.any():
        raise ValueError("sample_weight must not be 0 for all examples: none would count")
    return weights
