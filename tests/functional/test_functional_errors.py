"""Bad input of the pure functions: an error that names the argument and what is allowed."""

import math

import numpy as np
import pytest

from minitransformer import functional as F
from tests.support.fake_cupy import FakeCupyArray


def _mask(p):
    return F.dropout_mask(np.random.default_rng(7), (2,), p, float)


@pytest.mark.parametrize(
    ("function", "host", "device"),
    [
        (lambda a, b: F.linear(a, b), "x", "W"),
        (lambda a, b: F.embedding(np.array([0, 1]), b), "ids", "W"),
        (lambda a, b: F.attention(a, b, a), "Q, V", "K"),
        (lambda a, b: F.attention_backward(a, a, a, a, b), "dO, Q, K, V", "P"),
        (lambda a, b: F.tiled_attention(a, b, a), "Q, V", "K"),
        (
            lambda a, b: F.tiled_attention_backward(a, a, a, a, a, b),
            "dO, Q, K, V, O",
            "logsumexp",
        ),
        (lambda a, b: F.dropout(a, b), "x", "keep"),
        (lambda a, b: F.dropout_backward(a, b), "dy", "keep"),
        (lambda a, b: F.layer_norm(a, b, a), "x, beta", "gamma"),
        (lambda a, b: F.layer_norm_backward(a, a, b, a), "dy, xhat, gamma", "rstd"),
        (lambda a, b: F.softmax_backward(a, b), "dy", "y"),
        (lambda a, b: F.relu_backward(a, b), "dy", "y"),
        (lambda a, b: F.gelu_backward(a, b), "dy", "x"),
        (lambda a, b: F.cross_entropy(a, b), "logits", "targets"),
        (lambda a, b: F.mean_squared_error(a, b), "y", "target"),
        (lambda a, b: F.mean_pool(a, b), "x", "mask"),
    ],
)
def test_mixing_numpy_and_cupy_names_the_arguments(function, host, device):
    with pytest.raises(TypeError, match=f"mixed: {host} on the CPU, {device} on the GPU"):
        function(np.zeros((2, 3)), FakeCupyArray())


