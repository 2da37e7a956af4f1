"""Convolutions, pooling over windows and patches: known values, laws, and bad input."""

import numpy as np
import pytest

from minitransformer import functional as F
from minitransformer import layers
from tests.support.tolerances import tolerance

X1, W1 = np.zeros((2, 5, 3)), np.zeros((3, 3, 4))
X2, W2 = np.zeros((2, 6, 5, 3)), np.zeros((3, 2, 3, 4))


def _normal(*shape, seed=7):
    return np.random.default_rng(seed).standard_normal(shape)


# -- known values ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("K", "stride", "sums"),
    [
        # By hand, after TensorFlow's rule: ceil(T / s) windows, total = (n - 1) s + K - T zeros.
        (2, 1, [3, 5, 7, 9, 5]),
        (3, 1, [3, 6, 9, 12, 9]),
        (3, 2, [3, 9, 9]),
        (4, 2, [6, 14, 9]),
        (2, 3, [3, 9]),
        (1, 2, [1, 3, 5]),
    ],
)
def test_same_puts_the_odd_zero_after_the_text_as_keras_does(K, stride, sums):
    x = np.arange(1.0, 6.0).reshape(1, 5, 1)
    y = F.conv1d(x, np.ones((K, 1, 1)), stride=stride, padding="same")
    assert y.ravel().tolist() == sums


def test_filters_are_not_reversed():
    x = np.zeros((1, 5, 1))
    x[0, 2] = 1
    y = F.conv1d(x, np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1))
    assert y.ravel().tolist() == [3, 2, 1]


def test_without_a_bias_there_is_none():
    x, W = _normal(2, 5, 3), _normal(2, 3, 4)
    assert np.array_equal(F.conv1d(x, W), F.conv1d(x, W, np.zeros(4)))


@pytest.mark.parametrize("stride", [1, 2, 7])
@pytest.mark.parametrize("K", [1, 2, 5, 10])
def test_a_text_without_tokens_has_no_windows_with_same(K, stride):
    x, W, options = np.zeros((2, 0, 3)), _normal(K, 3, 4), {"stride": stride, "padding": "same"}
    y = F.conv1d(x, W, **options)
    dx, dW, db = F.conv1d_backward(y, x, W, **options)
    assert (y.shape, dx.shape, dW.shape, db.shape) == ((2, 0, 4), x.shape, W.shape, (4,))
    assert not dW.any()


def test_the_first_of_equal_values_wins():
    x = np.array([[0.0, 5.0], [5.0, 5.0], [1.0, 5.0]]).reshape(1, 3, 2, 1)
    y, index = F.max_pool2d(x, (3, 2))
    dx = F.max_pool2d_backward(np.ones_like(y), index, (3, 2), (3, 2))
    assert (y.item(), index.item()) == (5, 1)
    assert dx[0, :, :, 0].tolist() == [[0, 1], [0, 0], [0, 0]]


def test_an_entry_that_wins_twice_gets_both_gradients():
    x = np.array([0.0, 9.0, 1.0]).reshape(1, 3, 1)
    y, index = F.max_pool1d(x, 2, stride=1)
    dx = F.max_pool1d_backward(np.array([3.0, 4.0]).reshape(y.shape), index, 3, 2, stride=1)
    assert index.ravel().tolist() == [1, 0]
    assert dx.ravel().tolist() == [0, 7, 0]


def test_by_default_windows_do_not_overlap_and_the_rest_is_left_out():
    x = _normal(2, 7, 5, 3)
    y, index = F.max_pool2d(x, (3, 2))
    assert y.shape == index.shape == (2, 2, 2, 3)
    assert np.array_equal(y, F.max_pool2d(x, (3, 2), (3, 2))[0])
    dx = F.max_pool2d_backward(np.ones_like(y), index, (7, 5), (3, 2))
    assert dx.shape == x.shape
    assert not dx[:, 6].any()
    assert not dx[:, :, 4].any()
    assert dx.sum() == y.size


# -- laws that connect the functions -----------------------------------------------------------


