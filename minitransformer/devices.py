"""The GPU: finding it, moving arrays, and what CuPy does differently from NumPy.

A device works asynchronously: reading a number from it makes the host wait for all the work queued
before. So nothing here reads a number that can stay on the device. Other files import these names
from :mod:`minitransformer.backend`. CuPy is imported only in this file, and only if your program
has already imported it or you ask for a device.
"""

import importlib

import numpy as np


def is_cupy(x) -> bool:
    """Whether `x` is a CuPy array, without importing CuPy."""
    return type(x).__module__.split(".")[0] == "cupy"


def _cupy():
    return importlib.import_module("cupy")


def to_host(x):
    """`x` as a NumPy array. A CuPy array is copied from the GPU, which makes the host wait."""
    return x.get() if is_cupy(x) else np.asarray(x)


def to_device(x, device):
    """`x` on a device; `x` itself if it is already there.

    Parameters
    ----------
    x : array
    device : {"numpy", "cupy"}

    Raises
    ------
    ValueError
        If the name is unknown, or the device cannot be used; the message says why.
    """
    if device == "numpy":
        return to_host(x)
    if device != "cupy":
        raise ValueError(f"device must be 'numpy' or 'cupy', got {device!r}")
    if is_cupy(x):
        return x
    try:
        return _cupy().asarray(x)
    except Exception as error:  # CuPy's exception classes exist only if it is installed
        usable, reason = cupy_status()
        if usable:
            raise
        raise ValueError(f"device 'cupy' cannot be used: {reason}") from error


def as_number(x):
    """A 0-d result as a Python float; on a device, as a float64 array there, without waiting."""
    return x.astype(np.float64) if is_cupy(x) else float(x)


def read_numbers(numbers):
    """Nested lists and tuples of numbers; those on a device are read, in one transfer."""
    there = _numbers_there(numbers)
    if not there:
        return numbers
    stacked = _cupy().stack([x.astype(np.float64) for x in there])
    return _replaced(numbers, iter(stacked.get().tolist()))


def _numbers_there(nested):
    if isinstance(nested, list | tuple):
        return [x for part in nested for x in _numbers_there(part)]
    return [nested] if is_cupy(nested) else []


def _replaced(nested, read):
    if isinstance(nested, list | tuple):
        return type(nested)([_replaced(part, read) for part in nested])
    return next(read) if is_cupy(nested) else nested


def generator(entropy, like):
    """A random generator for the device of the array `like`.

    Parameters
    ----------
    entropy : list of int
        The seed. The same seed gives different numbers on another device.
    like : array
        Any array on that device.
    """
    if not is_cupy(like):
        return np.random.default_rng(entropy)
    return DeviceGenerator(entropy)


class DeviceGenerator:
    """CuPy's generator, and a generator on the host for seeds, which the host needs.

    Attributes
    ----------
    host : numpy.random.Generator
        Draws the seeds.
    """

    def __init__(self, entropy):
        # The seeds need their own stream: default_rng(entropy) already chooses which words are
        # hidden.
        self.host = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(2,)))
        random = _cupy().random
        # Philox is quick to create, unlike CuPy's default, and every micro-batch creates one.
        self._rng = random.Generator(random.Philox4x3210(np.random.SeedSequence(entropy)))

    def __getattr__(self, name):
        return getattr(self._rng, name)


def draw_seed(rng):
    """An integer below 2**62 from a generator, without waiting for a device."""
    return int(getattr(rng, "host", rng).integers(1 << 62))