Q = np.zeros((2, 4, 5, 3))
BAD = {
    "linear: W does not fit": (
        lambda: F.linear(np.zeros((2, 3)), np.zeros((4, 5))),
        r"x \(\.\.\., D_in\) and W .* got x \(2, 3\) and W \(4, 5\)",
    ),
    "linear: W is a vector": (lambda: F.linear(np.zeros((2, 3)), np.zeros(3)), r"W \(3,\)"),
    "linear: x is a number": (lambda: F.linear(np.array(1.0), np.zeros((1, 1))), r"x must .*\(\)"),
    "linear: no features": (lambda: F.linear(np.zeros((2, 0)), np.zeros((0, 3))), "x must have"),
    "padding_mask: too long": (lambda: F.padding_mask(np.array([4]), 3), r"lengths .*0 \.\. 3"),
    "embedding_backward: id": (
        lambda: F.embedding_backward(np.zeros((1, 2)), np.array([-1]), 3),
        r"ids .*got -1",
    ),
    "relu_backward: shape": (
        lambda: F.relu_backward(np.zeros((1, 3)), np.zeros((2, 3))),
        r"dy must have the shape of y",
    ),
    "linear: b does not fit": (
        lambda: F.linear(np.zeros((2, 3)), np.zeros((3, 5)), np.zeros(4)),
        r"b must have shape \(5,\) .* got \(4,\)",
    ),
    "qkv_projection: width": (
        lambda: F.qkv_projection(np.zeros((2, 3)), np.zeros((3, 8))),
        r"multiple of 3, got \(3, 8\)",
    ),
    "gelu: unknown form": (
        lambda: F.gelu(np.zeros(2), approximate="erf"),
        "approximate must be .* got 'erf'",
    ),
    "gelu_backward: unknown form": (
        lambda: F.gelu_backward(np.zeros(2), np.zeros(2), approximate="x"),
        "approximate .* got 'x'",
    ),
    "layer_norm: no features": (
        lambda: F.layer_norm(np.zeros((2, 0)), np.zeros(0), np.zeros(0)),
        r"x must have a last axis of at least 1, got shape \(2, 0\)",
    ),
    "layer_norm: gamma": (
        lambda: F.layer_norm(np.zeros((2, 3)), np.zeros(4), np.zeros(3)),
        r"gamma must have shape \(3,\), .* got \(4,\)",
    ),
    "layer_norm: beta": (
        lambda: F.layer_norm(np.zeros((2, 3)), np.zeros(3), np.zeros((1, 3))),
        r"beta .*\(1, 3\)",
    ),
    "rms_norm: no features": (
        lambda: F.rms_norm(np.zeros((2, 0)), np.zeros(0)),
        "x must have a last axis of at least 1",
    ),
    "rms_norm: gamma": (lambda: F.rms_norm(np.zeros((2, 3)), np.zeros(1)), r"gamma .*got \(1,\)"),
    "embedding: id too large": (
        lambda: F.embedding(np.array([[0, 5]]), np.zeros((5, 2))),
        r"ids must .* 0 \.\. 4, got 5",
    ),
    "embedding: negative id": (
        lambda: F.embedding(np.array([-1, 9]), np.zeros((5, 2))),
        r"ids must .* 0 \.\. 4, got -1",
    ),
    "attention: no features": (
        lambda: F.attention(Q[..., :0], Q[..., :0], Q),
        "Q .* K .* same E of at least 1",
    ),
    "attention: E differs": (
        lambda: F.attention(Q, Q[..., :2], Q),
        r"same E .* \(2, 4, 5, 3\) and \(2, 4, 5, 2\)",
    ),
    "attention: S differs": (
        lambda: F.attention(Q, Q, Q[:, :, :4]),
        "K and V must have the same batch, heads and length",
    ),
    "attention: vectors": (
        lambda: F.attention(np.zeros(3), Q, Q),
        r"must have the shapes .* got \(3,\)",
    ),
    "attention: heads of K do not divide": (
        lambda: F.attention(Q, Q[:, :3], Q[:, :3]),
        "number of heads of K and V must divide that of Q",
    ),
    "attention: more heads in K": (
        lambda: F.attention(Q[:, :2], Q, Q),
        "number of heads of K and V must divide that of Q",
    ),
    "attention: no heads in K": (
        lambda: F.attention(Q, Q[:, :0], Q[:, :0]),
        "number of heads of K and V must divide that of Q",
    ),
    "attention: batch differs": (
        lambda: F.attention(Q, Q[:1], Q[:1]),
        "heads of K and V must divide .* the batches must be equal",
    ),
    "attention: mask does not fit": (
        lambda: F.attention(Q, Q, Q, np.ones((5, 4), bool)),
        r"mask must broadcast to the scores \(2, 4, 5, 5\), got \(5, 4\)",
    ),
    "attention: mask has more axes": (
        lambda: F.attention(Q, Q, Q, np.ones((1, 2, 4, 5, 5), bool)),
        "mask must broadcast .* got",
    ),
    "attention: keep does not fit": (
        lambda: F.attention(Q, Q, Q, keep=np.ones((5, 4))),
        r"keep must broadcast .* got \(5, 4\)",
    ),
    "attention: bias makes the scores larger": (
        lambda: F.attention(Q[:, :, :1], Q, Q, bias=np.ones((5, 5))),
        r"bias must broadcast to the scores \(2, 4, 1, 5\), got \(5, 5\)",
    ),
    "tiled_attention: E differs": (
        lambda: F.tiled_attention(Q, Q[..., :2], Q),
        r"same E .* \(2, 4, 5, 3\) and \(2, 4, 5, 2\)",
    ),
    "tiled_attention: mask does not fit": (
        lambda: F.tiled_attention(Q, Q, Q, np.ones((5, 4), bool)),
        r"mask must broadcast .* got \(5, 4\)",
    ),
    "tiled_attention: dropout": (
        lambda: F.tiled_attention(Q, Q, Q, dropout=1.0, seed=0),
        r"dropout must lie in \[0, 1\)",
    ),
    "tiled_attention: no seed": (
        lambda: F.tiled_attention(Q, Q, Q, dropout=0.1),
        "seed must be given for dropout = 0.1",
    ),
    "tiled_attention: block": (
        lambda: F.tiled_attention(Q, Q, Q, block=0),
        "block must be at least 1 query, got 0",
    ),
    "dropout: keep makes x larger": (
        lambda: F.dropout(np.ones(3), np.ones((2, 3))),
        r"keep must broadcast to x \(3,\), got \(2, 3\)",
    ),
    "split_heads: D not divisible": (
        lambda: F.split_heads(np.zeros((2, 3, 10)), 4),
        "n_heads must divide D = 10, got 4",
    ),
    "split_heads: no heads": (lambda: F.split_heads(np.zeros((2, 3, 4)), 0), "n_heads .* got 0"),
    "split_heads: no features": (lambda: F.split_heads(np.zeros((2, 3, 0)), 2), "D = 0"),
    "split_heads: shape": (lambda: F.split_heads(np.zeros((3, 4)), 2), r"\(B, T, D\).*\(3, 4\)"),
    "merge_heads: shape": (lambda: F.merge_heads(np.zeros((3, 4))), r"\(B, H, T, E\).*\(3, 4\)"),
    "cross_entropy: no classes": (
        lambda: F.cross_entropy(np.zeros((2, 0)), np.zeros(2, int)),
        "logits must have a last axis",
    ),
    "cross_entropy: target too large": (
        lambda: F.cross_entropy(np.zeros((2, 3)), np.array([0, 3])),
        r"targets must lie in 0 \.\. 2, got 3",
    ),
    "cross_entropy: negative target": (
        lambda: F.cross_entropy(np.zeros((2, 3)), np.array([0, -100])),
        "targets .* got -100",
    ),
    "cross_entropy: wrong number of targets": (
        lambda: F.cross_entropy(np.zeros((2, 3)), np.zeros(3, int)),
        r"targets .*\(2,\), got \(3,\)",
    ),
    "cross_entropy: label_smoothing": (
        lambda: F.cross_entropy(np.zeros((2, 3)), np.zeros(2, int), label_smoothing=1.5),
        r"label_smoothing must lie in \[0, 1\], got 1.5",
    ),
    "cross_entropy: class_weights": (
        lambda: F.cross_entropy(np.zeros((2, 3)), np.zeros(2, int), class_weights=np.ones(2)),
        r"class_weights must have shape \(3,\), got \(2,\)",
    ),
    "mean_squared_error: shapes": (
        lambda: F.mean_squared_error(np.zeros((2, 3)), np.zeros((2, 1))),
        r"target must have the shape of y, \(2, 3\), got \(2, 1\)",
    ),
    "mean_pool: x": (lambda: F.mean_pool(np.zeros((2, 3))), r"x must be \(B, T, D\)"),
    "mean_pool: mask": (
        lambda: F.mean_pool(np.zeros((2, 3, 4)), np.ones((2, 4), bool)),
        r"mask .*\(2, 3\), got",
    ),
    "max_pool: mask": (
        lambda: F.max_pool(np.zeros((2, 3, 4)), np.ones((3, 2), bool)),
        r"mask must have shape \(B, T\)",
    ),
    "dropout_mask: p": (lambda: _mask(1.0), r"p must lie in \[0, 1\)"),
    "dropout_mask: negative p": (lambda: _mask(-0.1), "got -0.1"),
    "dropout_mask: p is NaN": (lambda: _mask(math.nan), "got nan"),
    "sinusoidal_positions: d_model": (lambda: F.sinusoidal_positions(3, 0), "d_model >= 1"),
    "scalar_positions: max_len": (lambda: F.scalar_positions(-1, 3), "max_len must be >= 0"),
}
WRONG_TYPE = {
    "attention: a list as mask": (
        lambda: F.attention(Q, Q, Q, [[True]]),
        "mask must be a NumPy or CuPy array, got a list",
    ),
    "softmax: integers": (
        lambda: F.softmax(np.array([1, 2])),
        "softmax needs floating-point arrays",
    ),
    "attention: additive mask": (
        lambda: F.attention(Q, Q, Q, np.zeros((5, 5))),
        "mask must be boolean .* got float64",
    ),
    "attention: 0/1 mask": (
        lambda: F.attention(Q, Q, Q, np.ones((5, 5), int)),
        "mask must be boolean .* got int64",
    ),
    "tiled_attention: additive mask": (
        lambda: F.tiled_attention(Q, Q, Q, np.zeros((5, 5))),
        "mask must be boolean .* got float64",
    ),
    "mean_pool: 0/1 mask": (
        lambda: F.mean_pool(np.zeros((2, 3, 4)), np.ones((2, 3))),
        "mask must be boolean",
    ),
    "max_pool: 0/1 mask": (
        lambda: F.max_pool(np.zeros((2, 3, 4)), np.ones((2, 3))),
        "mask must be boolean",
    ),
    "combine_masks: float": (
        lambda: F.combine_masks(None, np.ones(3)),
        "mask 1 must be boolean .* got float64",
    ),
    "embedding: float ids": (
        lambda: F.embedding(np.array([0.0]), np.zeros((5, 2))),
        "ids must be an integer array",
    ),
    "cross_entropy: one-hot": (
        lambda: F.cross_entropy(np.zeros((2, 3)), np.zeros(2)),
        "targets must be an integer array",
    ),
    "padding_mask: float": (lambda: F.padding_mask(np.array([1.0]), 3), "lengths must be an int"),
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
