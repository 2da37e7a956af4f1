"""An object that looks like a CuPy array, for tests without CuPy."""

import numpy as np


class FakeCupyArray:
    """Looks like a CuPy array to code that looks at the object's module."""

    __module__ = "cupy.core"
    shape = (2, 3)
    ndim = 2
    dtype = np.dtype(np.float64)
