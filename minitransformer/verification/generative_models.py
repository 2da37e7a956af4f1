"""The ledger's generative models, in all their variants."""

from minitransformer.models import GPT, Transformer
from minitransformer.verification.parts import DROPOUT, masks, scatter_parameters

SIZES = {
    "vocab_size": 5, "max_len": 4, "d_model": 4, "n_heads": 2, "d_ff": 3, "n_layers": 1,
    "dropout": 0.0, "dtype": "float64",
}  # fmt: skip


def _sizes(rng, sizes):
    return tuple(sizes.get(k, int(rng.integers(2, high))) for k, high in (("B", 4), ("T", 5)))


def _gpt(**config):
    """A build of a small GPT on ids, some of them repeated."""

    def build(rng, **sizes):
        B, T = _sizes(rng, sizes)
        model = GPT({**SIZES, "seed": int(rng.integers(1 << 30)), **config})
        arguments = DROPOUT if config.get("dropout") else {}
        return scatter_parameters(model, rng), rng.integers(0, 5, (B, T)), dict(arguments)

    return build


def _transformer(**config):
    """A build of a small encoder-decoder on padded sources."""

    def build(rng, **sizes):
        B, T = _sizes(rng, sizes)
        S = int(rng.integers(1, 5))
        model = Transformer({**SIZES, "seed": int(rng.integers(1 << 30)), **config})
        mask = masks(rng, B, S)[:, 0, 0, :]
        if sizes.get("empty"):
            mask[0] = False
        ids = rng.integers(0, 5, (B, S)), rng.integers(0, 4, (B, T))
        dropout = DROPOUT if config.get("dropout") else {}
        return scatter_parameters(model, rng), ids, {"options": {"source_mask": mask}, **dropout}

    return build


LLAMA = {
    "norm_kind": "rms", "positions": "rotary", "activation": "swiglu", "bias": False,
    "tied": False, "n_kv_heads": 1,
}  # fmt: skip


def generative_builds():
    """The build of each GPT and Transformer of the ledger, by name."""
    gpts = {
        "as GPT-2": {},
        "dropout": {"dropout": 0.2},
        "as Llama": LLAMA,
        "post norm, sinusoidal positions": {"norm": "post", "positions": "sinusoidal"},
        "ALiBi, window, no biases": {"positions": "alibi", "window": 2, "bias": False},
        "no positions, scaled embeddings, bias of the head": {
            "positions": "none",
            "scale_embeddings": True,
            "head_bias": True,
        },
        "rotary positions, tiled attention, dropout": {
            "positions": "rotary",
            "attention": "tiled",
            "dropout": 0.2,
        },
        "two blocks, silu": {"n_layers": 2, "activation": "silu"},
        "plain functions only": {"ops": "plain"},
    }
    smooth = {"activation": "gelu"}
    transformers = {
        "post norm": smooth,
        "pre norm, two blocks": {**smooth, "norm": "pre", "n_layers": 2},
        "dropout": {**smooth, "dropout": 0.2},
        "two vocabularies, learned positions": {
            **smooth, "target_vocab_size": 4, "positions": "learned"
        },
        "untied, no biases": {**smooth, "tied": False, "bias": False},
        "tiled attention, silu, as Marian": {
            "attention": "tiled", "activation": "silu", "positions": "sinusoidal_halves",
            "head_bias": True,
        },
        "no encoder block, final norm": {**smooth, "n_layers": 0, "n_decoder_layers": 1,
                                         "final_norm": True},
        "no decoder block": {**smooth, "n_decoder_layers": 0},
    }  # fmt: skip
    return {f"GPT, {name}": _gpt(**config) for name, config in gpts.items()} | {
        f"Transformer, {name}": _transformer(**config) for name, config in transformers.items()
    }
