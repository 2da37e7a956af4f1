"""Keras's methods of a model: weights as a list, layers, load_model, and the table of layers."""

import numpy as np
import pytest

import minitransformer
from minitransformer import GPT, ClassifierConfig, GPTConfig, Transformer, TransformerClassifier
from minitransformer.models import load_model

SIZES = {"max_len": 8, "d_model": 8, "n_heads": 2, "d_ff": 16, "n_layers": 1}
X = [[1, 2, 3], [4, 5]]


class Own(TransformerClassifier):
    """A subclass without changes."""


def models():
    translator = Transformer(vocab_size=20, target_vocab_size=20, **SIZES)
    translator.compile(start_id=2, end_id=3)
    return [TransformerClassifier(20, 2, **SIZES), GPT(vocab_size=20, **SIZES), translator]


@pytest.mark.parametrize("k", range(3))
def test_weights_go_from_one_model_to_another(k):
    model, other = models()[k], models()[k]
    data = (X, X) if k == 2 else X
    other.flat.values[...] = 0.5
    other.set_weights(model.get_weights())
    assert np.array_equal(other.predict(data), model.predict(data))
    assert all(np.shares_memory(p.value, other.flat.values) for p in other.parameters().values())
    assert not any(np.shares_memory(w, model.flat.values) for w in model.get_weights())
    assert (
        model.count_params() == model.flat.values.size == sum(w.size for w in model.get_weights())
    )


def test_one_layer_has_weights_too():
    model = models()[0]
    W, b = model.head.get_weights()
    model.head.set_weights([W + 1, b])
    assert np.array_equal(model.head.W.value, W + 1)
    assert model.head.count_params() == W.size + b.size


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w[:-1], "weights must be 17 arrays, one per parameter, got 16"),
        (
            lambda w: [*w[:-1], np.ones(3)],
            r"'head.b' must have shape \(2,\), got \(3,\)",
        ),
        (lambda w: [*w[:-1], np.array([1, np.nan])], "weights of 'head.b' must be finite"),
        (lambda w: [*w[:-1], ["a", "b"]], "weights of 'head.b' must be finite numbers"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(change, message):
    model = models()[0]
    before = model.flat.values.copy()
    with pytest.raises(ValueError, match=message):
        model.set_weights(change([w + 1 for w in model.get_weights()]))
    assert np.array_equal(model.flat.values, before)


def test_the_layers_of_a_model():
    classifier, gpt, _ = models()
    assert classifier.layers[-1] is classifier.head
    assert classifier.blocks[0] in classifier.layers
    assert len({id(layer) for layer in gpt.layers}) == len(gpt.layers)

    class Stacked(TransformerClassifier):
        def __init__(self):
            super().__init__(20, 2, **SIZES)
            self.layers = [self.head]  # an attribute of this name is allowed

    assert len(Stacked().layers) == 1


@pytest.mark.parametrize("k", range(3))
def test_load_model_finds_the_class(k, tmp_path):
    model = models()[k]
    data = (X, X) if k == 2 else X
    path = tmp_path / "model.safetensors"
    model.save(path)
    for load in (load_model, minitransformer.load_model):
        again = load(path)
        assert type(again) is type(model)
        assert np.array_equal(again.predict(data), model.predict(data))


def test_load_model_takes_classes_of_ones_own(tmp_path):
    path = tmp_path / "model.safetensors"
    Own(20, 2, **SIZES).save(path)
    with pytest.raises(ValueError, match=r"holds a Own, .*give custom_objects=\{'Own': Own\}"):
        load_model(path)
    assert type(load_model(path, custom_objects={"Own": Own})) is Own
    with pytest.raises(ValueError, match="holds a Own, not a GPT: load it with Own.load"):
        GPT.load(path)


@pytest.mark.parametrize("k", range(3))
def test_the_summary_has_output_shapes_and_fits_80_columns(k, capsys):
    model = models()[k]
    before = model.flat.values.copy()
    model.summary()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    shape = {0: "(B, T, 16)", 1: "(B, T, 16)", 2: "(B, S, 16)"}[k]
    assert any(shape in line for line in lines)
    if k == 0:
        assert lines[-3].split() == ["head", "Linear", "(B,", "2)", "18"]
    assert np.array_equal(model.flat.values, before)
    assert "forward" not in vars(model.layers[0])


def test_long_names_of_layers_fit_too(capsys):
    Transformer(
        vocab_size=30_000, max_len=4, d_model=128, n_heads=2, d_ff=8, n_layers=0,
        n_decoder_layers=11, tied=False,
    ).summary()  # fmt: skip
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_classes": 1}, "n_classes must be an integer of at least 2, got 1: .*no regression"),
        ({"n_layers": 10**9}, "n_layers must be an integer of at most 1,000, got 1,000,000,000"),
        ({"vocab_size": 1 << 40}, "vocab_size must be an integer of at most"),
        ({"max_len": 1 << 30, "d_model": 1 << 14}, "must give at most .* parameters"),
        ({"d_ff": 1 << 30, "d_model": 1 << 14}, "must give at most .* parameters"),
    ],
)
def test_sizes_have_bounds(setting, message):
    with pytest.raises(ValueError, match=message):
        ClassifierConfig(**{"vocab_size": 20, "n_classes": 2, "n_heads": 1, **setting})
    if "n_classes" not in setting:
        with pytest.raises(ValueError, match=message):
            GPTConfig(**{"vocab_size": 20, "n_heads": 1, **setting})
