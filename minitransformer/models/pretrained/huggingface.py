"""How Hugging Face describes GPT-2 and Llama-style models: ``config.json``.

Every key of a config must be known. A key that affects the computation is translated, or must have
the only value that is supported here. All other keys are listed as harmless. So a model that would
give wrong results is refused, and the message names the key.
"""

from minitransformer.checks import near_names

# Keys that do not affect the logits; older files also have keys for the library's outputs and
# sampling
HARMLESS = {
    "_attn_implementation_autoset", "_commit_hash", "_name_or_path", "_num_labels", "architectures",
    "bad_words_ids", "begin_suppress_tokens", "bos_token_id", "decoder_start_token_id",
    "diversity_penalty", "do_sample", "dtype", "early_stopping", "encoder_no_repeat_ngram_size",
    "eos_token_id", "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id",
    "forced_eos_token_id", "gradient_checkpointing", "id2label", "initializer_range",
    "is_llama_config", "label2id", "length_penalty", "max_length", "min_length", "model_type",
    "n_ctx", "n_special", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_return_sequences", "output_attentions", "output_hidden_states", "output_past",
    "output_scores", "pad_token_id", "predict_special_tokens", "prefix", "problem_type",
    "remove_invalid_values", "repetition_penalty", "return_dict", "return_dict_in_generate",
    "sep_token_id", "summary_activation", "summary_first_dropout", "summary_proj_to_labels",
    "summary_type", "summary_use_proj", "suppress_tokens", "task_specific_params", "temperature",
    "tf_legacy_loss", "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript",
    "transformers.js_config", "transformers_version", "typical_p", "unk_token_id", "unsloth_fixed",
    "unsloth_version", "use_bfloat16", "use_cache",
}  # fmt: skip
# Keys that must have the only value that is supported here
FIXED = {
    "add_cross_attention": False, "chunk_size_feed_forward": 0, "is_decoder": False,
    "is_encoder_decoder": False, "pretraining_tp": 1, "pruned_heads": {},
    "reorder_and_upcast_attn": False, "scale_attn_by_inverse_layer_idx": False,
    "scale_attn_weights": True, "partial_rotary_factor": 1.0, "rope_interleaved": False,
    "tie_encoder_decoder": False,
}  # fmt: skip
GPT2_ACTIVATIONS = {
    "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu", "relu": "relu",
    "silu": "silu", "swish": "silu",
}  # fmt: skip
GPT2_KEYS = {
    "vocab_size": "vocab_size", "n_positions": "max_len", "n_embd": "d_model", "n_head": "n_heads",
    "n_layer": "n_layers", "n_inner": "d_ff", "layer_norm_epsilon": "norm_eps",
}  # fmt: skip
GPT2_DROPOUTS = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
LLAMA_KEYS = {
    "vocab_size": "vocab_size", "max_position_embeddings": "max_len", "hidden_size": "d_model",
    "num_attention_heads": "n_heads", "num_hidden_layers": "n_layers",
    "num_key_value_heads": "n_kv_heads", "intermediate_size": "d_ff", "rms_norm_eps": "norm_eps",
}  # fmt: skip
LAYER_KEYS = ("n_layer", "num_hidden_layers")
OPTIONAL = ("n_inner", "num_key_value_heads")
NUMBERS = ("layer_norm_epsilon", "rms_norm_eps", "rope_theta", "attention_dropout", *GPT2_DROPOUTS)


class Unrepresentable(ValueError):
    """A config needs a feature that these models do not have."""


def translate(config, dropout=None):
    """The options of :class:`GPTConfig` for a parsed ``config.json``.

    Parameters
    ----------
    config : dict
        The parsed file.
    dropout : float, optional
        Replaces the dropout rates of the config.

    Raises
    ------
    Unrepresentable
        The message names the key, its value, and the supported values.
    """
    kind = config.get("model_type")
    if kind not in list(FAMILIES):
        raise Unrepresentable(f"model_type = {kind!r:.60}; it must be one of {', '.join(FAMILIES)}")
    style, own, counts = FAMILIES[kind]
    _check_keys(config, own)
    _check_counts(config, counts)
    options = style(config)
    rates = options.pop("rates")
    first = next(iter(rates.values()))
    if dropout is None and any(rate != first for rate in rates.values()):
        given = ", ".join(f"{key} = {rate}" for key, rate in rates.items())
        raise Unrepresentable(f"{given}: there is only one rate here; choose it with dropout=")
    return options | {"dropout": first if dropout is None else dropout}


