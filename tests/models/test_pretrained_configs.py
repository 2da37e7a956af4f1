"""Every key of a foreign config.json is understood, known to be harmless, or refused by name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from minitransformer.models import GPT, GPTConfig
from minitransformer.models.pretrained.huggingface import (
    FAMILIES,
    FIXED,
    HARMLESS,
    Unrepresentable,
    translate,
)

GPT2 = {
    "model_type": "gpt2",
    "vocab_size": 50257,
    "n_positions": 1024,
    "n_embd": 768,
    "n_head": 12,
    "n_layer": 12,
}
LLAMA = {
    "model_type": "llama",
    "vocab_size": 32000,
    "max_position_embeddings": 2048,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "intermediate_size": 11008,
}
MISTRAL = LLAMA | {"model_type": "mistral"}
FOLDERS = Path(__file__).parents[1] / "support" / "reference" / "folders"


def test_the_published_configs():
    assert GPTConfig(**translate(GPT2)) == GPTConfig(50257)  # our defaults are GPT-2's
    assert GPTConfig(**translate(LLAMA)) == GPTConfig.llama(
        32000, max_len=2048, d_model=4096, n_heads=32, n_layers=32, d_ff=11008
    )
    # what the configs of TinyLlama and Mistral 7B also say
    tiny = LLAMA | {
        "num_key_value_heads": 4,
        "rms_norm_eps": 1e-5,
        "rope_theta": 1e6,
        "architectures": ["LlamaForCausalLM"],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "rope_scaling": None,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "transformers_version": "4.35.0",
        "attention_bias": False,
        "pretraining_tp": 1,
    }
    found = GPTConfig(**translate(tiny))
    assert (found.n_kv_heads, found.norm_eps, found.rotary_base) == (4, 1e-5, 1e6)
    assert found.window is None
    assert GPTConfig(**translate(MISTRAL | {"sliding_window": 512})).window == 512
    assert GPTConfig(**translate(MISTRAL | {"sliding_window": None})).window is None
    assert GPTConfig(**translate(MISTRAL)).window == 4096  # the library's default


@pytest.mark.parametrize(
    ("config", "option", "value"),
    [
        (GPT2 | {"n_inner": 7}, "hidden", 7),
        (GPT2 | {"n_inner": None}, "hidden", 3072),
        (GPT2 | {"layer_norm_epsilon": 1e-3}, "norm_eps", 1e-3),
        (GPT2 | {"activation_function": "gelu"}, "activation", "gelu"),
        (GPT2 | {"activation_function": "gelu_pytorch_tanh"}, "activation", "gelu_tanh"),
        (GPT2 | {"activation_function": "relu"}, "activation", "relu"),
        (GPT2 | {"activation_function": "swish"}, "activation", "silu"),
        (GPT2 | {"tie_word_embeddings": False}, "tied", False),
        (GPT2 | {"resid_pdrop": 0.2, "embd_pdrop": 0.2, "attn_pdrop": 0.2}, "dropout", 0.2),
        (LLAMA | {"tie_word_embeddings": True}, "tied", True),
        (LLAMA | {"attention_bias": True, "mlp_bias": True}, "bias", True),
        (LLAMA | {"head_dim": 128}, "bias", False),
        (LLAMA | {"rope_theta": 5e5}, "rotary_base", 5e5),
        (
            LLAMA | {"rope_parameters": {"rope_type": "default", "rope_theta": 3.0}},
            "rotary_base",
            3.0,
        ),
        (LLAMA | {"rope_scaling": {"type": "default"}}, "rotary_base", 10000.0),
        (LLAMA | {"num_key_value_heads": 8}, "n_kv_heads", 8),
    ],
)
def test_keys_that_are_translated(config, option, value):
    assert getattr(GPTConfig(**translate(config)), option) == value


REFUSED = [
    ({"model_type": "bert"}, "model_type = 'bert'; it must be one of gpt2, llama, mistral"),
    ({}, "model_type = None"),
    ({"model_type": ["gpt2"]}, "model_type = .'gpt2'."),
    (GPT2 | {"n_embd": None}, "n_embd = None; it must be an integer of at least 1"),
    ({"model_type": "gpt2"}, "vocab_size is missing; it must be an integer of at least 1"),
    (LLAMA | {"hidden_size": 10**400}, "hidden_size|d_model"),
    (LLAMA | {"head_dim": "128"}, "head_dim = '128'; only hidden_size"),
    (GPT2 | {"n_layer": "12"}, "n_layer = '12'; it must be an integer"),
    (GPT2 | {"n_head": True}, "n_head = True; it must be an integer"),
    (GPT2 | {"n_head": 12.0}, "n_head = 12.0; it must be an integer"),
    (GPT2 | {"n_positions": -1}, "n_positions = -1"),
    (GPT2 | {"n_inner": 0}, "n_inner = 0"),
    (GPT2 | {"n_embd": 770}, "n_heads must divide d_model"),
    (
        GPT2 | {"activation_function": "quick_gelu"},
        "activation_function = 'quick_gelu'; it must be",
    ),
    (GPT2 | {"activation_function": ["relu"]}, "activation_function = .'relu'.; it must be one of"),
    (GPT2 | {"activation_function": None}, "activation_function = None"),
    (GPT2 | {"attn_pdrop": 0.0}, "resid_pdrop = 0.1, embd_pdrop = 0.1, attn_pdrop = 0.0: there is"),
    (GPT2 | {"resid_pdrop": [1]}, "resid_pdrop = .1.; it must be a number"),
    (GPT2 | {"resid_pdrop": 2, "embd_pdrop": 2, "attn_pdrop": 2}, "dropout must"),
    (GPT2 | {"layer_norm_epsilon": "x"}, "layer_norm_epsilon = 'x'; it must be a number"),
    (GPT2 | {"layer_norm_epsilon": 0}, "norm_eps must be a number above 0"),
    (GPT2 | {"scale_attn_weights": False}, "scale_attn_weights = False; only True is supported"),
    (GPT2 | {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = True"),
    (GPT2 | {"reorder_and_upcast_attn": True}, "reorder_and_upcast_attn = True"),
    (GPT2 | {"add_cross_attention": True}, "add_cross_attention = True"),
    (GPT2 | {"tie_word_embeddings": "yes"}, "tie_word_embeddings = 'yes'; it must be true or"),
    (GPT2 | {"n_heads": 12}, "n_heads = 12: this key is unknown.*did you mean 'n_head'"),
    (GPT2 | {"quantization_config": {"bits": 4}}, "quantization_config = .'bits': 4.: this key"),
    (GPT2 | {"rope_theta": 1e4}, "rope_theta = 10000.0: this key is unknown"),
    (LLAMA | {"intermediate_size": None}, "intermediate_size = None"),
    (LLAMA | {"num_key_value_heads": 5}, "n_kv_heads must divide"),
    (LLAMA | {"num_key_value_heads": 0}, "num_key_value_heads = 0"),
    (LLAMA | {"head_dim": 64}, "head_dim = 64; only hidden_size / num_attention_heads"),
    (LLAMA | {"hidden_act": "gelu"}, "hidden_act = 'gelu'; it must be one of silu"),
    (LLAMA | {"attention_bias": True}, "attention_bias and mlp_bias differ"),
    (LLAMA | {"mlp_bias": True}, "attention_bias and mlp_bias differ"),
    (LLAMA | {"attention_bias": 1}, "attention_bias = 1; it must be true or false"),
    (LLAMA | {"attention_dropout": 0.1}, "attention_dropout = 0.1, elsewhere = 0.0: there is only"),
    (LLAMA | {"pretraining_tp": 2}, "pretraining_tp = 2; only 1 is supported"),
    (LLAMA | {"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling.type = 'linear'"),
    (
        LLAMA | {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
        "rope_scaling.rope_type = 'llama3'; only unscaled angles",
    ),
    (LLAMA | {"rope_scaling": {"rope_type": "default", "factor": 2.0}}, "rope_scaling.factor = 2"),
    (LLAMA | {"rope_scaling": "linear"}, "rope_scaling = 'linear'; it must be an object"),
    (
        LLAMA | {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}},
        "rope_parameters.rope_type = 'yarn'",
    ),
    (LLAMA | {"partial_rotary_factor": 0.5}, "partial_rotary_factor = 0.5; only 1.0"),
    (LLAMA | {"rope_theta": True}, "rope_theta = True; it must be a number"),
    (LLAMA | {"rope_theta": "big"}, "rope_theta = 'big'; it must be a number"),
    (LLAMA | {"rope_parameters": {"rope_theta": "big"}}, "rotary_base must be a number above 0"),
    (LLAMA | {"sliding_window": 4}, "sliding_window = 4: this key is unknown"),
    (LLAMA | {"rope_interleaved": True}, "rope_interleaved = True; only False is supported"),
    (LLAMA | {"num_experts": 8}, "num_experts = 8: this key is unknown"),
    (MISTRAL | {"sliding_window": 0}, "window must be an integer of at least 1"),
    (LLAMA | {"x" * 99: "y" * 999}, "this key is unknown"),
]


@pytest.mark.parametrize(("config", "message"), REFUSED)
def test_keys_that_are_refused(tmp_path, config, message):
    """This happens before any array is read: the folder has none."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message) as info:
        GPT.from_pretrained(tmp_path)
    assert str(info.value).startswith(f"{tmp_path / 'config.json'} cannot be represented: ")
    assert len(str(info.value)) < 1500


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"\xff{}", b'{"n_head": 1, "n_head": 2}', b"[" * 100_000, b'{"n_head": NaN'],
)
def test_a_file_that_is_not_a_config(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match="config.json"):
        GPT.from_pretrained(tmp_path)


