"""Memory that a step frees is kept for the next step.

Every step allocates and frees the same arrays. glibc, the usual C library of Linux, returns large
ones to the system, and the next step pays for the same pages again: handing them over and
clearing them costs more than computing with them (GELU's backward pass took five times as long).
"""

import ctypes
import functools
import sys
import threading
from contextlib import contextmanager

# Names and numbers from glibc's <malloc.h>; sizes in bytes.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST_INT, _MEGABYTE = 2**31 - 1, 1 << 20

_lock, _inside = threading.Lock(), 0


@contextmanager
def freed_memory_kept(give_back=True):
    """Context manager: freed memory stays with the process, and is given back at the end.

    Elsewhere than on glibc it does nothing. Arrays above 32 MB are returned at once all the same.
    It may be entered again inside, and by several threads: only the last to leave gives back.
    Without `give_back` about 64 MB are kept for whoever comes next.
    """
    global _inside
    libc = _glibc()
    with _lock:
        _inside += 1
        if libc is not None and _inside == 1:
            libc.mallopt(_M_MMAP_THRESHOLD, 32 * _MEGABYTE)
            libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT)
            libc.mallopt(_M_TOP_PAD, 64 * _MEGABYTE)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if libc is not None and _inside == 0:
                # The values that glibc itself arrives at in a process with large arrays; it also
                # arrives at the threshold of 32 MB above which arrays are mapped, which so stays.
                libc.mallopt(_M_TRIM_THRESHOLD, 64 * _MEGABYTE)
                libc.mallopt(_M_TOP_PAD, 0)
                if give_back:
                    libc.malloc_trim(0)


@functools.cache
def _glibc():
    """The C library of this process, if it is glibc; else None."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
