"""Which library an array belongs to, and the few things NumPy and CuPy do differently.

If you pass NumPy arrays to a function, it computes on the CPU. If you pass CuPy arrays, the same
source computes on the GPU. There is no global switch to forget: `array_module` looks at the
arguments. Code that concerns CuPy alone is in `devices.py`, the only file that imports CuPy.
"""

import sys
import threading
from contextlib import contextmanager

import numpy as np

from minitransformer.devices import (
    as_number,
    available,
    choose_device,
    cupy_erf,
    cupy_status,
    draw_seed,
    generator,
    is_cupy,
    memory,
    random_lanes,
    read_numbers,
    rows_added_by_id,
    synchronize,
    to_device,
    to_host,
)

__all__ = [
    "array_module",
    "as_number",
    "available",
    "check_ids",
    "choose_device",
    "cupy_erf",
    "cupy_status",
    "draw_seed",
    "generator",
    "is_cupy",
    "memory",
    "random_lanes",
    "read_numbers",
    "require_integers",
    "rounded_to",
    "embedding_gradient_rows",
    "sum_rows_by_id",
    "swap",
    "synchronize",
    "to_device",
    "to_host",
]


def array_module(*arrays, **named):
    """The library, NumPy or CuPy, that all the arrays belong to.

    Python scalars, None and 0-d NumPy scalars belong to every library and are ignored.

    Parameters
    ----------
    *arrays, **named : array, scalar or None
        The names of named arguments appear in error messages.

    Returns
    -------
    module
        ``numpy`` or ``cupy``.

    Raises
    ------
    TypeError
        If NumPy and CuPy arrays are mixed (the message says where each argument is), or if an
        argument is a list, a tuple or an array of another library.
    """
    if all(type(a) is np.ndarray or a is None for a in (*arrays, *named.values())):
        return np  # the usual case, in about a microsecond
    arguments = [(f"argument {i}", a) for i, a in enumerate(arrays)] + list(named.items())
    for name, array in arguments:
        own = isinstance(array, np.ndarray | np.generic) or is_cupy(array)
        foreign = hasattr(array, "__array__") and not own  # PyTorch, pandas, JAX
        if foreign or hasattr(array, "to_numpy") or isinstance(array, list | tuple):
            raise TypeError(f"{name} must be a NumPy or CuPy array, got a {type(array).__name__}")
    host = [name for name, a in arguments if isinstance(a, np.ndarray) and a.ndim]
    device = [name for name, a in arguments if is_cupy(a)]
    if host and device:
        raise TypeError(
            f"NumPy and CuPy arrays are mixed: {', '.join(host)} on the CPU, "
            f"{', '.join(device)} on the GPU; move them to one device first"
        )
    return sys.modules["cupy"] if device else np


def require_integers(name, ids):
    """Refuse ids or class labels that are not integers."""
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an integer array, got {ids.dtype}")


def check_ids(ids, n_rows, name="ids"):
    """Refuse ids outside ``0 .. n_rows - 1`` (negative ones would silently count from the end).

    This is checked on the host only. On a GPU the check would wait for the device, so the training
    loop checks ids before it transfers them.

    Parameters
    ----------
    ids : int array, any shape
    n_rows : int
    name : str
        The name of the ids in error messages.

    Raises
    ------
    TypeError
        If the ids are not integers.
    ValueError
        If an id is out of range.
    """
    require_integers(name, ids)
    if is_cupy(ids) or ids.size == 0:
        return
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= n_rows:
        raise ValueError(f"{name} must lie in 0 .. {n_rows - 1}, got {low if low < 0 else high}")


def swap(x):
    """Exchange the last two axes (CuPy arrays have no ``mT``)."""
    return x.swapaxes(-1, -2)


_thread = threading.local()


@contextmanager
def overflow_to_infinity():
    """In this block and thread, let :func:`rounded_to` return infinity if float16 overflows.

    The training loop then notices the overflow.
    """
    before, _thread.overflows = getattr(_thread, "overflows", False), True
    try:
        yield
    finally:
        _thread.overflows = before


def rounded_to(x, dtype):
    """`x` in `dtype`, rounded once.

    A number too large for float16 becomes the largest float16 number, not infinity. This limit
    keeps the losses of extreme float16 logits finite, and avoids a warning from the cast.
    :func:`overflow_to_infinity` turns the limit off.
    """
    if x.dtype == dtype:
        return x
    if dtype == np.float16 and not getattr(_thread, "overflows", False):
        largest = float(np.finfo(np.float16).max)
        x = array_module(x).clip(x, -largest, largest)
    return x.astype(dtype)


def sum_rows_by_id(ids, rows):
    """Sum the rows that have the same id.

    The ids are sorted, and each run of equal ids is summed. This gives the same bits every time
    (atomic additions on a GPU do not), and is twice as fast as ``numpy.add.at``.

    Parameters
    ----------
    ids : (M,) int array
    rows : (M, D) array

    Returns
    -------
    distinct : (m,) int array
        The ids that occur, in ascending order.
    sums : (m, D) array
    """
    xp = array_module(ids=ids, rows=rows)
    # A stable sort keeps equal ids in their original order, so the order of addition is fixed.
    order = xp.argsort(ids, kind="stable")
    sorted_ids = ids[order]
    is_first = xp.concatenate([xp.ones(1, dtype=bool), sorted_ids[1:] != sorted_ids[:-1]])
    starts = xp.flatnonzero(is_first[: ids.size])
    return sorted_ids[starts], xp.add.reduceat(rows[order], starts, axis=0)


def embedding_gradient_rows(ids, rows, n_rows):
    """:func:`sum_rows_by_id` on the host; on a device, the sums for all ids.

    On a device, finding out which ids occur would make the host wait.

    Parameters
    ----------
    ids : (M,) int array
        Each in ``0 .. n_rows - 1``.
    rows : (M, D) array
    n_rows : int

    Returns
    -------
    where : (m,) int array, or a slice
        The rows of the table that the sums belong to, each at most once.
    sums : (m, D) or (n_rows, D) array
    """
    if is_cupy(rows):
        return rows_added_by_id(ids, rows, n_rows)
    return sum_rows_by_id(ids, rows)