def test_dropout_given_by_the_caller_overrides_the_rates():
    config = GPT2 | {"attn_pdrop": 0.0}
    with pytest.raises(Unrepresentable, match="choose it with dropout="):
        translate(config)
    assert translate(config, dropout=0.3)["dropout"] == 0.3
    assert translate(LLAMA | {"attention_dropout": 0.1}, dropout=0.0)["dropout"] == 0.0


@pytest.mark.parametrize(("config", "more"), [
    (GPT2, {"n_special": 0, "predict_special_tokens": True, "output_past": True, "_num_labels": 1}),
    (GPT2, {"output_attentions": False, "torchscript": False, "top_k": 50, "do_sample": True}),
    (GPT2, {"num_beams": 1, "bad_words_ids": None, "tie_encoder_decoder": False}),
    (LLAMA, {"transformers.js_config": {"a": 1}, "unsloth_version": "1", "sliding_window": None}),
    (LLAMA, {"head_dim": 128.0, "quantization_config": None}),
    (LLAMA, {"is_llama_config": True, "rope_interleaved": False, "max_length": 4096}),
])  # fmt: skip
def test_keys_of_older_files(config, more):
    assert translate(config | more, dropout=0.0) == translate(config, dropout=0.0)


def test_no_key_is_two_things():
    for _, own, counts in FAMILIES.values():
        assert not own & (HARMLESS | set(FIXED))
        assert set(counts) <= own
    assert not HARMLESS & set(FIXED)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_harmless_keys_change_nothing(kind, tmp_path):
    folder = Path(shutil.copytree(FOLDERS / kind, tmp_path / kind))
    model = GPT.from_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config = {key: value for key, value in config.items() if key not in HARMLESS - {"model_type"}}
    (folder / "config.json").write_text(json.dumps(config))
    again = GPT.from_pretrained(folder)
    assert again.config == model.config
    np.testing.assert_array_equal(again.flat.values, model.flat.values)