def random_lanes(rng, n):
    """`n` random numbers of 16 bits, (n,) uint16, from a generator of either library."""
    fours = -(-n // 4)
    if isinstance(rng, np.random.Generator):
        # Drawing 64 bits at a time, enough for four numbers, takes 0.6 times as long.
        words = rng.integers(0, 2**64 - 1, size=fours, dtype=np.uint64, endpoint=True)
        return words.view(np.uint16)[:n]
    # CuPy converts the bound to a signed number, and 2**64 - 1 does not fit into one. Some versions
    # then return uninitialised memory without an error.
    return rng.integers(0, 2**16, size=4 * fours, dtype=np.uint16)[:n]


def synchronize(like):
    """Wait until the device of the array `like` has finished all its queued work."""
    if is_cupy(like):
        _cupy().cuda.Device().synchronize()


def memory(like):
    """Memory of the device of the array `like`, in bytes.

    Returns
    -------
    dict or None
        The keys are ``used`` (by arrays), ``held`` (reserved by CuPy for arrays), ``free`` and
        ``total`` (on the device). None on the host.
    """
    if not is_cupy(like):
        return None
    cupy = _cupy()
    pool, (free, total) = cupy.get_default_memory_pool(), cupy.cuda.runtime.memGetInfo()
    return {"used": pool.used_bytes(), "held": pool.total_bytes(), "free": free, "total": total}


DEVICES = ("cpu", "gpu", "auto")


def choose_device(name):
    """``"numpy"`` or ``"cupy"``, for a device name from the command line.

    Parameters
    ----------
    name : {"cpu", "gpu", "auto"}
        "auto" uses a GPU if there is one that can be used.

    Raises
    ------
    ValueError
        If the name is unknown, or is "gpu" and no GPU can be used; the message says why.
    """
    if name not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {name!r}")
    reason = None if name == "cpu" else available()["gpu"]
    if name == "gpu" and reason:
        raise ValueError(f"device 'gpu' cannot be used: {reason}")
    return "numpy" if name == "cpu" or reason else "cupy"


def available():
    """Why each device cannot be used, if so: ``{"cpu": None, "gpu": None or a reason}``."""
    usable, words = cupy_status()
    return {"cpu": None, "gpu": None if usable else words}


def cupy_status():
    """Whether CuPy can compute on this machine. A tiny computation is tried.

    Returns
    -------
    (bool, str)
        Whether CuPy can be used. If it can, the name of the device. If not, the reason: it is not
        installed, there is no driver, there is no device, or it cannot compile.
    """
    try:
        cupy = _cupy()
    except ImportError:
        return False, "CuPy is not installed (pip install 'minitransformer[cuda12]')"
    try:
        if cupy.cuda.runtime.getDeviceCount() == 0:
            return False, "CuPy is installed, but there is no CUDA device"
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    except Exception as error:  # CuPy's exception classes exist only if it is installed
        return False, f"CuPy is installed, but no CUDA driver answers ({error})"
    try:
        float((cupy.arange(3.0) * 2).sum())
    except Exception as error:
        return False, f"{name} found, but CuPy cannot compile or run a kernel ({error})"
    return True, name


def cupy_erf(x):
    """CuPy's own error function, element by element."""
    return importlib.import_module("cupyx.scipy.special").erf(x)


def rows_added_by_id(ids, rows, n_rows):
    """:func:`~minitransformer.backend.embedding_gradient_rows` on a device.

    No shape here depends on the ids, so the host never waits. There are no atomic additions, so the
    bits are the same every time. CuPy's reduceat takes differences of one running sum, in which
    small float32 rows would lose their digits, so the sum is computed in float64.
    """
    cupy = _cupy()
    table = cupy.zeros((n_rows, rows.shape[1]), rows.dtype)
    if ids.size == 0 or n_rows == 0:
        return slice(None), table
    order = cupy.argsort(ids, kind="stable")
    sorted_ids, every = ids[order], cupy.arange(n_rows)
    starts = cupy.searchsorted(sorted_ids, every, side="left")
    ends = cupy.searchsorted(sorted_ids, every, side="right")
    # Append a row of zeros: ids larger than every id that occurs start there.
    padded = cupy.concatenate([rows[order], table[:1]]).astype(np.float64)
    # For an id that does not occur, reduceat returns the next row, which `where` discards.
    sums = cupy.add.reduceat(padded, starts, axis=0).astype(rows.dtype)
    return slice(None), cupy.where((ends > starts)[:, None], sums, table)
