"""Rotary positions, ALiBi and windows: what they are for, their edges, and bad input."""

import numpy as np
import pytest

from minitransformer import functional as F
from tests.support import strict_device
from tests.support.fake_cupy import FakeCupyArray
from tests.support.tolerances import tolerance

DTYPES = [np.float16, np.float32, np.float64]
X = np.random.default_rng(7).standard_normal((2, 3, 5, 6))  # (B, H, T, E)
COS, SIN = F.rotary_tables(5, 6)


def scores(q, k, m, n):
    """The score of one query at position m and one key at position n."""
    cos, sin = F.rotary_tables(2000, q.size)
    return float(F.rotary(q, cos[m], sin[m]) @ F.rotary(k, cos[n], sin[n]))


def test_a_score_depends_on_the_distance_alone():
    q, k = np.random.default_rng(1).standard_normal((2, 64))
    for m, n in [(0, 0), (5, 2), (3, 9), (99, 0)]:
        moved = [scores(q, k, m + offset, n + offset) for offset in (1, 40, 1900)]
        error = np.abs(np.array(moved) - scores(q, k, m, n)).max()
        assert error <= tolerance("scores at equal distance")
    assert abs(scores(q, k, 5, 2) - scores(q, k, 2, 5)) > 0.1  # before and after differ


def test_turning_keeps_lengths_and_turning_back_undoes_it():
    y = F.rotary(X, COS, SIN)
    limit = tolerance("rotary forward and back")
    assert np.abs((y * y).sum(axis=-1) - (X * X).sum(axis=-1)).max() <= limit
    assert np.abs(F.rotary_backward(y, COS, SIN) - X).max() <= limit
    assert np.array_equal(y[:, :, 0], X[:, :, 0])  # position 0 stands still
    assert np.abs(y - X)[:, :, 1:].min() > 1e-5


def test_the_halves_are_turned_and_not_the_neighbours():
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    zero, one = np.zeros((1, 2)), np.ones((1, 2))
    assert F.rotary(x, zero, one).tolist() == [[-3, -4, 1, 2]]
    assert F.rotary_backward(x, zero, one).tolist() == [[3, 4, -1, -2]]