def _check_keys(config, own):
    """Refuse unknown keys, and unsupported values of keys that must have one particular value."""
    for key, value in config.items():
        if key in FIXED:
            if value is not None and value != FIXED[key]:
                raise Unrepresentable(f"{key} = {value!r:.60}; only {FIXED[key]!r} is supported")
        elif value is not None and key not in HARMLESS and key not in own:
            raise Unrepresentable(
                f"{key} = {value!r:.60}: this key is unknown, and it might change the "
                f"results; {near_names(key, sorted(own))}"
            )


def _check_counts(config, counts):
    """Refuse sizes that are not positive integers, and rates or bases that are not numbers."""
    for key in counts:
        value = config.get(key)
        absent = value is None and key in OPTIONAL
        if not absent and (type(value) is not int or value < 1):
            given = f"= {value!r:.60}" if key in config else "is missing"
            raise Unrepresentable(f"{key} {given}; it must be an integer of at least 1")
    for key in NUMBERS:
        value = config.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unrepresentable(f"{key} = {value!r:.60}; it must be a number")


def _one_of(config, key, known, default):
    value = config.get(key, default)
    if not isinstance(value, str) or value not in known:
        raise Unrepresentable(f"{key} = {value!r:.60}; it must be one of {', '.join(known)}")
    return known[value]


def _flag(config, key, default):
    value = config.get(key, default)
    if not isinstance(value, bool):
        raise Unrepresentable(f"{key} = {value!r:.60}; it must be true or false")
    return value


def _renamed(config, keys):
    return {ours: config[key] for key, ours in keys.items() if config.get(key) is not None}


def _gpt2(config):
    return {
        "norm_eps": 1e-5,
        **_renamed(config, GPT2_KEYS),
        "tied": _flag(config, "tie_word_embeddings", True),
        "activation": _one_of(config, "activation_function", GPT2_ACTIVATIONS, "gelu_new"),
        "rates": {key: config.get(key, 0.1) for key in GPT2_DROPOUTS},
    }


def _llama(config):
    D, H = config["hidden_size"], config["num_attention_heads"]
    head_dim = config.get("head_dim")
    if head_dim is not None and (type(head_dim) not in (int, float) or head_dim * H != D):
        raise Unrepresentable(
            f"head_dim = {head_dim!r:.60}; only hidden_size / num_attention_heads is supported"
        )
    bias = _flag(config, "attention_bias", False)
    if bias != _flag(config, "mlp_bias", False):
        raise Unrepresentable(
            "attention_bias and mlp_bias differ; here either all linear maps of a block "
            "have a bias, or none has"
        )
    _one_of(config, "hidden_act", {"silu": "silu", "swish": "silu"}, "silu")
    return {
        "norm_kind": "rms",
        "positions": "rotary",
        "activation": "swiglu",
        "norm_eps": 1e-6,
        **_renamed(config, LLAMA_KEYS),
        "tied": _flag(config, "tie_word_embeddings", False),
        "bias": bias,
        "rotary_base": _rotary_base(config),
        "rates": {"attention_dropout": config.get("attention_dropout", 0.0), "elsewhere": 0.0},
    }


def _rotary_base(config):
    """The base of the rotary angles; in newer files it is in ``rope_parameters``."""
    base = config.get("rope_theta", 10000.0)
    for key in ("rope_scaling", "rope_parameters"):
        rope = {} if config.get(key) is None else config[key]
        if not isinstance(rope, dict):
            raise Unrepresentable(f"{key} = {rope!r:.60}; it must be an object")
        for name, value in rope.items():
            if name == "rope_theta":
                base = value
            elif (name, value) not in (
                ("rope_type", "default"),
                ("type", "default"),
                ("partial_rotary_factor", 1.0),
            ):
                raise Unrepresentable(
                    f"{key}.{name} = {value!r:.60}; only unscaled angles ('default') are supported"
                )
    return base


def _mistral(config):
    window = config.get("sliding_window", 4096)
    return _llama(config) | ({} if window is None else {"window": window})


def _counts(keys):
    return [key for key, ours in keys.items() if ours != "norm_eps"]


LLAMA_OWN = {
    *LLAMA_KEYS,
    "tie_word_embeddings",
    "head_dim",
    "attention_bias",
    "mlp_bias",
    "hidden_act",
    "rope_theta",
    "attention_dropout",
    "rope_scaling",
    "rope_parameters",
}
GPT2_OWN = {*GPT2_KEYS, *GPT2_DROPOUTS, "tie_word_embeddings", "activation_function"}
# model_type -> the function that translates its config, the keys that it reads, the keys that are
# counts
FAMILIES = {
    "gpt2": (_gpt2, GPT2_OWN, _counts(GPT2_KEYS)),
    "llama": (_llama, LLAMA_OWN, _counts(LLAMA_KEYS)),
    "mistral": (_mistral, {*LLAMA_OWN, "sliding_window"}, _counts(LLAMA_KEYS)),
}
