"""The stand-in device refuses what it is there to refuse, and the pairs run on it, bit for bit."""

import numpy as np
import pytest

from minitransformer import backend
from minitransformer.functional import PAIRS
from tests.support import strict_device
from tests.support.on_device import moved, same
from tests.support.strict_device import SilentCrossing, counters


@pytest.fixture
def cp():
    with strict_device.installed() as cupy:
        yield cupy


CROSSINGS = {
    "numpy function": lambda cp, x, h: np.exp(x),
    "device + host": lambda cp, x, h: x + h,
    "host + device": lambda cp, x, h: h + x,
    "in place": lambda cp, x, h: x.__iadd__(h),
    "product": lambda cp, x, h: h @ x,
    "host index": lambda cp, x, h: x[np.array([0, 1])],
    "list index": lambda cp, x, h: x[[0, 1]],
    "assigned host array": lambda cp, x, h: x.__setitem__(slice(None), h),
    "assigned from the device": lambda cp, x, h: h.__setitem__(slice(None), x),
    "asarray": lambda cp, x, h: np.asarray(x),
    "concatenate": lambda cp, x, h: np.concatenate([x, x]),
    "list into a ufunc": lambda cp, x, h: cp.exp([1.0]),
    "host into a function": lambda cp, x, h: cp.where(x > 0, x, h),
    "host into a ufunc": lambda cp, x, h: cp.maximum(x, h),
    "host mask": lambda cp, x, h: cp.copyto(x, 0.0, where=h > 0),
}


@pytest.mark.parametrize("crossing", CROSSINGS.values(), ids=CROSSINGS)
def test_a_silent_crossing_is_refused(cp, crossing):
    h = np.ones((3, 3))
    with pytest.raises((SilentCrossing, TypeError)):
        crossing(cp, cp.asarray(h), h)


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda cp, x: cp.vecdot(x, x), AttributeError),
        (lambda cp, x: x.mT, AttributeError),
        (lambda cp, x: cp.errstate(all="ignore"), AttributeError),
        (lambda cp, x: x.sum(where=x > 0), TypeError),
        (lambda cp, x: x.max(initial=0.0), TypeError),
        (lambda cp, x: cp.add(x, x, where=x > 0), TypeError),
        (lambda cp, x: x[cp.asarray([3])], IndexError),
        (lambda cp, x: x.__setitem__(cp.asarray([1, 1]), 0.0), IndexError),
        (lambda cp, x: cp.add.at(x, cp.asarray([1, 1]), 1.0), AttributeError),
        (lambda cp, x: cp.random.Generator([0]).normal(), AttributeError),
    ],
)
def test_what_cupy_has_not_or_does_otherwise_is_refused(cp, use, error):
    with pytest.raises(error):
        use(cp, cp.asarray(np.ones(3)))


def test_waits_are_counted(cp):
    x = cp.asarray(np.arange(3.0))
    counters.reset()
    y = (x * 2).sum() + 1
    cp.where(x > 1, x, 0.0)[cp.asarray([0, 2])] += y
    assert counters.waits == 0
    assert (float(y), bool(y > 0), int(y), x.get().sum(), x[x > 0].size) == (7, True, 7, 3, 2)
    assert counters.waits == 5


def test_the_stand_in_leaves_with_the_block():
    with strict_device.installed() as cupy:
        assert backend.array_module(cupy.zeros(2)) is cupy
        assert backend.available() == {"cpu": None, "gpu": None}
    usable, _ = backend.cupy_status()
    if not usable:
        assert backend.available()["gpu"]


CASES = [(name, sizes) for name, pair in PAIRS.items() for sizes in ({}, *pair.edges)]


@pytest.mark.parametrize(("name", "sizes"), CASES, ids=lambda part: str(part))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_pair_gives_the_same_bits_on_the_device_and_never_waits(cp, name, sizes, dtype):
    pair, rng = PAIRS[name], np.random.default_rng(3)
    inputs = {
        key: value.astype(dtype) if getattr(value, "dtype", None) == np.float64 else value
        for key, value in pair.example(rng, **sizes).items()
    }
    there = {key: moved(value) for key, value in inputs.items()}
    counters.reset()
    outputs, outputs_there = pair.forward(**inputs), pair.forward(**there)
    same(outputs, outputs_there)
    as_tuple = outputs if type(outputs) is tuple else (outputs,)
    as_tuple_there = outputs_there if type(outputs_there) is tuple else (outputs_there,)
    upstream = [np.asarray(rng.standard_normal(y.shape), y.dtype)
                for y in as_tuple[: pair.upstream]]  # fmt: skip
    host = pair.backward(*upstream, **pair.saved(inputs, as_tuple))
    device = pair.backward(*map(moved, upstream), **pair.saved(there, as_tuple_there))
    same(host, device)
    assert counters.waits == 0
