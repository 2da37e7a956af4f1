"""Configs of the models: frozen, checked, with errors that suggest what was meant."""

import dataclasses
import json
from decimal import Decimal

import numpy as np
import pytest

from minitransformer.models import (
    GPT,
    BagOfWords,
    ClassifierConfig,
    GPTConfig,
    Transformer,
    TransformerClassifier,
    TransformerConfig,
)
from minitransformer.storage.weights import load_arrays, save_arrays
from tests.support import writers
from tests.support.writers import SMALL

BOTH = pytest.mark.parametrize("model", [GPT, Transformer])

BAD_OF_BOTH = {
    "vocab_size": ([0, -1, "ten", 2.5, None], "vocab_size must be an integer of at least 1"),
    "max_len": ([0, 1.5, None], "max_len must be an integer of at least 1"),
    "d_model": ([0, True], "d_model must be an integer of at least 1"),
    "n_heads": ([3, 32], "n_heads must divide d_model = 16"),
    "d_ff": ([0, 1.5], "d_ff must be an integer of at least 1"),
    "n_layers": ([-1, "2"], "n_layers must be an integer of at least 0"),
    "seed": ([None, -1], "seed must be an integer of at least 0"),
    "dropout": ([1.0, -0.1, float("nan")], r"dropout must lie in \[0, 1\)"),
    "norm": (["before", None], "norm must be one of pre, post"),
    "norm_eps": (
        [0, -1e-5, "small", True, float("inf"), 10**400, None],
        "norm_eps must be a number above 0",
    ),
    "activation": (["swish"], "activation must be one of relu, gelu, gelu_tanh, silu, swiglu"),
    "attention": (["sparse"], "attention must be one of full, tiled"),
    "ops": (["fast"], "ops must be one of fused, plain"),
    "dtype": (["int8", "complex128"], "dtype must be one of float16, float32, float64"),
    "bias": ([1, "no"], "bias must be True or False"),
    "tied": ([0], "tied must be True or False"),
    "final_norm": (["yes"], "final_norm must be True or False"),
}
BAD_OF_GPT = {
    "positions": (["scalar", "rope"], "positions must be one of learned, rotary, alibi, sinus"),
    "n_kv_heads": ([3, 8], "n_kv_heads must divide n_heads = 4"),
    "norm_kind": (["batch"], "norm_kind must be one of layer, rms"),
    "window": ([0, -2, 1.5], "window must be an integer of at least 1"),
    "rotary_base": ([0, -1.0, None, Decimal(3)], "rotary_base must be a number above 0"),
}
BAD_OF_TRANSFORMER = {
    "positions": (["rotary", "alibi"], "positions must be one of sinusoidal, sinusoidal_halves"),
    "target_vocab_size": ([0], "target_vocab_size must be an integer of at least 1"),
    "n_decoder_layers": ([-1], "n_decoder_layers must be an integer of at least 0"),
}
CASES = [
    (model, name, value, words)
    for model, own in ((GPT, BAD_OF_GPT), (Transformer, BAD_OF_TRANSFORMER))
    for name, (values, words) in (BAD_OF_BOTH | own).items()
    for value in values
]


@pytest.mark.parametrize(("model", "name", "value", "words"), CASES)
def test_a_bad_value_is_named(model, name, value, words):
    with pytest.raises(ValueError, match=words):
        model(**{**SMALL, name: value})


@pytest.mark.parametrize("model", [GPT, Transformer, TransformerClassifier])
@pytest.mark.parametrize("value", [None, "0.1", Decimal("0.1"), False, [0.1]])
def test_a_dropout_that_is_not_a_number_is_named(model, value):
    sizes = SMALL | ({"n_classes": 2} if model is TransformerClassifier else {})
    with pytest.raises(TypeError, match=r"dropout must be a number in \[0, 1\), got"):
        model(**sizes | {"dropout": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_classes", None), ("n_classes", 1), ("max_features", 0), ("max_features", 1.5),
     ("min_count", "2"), ("l2", -1), ("l2", "x"), ("l2", Decimal(1)), ("epochs", 0),
     ("batch_size", None), ("learning_rate", 0), ("learning_rate", None), ("seed", -1)],
)  # fmt: skip
def test_a_bad_setting_of_the_baseline_is_named(name, value):
    with pytest.raises((TypeError, ValueError), match=f"{name} must be"):
        BagOfWords(**{"n_classes": 2, name: value})