def test_every_text_may_have_positions_of_its_own():
    positions = np.array([[0, 1, 2, 3, 4], [0, 0, 0, 1, 2]])
    y = F.rotary(X, COS[positions][:, None], SIN[positions][:, None])
    for b, row in enumerate(positions):
        assert np.array_equal(y[b], F.rotary(X[b], COS[row], SIN[row]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tables_are_computed_in_float64_and_rounded_once(dtype):
    exact = F.rotary_tables(20_000, 8)
    for table, reference in zip(F.rotary_tables(20_000, 8, dtype=dtype), exact, strict=True):
        assert table.dtype == dtype
        assert np.array_equal(table, reference.astype(dtype))
    assert F.rotary_tables(0, 4)[0].shape == (0, 2)
    assert exact[0][:, 0].tobytes() == np.cos(np.arange(20_000.0)).tobytes()


def test_a_larger_base_turns_more_slowly():
    slow, fast = (np.arccos(F.rotary_tables(2, 8, base)[0][1]) for base in (5e5, 1e4))
    assert slow[0] == fast[0]
    assert (slow[1:] < fast[1:]).all()


# -- ALiBi -------------------------------------------------------------------------------------


def test_slopes_of_the_paper():
    assert F.alibi_slopes(8).tolist() == [2.0**-h for h in range(1, 9)]
    sixteen = F.alibi_slopes(16)
    np.testing.assert_allclose(sixteen, 2.0 ** (-0.5 * np.arange(1, 17)), rtol=1e-15)
    assert F.alibi_slopes(np.int64(8)).tolist() == F.alibi_slopes(8).tolist()
    assert F.alibi_slopes(12).tolist() == [*F.alibi_slopes(8), *sixteen[:8:2]]
    for n_heads in range(1, 40):
        slopes = F.alibi_slopes(n_heads)
        assert slopes.shape == np.unique(slopes).shape == (n_heads,)
        assert 0 < slopes.min() <= slopes.max() < 1


def test_a_bias_of_each_text_or_one_for_all():
    queries, keys = np.array([2, 3]), np.arange(4)
    bias = F.alibi_bias(2, queries, keys)
    assert bias[0].tolist() == [[-0.125, -0.0625, 0, 0], [-0.1875, -0.125, -0.0625, 0]]
    assert np.array_equal(bias[1], bias[0] / 16)
    each = F.alibi_bias(2, np.array([[2, 3], [0, 1]]), np.array([[0, 1, 2, 3], [0, 0, 0, 1]]))
    assert each.shape == (2, 2, 2, 4)
    assert np.array_equal(each[0], bias)
    assert np.array_equal(each[1], F.alibi_bias(2, np.array([0, 1]), np.array([0, 0, 0, 1])))
    shared = F.alibi_bias(2, np.array([[2, 3], [0, 1]]), keys)
    assert np.array_equal(shared[1], F.alibi_bias(2, np.array([0, 1]), keys))
    assert F.alibi_bias(3, queries[:0], keys).shape == (3, 0, 4)


def test_unsigned_positions_do_not_wrap():
    signed = F.alibi_bias(2, np.arange(3), np.arange(3))
    for kind in (np.uint8, np.uint64, np.int8):
        again = F.alibi_bias(2, np.arange(3, dtype=kind), np.arange(3, dtype=kind))
        assert np.array_equal(again, signed)


@pytest.mark.parametrize("dtype", [*DTYPES, "float16", np.dtype(np.float32)])
def test_a_bias_has_the_dtype_asked_for_and_stays_finite(dtype):
    far = np.array([0, 5, 70_001, 3_000_001])
    bias, exact = F.alibi_bias(3, far, far, dtype), F.alibi_bias(3, far, far)
    assert bias.dtype == dtype
    assert np.isfinite(bias).all()  # beyond float16 it becomes its largest number
    largest = float(np.finfo(dtype).max)
    assert np.array_equal(bias, np.maximum(exact, -largest).astype(dtype))


def test_the_bias_on_a_device_is_the_host_s():
    queries, keys = np.array([[2, 3], [0, 1]]), np.arange(4)
    expected = F.alibi_bias(3, queries, keys, np.float32)
    with strict_device.installed() as cupy:
        there = F.alibi_bias(3, cupy.asarray(queries), cupy.asarray(keys), np.float32)
        assert there.get().tobytes() == expected.tobytes()
        assert there.dtype == np.float32


# -- windows -----------------------------------------------------------------------------------


def test_a_wide_window_is_a_causal_mask_and_a_window_of_one_sees_itself():
    assert np.array_equal(F.sliding_window_mask(4, 4), F.causal_mask(4))
    assert np.array_equal(F.sliding_window_mask(4, 1), np.eye(4, dtype=bool))
    assert F.sliding_window_mask(4, 3).sum(axis=1).tolist() == [1, 2, 3, 3]
    assert F.sliding_window_mask(2, 3, 9).sum(axis=1).tolist() == [3, 3]


def test_the_last_queries_see_what_they_saw_in_the_whole_mask():
    assert np.array_equal(F.causal_mask(2, 5), F.causal_mask(5)[3:])
    assert np.array_equal(F.sliding_window_mask(2, 3, 5), F.sliding_window_mask(5, 3)[3:])


# -- bad input ---------------------------------------------------------------------------------

TABLE = (COS, SIN)
BAD = {
    "tables: odd": (
        lambda: F.rotary_tables(3, 5),
        "d_k even and >= 2, and base > 0, got 3, 5 and 10000",
    ),
    "tables: nothing": (lambda: F.rotary_tables(3, 0), "d_k even and >= 2"),
    "tables: max_len": (lambda: F.rotary_tables(-1, 4), "max_len must be >= 0"),
    "tables: base": (lambda: F.rotary_tables(3, 4, 0), "base > 0"),
    "tables: base is NaN": (lambda: F.rotary_tables(3, 4, float("nan")), "base > 0"),
    "rotary: odd": (lambda: F.rotary(X[..., :5], *TABLE), r"x must have an even .* got .*5\)"),
    "rotary: empty": (lambda: F.rotary(X[..., :0], *TABLE), "the last axis of x must have an even"),
    "rotary: a number": (lambda: F.rotary(np.array(1.0), *TABLE), r"x must have .* got shape \(\)"),
    "rotary: too many": (
        lambda: F.rotary(X, *F.rotary_tables(6, 6)),
        r"cos must broadcast to the halves .* got \(6, 3\)",
    ),
    "rotary: width": (lambda: F.rotary(X, *F.rotary_tables(5, 4)), r"length 3, half .* \(5, 2\)"),
    "rotary: one column": (lambda: F.rotary(X, COS[:, :1], SIN[:, :1]), "length 3"),
    "rotary: sin": (lambda: F.rotary(X, COS, SIN[:2]), r"sin must have the shape of cos, \(5, 3\)"),
    "rotary: more axes": (lambda: F.rotary(X[0, 0], COS[None], SIN[None]), "cos must broadcast"),
    "rotary_backward": (lambda: F.rotary_backward(X[..., :4], *TABLE), "last axis of dy"),
    "slopes": (lambda: F.alibi_slopes(0), "n_heads must be at least 1, got 0"),
    "bias: heads": (lambda: F.alibi_bias(-1, np.arange(2), np.arange(2)), "n_heads must be"),
    "bias: axes": (
        lambda: F.alibi_bias(2, np.arange(2), np.zeros((1, 1, 2), int)),
        r"key_positions .* \(1, 1",
    ),
    "bias: a number": (lambda: F.alibi_bias(2, np.array(3), np.arange(2)), "query_positions must"),
    "window": (lambda: F.sliding_window_mask(3, 0), "window must be at least 1, got 0"),
    "window: fewer keys": (
        lambda: F.sliding_window_mask(3, 2, 2),
        "T must be in 0 .. S, .* got T = 3 and S = 2",
    ),
    "causal: fewer keys": (lambda: F.causal_mask(3, 2), "last T of S keys, got T = 3 and S = 2"),
    "causal: negative": (lambda: F.causal_mask(-1), "T must be in 0 .. S"),
}
WRONG_TYPE = {
    "bias: floats": (
        lambda: F.alibi_bias(2, np.arange(2.0), np.arange(2)),
        "query_positions must be an integer",
    ),
    "bias: a list": (
        lambda: F.alibi_bias(2, np.arange(2), [0, 1]),
        "key_positions must be a NumPy or CuPy",
    ),
    "rotary: a list": (lambda: F.rotary(X, COS.tolist(), SIN), "cos must be a NumPy or CuPy array"),
}


@pytest.mark.parametrize(
    ("function", "host", "device"),
    [
        (lambda a, b: F.rotary(a, a, b), "x, cos", "sin"),
        (lambda a, b: F.rotary_backward(b, a, a), "cos, sin", "dy"),
        (lambda a, b: F.alibi_bias(2, a, b), "query_positions", "key_positions"),
    ],
)
def test_mixing_numpy_and_cupy_names_the_arguments(function, host, device):
    with pytest.raises(TypeError, match=f"mixed: {host} on the CPU, {device} on the GPU"):
        function(np.zeros((2, 3)), FakeCupyArray())


@pytest.mark.parametrize("case", BAD)
def test_bad_values_are_named(case):
    function, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        function()


@pytest.mark.parametrize("case", WRONG_TYPE)
def test_wrong_types_are_named(case):
    function, message = WRONG_TYPE[case]
    with pytest.raises(TypeError, match=message):
        function()


@pytest.mark.parametrize("window", [None, 1, 2, 9])
def test_a_position_mask_is_its_definition(window):
    q, k = np.array([[3, 4], [0, 1]]), np.array([[2, 3, 4, 5], [0, 0, 1, 2]])
    mask = F.position_mask(q, k, window)
    reach = 99 if window is None else window
    assert mask.tolist() == [
        [[0 <= t - s < reach for s in keys] for t in queries]
        for queries, keys in zip(q.tolist(), k.tolist(), strict=True)
    ]
    with pytest.raises(ValueError, match="window must be at least 1, got 0"):
        F.position_mask(q, k, 0)
