"""Numbers whose squares or differences overflow: right values, and no warning."""

import numpy as np
import pytest

from minitransformer import functional, fused
from tests.support.tolerances import tolerance

OPS = pytest.mark.parametrize("ops", [functional, fused], ids=["functional", "fused"])
F4, F8 = np.float32, np.float64
RNG = np.random.default_rng(0)
# float32, and a square beyond its range; the last is close to the largest number
LARGE = [(F4, 1e20), (F4, 6e37), (F8, 1e200)]


@OPS
@pytest.mark.parametrize(("dtype", "size"), LARGE)
@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_norms_of_large_features(ops, dtype, size, name):
    ordinary = RNG.standard_normal((2, 3, 16)).astype(dtype)
    x = ordinary.copy()
    x[0, 1] *= dtype(size)
    x[1, 2] *= dtype(size)
    x[1, 0] = 1.5  # a constant row beside them
    scales = [RNG.standard_normal(16).astype(dtype) for _ in range(1 + (name == "layer_norm"))]
    results = getattr(ops, name)(x, *scales)
    wide = [np.longdouble(array) for array in (x, *scales)]
    for found, right in zip(results, getattr(functional, name)(*wide), strict=True):
        assert found.dtype == dtype
        scale = np.maximum(np.abs(right), 0 if found is results[-1] else 1)
        error = float((np.abs(found - right) / scale).max())
        assert error <= tolerance(f"norms of large features, {np.dtype(dtype).name}")
    alone = getattr(ops, name)(np.where(np.abs(x) > 1e10, 0, x), *scales)
    kept = np.abs(x).max(axis=-1) < 1e10
    assert np.array_equal(results[0][kept], alone[0][kept])  # other rows keep their bits


@OPS
def test_norms_of_what_is_not_finite_stay_nan_in_their_own_row(ops):
    x = np.ones((3, 4), F4)
    x[0, 0], x[1, 0] = np.inf, np.nan
    y, *_ = ops.layer_norm(x, np.ones(4, F4), np.ones(4, F4))
    assert np.isnan(y[:2]).any(axis=-1).all()
    assert np.array_equal(y[2], np.ones(4))


@OPS
@pytest.mark.parametrize("logits", [[3e38, -3e38], [0.0, -np.inf]])
def test_cross_entropy_of_a_huge_gap(ops, logits):
    logits = np.array([logits], F4)

    def loss(target, smoothing, weights=None):
        weights = None if weights is None else np.array(weights, F4)
        return ops.cross_entropy(
            logits, np.array([target]), label_smoothing=smoothing, class_weights=weights
        )[0]

    assert loss(0, 0.0) == 0
    assert loss(1, 0.0) == loss(0, 0.1) == loss(1, 1.0) == loss(0, 1.0) == np.inf
    assert loss(0, 0.1, [1, 0]) == loss(0, 1.0, [1, 0]) == 0


@OPS
def test_softmax_of_a_difference_beyond_the_range(ops):
    x = np.array([[3e38, -3e38, 3e38]], F4)
    assert np.array_equal(ops.softmax(x), [[0.5, 0, 0.5]])
    assert ops.log_softmax(x)[0, 1] == -np.inf


@OPS
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e38, 1e30, 1e10])
def test_keys_that_no_query_sees_change_no_bit(ops, value):
    Q, K, V = RNG.standard_normal((3, 2, 2, 4, 8)).astype(F4)
    mask = np.ones((2, 1, 1, 4), bool)
    mask[..., 3] = False
    for attend in (ops.attention, ops.tiled_attention):
        O, second = attend(Q, K, V, mask)
        for names in ("K", "V", "KV"):
            arrays = {"K": K.copy(), "V": V.copy()}
            for name in names:
                arrays[name][..., 3, :] = value
            found = attend(Q, arrays["K"], arrays["V"], mask)
            assert np.array_equal(found[0], O), names
            assert np.array_equal(found[1], second), names
