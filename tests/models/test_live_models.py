"""Whole models with other weights and sizes, compared with libraries if these are installed."""

import pytest

from tests.support.reference import model_cases, ours
from tests.support.tolerances import tolerance

WHY = "an oracle only; values stored from it are tested in test_reference_models.py"
torch = pytest.importorskip("torch", reason=f"PyTorch is {WHY}")
transformers = pytest.importorskip("transformers", reason=f"the transformers library is {WHY}")
torch_models = pytest.importorskip("tests.support.reference.torch_models")

WIDER = {
    "transformer": {"d_model": 24, "n_heads": 3, "d_ff": 28, "n_layers": 1, "n_decoder_layers": 3},
    "gpt2": {
        "n_embd": 24,
        "n_head": 3,
        "n_inner": None,
        "layer_norm_epsilon": 1e-3,
        "activation_function": "gelu",
    },
    "llama": {
        "hidden_size": 24,
        "num_attention_heads": 6,
        "num_hidden_layers": 3,
        "intermediate_size": 9,
        "rms_norm_eps": 1e-2,
    },
    "mistral": {"hidden_size": 24, "sliding_window": 2},
    "marian": {
        "d_model": 24,
        "encoder_attention_heads": 3,
        "decoder_attention_heads": 3,
        "decoder_layers": 3,
        "encoder_ffn_dim": 28,
        "decoder_ffn_dim": 28,
    },
}


@pytest.mark.parametrize("case", model_cases.CASES)
def test_a_wider_model_against_the_library(case):
    kind, settings = model_cases.sizes(case, **WIDER[model_cases.CASES[case][0]])
    inputs = model_cases.batches(kind, [31, 7], n_batches=2, B=4)
    expected = torch_models.run(kind, settings, inputs, seed=33, steps=6)
    errors = ours.errors(kind, settings, inputs, expected)
    for name in ("logits", "gradients", "losses"):
        assert errors[name] <= tolerance(f"live models: {name} vs PyTorch"), name
    assert errors["steps"] <= tolerance("models: 50 AdamW steps vs PyTorch")


def test_the_library_without_float64_in_its_norms_is_told_apart():
    """The library's norms are recomputed in float64: without that, Llama differs by over 1e-10."""
    kind, settings = model_cases.sizes("llama")
    inputs = model_cases.batches(kind, [31, 8])
    expected = torch_models.run(kind, settings, inputs, seed=34, steps=1)
    assert ours.errors(kind, settings, inputs, expected)["unpatched"] > 1e-10
