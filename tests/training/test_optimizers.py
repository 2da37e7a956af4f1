"""Optimisers compared with closed forms and with scalar loops written from the papers."""

import math
import tracemalloc

import numpy as np
import pytest

from minitransformer.training.optim import optimizers
from minitransformer.training.optim.optimizer import BLOCK
from minitransformer.training.optim.optimizers import SGD, Adam, AdamW, Momentum
from tests.support.tolerances import tolerance


# Scalar loops: the papers' equations in plain Python, for one number and a list of its gradients.
def scalar_sgd(x, grads, lr):
    for g in grads:
        x = x - lr * g
    return x


def scalar_momentum(x, grads, lr, mu=0.9):
    velocity = 0.0
    for g in grads:
        velocity = mu * velocity - lr * g
        x = x + velocity
    return x


def scalar_nesterov(x, grads, lr, mu=0.9):
    velocity = 0.0
    for g in grads:
        velocity = mu * velocity - lr * g
        x = x + mu * velocity - lr * g
    return x


def scalar_adagrad(x, grads, lr, eps=1e-10):
    total = 0.0
    for g in grads:
        total = total + g**2
        x = x - lr * g / (math.sqrt(total) + eps)
    return x


def scalar_rmsprop(x, grads, lr, rho=0.99, eps=1e-8):
    v = 0.0
    for g in grads:
        v = rho * v + (1 - rho) * g**2
        x = x - lr * g / (math.sqrt(v) + eps)
    return x


def scalar_adam(x, grads, lr, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0):
    m = v = 0.0
    for t, g in enumerate(grads, start=1):
        x = x - lr * weight_decay * x
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat = m / (1 - b1**t)
        v_hat = v / (1 - b2**t)
        x = x - lr * m_hat / (math.sqrt(v_hat) + eps)
    return x


def scalar_adamw(x, grads, lr):
    return scalar_adam(x, grads, lr, weight_decay=0.01)


SCALAR = {
    "sgd": scalar_sgd,
    "momentum": scalar_momentum,
    "nesterov": scalar_nesterov,
    "adagrad": scalar_adagrad,
    "rmsprop": scalar_rmsprop,
    "adam": scalar_adam,
    "adamw": scalar_adamw,
}


ALL = sorted(SCALAR)


def test_every_name_has_a_scalar_loop():
    assert set(SCALAR) == set(optimizers.NAMES)


@pytest.mark.parametrize("name", ALL)
def test_against_scalar_loop(name):
    rng = np.random.default_rng(3)
    n, steps, lr = 7, 40, 0.03
    start = rng.standard_normal(n)
    grads = rng.standard_normal((steps, n)) * 10.0 ** rng.integers(-6, 4, n)
    opt, values = optimizers.get(name), start.copy()
    for g in grads:
        opt.step(values, g, lr)
    expected = [SCALAR[name](float(start[i]), grads[:, i].tolist(), lr) for i in range(n)]
    error = np.max(np.abs(values - expected) / np.maximum(1, np.abs(expected)))
    assert error <= tolerance("optimizer vs scalar loop")


@pytest.mark.parametrize("name", ALL)
def test_the_result_does_not_depend_on_blocks(name):
    """An array of several blocks gives the same bits as its pieces, updated separately."""
    rng = np.random.default_rng(4)
    n = 2 * BLOCK + 321
    start = rng.standard_normal(n).astype("float32")
    whole, pieces = start.copy(), [start[i : i + 5000].copy() for i in range(0, n, 5000)]
    one, many = optimizers.get(name), [optimizers.get(name) for _ in pieces]
    for _ in range(3):
        g = rng.standard_normal(n).astype("float32")
        one.step(whole, g)
        for k, piece in enumerate(pieces):
            many[k].step(piece, g[k * 5000 : k * 5000 + 5000])
    np.testing.assert_array_equal(whole, np.concatenate(pieces))


