"""Schedules, penalties, clipping, word dropout, averaged weights: each against its equation."""

import math

import numpy as np
import pytest

from minitransformer.training.optim import schedules
from minitransformer.training.optim.averaging import AveragedWeights, applied
from minitransformer.training.optim.optimizer import BLOCK
from minitransformer.training.optim.regularisation import (
    add_penalty,
    clip_by_global_norm,
    global_norm,
    word_dropout,
)
from minitransformer.training.optim.schedules import WarmupCosine, WarmupInverseSqrt


def test_the_papers_equation_3():
    rate = WarmupInverseSqrt(warmup=4000, d_model=512).start(100_000)
    for step in (1, 10, 3999, 4000, 4001, 100_000):
        paper = 512**-0.5 * min(step**-0.5, step * 4000**-1.5)
        assert rate(step) == pytest.approx(paper, rel=1e-14)
    # known value of the original: the peak of the base model is 7.0e-4
    assert max(map(rate, range(1, 20_000))) == rate(4000) == pytest.approx(6.9877e-4, rel=1e-4)


def test_inverse_sqrt_without_width_peaks_at_one():
    rate = WarmupInverseSqrt(warmup=100).start(1000)
    assert rate(100) == pytest.approx(1.0, rel=1e-14)
    assert rate(50) == pytest.approx(0.5, rel=1e-14)
    assert rate(400) == pytest.approx(0.5, rel=1e-14)


def test_cosine():
    rate = WarmupCosine(warmup=10, floor=0.1).start(110)
    assert [rate(1), rate(10)] == [0.1, 1.0]
    assert rate(60) == pytest.approx(0.55, rel=1e-14)
    assert rate(110) == pytest.approx(0.1, rel=1e-14)
    assert rate(500) == pytest.approx(0.1, rel=1e-14)
    falling = [rate(t) for t in range(10, 111)]
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize("kind", [WarmupCosine, WarmupInverseSqrt])
def test_a_warm_up_longer_than_the_run_is_announced(kind):
    words = "so the learning rate reaches only 50% of its maximum: use a shorter warmup"
    with pytest.warns(UserWarning, match=words):
        rate = kind(warmup=100).start(50)
    assert rate(50) / kind(warmup=100).start(1000)(100) == pytest.approx(0.5)
    with pytest.warns(UserWarning, match="so the learning rate never falls"):
        kind(warmup=50).start(50)
    for fine in (1, 49, 0.5, 0.999):  # any warning is an error in the tests
        kind(warmup=fine).start(50)


def test_warmup_as_a_fraction_and_runs_too_short_for_it():
    assert WarmupCosine(warmup=0.1).start(200)(10) == 0.5
    assert WarmupInverseSqrt(warmup=0.5).start(200)(100) == pytest.approx(1.0, rel=1e-14)
    assert WarmupCosine(warmup=0.1).start(1)(1) == 1.0
    assert WarmupCosine(warmup=0).start(4)(2) == pytest.approx(0.5, rel=1e-14)
    with pytest.warns(UserWarning, match="warm-up takes 10 steps, but the run has 5"):
        assert WarmupCosine(warmup=10).start(5)(5) == 0.5


def test_schedules_by_name_and_as_functions():
    assert schedules.get(None).start(5)(3) == 1.0
    assert schedules.get("constant").start(5)(3) == 1.0
    assert type(schedules.get("warmup_cosine")) is WarmupCosine
    halve = lambda step: 0.5**step  # noqa: E731
    assert schedules.get(halve) is halve
    with pytest.raises(ValueError, match="unknown schedule 'cosine'; did you mean 'warmup_cosine'"):
        schedules.get("cosine")
    with pytest.raises(TypeError, match="schedule must be a name or an object"):
        schedules.get(0.1)
    with pytest.raises(ValueError, match="warmup must be shorter than total=5"):
        WarmupCosine(warmup=6, total=5).start(5)
    with pytest.raises(ValueError, match="floor must be finite and >= 0 and <= 1"):
        WarmupCosine(floor=2)


def scalar_penalty(x, l1, l2):
    return sum(l1 * abs(t) + l2 * t * t for t in x.tolist())


