"""Edges, laws, tables, masks, dropout and erf of the pure functions."""

import math

import numpy as np
import pytest

from minitransformer import functional as F
from minitransformer import fused
from tests.support.tolerances import tolerance


def _normal(*shape, seed=7):
    return np.random.default_rng(seed).standard_normal(shape)


# -- empty axes --------------------------------------------------------------------------------


@pytest.mark.parametrize(("B", "T", "S"), [(0, 3, 4), (2, 0, 4), (2, 3, 0), (0, 0, 0)])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_over_empty_axes_is_zero(B, T, S, masked):
    Q, K, V = _normal(B, 2, T, 4), _normal(B, 2, S, 4), _normal(B, 2, S, 4)
    mask = np.ones((B, 1, T, S), bool) if masked else None
    O, P = F.attention(Q, K, V, mask)
    dQ, dK, dV = F.attention_backward(_normal(*O.shape), Q, K, V, P)
    assert (O.shape, P.shape) == ((B, 2, T, 4), (B, 2, T, S))
    assert [dQ.shape, dK.shape, dV.shape] == [Q.shape, K.shape, V.shape]
    assert not O.any()
    assert not any(gradient.any() for gradient in (dQ, dK, dV))


def test_pooling_no_tokens_gives_zero():
    x = _normal(2, 0, 3)
    assert F.mean_pool(x).tolist() == [[0.0] * 3] * 2
    y, index = F.max_pool(x)
    assert y.tolist() == [[0.0] * 3] * 2
    assert index.tolist() == [[-1] * 3] * 2
    assert F.mean_pool_backward(_normal(2, 3), 0).shape == (2, 0, 3)
    assert F.max_pool_backward(_normal(2, 3), index, 0).shape == (2, 0, 3)


def test_losses_of_nothing_are_zero():
    loss, saved = F.cross_entropy(_normal(2, 3), np.array([-1, -1]), ignore_index=-1)
    assert loss == 0
    assert not F.cross_entropy_backward(1.0, saved).any()
    loss, saved = F.cross_entropy(_normal(0, 3), np.zeros(0, int))
    assert loss == 0
    assert F.cross_entropy_backward(1.0, saved).shape == (0, 3)
    loss, difference = F.mean_squared_error(_normal(0, 3), _normal(0, 3))
    assert loss == 0
    assert F.mean_squared_error_backward(1.0, difference).shape == (0, 3)


# -- attention ---------------------------------------------------------------------------------


def test_a_query_with_nothing_to_see_gets_zero_and_gives_zero_gradient():
    Q, K, V = _normal(1, 1, 3, 4), _normal(1, 1, 5, 4, seed=8), _normal(1, 1, 5, 4, seed=9)
    mask = np.ones((3, 5), bool)
    mask[1] = False
    O, P = F.attention(Q, K, V, mask)
    dQ, _, _ = F.attention_backward(_normal(*O.shape), Q, K, V, P)
    assert not O[0, 0, 1].any()
    assert not P[0, 0, 1].any()
    assert not dQ[0, 0, 1].any()
    assert O[0, 0, 0].all()
    assert dQ[0, 0, 2].all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_under_the_mask_change_nothing_bit_for_bit(dtype):
    Q, K, V = (_normal(2, 2, 4, 3, seed=s).astype(dtype) for s in (1, 2, 3))
    mask = F.padding_mask(np.array([3, 4]), 4)
    dO = _normal(2, 2, 4, 3, seed=4).astype(dtype)
    plain = F.attention(Q, K, V, mask)
    gradients = F.attention_backward(dO, Q, K, V, plain[1])
    for junk in (1e30, -1e30, 0.0, np.nan):
        K2, V2 = K.copy(), V.copy()
        K2[0, :, 3], V2[0, :, 3] = junk, junk
        again = F.attention(Q, K2, V2, mask)
        others = F.attention_backward(dO, Q, K2, V2, again[1])
        for a, b in zip(plain + gradients, again + others, strict=True):
            assert a.tobytes() == b.tobytes()


