"""The generative models, as PyTorch and the transformers library define them: sizes and inputs.

Everything here is known without either library. Sequences have padding where a model knows it:
behind the tokens, of the source too, and in the targets, where -1 counts for nothing.
"""

import numpy as np

STEPS = 50
ADAMW = {"learning_rate": 2e-3, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1}
N_BATCHES = 4
IGNORED = -1

V, D, H, F, N, MAX_LEN = 19, 16, 4, 20, 2, 10
TRANSFORMER = {
    "vocab_size": V,
    "max_len": MAX_LEN,
    "d_model": D,
    "n_heads": H,
    "d_ff": F,
    "n_layers": N,
    "n_decoder_layers": 1,
    "dropout": 0.0,
    "final_norm": True,
}
GPT2 = {
    "vocab_size": V,
    "n_positions": MAX_LEN,
    "n_embd": D,
    "n_head": H,
    "n_layer": N,
    "n_inner": F,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
LLAMA = {
    "vocab_size": V,
    "max_position_embeddings": MAX_LEN,
    "hidden_size": D,
    "num_hidden_layers": N,
    "num_attention_heads": H,
    "intermediate_size": F,
}
MARIAN = {
    "vocab_size": V,
    "max_position_embeddings": MAX_LEN,
    "d_model": D,
    "encoder_layers": N,
    "decoder_layers": 1,
    "encoder_attention_heads": H,
    "decoder_attention_heads": H,
    "encoder_ffn_dim": F,
    "decoder_ffn_dim": F,
    "dropout": 0.0,
    "activation_function": "swish",
    "scale_embedding": True,
    "pad_token_id": 0,
    "decoder_start_token_id": 0,
    "eos_token_id": 1,
    "forced_eos_token_id": 1,
}
# Case -> what kind of model it is, and its settings: ours for a Transformer, theirs for the rest
CASES = {
    "transformer-post": ("transformer", TRANSFORMER | {"norm": "post", "activation": "relu"}),
    "transformer-pre": ("transformer", TRANSFORMER | {"norm": "pre", "activation": "gelu"}),
    "gpt2": ("gpt2", GPT2),
    "llama": ("llama", LLAMA | {"num_key_value_heads": 2, "rms_norm_eps": 1e-5}),
    "llama-tied": ("llama", LLAMA | {
        "num_key_value_heads": 1, "tie_word_embeddings": True, "rope_theta": 500.0,
        "attention_bias": True, "mlp_bias": True,
    }),
    "mistral": ("mistral", LLAMA | {"num_key_value_heads": 4, "sliding_window": 3}),
    "marian": ("marian", MARIAN),
}  # fmt: skip
ENCODER_DECODERS = ("transformer", "marian")


def sizes(case, **changes):
    """Settings of a case with some changed, under the names that its kind has for them."""
    kind, settings = CASES[case]
    return kind, settings | changes


def batches(kind, seed, n_batches=N_BATCHES, B=3, vocab_size=V, length=MAX_LEN):
    """Inputs by name, each (n_batches, B, ...): ids, targets, and for two stacks source and mask.

    The first sequence of a batch is as long as can be, the last one has two tokens.
    """
    rng = np.random.default_rng(seed)

    def draw(T):
        lengths = rng.integers(2, T + 1, (n_batches, B))
        lengths[:, 0], lengths[:, -1] = T, 2
        real = np.arange(T) < lengths[..., None]
        return np.where(real, rng.integers(2, vocab_size, (n_batches, B, T)), 0), real

    ids, real = draw(length - 1)
    # a token depends on the one before it, so that there is something to learn
    targets = np.where(real, (3 * ids + 1) % vocab_size, IGNORED)
    if kind not in ENCODER_DECODERS:
        return {"ids": ids, "targets": targets}
    source, source_mask = draw(length)
    return {"source": source, "source_mask": source_mask, "ids": ids, "targets": targets}


def initial_value(name, shape, seed):
    """A weight that float32 holds exactly: scales near 1, everything else around 0."""
    rng = np.random.default_rng([seed, *name.encode()])
    value = rng.standard_normal(shape) * (0.1 if len(shape) == 1 else 0.3)
    if len(shape) == 1 and "norm" in name.replace("ln_", "norm") and not name.endswith("bias"):
        value += 1
    return value.astype(np.float32)
