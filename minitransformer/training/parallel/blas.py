"""Limiting BLAS to one thread while workers keep the cores busy."""

import functools
import threading
import warnings
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

_lock, _inside, _limit = threading.Lock(), 0, None


@contextmanager
def one_blas_thread():
    """Context manager that limits BLAS to one thread; warns once if that is not possible.

    Several threads may enter the context; the limit is lifted when the last thread leaves it.
    """
    global _inside, _limit
    blas = _blas()
    if not blas.lib_controllers:
        _warn_once()
    with _lock:
        _inside += 1
        if _inside == 1:
            _limit = blas.limit(limits=1)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limit.restore_original_limits()


@functools.cache
def _blas():
    """The BLAS libraries of this process, found only once because it takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


@functools.cache
def _warn_once():
    warnings.warn(
        "the threads of this NumPy's BLAS cannot be limited (for example, Apple's Accelerate), so "
        "workers may compete for the cores; results are correct, but workers=1 may be faster",
        stacklevel=2,
    )
