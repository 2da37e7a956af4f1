"""A stand-in for a GPU: host arrays that behave like CuPy's where these differ from NumPy's.

While it is :func:`installed`, ``import cupy`` returns it. It has only the names and the keywords
that CuPy has (``cupy_surface.json``). Its arrays refuse every silent crossing between host and
device, ids out of range (CuPy wraps them), and repeated ids in assignments (CuPy keeps any of
them). They also count how often the host waited for the device. It shows that the source runs on
either library. It says nothing about speed or about CUDA's results.
"""

import contextlib
import json
import os
import pathlib
import sys
import types
from unittest import mock

import numpy as np

from minitransformer.functional.erf import erf as host_erf

SURFACE = json.loads(pathlib.Path(__file__).with_name("cupy_surface.json").read_text("utf-8"))
EXPLICIT = {"asarray", "array"}  # functions that move a host array to the device explicitly
LISTS = {"concatenate", "stack", "asarray", "array"}  # functions that accept a list of arrays
# Their results have a shape that only the device knows, so the host has to wait for it.
WAITING = {"flatnonzero", "nonzero", "argwhere", "unique", "compress", "bincount", "array_equal",
           "allclose", "item", "tolist"}  # fmt: skip
TOO_NEW = {"mT"}  # not in every version of CuPy that the project allows


class SilentCrossing(TypeError):
    """A host array was combined with a device array without an explicit move."""


class Counters:
    """How often the host waited for the device, and how many arrays were sent to it."""

    waits = uploads = 0

    def reset(self):
        self.waits = self.uploads = 0


counters = Counters()


def up(value):
    """What NumPy computed, as device arrays; tuples member by member."""
    if isinstance(value, np.ndarray | np.generic):
        return DeviceArray(np.asarray(value))
    if isinstance(value, tuple | list):
        return type(value)(map(up, value))
    return value


def down(value, where):
    """The host array behind a device array; a host array itself is refused."""
    if isinstance(value, DeviceArray):
        return value._a
    if isinstance(value, np.ndarray):
        raise SilentCrossing(f"{where}: a host array met device arrays")
    if isinstance(value, tuple | list):
        return type(value)(down(member, where) for member in value)
    return value


def check_keywords(where, allowed, given):
    """Refuse keywords that CuPy's function does not have."""
    wrong = sorted(set(given) - set(allowed or ()))
    if wrong and allowed != ["*"]:
        raise TypeError(f"cupy's {where} has no keyword {', '.join(wrong)}")


def check_index(index):
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, np.ndarray | list):
            raise SilentCrossing(f"an index on the host: {type(part).__name__}")


def has_array(index, kind):
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(p, DeviceArray) and p.dtype.kind in kind for p in parts)


class DeviceArray:
    """An array of the stand-in device."""

    __slots__ = ("_a",)
    __module__ = "cupy"
    __array_priority__ = 1000
    __array_ufunc__ = None
    __hash__ = None

    def __init__(self, array):
        self._a = array

    def __array__(self, *args, **kwargs):
        raise SilentCrossing("a device array became a NumPy array: say to_host(x)")

    def __array_function__(self, function, *args):
        raise SilentCrossing(f"numpy.{function.__name__} was given a device array")

    def get(self):
        counters.waits += 1
        return self._a.copy()

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __bool__(self):
        return bool(self.get())

    def __index__(self):
        return self.get().__index__()

    def __len__(self):
        return len(self._a)

    def __iter__(self):
        return (up(row) for row in self._a)

    def __getitem__(self, index):
        check_index(index)
        counters.waits += has_array(index, "b")
        return up(self._a[down(index, "an index")])

    def __setitem__(self, index, value):
        check_index(index)
        where = down(index, "an index")
        if has_array(index, "iu"):
            places = np.arange(self._a.size).reshape(self._a.shape)[where].reshape(-1)
            if np.unique(places).size < places.size:
                raise IndexError("an id is repeated in an assignment: CuPy would keep any of them")
        self._a[where] = down(value, "an assignment")

    def __getattr__(self, name):
        # Dunder names are refused, or NumPy would walk in through __array_struct__.
        if name.startswith("__") or name not in SURFACE["ndarray"] or name in TOO_NEW:
            raise AttributeError(f"cupy.ndarray has no {name}")
        value = getattr(self._a, name)
        if not callable(value):
            return up(value)

        def method(*args, **kwargs):
            check_keywords(name, SURFACE["ndarray"][name], kwargs)
            counters.waits += name in WAITING
            kwargs = {key: down(given, name) for key, given in kwargs.items()}
            return up(value(*down(args, name), **kwargs))

        return method

    def __repr__(self):
        return f"DeviceArray({self._a!r})"


def _operator(name):
    def operate(self, *others):
        if any(isinstance(other, np.ndarray) for other in others):
            raise SilentCrossing(f"{name}: a host array met a device array")
        result = getattr(self._a, name)(*(down(other, name) for other in others))
        if result is self._a:
            return self
        return NotImplemented if result is NotImplemented else up(result)

    return operate


