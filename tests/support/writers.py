"""Small generative models in every variant, and batches for them."""

import numpy as np

from minitransformer.models import GPT, GPTConfig, Transformer
from minitransformer.verification import scatter_parameters

V, T = 11, 8
SMALL = {
    "vocab_size": V, "max_len": T, "d_model": 16, "n_heads": 4, "d_ff": 12, "n_layers": 2,
    "dropout": 0.0, "dtype": "float64",
}  # fmt: skip
_LLAMA = {
    "norm_kind": "rms", "positions": "rotary", "activation": "swiglu", "bias": False,
    "tied": False, "n_kv_heads": 2,
}  # fmt: skip

GPTS = {
    "as GPT-2": {},
    "as Llama": _LLAMA,
    "one key head, window, rotary": {"n_kv_heads": 1, "window": 3, "positions": "rotary"},
    "ALiBi": {"positions": "alibi", "bias": False},
    "ALiBi, tiled, window": {"positions": "alibi", "attention": "tiled", "window": 2},
    "rotary, tiled, grouped": {**_LLAMA, "attention": "tiled"},
    "sinusoidal, post norm": {"positions": "sinusoidal", "norm": "post"},
    "no positions, scaled, bias of the head": {
        "positions": "none",
        "scale_embeddings": True,
        "head_bias": True,
    },
    "plain functions, relu, final norm": {
        "ops": "plain",
        "activation": "relu",
        "norm": "post",
        "final_norm": True,
    },
}

TRANSFORMERS = {
    "as published": {},
    "pre norm": {"norm": "pre", "activation": "gelu"},
    "two vocabularies": {"target_vocab_size": 7, "positions": "learned"},
    "as Marian": {"activation": "silu", "positions": "sinusoidal_halves", "head_bias": True},
    "untied, no biases": {"tied": False, "bias": False, "n_decoder_layers": 1},
    "tiled, no positions": {"attention": "tiled", "positions": "none"},
    "gated, final norm": {"activation": "swiglu", "final_norm": True, "ops": "plain"},
}


def scattered(model):
    """The model with random values for all parameters, including biases and gains."""
    return scatter_parameters(model, np.random.default_rng(3))


def gpt(variant="as GPT-2", **changes):
    return scattered(GPT(GPTConfig(**{**SMALL, **GPTS[variant], **changes})))


def transformer(variant="as published", **changes):
    return scattered(Transformer({**SMALL, **TRANSFORMERS[variant], **changes}))


def ids(seed=0, B=3, length=T, size=V):
    return np.random.default_rng([seed, 5]).integers(0, size, (B, length))


def sources(seed=0):
    """Three sources of different lengths, and their mask."""
    return ids(seed + 100, length=6), np.arange(6) < np.array([[6], [2], [4]])


def relative(ours, theirs):
    return np.max(np.abs(ours - theirs), initial=0.0) / max(1.0, np.max(np.abs(theirs), initial=0))