def test_grouped_queries_equal_repeated_keys():
    Q, K, V = _normal(2, 6, 4, 3), _normal(2, 2, 5, 3, seed=1), _normal(2, 2, 5, 3, seed=2)
    K6, V6 = np.repeat(K, 3, axis=1), np.repeat(V, 3, axis=1)
    O, P = F.attention(Q, K, V)
    O6, P6 = F.attention(Q, K6, V6)
    dO = _normal(2, 6, 4, 3, seed=3)
    dQ, dK, dV = F.attention_backward(dO, Q, K, V, P)
    dQ6, dK6, dV6 = F.attention_backward(dO, Q, K6, V6, P6)
    assert np.array_equal(O, O6)
    assert np.array_equal(dQ, dQ6)
    for grouped, repeated in ((dK, dK6), (dV, dV6)):
        assert np.array_equal(grouped, repeated.reshape(2, 2, 3, 5, 3).sum(axis=2))


def test_heads_are_cut_out_of_the_features_not_out_of_time():
    x = np.arange(2 * 3 * 8).reshape(2, 3, 8)
    heads = F.split_heads(x, 4)
    assert heads[1, 2, 0].tolist() == [28, 29]  # text 1, head 2, token 0: 24 + 2 * 2
    assert np.array_equal(F.merge_heads(heads), x)


def test_attention_works_without_batch_and_heads():
    Q, K, V = _normal(4, 3), _normal(5, 3, seed=1), _normal(5, 3, seed=2)
    O, P = F.attention(Q, K, V, np.ones(5, bool))
    O4, P4 = F.attention(Q[None, None], K[None, None], V[None, None])
    dO = _normal(4, 3, seed=3)
    flat = F.attention_backward(dO, Q, K, V, P)
    full = F.attention_backward(dO[None, None], Q[None, None], K[None, None], V[None, None], P4)
    assert np.array_equal(O, O4[0, 0])
    assert all(np.array_equal(a, b[0, 0]) for a, b in zip(flat, full, strict=True))


# -- dtype -------------------------------------------------------------------------------------


def test_numpy_scalars_do_not_promote_float32():
    x, gamma = _normal(2, 3).astype(np.float32), np.ones(3, np.float32)
    _, saved = F.cross_entropy(x, np.array([0, 2]))
    _, difference = F.mean_squared_error(x, x + gamma)
    results = [
        *F.layer_norm(x, gamma, gamma, eps=np.float64(1e-5)),
        *F.rms_norm(x, gamma, eps=np.float64(1e-6)),
        F.cross_entropy_backward(np.float64(0.5), saved),
        F.mean_squared_error_backward(np.float64(0.5), difference),
    ]
    assert {a.dtype for a in results} == {np.dtype(np.float32)}


# -- tables and masks --------------------------------------------------------------------------


def test_an_odd_d_model_ends_with_a_sine():
    P = F.sinusoidal_positions(30, 7, np.float64)
    assert P.shape == (30, 7)
    gap = P[:, 6] - np.sin(np.arange(30) / 10000 ** (6 / 7))
    assert np.abs(gap).max() <= tolerance("positions vs scalar loops")
    assert F.sinusoidal_positions(3, 1, np.float32).dtype == np.float32
    assert F.sinusoidal_positions(0, 4).shape == (0, 4)


def test_scalar_positions_jump_after_10000():
    P = F.scalar_positions(10_003, 3, np.float64)
    assert P[[0, 1, 5000, 10_000], 0].tolist() == [0, 1e-4, 0.5, 1]
    assert P[10_001:, 1].tolist() == [1 / 10_001, 1 / 10_002]
    assert (P == P[:, :1]).all()


def test_masks_keep_none_and_refuse_nothing_to_combine():
    causal = F.causal_mask(3)
    assert F.combine_masks(None, None) is None
    assert F.combine_masks() is None
    assert np.array_equal(F.combine_masks(None, causal), causal)
    assert F.causal_mask(0).shape == (0, 0)
    padding = F.padding_mask(np.array([0, 2]), 3)
    assert padding[:, 0, 0].tolist() == [[False] * 3, [True, True, False]]


