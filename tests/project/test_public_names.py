"""The public names: which there are, and which arguments they take."""

import importlib
import inspect
from types import ModuleType

import pytest

import minitransformer
from minitransformer import callbacks, functional, training

NO = inspect.Parameter.empty
# What other code calls: these names, their order and their defaults must not change.
SIGNATURES = {
    "softmax": {"x": NO, "axis": -1},
    "softmax_backward": {"dy": NO, "y": NO, "axis": -1},
    "layer_norm": {"x": NO, "gamma": NO, "beta": NO, "eps": 1e-5},
    "layer_norm_backward": {"dy": NO, "xhat": NO, "rstd": NO, "gamma": NO},
    "rms_norm": {"x": NO, "gamma": NO, "eps": 1e-6},
    "rms_norm_backward": {"dy": NO, "xhat": NO, "rstd": NO, "gamma": NO},
    "linear": {"x": NO, "W": NO, "b": None},
    "linear_backward": {"dy": NO, "x": NO, "W": NO},
    "relu": {"x": NO},
    "relu_backward": {"dy": NO, "y": NO},
    "gelu": {"x": NO, "approximate": "none"},
    "gelu_backward": {"dy": NO, "x": NO, "approximate": "none", "y": None},
    "silu": {"x": NO},
    "silu_backward": {"dy": NO, "x": NO},
    "swiglu": {"gate": NO, "up": NO},
    "swiglu_backward": {"dy": NO, "gate": NO, "up": NO},
    "rotary": {"x": NO, "cos": NO, "sin": NO},
    "rotary_backward": {"dy": NO, "cos": NO, "sin": NO},
    "alibi_slopes": {"n_heads": NO},
    "dropout": {"x": NO, "keep": NO},
    "dropout_backward": {"dy": NO, "keep": NO},
    "dropout_mask": {"rng": NO, "shape": NO, "p": NO, "dtype": NO},
    "attention": {"Q": NO, "K": NO, "V": NO, "mask": None, "*keep": None, "*bias": None},
    "attention_backward": {"dO": NO, "Q": NO, "K": NO, "V": NO, "P": NO, "*keep": None},
    "tiled_attention": {
        "Q": NO, "K": NO, "V": NO, "mask": None, "*dropout": 0.0, "*seed": None, "*bias": None,
        "*block": 128,
    },
    "tiled_attention_backward": {
        "dO": NO, "Q": NO, "K": NO, "V": NO, "O": NO, "logsumexp": NO, "mask": None,
        "*dropout": 0.0, "*seed": None, "*bias": None, "*block": 128,
    },
    "split_heads": {"x": NO, "n_heads": NO},
    "split_heads_backward": {"dy": NO},
    "merge_heads": {"x": NO},
    "merge_heads_backward": {"dy": NO, "n_heads": NO},
    "embedding": {"ids": NO, "W": NO},
    "embedding_backward": {"dy": NO, "ids": NO, "n_rows": NO},
    "cross_entropy": {
        "logits": NO, "targets": NO, "*label_smoothing": 0.0, "*class_weights": None,
        "*ignore_index": None,
    },
    "cross_entropy_backward": {"dloss": NO, "saved": NO},
    "causal_mask": {"T": NO, "S": None},
    "sliding_window_mask": {"T": NO, "window": NO, "S": None},
    "padding_mask": {"lengths": NO, "S": NO},
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signature_is_the_one_that_was_promised(name):
    assert name in functional.__all__
    found = {
        ("*" if parameter.kind is inspect.Parameter.KEYWORD_ONLY else "") + key: parameter.default
        for key, parameter in inspect.signature(getattr(functional, name)).parameters.items()
    }
    assert list(found.items()) == list(SIGNATURES[name].items())


def test_the_tables_of_positions_take_their_dtype_last():
    expected = {
        "sinusoidal_positions": ["max_len", "d_model", "dtype"],
        "rotary_tables": ["max_len", "d_k", "base", "dtype"],
        "alibi_bias": ["n_heads", "query_positions", "key_positions", "dtype"],
    }
    for name, names in expected.items():
        assert list(inspect.signature(getattr(functional, name)).parameters) == names


def test_what_the_loss_saves_has_names():
    assert functional.CrossEntropySaved._fields[:2] == ("probabilities", "targets")
    assert set(functional.CrossEntropySaved._fields) >= {"weights", "normaliser"}


def test_the_first_fields_of_a_pair():
    fields = functional.Pair._fields
    assert fields[:6] == ("forward", "backward", "saved", "example", "analytic", "view")
    for pair in functional.PAIRS.values():
        for function in (pair.forward, pair.backward):
            assert function.__name__ in functional.__all__


@pytest.mark.parametrize("name", ["callbacks", "losses", "metrics", "optimizers"])
def test_the_modules_of_keras(name):
    """``from minitransformer import callbacks`` and ``import minitransformer.callbacks`` work."""
    module, original = getattr(minitransformer, name), getattr(training, name)
    assert module is importlib.import_module(f"minitransformer.{name}")
    own = {
        n for n, value in vars(original).items() if inspect.isclass(value) and n in dir(training)
    }
    assert own <= set(module.__all__)
    assert all(getattr(module, n) is getattr(original, n) for n in own)
    assert set(module.__all__) <= set(dir(module))


def test_every_callback_is_exported_and_the_others_are_refused():
    for name in callbacks.__all__:
        assert getattr(minitransformer, name) is getattr(callbacks, name)
    with pytest.raises(AttributeError, match="no callback 'TensorBoard': use CSVLogger"):
        _ = callbacks.TensorBoard


def test_every_public_name_exists_and_none_is_left_out():
    """In level 1, everything but modules is public; the package also exports its parts."""
    for package in (minitransformer, functional, training):
        names = package.__all__
        assert len(names) == len(set(names))
        assert [name for name in names if not hasattr(package, name)] == []
    offered = {
        name
        for name, value in vars(functional).items()
        if not name.startswith(("_", "check_")) and not isinstance(value, ModuleType)
    }
    # `from x import f` binds the function over the module of that name, as with softmax
    assert offered == set(functional.__all__)
    assert not any(isinstance(getattr(functional, n), ModuleType) for n in functional.__all__)