def test_closed_forms():
    """With a constant gradient, SGD moves lr * t, momentum a geometric sum, Adam lr per step."""
    g = np.array([2.0, -0.5])
    x = np.zeros(2)
    opt = SGD(0.1)
    for _ in range(10):
        opt.step(x, g)
    np.testing.assert_allclose(x, -0.1 * 10 * g, rtol=1e-14)

    x, opt, mu = np.zeros(2), Momentum(0.1), 0.9
    for _ in range(10):
        opt.step(x, g)
    total = sum((1 - mu ** (t + 1)) / (1 - mu) for t in range(10))
    np.testing.assert_allclose(x, -0.1 * total * g, rtol=1e-14)

    x, opt = np.zeros(2), Adam(0.1)
    for _ in range(10):
        opt.step(x, g)
    np.testing.assert_allclose(x, -0.1 * 10 * np.sign(g), rtol=1e-6)


def test_momentum_on_a_parabola():
    """On x^2 / 2, the heavy ball obeys the linear recurrence whose roots give its rate."""
    lr, mu, x = 0.1, 0.9, np.array([1.0])
    opt, path = Momentum(lr), [1.0, 1.0]
    for _ in range(30):
        opt.step(x, x.copy())
        path.append((1 + mu - lr) * path[-1] - mu * path[-2])
        assert abs(x[0] - path[-1]) < 1e-13


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_stays(name, dtype):
    """The rate of the fifty steps is a NumPy scalar, which would promote the arrays."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal(50).astype(dtype)
    opt = optimizers.get(name)
    opt.learning_rate = np.float64(0.01)
    for _ in range(50):
        opt.step(values, rng.standard_normal(50).astype(dtype), np.float64(1e-2))
    assert values.dtype == dtype
    assert {a.dtype for k, a in opt.state().items() if k != "t"} <= {np.dtype(dtype)}


@pytest.mark.parametrize("name", ALL)
def test_in_place_without_large_temporaries(name):
    n = 50 * BLOCK
    values, grads = np.ones(n, "float32"), np.full(n, 0.5, "float32")
    grads_before, opt = grads.copy(), optimizers.get(name)
    opt.step(values, grads)
    tracemalloc.start()
    opt.step(values, grads)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    scratch = 2 * BLOCK * values.itemsize
    assert peak < scratch + 4096, f"a step allocated {peak} bytes"
    np.testing.assert_array_equal(grads, grads_before)


@pytest.mark.parametrize("name", ALL)
def test_a_restored_state_continues_bit_identically(name):
    rng = np.random.default_rng(5)
    start, grads = rng.standard_normal(40), rng.standard_normal((10, 40))
    whole, opt = start.copy(), optimizers.get(name)
    for g in grads:
        opt.step(whole, g)
    half, first = start.copy(), optimizers.get(name)
    for g in grads[:4]:
        first.step(half, g)
    second = optimizers.get(name)
    second.load_state(first.state())
    before = {k: np.copy(v) for k, v in first.state().items()}
    for g in grads[4:]:
        second.step(half, g)
    np.testing.assert_array_equal(half, whole)
    assert second.t == 10
    for k, v in first.state().items():
        np.testing.assert_array_equal(v, before[k], err_msg="load_state must copy")


def test_decay_mask_and_its_default():
    values = np.array([1.0, -2.0, 3.0])
    zero = np.zeros(3)
    AdamW(0.1, weight_decay=0.5).step(values, zero, decay=np.array([True, False, True]))
    np.testing.assert_allclose(values, [0.95, -2.0, 2.85], rtol=1e-15)
    everywhere, mask = np.array([1.0, -2.0]), np.array([1.0, -2.0])
    AdamW(0.1).step(everywhere, zero[:2])
    AdamW(0.1).step(mask, zero[:2], decay=np.ones(2, bool))
    np.testing.assert_allclose(everywhere, mask, rtol=1e-15)
    np.testing.assert_allclose(everywhere, [0.999, -1.998], rtol=1e-15)
    plain = np.array([1.0])
    Adam(0.1).step(plain, np.zeros(1), decay=np.ones(1, bool))
    assert plain[0] == 1.0


def test_decay_uses_the_rate_of_the_step():
    values = np.array([1.0])
    AdamW(0.1, weight_decay=0.5).step(values, np.zeros(1), learning_rate=0.01)
    assert values[0] == pytest.approx(0.995, rel=1e-15)


def test_empty_array():
    values = np.zeros(0, "float32")
    Adam().step(values, np.zeros(0, "float32"))
    assert values.size == 0