@pytest.mark.parametrize(
    ("config", "name", "meant"),
    [
        (GPTConfig, "n_head", "n_heads"),
        (GPTConfig, "n_layer", "n_layers"),
        (GPTConfig, "position", "positions"),
        (TransformerConfig, "n_decoder_layer", "n_decoder_layers"),
        (TransformerConfig, "vocab", "vocab_size"),
    ],
)
def test_an_unknown_name_is_answered_with_close_matches(config, name, meant):
    model = {GPTConfig: GPT, TransformerConfig: Transformer}[config]
    calls = (
        lambda: config(**SMALL, **{name: 4}),
        lambda: model(**SMALL, **{name: 4}),
        lambda: model({**SMALL, name: 4}),
        lambda: model(config(**SMALL), **{name: 4}),
    )
    for call in calls:
        with pytest.raises(TypeError, match=f"no setting '{name}'; did you mean .*'{meant}'"):
            call()


@BOTH
def test_the_settings_may_come_in_any_form(model):
    config = model.Config(**SMALL)
    made = [model(config), model(**SMALL), model(SMALL), model({**SMALL, "d_ff": 9}, d_ff=12)]
    made.append(model(model.Config(**{**SMALL, "seed": 7}), seed=0))
    assert len({m.flat.values.tobytes() for m in made}) == 1
    assert all(m.config == dataclasses.asdict(config) and m.settings == config for m in made)
    with pytest.raises(TypeError, match=f"config must be a {model.Config.__name__}, got int"):
        model(100)
    with pytest.raises(TypeError, match="vocab_size"):
        model()


@BOTH
def test_settings_are_frozen(model):
    with pytest.raises(dataclasses.FrozenInstanceError):
        model(**SMALL).settings.d_model = 3


@BOTH
def test_numpy_numbers_become_plain_ones(model):
    sizes = {name: np.int64(n) if isinstance(n, int) else n for name, n in SMALL.items()}
    made = model(**{**sizes, "dropout": np.float32(0.25), "dtype": "float32"})
    assert json.loads(json.dumps(made.config)) == made.config
    logits = made.forward(*[np.zeros((1, 2), int)] * (2 if model is Transformer else 1))[0]
    assert logits.dtype == np.float32


OF_A_CLASSIFIER = {"max_len": 8, "d_model": 8, "n_heads": 2, "d_ff": 8, "n_layers": 1, "seed": 3}


