"""SiLU and SwiGLU: the ends of the line, what opens and closes the gate, bad input."""

import math

import numpy as np
import pytest

from minitransformer import functional as F
from tests.support.fake_cupy import FakeCupyArray
from tests.support.tolerances import tolerance

DTYPES = [np.float16, np.float32, np.float64]
X = np.random.default_rng(7).standard_normal((2, 3, 5))


@pytest.mark.parametrize("dtype", DTYPES)
def test_silu_at_the_ends_of_the_line(dtype):
    largest = float(np.finfo(dtype).max)
    x = np.array([np.inf, largest, 90, -90, -largest, -np.inf], dtype)
    with np.errstate(all="raise", under="ignore"):
        y, dx = F.silu(x), F.silu_backward(np.ones_like(x), x)
    # float16 is computed in float32 and rounded to its largest number
    assert y[:3].tolist() == [largest if dtype == np.float16 else np.inf, largest, 90]
    assert dx[:3].tolist() == [1, 1, 1]
    assert np.abs([y[3:], dx[3:]]).astype(float).max() < 1e-32


@pytest.mark.parametrize("dtype", DTYPES)
def test_silu_lets_nan_through(dtype):
    x = np.array([np.nan, 1.0], dtype)
    for result in (F.silu(x), F.silu_backward(np.ones_like(x), x)):
        assert np.isnan(result).tolist() == [True, False]


@pytest.mark.parametrize("dtype", DTYPES)
def test_silu_keeps_its_digits_far_to_the_left(dtype):
    x = np.concatenate([np.linspace(-79, 79, 30_000), [0.0]]).astype(dtype)
    exact = np.array([v / (1 + math.exp(-v)) for v in x.tolist()]).astype(dtype)
    error = np.abs(F.silu(x).astype(np.float64) - exact) / np.spacing(np.abs(exact))
    assert error.max() <= tolerance("SiLU in ulp")


def test_a_closed_gate_lets_nothing_through():
    gate = np.array([[0.0, -200.0, 200.0]])
    up, dy = np.array([[5.0, 6.0, 7.0]]), np.array([[1.0, 2.0, 3.0]])
    y = F.swiglu(gate, up)
    dgate, dup = F.swiglu_backward(dy, gate, up)
    assert abs(y[0, :2]).max() < 1e-30
    assert y[0, 2] == 1400
    assert abs(dup[0, :2]).max() < 1e-30
    assert dup[0, 2] == 600
    assert dgate[0, [0, 2]].tolist() == [2.5, 21]
    assert abs(dgate[0, 1]) < 1e-30


@pytest.mark.parametrize(
    ("function", "host", "device"),
    [
        (lambda a, b: F.silu_backward(a, b), "dy", "x"),
        (lambda a, b: F.swiglu(a, b), "gate", "up"),
        (lambda a, b: F.swiglu_backward(a, b, a), "dy, up", "gate"),
    ],
)
def test_mixing_numpy_and_cupy_names_the_arguments(function, host, device):
    with pytest.raises(TypeError, match=f"mixed: {host} on the CPU, {device} on the GPU"):
        function(np.zeros((2, 3)), FakeCupyArray())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: F.swiglu(X, X[0]), r"up must have the shape of gate, \(2, 3, 5\), got \(3, 5\)"),
        (lambda: F.swiglu_backward(X[:1], X, X), "dy must have the shape of gate"),
        (lambda: F.swiglu_backward(X, X, X[:1]), "up must have the shape of gate"),
        (lambda: F.silu_backward(X[:1], X), "dy must have the shape of x"),
    ],
)
def test_bad_shapes_are_named(function, message):
    with pytest.raises(ValueError, match=message):
        function()


@pytest.mark.parametrize("function", [F.silu, lambda x: F.swiglu(x, x)])
def test_whole_numbers_are_refused(function):
    with pytest.raises(TypeError, match="needs floating-point arrays"):
        function(np.array([1, 2]))


@pytest.mark.parametrize("x", [-80.5, -1000.0, -1e6])
def test_the_slope_of_silu_is_that_of_the_code_below_its_bound(x):
    x = np.array([x])
    assert F.silu(x) == F.silu(x - 1)  # constant
    assert F.silu_backward(np.ones(1), x) == 0
    assert F.swiglu_backward(np.ones(1), x, np.full(1, 1e5))[0] == 0