for _name in "add sub mul truediv floordiv pow mod matmul and or xor".split():
    for _prefix in ("", "r", "i"):
        setattr(DeviceArray, f"__{_prefix}{_name}__", _operator(f"__{_prefix}{_name}__"))
for _name in "neg pos abs invert lt le gt ge eq ne".split():
    setattr(DeviceArray, f"__{_name}__", _operator(f"__{_name}__"))


class Ufunc:
    """An elementwise function: takes device arrays and scalars, not lists."""

    def __init__(self, ufunc):
        self._ufunc, self._name = ufunc, ufunc.__name__

    def __call__(self, *args, **kwargs):
        return self._called(self._ufunc, SURFACE["cupy"][self._name], args, kwargs)

    def _called(self, function, allowed, args, kwargs):
        if any(isinstance(argument, list | tuple) for argument in args):
            raise SilentCrossing(f"{self._name}: cupy's ufuncs take no lists")
        check_keywords(self._name, allowed, kwargs)
        kwargs = {key: down(given, self._name) for key, given in kwargs.items()}
        return up(function(*down(args, self._name), **kwargs))

    def __getattr__(self, name):
        if name == "at":
            raise AttributeError(f"{self._name}.at adds in an order that differs from run to run")
        function, allowed = getattr(self._ufunc, name), SURFACE["ufunc"][name]
        return lambda *args, **kwargs: self._called(function, allowed, args, kwargs)


class Module(types.ModuleType):
    """What ``import cupy`` gives while the stand-in is installed."""

    ndarray = DeviceArray

    def __getattr__(self, name):
        if name.startswith("__") or name not in SURFACE["cupy"]:
            raise AttributeError(f"cupy has no {name}")
        value = getattr(np, name)
        if isinstance(value, np.ufunc):
            return Ufunc(value)
        if isinstance(value, type) or not callable(value):
            return value

        def function(*args, **kwargs):
            check_keywords(name, SURFACE["cupy"][name], kwargs)
            counters.waits += name in WAITING or (name == "where" and len(args) == 1)
            if name in EXPLICIT:
                return _uploaded(value, args, kwargs)
            kwargs = {key: down(given, name) for key, given in kwargs.items()}
            return up(value(*down(args, name), **kwargs))

        return function


def _uploaded(function, args, kwargs):
    first, *rest = args
    counters.uploads += not isinstance(first, DeviceArray)
    source = first._a if isinstance(first, DeviceArray) else np.array(first)
    return up(function(source, *rest, **kwargs))


class Generator:
    """CuPy's generator: NumPy's stream, and the methods that CuPy's has."""

    def __init__(self, seed_sequence):
        self._rng = np.random.default_rng(seed_sequence)

    def __getattr__(self, name):
        if name not in SURFACE["Generator"]:
            raise AttributeError(f"cupy's Generator has no {name}")

        def draw(*args, **kwargs):
            check_keywords(name, SURFACE["Generator"][name], kwargs)
            if name == "integers" and max(args[:2]) > 2**63 - 1:
                raise OverflowError("CuPy's bound is a signed 64-bit number")
            return up(getattr(self._rng, name)(*args, **kwargs))

        return draw


class _Device:
    def synchronize(self):
        counters.waits += 1


class _Pool:
    def used_bytes(self):
        return 1024

    def total_bytes(self):
        return 2048


def _modules():
    cupy = Module("cupy")
    cupy.random = types.SimpleNamespace(Generator=Generator, Philox4x3210=lambda seed: seed)
    cupy.get_default_memory_pool = _Pool
    cupy.cuda = types.SimpleNamespace(
        Device=_Device,
        runtime=types.SimpleNamespace(
            getDeviceCount=lambda: 1,
            getDeviceProperties=lambda device: {"name": b"stand-in"},
            memGetInfo=lambda: (3072, 4096),
        ),
    )
    special = types.ModuleType("cupyx.scipy.special")
    special.erf = lambda x: up(host_erf(x._a))
    return {"cupy": cupy, "cupyx.scipy.special": special}


@contextlib.contextmanager
def installed(kernels=None):
    """Within the block the stand-in is CuPy; yields it.

    It runs no CUDA: without a stand-in for ``cupy.RawKernel`` in `kernels` they are switched off.
    """
    switch = "MINITRANSFORMER_GPU_KERNELS"
    with mock.patch.dict(os.environ, {switch: "0" if kernels is None else "1"}):
        with _installed() as cupy:
            cupy.RawKernel = kernels
            yield cupy


@contextlib.contextmanager
def _installed():
    before = {name: sys.modules.get(name) for name in _modules()}
    modules = _modules()
    # importlib looks parents up first; the stand-in's own are empty.
    modules |= {name: types.ModuleType(name) for name in ("cupyx", "cupyx.scipy")}
    before |= {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    counters.reset()
    try:
        yield modules["cupy"]
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
