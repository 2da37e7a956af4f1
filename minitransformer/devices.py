"""The GPU's side: finding it, moving arrays, what CuPy does otherwise.

A device works behind the host's back: reading one of its numbers waits for all that was asked of
it before. So nothing here reads a number that it can leave where it is. Other files take these
names from :mod:`minitransformer.backend`; CuPy is imported here and nowhere else, and only once
somebody has imported it already or asks for a device.
"""

import importlib

import numpy as np


def is_cupy(x) -> bool:
    """Whether `x` is a CuPy array, without importing CuPy."""
    return type(x).__module__.split(".")[0] == "cupy"


def _cupy():
    return importlib.import_module("cupy")


def to_host(x):
    """`x` as a NumPy array; a CuPy array is copied from the GPU, which waits for it."""
    return x.get() if is_cupy(x) else np.asarray(x)


def to_device(x, device):
    """`x` on a device; itself where it is there already.

    Parameters
    ----------
    x : array
    device : {"numpy", "cupy"}

    Raises
    ------
    ValueError
        If the name is unknown, or there is no such device; the message says why.
    """
    if device == "numpy":
        return to_host(x)
    if device != "cupy":
        raise ValueError(f"device must be 'numpy' or 'cupy', got {device!r}")
    if is_cupy(x):
        return x
    try:
        return _cupy().asarray(x)
    except Exception as error:  # CuPy's own classes exist only where it is installed
        usable, reason = cupy_status()
        if usable:
            raise
        raise ValueError(f"device 'cupy' cannot be used: {reason}") from error


def as_number(x):
    """A 0-d result as a Python float; on a device it stays there, in float64, and nobody waits."""
    return x.astype(np.float64) if is_cupy(x) else float(x)


def read_numbers(numbers):
    """Nested lists and tuples of numbers, with what lies on a device read, all of it at once."""
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
        Decides what is drawn. The same list gives other numbers on another device.
    like : array
    """
    if not is_cupy(like):
        return np.random.default_rng(entropy)
    return DeviceGenerator(entropy)


class DeviceGenerator:
    """CuPy's generator, with a generator on the host beside it for seeds, which are needed there.

    Attributes
    ----------
    host : numpy.random.Generator
    """

    def __init__(self, entropy):
        # a stream of its own: default_rng(entropy) alone already draws which words are hidden
        self.host = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(2,)))
        random = _cupy().random
        # Philox starts in a moment, CuPy's default does not; every micro-batch has a generator.
        self._rng = random.Generator(random.Philox4x3210(np.random.SeedSequence(entropy)))

    def __getattr__(self, name):
        return getattr(self._rng, name)


def draw_seed(rng):
    """A whole number below 2**62 from a generator, without waiting for a device."""
    return int(getattr(rng, "host", rng).integers(1 << 62))


def random_lanes(rng, n):
    """`n` random numbers of 16 bits, (n,) uint16, from a generator of either library."""
    fours = -(-n // 4)
    if isinstance(rng, np.random.Generator):
        # 64 bits at a time, enough for four numbers, in 0.6 of the time
        words = rng.integers(0, 2**64 - 1, size=fours, dtype=np.uint64, endpoint=True)
        return words.view(np.uint16)[:n]
    # CuPy passes the bound on as a signed number: 2**64 - 1 does not fit, and some versions then
    # return memory as it lies there, without an error.
    return rng.integers(0, 2**16, size=4 * fours, dtype=np.uint16)[:n]


def synchronize(like):
    """Wait until the device of the array `like` has done all that was asked of it."""
    if is_cupy(like):
        _cupy().cuda.Device().synchronize()


def memory(like):
    """Memory of the device of the array `like`, in bytes.

    Returns
    -------
    dict or None
        ``used`` by arrays, ``held`` by CuPy for further ones, ``free`` and ``total`` on the
        device; None on the host.
    """
    if not is_cupy(like):
        return None
    cupy = _cupy()
    pool, (free, total) = cupy.get_default_memory_pool(), cupy.cuda.runtime.memGetInfo()
    return {"used": pool.used_bytes(), "held": pool.total_bytes(), "free": free, "total": total}


DEVICES = ("cpu", "gpu", "auto")


def choose_device(name):
    """``"numpy"`` or ``"cupy"`` for a device as the commands call it.

    Parameters
    ----------
    name : {"cpu", "gpu", "auto"}
        "auto" is the GPU where one can be used.

    Raises
    ------
    ValueError
        If the name is unknown, or "gpu" is asked for and cannot be used; the message says why.
    """
    if name not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {name!r}")
    reason = None if name == "cpu" else available()["gpu"]
    if name == "gpu" and reason:
        raise ValueError(f"device 'gpu' cannot be used: {reason}")
    return "numpy" if name == "cpu" or reason else "cupy"


def available():
    """Devices and why they cannot be used: ``{"cpu": None, "gpu": None or a reason}``."""
    usable, words = cupy_status()
    return {"cpu": None, "gpu": None if usable else words}


def cupy_status():
    """Whether CuPy can compute here, found out by computing something tiny.

    Returns
    -------
    (bool, str)
        Usable or not, and the device's name or the reason: not installed, no driver, no device,
        cannot compile.
    """
    try:
        cupy = _cupy()
    except ImportError:
        return False, "CuPy is not installed (pip install 'minitransformer[cuda12]')"
    try:
        if cupy.cuda.runtime.getDeviceCount() == 0:
            return False, "CuPy is installed, but there is no CUDA device"
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    except Exception as error:  # CuPy's own classes exist only where it is installed
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

    No shape in it depends on the ids, so nothing waits; no atomics, so the same bits every time.
    CuPy's reduceat takes differences of one running sum: in float32 small rows would drown in it,
    so it runs in float64.
    """
    cupy = _cupy()
    table = cupy.zeros((n_rows, rows.shape[1]), rows.dtype)
    if ids.size == 0 or n_rows == 0:
        return slice(None), table
    order = cupy.argsort(ids, kind="stable")
    sorted_ids, every = ids[order], cupy.arange(n_rows)
    starts = cupy.searchsorted(sorted_ids, every, side="left")
    ends = cupy.searchsorted(sorted_ids, every, side="right")
    # A row of zeros behind the last: an id that is larger than all that occur starts there.
    padded = cupy.concatenate([rows[order], table[:1]]).astype(np.float64)
    # reduceat gives an id that does not occur the row that comes next: not taken over.
    sums = cupy.add.reduceat(padded, starts, axis=0).astype(rows.dtype)
    return slice(None), cupy.where((ends > starts)[:, None], sums, table)