# -- dropout -----------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_mask_keeps_the_expected_value(p, dtype):
    n = 200_000
    keep = F.dropout_mask(np.random.default_rng(3), (n // 10, 10), p, dtype)
    assert keep.dtype == dtype
    assert set(np.unique(keep)) <= {dtype(0), keep.max()}
    assert abs(float(keep.max()) * (1 - p) - 1) < 2e-4  # p is a multiple of 1 / 65536
    standard_error = math.sqrt(p * (1 - p) / n)
    assert abs((keep == 0).mean() - p) < 4 * standard_error + 1 / 65_536
    assert abs(keep.mean(dtype=np.float64) - 1) < 5 * standard_error / (1 - p)


def test_dropout_mask_at_the_ends_of_its_range():
    rng = np.random.default_rng(0)
    assert (F.dropout_mask(rng, (50, 50), 0.0, np.float32) == 1).all()
    nearly_all = F.dropout_mask(rng, (300, 300), 1 - 1e-9, np.float64)
    assert np.isfinite(nearly_all).all()
    assert F.dropout_mask(rng, (0, 3), 0.5, np.float16).shape == (0, 3)


def test_dropout_mask_is_drawn_from_the_generator_alone():
    one, same, other = (
        F.dropout_mask(np.random.default_rng(seed), (40,), 0.5, float) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


# -- erf and GELU ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_erf_within_2_ulp(dtype):
    x = np.concatenate(
        [
            np.linspace(-7, 7, 40_001),
            np.geomspace(1e-12, 7, 20_001),
            [0.0, -0.0, 1 / 32, 3 / 32, 6.0, -6.0, 1e30, -1e30, np.inf, -np.inf],
        ]
    ).astype(dtype)
    exact = np.array([math.erf(v) for v in x.tolist()]).astype(dtype)
    y = F.erf(x)
    assert y.dtype == dtype
    assert np.max(np.abs(y - exact) / np.spacing(np.abs(exact))) <= tolerance("erf in ulp")


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_lets_nan_and_infinity_through(approximate):
    y = F.gelu(np.array([np.nan, np.inf, 1e30, -1e30]), approximate)
    dx = F.gelu_backward(np.ones(4), np.array([np.nan, np.inf, 1e30, -1e30]), approximate)
    assert np.isnan(y[0])
    assert np.isnan(dx[0])
    assert y[1:].tolist() == [np.inf, 1e30, 0]
    assert dx[1:3].tolist() == [1, 1]
    assert abs(dx[3]) < 1e-190


def test_log_softmax_of_nothing_to_choose_from_stays_minus_infinity():
    x = np.full((2, 3), -np.inf)
    y = F.log_softmax(x)
    assert np.array_equal(y, x)
    assert np.array_equal(F.log_softmax_backward(np.zeros_like(y), y), np.zeros_like(y))


@pytest.mark.parametrize("ops", [F, fused])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_cross_entropy_where_a_class_that_does_not_count_has_no_probability(ops, label_smoothing):
    logits = np.array([[-np.inf, 0.0, 1.0], [2.0, 0.5, -1.0], [-np.inf, 3.0, 1.0]])
    targets, rest = np.array([-1, 2, -1]), {"label_smoothing": label_smoothing}
    loss, saved = ops.cross_entropy(logits, targets, ignore_index=-1, **rest)
    alone, _ = ops.cross_entropy(logits[1:2], targets[1:2], **rest)
    assert np.isfinite(loss)
    np.testing.assert_allclose(loss, alone, rtol=tolerance("forward vs scalar loops, float64"))
    dlogits = ops.cross_entropy_backward(1.0, saved)
    assert (dlogits[[0, 2]] == 0).all()
    assert np.isfinite(dlogits).all()
