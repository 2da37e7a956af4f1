"""Attention received and gradient x input, against what they claim to be."""

import numpy as np
import pytest

from minitransformer import interpret
from minitransformer.models import TransformerClassifier
from tests.tolerances import tolerance

IDS = np.array([[2, 3, 4, 5, 6], [7, 8, 9, 0, 0]])
MASK = IDS != 0


def model_of(**changes):
    options = {
        "max_len": 8, "d_model": 8, "n_heads": 2, "d_ff": 16, "n_layers": 2, "dtype": "float64",
        "seed": 3, **changes,
    }  # fmt: skip
    return TransformerClassifier(12, options.pop("n_classes", 3), **options)


def test_attention_received_is_a_share_of_the_real_tokens():
    model = model_of()
    received = interpret.attention_received(model, model.forward(IDS, mask=MASK)[1])
    assert received.shape == IDS.shape
    assert np.abs(received.sum(axis=1) - 1).max() <= tolerance("shares of attention")
    assert (received[~MASK] == 0).all()
    assert (received[MASK] > 0).all()


def test_attention_received_averages_layers_heads_and_real_queries():
    model = model_of()
    cache = model.forward(IDS, mask=MASK)[1]
    expected = np.zeros(5)
    for block in cache.blocks:
        for head in range(2):
            for query in range(3):  # the second text has three tokens
                expected += block.attention.P[1, head, query] / (2 * 2 * 3)
    received = interpret.attention_received(model, cache)[1]
    assert np.abs(received - expected).max() <= tolerance("shares of attention")


def test_padding_changes_neither():
    model = model_of()
    padded = model.forward(IDS, mask=MASK)[1]
    alone = model.forward(IDS[1:, :3])[1]
    for scores in (
        interpret.attention_received,
        lambda m, c: interpret.gradient_x_input(m, c, [1] * len(c.embedded)),
    ):
        in_batch, by_itself = scores(model, padded)[1, :3], scores(model, alone)[0]
        error = np.abs(in_batch - by_itself).max() / np.abs(by_itself).max()
        assert error <= tolerance("alone vs in a batch")


@pytest.mark.parametrize("pooling", ["mean", "max", "first"])
def test_gradient_x_input_is_the_rate_of_lengthening_a_word(pooling):
    model = model_of(pooling=pooling)
    scores = interpret.gradient_x_input(model, model.forward(IDS, mask=MASK)[1], [2, 0])

    def lead(t, factor):
        # every token stands once, so lengthening its row of the table lengthens that token
        table = model.embedding.W.value
        table[IDS[0, t]] *= factor
        z = model.forward(IDS[:1])[0][0]
        table[IDS[0, t]] /= factor
        return z[2] - (z[0] + z[1]) / 2

    h = 1e-5
    rates = [(lead(t, 1 + h) - lead(t, 1 - h)) / (2 * h) for t in range(5)]
    error = np.abs(scores[0] - rates).max() / np.abs(rates).max()
    assert error <= tolerance("gradient x input vs central differences")
    assert (scores[1, 3:] == 0).all()


def test_the_lead_of_two_classes_is_opposite():
    model = model_of(n_classes=2)
    cache = model.forward(IDS, mask=MASK)[1]
    first = interpret.gradient_x_input(model, cache, [0, 0])
    second = interpret.gradient_x_input(model, cache, [1, 1])
    np.testing.assert_array_equal(second, -first)


def test_the_models_gradients_are_left_alone():
    model = model_of()
    cache = model.forward(IDS, mask=MASK)[1]
    model.backward(np.ones((2, 3)), cache)
    before = model.flat.grads.copy()
    values = model.flat.values.copy()
    interpret.gradient_x_input(model, cache, [0, 1])
    np.testing.assert_array_equal(model.flat.grads, before)
    np.testing.assert_array_equal(model.flat.values, values)


def test_bad_input_is_refused():
    model = model_of()
    cache = model.forward(IDS, mask=MASK)[1]
    with pytest.raises(ValueError, match=r"2 class numbers in 0\.\.2, got \[0, 3\]"):
        interpret.gradient_x_input(model, cache, [0, 3])
    with pytest.raises(ValueError, match="2 class numbers"):
        interpret.gradient_x_input(model, cache, [0])
    shallow = model_of(n_layers=0)
    with pytest.raises(ValueError, match="n_layers >= 1"):
        interpret.attention_received(shallow, shallow.forward(IDS)[1])
