"""Keep the memory that one step frees, for the next step.

Every step allocates and frees arrays of the same sizes. glibc, the usual C library on Linux,
returns the memory of large arrays to the system, so the next step has to request the same pages
again. Mapping and clearing them costs more than computing with them: GELU's backward pass took five
times as long.
"""

import ctypes
import functools
import sys
import threading
from contextlib import contextmanager

# Names and numbers from glibc's <malloc.h>; sizes are in bytes.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_INT_MAX, _MEGABYTE = 2**31 - 1, 1 << 20
_KEEP = {
    _M_MMAP_THRESHOLD: 32 * _MEGABYTE,
    _M_TRIM_THRESHOLD: _INT_MAX,
    _M_TOP_PAD: 64 * _MEGABYTE,
}
VARIABLES = {
    "MALLOC_MMAP_THRESHOLD_": str(_KEEP[_M_MMAP_THRESHOLD]),
    "MALLOC_TRIM_THRESHOLD_": str(_KEEP[_M_TRIM_THRESHOLD]),
    "MALLOC_TOP_PAD_": str(_KEEP[_M_TOP_PAD]),
}
"""Environment variables with which glibc follows the same policy in any program it starts with."""

_lock, _inside = threading.Lock(), 0


@contextmanager
def freed_memory_kept(give_back=True):
    """Context manager in which freed memory stays with the process; it is given back at the end.

    Without glibc, this does nothing. The memory of arrays above 32 MB is always returned at once.
    The context may be nested, and entered by several threads; memory is given back only when the
    last thread leaves it.

    Parameters
    ----------
    give_back : bool
        If False, about 64 MB are kept at the end, for the next context.
    """
    global _inside
    libc = _glibc()
    with _lock:
        _inside += 1
        if libc is not None and _inside == 1:
            for name, size in _KEEP.items():
                libc.mallopt(name, size)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if libc is not None and _inside == 0:
                # glibc itself reaches these values in a process with large arrays. It
                # also raises to 32 MB the size above which arrays are mapped; that setting stays.
                libc.mallopt(_M_TRIM_THRESHOLD, 64 * _MEGABYTE)
                libc.mallopt(_M_TOP_PAD, 0)
                if give_back:
                    libc.malloc_trim(0)


@functools.cache
def _glibc():
    """The C library of this process if it is glibc, otherwise None."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
