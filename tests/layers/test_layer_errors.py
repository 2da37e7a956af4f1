"""Bad input to layers and the classifier: the message says in one sentence what is allowed."""

import numpy as np
import pytest

from minitransformer import layers
from minitransformer.models import TransformerClassifier

SIZES = {"d_model": 8, "n_heads": 2, "d_ff": 8, "n_layers": 1, "max_len": 5}
X = np.zeros((2, 4, 8), np.float32)
IDS = np.zeros((2, 4), np.int64)


def _build(**choices):
    return TransformerClassifier(**{"vocab_size": 9, "n_classes": 3} | SIZES | choices)


BAD_CHOICES = {
    "vocab_size": ([0, -1, "ten", 2.5], "vocab_size must be an integer of at least 1, got {!r}"),
    "n_classes": ([1, 0], "n_classes must be an integer of at least 2, got {!r}"),
    "max_len": ([0, 1.5], "max_len must be an integer of at least 1, got {!r}"),
    "d_model": ([0, -8], "d_model must be an integer of at least 1, got {!r}"),
    "n_heads": ([3, 16], "n_heads must divide d_model = 8, got {!r}"),
    "d_ff": ([0], "d_ff must be an integer of at least 1, got {!r}"),
    "n_layers": ([-1, "2", True], "n_layers must be an integer of at least 0, got {!r}"),
    "seed": ([None, 1.5, -1, False], "seed must be an integer of at least 0, got {!r}"),
    "dropout": ([1.0, -0.1, float("nan")], r"dropout must lie in \[0, 1\), got {!r}"),
    "norm": (["before", None], "norm must be one of pre, post, got {!r}"),
    "positions": (["sine"], "positions must be one of sinusoidal, learned, .*, got {!r}"),
    "pooling": (["cls"], "pooling must be one of mean, max, first, got {!r}"),
    "activation": (["swish"], "activation must be one of relu, gelu, gelu_tanh, silu, got {!r}"),
    "attention": (["sparse", None], "attention must be one of full, tiled, got {!r}"),
    "dtype": (["int8", "complex128"], "dtype must be one of float16, float32, float64, got {!r}"),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, v) for name, (values, _) in BAD_CHOICES.items() for v in values]
)
def test_a_bad_configuration_is_named(name, value):
    with pytest.raises(ValueError, match=BAD_CHOICES[name][1].format(value)):
        _build(**{name: value})


@pytest.mark.parametrize("name", ["norm", "positions", "activation", "attention"])
def test_a_bad_choice_is_named_even_where_no_block_would_notice(name):
    value = BAD_CHOICES[name][0][0]
    with pytest.raises(ValueError, match=BAD_CHOICES[name][1].format(value)):
        _build(**{name: value}, n_layers=0)


def test_heads_must_divide_even_where_no_block_would_notice():
    with pytest.raises(ValueError, match="n_heads must divide d_model = 8, got 3"):
        _build(n_heads=3, n_layers=0)


BAD_BATCHES = {
    "one text without a batch axis": (
        lambda m: m(IDS[0]),
        ValueError,
        r"ids must be \(B, T\), got shape \(4,\)",
    ),
    "id too large": (lambda m: m(IDS + 9), ValueError, r"ids must lie in 0 \.\. 8, got 9"),
    "negative id": (lambda m: m(IDS - 1), ValueError, r"ids must lie in 0 \.\. 8, got -1"),
    "float ids": (lambda m: m(X[:, :, 0]), TypeError, "ids must be an integer array, got float32"),
    "too long": (lambda m: m(np.zeros((1, 6), int)), ValueError, "6 tokens, more than max_len = 5"),
    "mask of another shape": (
        lambda m: m(IDS, mask=np.ones((2, 3), bool)),
        ValueError,
        r"mask must have the shape of ids, \(2, 4\), got \(2, 3\)",
    ),
    "0/1 mask": (
        lambda m: m(IDS, mask=np.ones((2, 4), int)),
        TypeError,
        "mask must be boolean .* got int64",
    ),
    "a list of lists": (lambda m: m([[1, 2]]), TypeError, "ids must be a NumPy .* got a list"),
}


@pytest.mark.parametrize("case", BAD_BATCHES)
def test_a_bad_batch_is_named(case):
    call, error, message = BAD_BATCHES[case]
    model = _build(pooling="first")
    before = model.flat.values.tobytes()
    with pytest.raises(error, match=message):
        call(model)
    assert model.flat.values.tobytes() == before


BAD_LAYERS = {
    "MultiHeadAttention: heads": (
        lambda: layers.MultiHeadAttention(10, 4),
        "n_heads must divide d_model = 10, got 4",
    ),
    "MultiHeadAttention: no heads": (
        lambda: layers.MultiHeadAttention(10, 0),
        "n_heads must divide d_model = 10, got 0",
    ),
    "MultiHeadAttention: dropout": (
        lambda: layers.MultiHeadAttention(8, 4, dropout=1),
        r"dropout must lie in \[0, 1\), got 1",
    ),
    "MultiHeadAttention: attention": (
        lambda: layers.MultiHeadAttention(8, 4, attention="flash"),
        "attention must be one of full, tiled, got 'flash'",
    ),
    "MultiHeadCrossAttention: heads": (
        lambda: layers.MultiHeadCrossAttention(8, 3),
        "n_heads must divide d_model = 8, got 3",
    ),
    "MultiHeadCrossAttention: another batch": (
        lambda: layers.MultiHeadCrossAttention(8, 2)(X, X[:1]),
        "the batches must be equal",
    ),
    "Dropout: p": (lambda: layers.Dropout(1.5), r"p must lie in \[0, 1\), got 1.5"),
    "EncoderBlock: norm": (
        lambda: layers.EncoderBlock(8, 2, 8, norm="both"),
        "norm must be one of pre, post, got 'both'",
    ),
    "FeedForward: activation": (
        lambda: layers.FeedForward(8, 8, activation="tanh"),
        "activation must be one of relu",
    ),
    "PositionalEncoding: kind": (
        lambda: layers.PositionalEncoding("rotary", 5, 8),
        "positions must be one of sinusoidal",
    ),
    "PositionalEncoding: too long": (
        lambda: layers.PositionalEncoding("learned", 3, 8)(X),
        "4 tokens, more than max_len = 3",
    ),
    "Linear: width": (lambda: layers.Linear(6, 3)(X), r"x .*\(2, 4, 8\).* W .*\(6, 3\)"),
    "LayerNorm: width": (lambda: layers.LayerNorm(6)(X), r"gamma must have shape \(8,\)"),
}


@pytest.mark.parametrize("case", BAD_LAYERS)
def test_a_bad_layer_or_call_is_named(case):
    function, message = BAD_LAYERS[case]
    with pytest.raises(ValueError, match=message):
        function()


def test_the_base_layer_says_what_it_lacks():
    class Nothing(layers.Layer):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has no forward pass"):
        Nothing().forward(X)
    with pytest.raises(NotImplementedError, match="Nothing has no backward pass"):
        Nothing().backward(X, None)