def test_penalty_value_and_gradient():
    rng = np.random.default_rng(0)
    n = BLOCK + 77
    x = rng.standard_normal(n)
    x[:5] = 0.0
    where = rng.random(n) < 0.6
    grads = np.ones(n)
    before = x.copy()
    value = add_penalty(x, grads, l1=0.3, l2=0.7, where=where)
    assert value == pytest.approx(scalar_penalty(x[where], 0.3, 0.7), rel=1e-12)
    expected = 1 + np.where(where, 0.3 * np.sign(x) + 1.4 * x, 0.0)
    np.testing.assert_allclose(grads, expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(("l1", "l2"), [(0.2, 0.0), (0.0, 0.2)])
def test_penalty_gradient_by_central_differences(l1, l2):
    x = np.array([0.5, -1.5, 2.0])
    grads = np.zeros(3)
    add_penalty(x, grads, l1, l2)
    for i in range(3):
        up, down = x.copy(), x.copy()
        up[i] += 1e-6
        down[i] -= 1e-6
        slope = (scalar_penalty(up, l1, l2) - scalar_penalty(down, l1, l2)) / 2e-6
        assert grads[i] == pytest.approx(slope, rel=1e-8)


def test_no_penalty_does_nothing():
    grads = np.ones(3)
    assert add_penalty(np.ones(3), grads) == 0.0
    np.testing.assert_array_equal(grads, 1)


def test_clipping():
    rng = np.random.default_rng(1)
    grads = rng.standard_normal(BLOCK * 2 + 5)
    norm = math.sqrt(sum(g * g for g in grads.tolist()))
    direction = grads / norm
    assert clip_by_global_norm(grads, 2 * norm) == pytest.approx(norm, rel=1e-12)
    np.testing.assert_allclose(grads, direction * norm, rtol=1e-14)
    assert clip_by_global_norm(grads, 0.25) == pytest.approx(norm, rel=1e-12)
    np.testing.assert_allclose(grads, direction * 0.25, rtol=1e-12)


def test_norm_of_large_and_broken_gradients():
    big = np.full(4, 1e30, "float32")
    assert global_norm(big) == pytest.approx(2e30, rel=1e-6)
    assert clip_by_global_norm(big, 1.0) == pytest.approx(2e30, rel=1e-6)
    np.testing.assert_allclose(big, 0.5, rtol=1e-6)
    assert math.isnan(global_norm(np.array([1.0, np.nan])))
    broken = np.array([1.0, np.inf])
    assert clip_by_global_norm(broken, 1.0) == math.inf
    assert broken[0] == 1.0
    assert global_norm(np.zeros(0)) == 0.0
    with pytest.raises(ValueError, match="max_norm must be finite and > 0"):
        clip_by_global_norm(np.ones(2), 0)


def test_dtype_of_penalty_clip_and_average():
    x, grads, mean = np.ones(9, "float32"), np.ones(9, "float32"), AveragedWeights(0.9)
    add_penalty(x, grads, np.float64(0.1), np.float64(0.1), np.ones(9, bool))
    clip_by_global_norm(grads, np.float64(0.5))
    for _ in range(50):
        mean.update(x)
    assert {x.dtype, grads.dtype, mean.values.dtype} == {np.dtype("float32")}


def test_word_dropout():
    ids = np.array([[5, 7, 9, 0, 0], [3, 0, 8, 4, 0]] * 2000)
    before = ids.copy()
    out = word_dropout(ids, 0.3, 1, np.random.default_rng(0), ids != 0)
    np.testing.assert_array_equal(ids, before)
    assert out.dtype == ids.dtype
    assert (out[ids == 0] == 0).all()
    changed = out != ids
    assert (out[changed] == 1).all()
    rate = changed[ids != 0].mean()
    assert abs(rate - 0.3) < 5 * math.sqrt(0.3 * 0.7 / (ids != 0).sum())
    # with a mask, id 0 inside it is a token like any other
    mask = np.zeros(ids.shape, bool)
    mask[:, 1] = True
    out = word_dropout(ids, 0.999, 1, np.random.default_rng(0), mask)
    assert (out[:, 1] == 1).mean() > 0.99
    np.testing.assert_array_equal(np.delete(out, 1, 1), np.delete(ids, 1, 1))
    np.testing.assert_array_equal(word_dropout(ids, 0.0, 1, np.random.default_rng(0)), ids)
    # without a mask every id is a token, 0 too
    out = word_dropout(ids, 0.999, 1, np.random.default_rng(0))
    assert (out[ids == 0] == 1).mean() > 0.99


def test_average_against_scalar_loop():
    rng = np.random.default_rng(2)
    path = rng.standard_normal((300, 5))
    mean = AveragedWeights(0.95)
    expected = [None] * 5
    for t, x in enumerate(path, start=1):
        mean.update(x)
        d = min(0.95, (t - 1) / (t + 8))
        for i in range(5):
            expected[i] = x[i] if t == 1 else d * expected[i] + (1 - d) * x[i]
    np.testing.assert_allclose(mean.values, expected, rtol=1e-12)


def test_average_starts_at_the_first_step_and_follows():
    mean = AveragedWeights(0.999)
    mean.update(np.array([4.0]))
    assert mean.values[0] == 4.0
    for _ in range(100):
        mean.update(np.array([6.0]))
    assert mean.values[0] == pytest.approx(6.0, abs=1e-6), "the first weights must fade fast"


def test_averages_are_applied_and_the_values_restored():
    mean = AveragedWeights(0.5)
    values = np.array([1.0, 2.0])
    seen = []
    for averages in (None, mean):
        with applied(averages, values):
            seen.append(values.tolist())
    assert seen == [[1.0, 2.0]] * 2, "without averages nothing changes"
    mean.update(np.array([3.0, 5.0]))

    def fail_inside():
        with applied(mean, values):
            seen.append(values.tolist())
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail_inside()
    assert seen[-1] == [3.0, 5.0]
    np.testing.assert_array_equal(values, [1.0, 2.0])


def test_average_state():
    mean, restored = AveragedWeights(0.5), AveragedWeights(0.5)
    mean.update(np.array([3.0, 5.0]))
    restored.load_state(mean.state())
    mean.update(np.array([1.0, 2.0]))
    restored.update(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(restored.values, mean.values)
    assert AveragedWeights(0.5).state() == {"t": 0}