def test_a_window_of_one_token_is_a_linear_layer():
    x, W, b = _normal(2, 5, 3), _normal(1, 3, 4), _normal(4)
    y, dy = F.conv1d(x, W, b), _normal(2, 5, 4, seed=8)
    gap = y - F.linear(x, W[0], b)
    assert np.abs(gap).max() <= tolerance("forward vs scalar loops, float64")
    pairs = zip(F.conv1d_backward(dy, x, W), F.linear_backward(dy, x, W[0]), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_text_is_an_image_of_one_column(padding):
    x, W, b = _normal(2, 6, 3), _normal(3, 3, 4), _normal(4)
    y = F.conv1d(x, W, b, stride=2, padding=padding)
    image = F.conv2d(x[:, :, None], W[:, None], b, stride=(2, 1), padding=padding)
    assert np.array_equal(y, image[:, :, 0])
    assert np.array_equal(F.max_pool1d(x, 2)[0], F.max_pool2d(x[:, :, None], (2, 1))[0][:, :, 0])


def test_filters_on_patches_are_a_convolution_whose_stride_is_their_size():
    x, W = _normal(2, 4, 6, 3), _normal(2, 2, 3, 5)
    y = F.conv2d(x, W, stride=2)
    patches = F.patchify(x, 2) @ W.reshape(12, 5)
    assert np.abs(patches.reshape(y.shape) - y).max() <= tolerance(
        "forward vs scalar loops, float64"
    )


def test_patches_are_a_view_where_they_can_be():
    x = _normal(2, 6, 2, 3)
    assert np.shares_memory(F.patchify(x, 2), x)
    wide = _normal(2, 4, 6, 3)
    assert not np.shares_memory(F.patchify(wide, 2), wide)


# -- bad input ---------------------------------------------------------------------------------

INDEX = np.zeros((2, 2, 3), int)
BAD = {
    "window, text": (lambda: F.conv1d(X1, np.zeros((6, 3, 1))), r"W must .* at most 5, .* got 6"),
    "window, image": (
        lambda: F.conv2d(X2, np.zeros((2, 7, 3, 1))),
        r'W must .* at most 6 x 5, .* got 2 x 7 .*padding="same"',
    ),
    "window of no token": (lambda: F.conv1d(X1, np.zeros((0, 3, 1))), r"W must .*\(0, 3, 1\)"),
    "channels": (lambda: F.conv1d(X1, np.zeros((3, 4, 1))), r"W must be .* D = 3 .*\(3, 4, 1\)"),
    "channels, image": (lambda: F.conv2d(X2, np.zeros((2, 2, 1, 1))), r"W .* \(K, L, D, F\) .* 3"),
    "axes of W": (lambda: F.conv2d(X2, W1), r"W must be \(K, L, D, F\) .* got shape \(3, 3, 4\)"),
    "axes of x": (lambda: F.conv1d(X2, W1), r"x must be \(B, T, D\), got shape \(2, 6, 5, 3\)"),
    "axes of x, image": (lambda: F.conv2d(X1, W2), r"x must be \(B, R, C, D\), got shape"),
    "bias": (lambda: F.conv1d(X1, W1, np.zeros(3)), r"b must have shape \(4,\) .* got \(3,\)"),
    "stride 0": (lambda: F.conv1d(X1, W1, stride=0), "stride must be at least 1, got 0"),
    "stride -1": (lambda: F.conv2d(X2, W2, stride=(1, -1)), r"stride .* got \(1, -1\)"),
    "two strides": (lambda: F.conv1d(X1, W1, stride=(1, 2)), "stride must be one number, got"),
    "three strides": (lambda: F.conv2d(X2, W2, stride=(1, 2, 1)), "one number or 2 of them"),
    "padding": (lambda: F.conv1d(X1, W1, padding="full"), "padding must be .*same, got 'full'"),
    "size": (lambda: F.max_pool1d(X1, 6), "size must be at most 5, the size of x, got 6"),
    "size, image": (lambda: F.avg_pool2d(X2, (2, 6)), "size must be at most 6 x 5, .* got 2 x 6"),
    "size 0": (lambda: F.max_pool2d(X2, 0), "size must be at least 1, got 0"),
    "pooling stride": (lambda: F.max_pool2d(X2, 2, 0), "stride must be at least 1, got 0"),
    "pooling x": (lambda: F.max_pool2d(X1, 2), r"x must be \(B, R, C, D\), got shape"),
    "patch": (lambda: F.patchify(X2, 2), "size must divide .* 6 and 5, got 2"),
    "patches of x": (lambda: F.patchify(X1, 2), r"x must be \(B, R, C, D\), got shape"),
    # As many numbers as the right gradient has, in another shape
    "dy, text": (
        lambda: F.conv1d_backward(np.zeros((3, 2, 4)), X1, W1),
        r"dy must have the shape of the output, \(2, 3, 4\), got \(3, 2, 4\)",
    ),
    "dy, image": (lambda: F.conv2d_backward(np.zeros((2, 4, 4, 3)), X2, W2), r"dy .*\(2, 4, 4, 4"),
    "dy, maximum": (
        lambda: F.max_pool1d_backward(np.zeros((2, 2, 3)), INDEX, 9, 2),
        r"dy must have the shape of the output, \(2, 4, 3\), got \(2, 2, 3\)",
    ),
    "index": (
        lambda: F.max_pool1d_backward(np.zeros((2, 2, 4)), INDEX, 4, 2),
        r"index must have the shape of dy, \(2, 2, 4\), got \(2, 2, 3\)",
    ),
    "dy, mean": (
        lambda: F.avg_pool2d_backward(np.zeros((2, 2, 3, 1)), (6, 4), 2),
        r"dy must have the shape of the output, \(2, 3, 2, 1\), got \(2, 2, 3, 1\)",
    ),
    "dy, patches": (
        lambda: F.patchify_backward(np.zeros((1, 6, 5)), 2, 4, 6),
        r"dy must have the shape of the output, \(1, 6, 4\), got \(1, 6, 5\)",
    ),
    "Conv1D: size": (lambda: layers.Conv1D(3, 2, 0), "size must be at least 1, got 0"),
    "Conv1D: stride": (lambda: layers.Conv1D(3, 2, 2, stride=0), "stride must be at least 1"),
    "Conv1D: padding": (lambda: layers.Conv1D(3, 2, 2, padding="sam"), "padding .* got 'sam'"),
    "Conv2D: size": (lambda: layers.Conv2D(3, 2, (2, 2, 2)), "size must be one number or 2"),
    "Conv2D: x": (lambda: layers.Conv2D(3, 2, 2)(X1), r"x must be \(B, R, C, D\)"),
}
WRONG_TYPE = {
    "stride 1.5": (lambda: F.conv1d(X1, W1, stride=1.5), "stride must be a whole number, got 1.5"),
    "size 1.5": (lambda: F.max_pool1d(X1, 1.5), "size must be a whole number, got 1.5"),
    "whole numbers": (lambda: F.avg_pool2d(np.zeros((1, 2, 2, 1), int), 2), "floating-point"),
    "a list": (lambda: F.patchify([[1.0]], 1), "x must be a NumPy or CuPy array, got a list"),
    "Conv1D: size": (lambda: layers.Conv1D(3, 2, 1.5), "size must be a whole number, got 1.5"),
}


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


# -- layers ------------------------------------------------------------------------------------


def test_one_size_stands_for_rows_and_columns():
    layer = layers.Conv2D(3, 2, np.int64(4))
    assert layer.W.shape == (4, 4, 3, 2)
    assert layers.Conv2D(3, 2, (4, 1)).W.shape == (4, 1, 3, 2)


def test_filters_start_as_in_keras():
    """Glorot uniform with K L D inputs and K L F outputs."""
    W = layers.Conv2D(8, 24, (3, 5), rng=1).W.value
    limit = (6 / (15 * (8 + 24))) ** 0.5
    assert 0.99 * limit < np.abs(W).max() <= limit
    assert W.dtype == np.float32
    assert not layers.Conv2D(8, 24, 3).b.value.any()
    assert layers.Conv1D(3, 2, 2, bias=False).b is None
