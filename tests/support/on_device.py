"""Values on the stand-in device, and comparison with those of the host."""

import numpy as np

from minitransformer import backend
from tests.support.strict_device import DeviceArray


def moved(value):
    """`value` with every array in it on the device, by an explicit move."""
    if isinstance(value, np.ndarray):
        return backend.to_device(value, "cupy")
    if isinstance(value, tuple):
        parts = [moved(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def leaves(value):
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def same(host, device):
    """Whether both hold the same bits, and the second lies on the device throughout."""
    for a, b in zip(leaves(host), leaves(device), strict=True):
        if isinstance(a, np.ndarray | np.generic):
            assert isinstance(b, DeviceArray)
            assert b.dtype == a.dtype
            np.testing.assert_array_equal(b._a, a)
        else:
            assert b == a