def test_a_classifier_is_configured_like_the_others():
    config = ClassifierConfig(9, 3, **OF_A_CLASSIFIER)
    made = [
        TransformerClassifier(9, 3, **OF_A_CLASSIFIER),
        TransformerClassifier(vocab_size=9, n_classes=3, **OF_A_CLASSIFIER),
        TransformerClassifier(config),
        TransformerClassifier(dataclasses.asdict(config)),
        TransformerClassifier({"vocab_size": 9, **OF_A_CLASSIFIER}, 3),
        TransformerClassifier(dataclasses.replace(config, seed=4), seed=3),
    ]
    assert len({model.flat.values.tobytes() for model in made}) == 1
    assert all(m.settings == config and m.config == dataclasses.asdict(config) for m in made)
    assert list(made[0].config)[:4] == ["vocab_size", "n_classes", "max_len", "d_model"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        made[0].settings.d_model = 3
    with pytest.raises(TypeError, match="no setting 'n_head'; did you mean 'n_heads'"):
        TransformerClassifier(9, 3, n_head=2)
    with pytest.raises(ValueError, match="activation must be one of relu, gelu, gelu_tanh, silu,"):
        TransformerClassifier(9, 3, activation="swiglu")


class _Scaled(TransformerClassifier):
    """A user's class with a setting of its own."""

    def __init__(self, vocab_size, n_classes, *, factor=1.0, **settings):
        super().__init__(vocab_size, n_classes, **settings)
        self.config["factor"] = self.factor = factor


def test_a_subclass_with_a_setting_of_its_own_is_saved_and_loaded(tmp_path):
    model = _Scaled(9, 3, factor=2.0, **OF_A_CLASSIFIER)
    model.save(tmp_path / "model.safetensors")
    loaded = _Scaled.load(tmp_path / "model.safetensors")
    assert (loaded.factor, loaded.config) == (2.0, model.config)
    assert loaded.flat.values.tobytes() == model.flat.values.tobytes()


def test_only_models_that_translate_take_start_and_end():
    for model in (GPT(**SMALL), TransformerClassifier(9, 3, **OF_A_CLASSIFIER)):
        with pytest.raises(TypeError, match="only for models that translate"):
            model.compile(start_id=1, end_id=2)
        assert model.recipe is None


def test_rotary_positions_need_pairs_of_features():
    with pytest.raises(ValueError, match="d_model / n_heads must be even, got 1"):
        GPTConfig(vocab_size=5, d_model=4, n_heads=4, positions="rotary")


@pytest.mark.parametrize(
    ("changes", "hidden"),
    [({}, 64), ({"activation": "swiglu"}, 48), ({"activation": "swiglu", "d_model": 24}, 64),
     ({"d_ff": 5, "activation": "swiglu"}, 5)],
)  # fmt: skip
def test_the_width_of_the_hidden_layer(changes, hidden):
    sizes = {name: n for name, n in SMALL.items() if name != "d_ff"}
    model = GPT(**{**sizes, **changes})
    assert model.settings.hidden == hidden
    layer = model.blocks[0].feed_forward
    assert (layer.down if "activation" in changes else layer.linear2).W.shape[0] == hidden


def test_the_defaults_are_gpt2s_and_the_papers():
    gpt2, base = GPTConfig(50257), TransformerConfig(37000)
    assert (gpt2.d_model, gpt2.n_heads, gpt2.n_layers, gpt2.hidden) == (768, 12, 12, 3072)
    assert (gpt2.norm, gpt2.positions, gpt2.activation) == ("pre", "learned", "gelu_tanh")
    assert (gpt2.tied, gpt2.bias, gpt2.has_final_norm, gpt2.scale) == (True, True, True, 1.0)
    assert (base.d_model, base.n_heads, base.d_ff, base.depth) == (512, 8, 2048, 6)
    assert (base.norm, base.tied, base.has_final_norm) == ("post", True, False)
    assert base.scale == 512**0.5


@BOTH
def test_load_refuses_what_is_not_its_own(tmp_path, model):
    path = tmp_path / "model.safetensors"
    model(**SMALL).save(path)
    arrays, metadata = load_arrays(path)
    config = json.loads(metadata["config"])

    def altered(**changes):
        save_arrays(tmp_path / "altered", arrays, {**metadata, **changes})
        return tmp_path / "altered"

    other = GPT if model is Transformer else Transformer
    cases = {
        f"holds a {model.__name__}, not a {other.__name__}": (other, {}),
        "unknown setting 'n_head'; did you mean 'n_heads'": (model, {**config, "n_head": 2}),
        "n_heads must divide d_model": (model, {**config, "d_model": 18}),
        "norm must be one of": (model, {**config, "norm": "none"}),
        "linear1.W": (model, {**config, "d_ff": 13}),
        "max_len = 1": (model, {**config, "max_len": 10**12}),
        "n_layers = 1000000 does not": (model, {**config, "n_layers": 10**6}),
        "vocab_size": (model, {k: v for k, v in config.items() if k != "vocab_size"}),
    }
    for words, (cls, changed) in cases.items():
        file = altered(config=json.dumps(changed)) if changed else path
        with pytest.raises(ValueError, match=words):
            cls.load(file)


def test_summary_names_the_layers(capsys):
    writers.transformer().summary()
    shown = capsys.readouterr().out
    assert "decoder.1.cross_attention.W_q" in shown
    assert "MultiHeadCrossAttention" in shown


def test_the_classifier_takes_the_size_of_its_vocabulary_once():
    with pytest.raises(TypeError, match="vocab_size must be given once"):
        TransformerClassifier(10, 2, vocab_size=3)


def test_the_classifier_refuses_the_config_of_another_model():
    with pytest.raises(TypeError, match="config must be a ClassifierConfig, got GPTConfig"):
        TransformerClassifier(GPTConfig(5))
