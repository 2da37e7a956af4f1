"""Hugging Face's array names for GPT-2 and Llama-style models, and their places in our models."""

from typing import NamedTuple

HEAD = "lm_head.weight"


class Part(NamedTuple):
    """The arrays of a file that are side by side in one of our parameters.

    `names` are the names of the arrays. `widths` are their widths along the parameter's last axis,
    or None if there is only one array. `transposed` says whether the arrays are (d_out, d_in) in
    the file.
    """

    names: tuple
    widths: tuple | None = None
    transposed: bool = False


def names(kind, settings, prefix):
    """A dict from each of our parameters to its :class:`Part`.

    Parameters
    ----------
    kind : str
        The model_type.
    settings : GPTConfig
        The config of our model.
    prefix : str
        Prefix of all names except the head's: ``"transformer."``, ``"model."`` or "".
    """
    found = _gpt2_names(settings) if kind == "gpt2" else _llama_names(settings)
    found = {
        name: part._replace(names=tuple(prefix + n for n in part.names))
        for name, part in found.items()
    }
    if not settings.tied:
        found["head.W"] = Part((HEAD,), transposed=True)
    return found


def _gpt2_names(settings):
    """GPT-2's linear maps are (d_in, d_out), like ours: the library uses convolutions."""
    found = {"embedding.W": Part(("wte.weight",)), "positions.P": Part(("wpe.weight",))}
    maps = {
        "attention.W_qkv": "attn.c_attn.weight",
        "attention.b_qkv": "attn.c_attn.bias",
        "attention.W_o.W": "attn.c_proj.weight",
        "attention.W_o.b": "attn.c_proj.bias",
    }
    for ours, theirs in (("linear1", "c_fc"), ("linear2", "c_proj")):
        maps |= {
            f"feed_forward.{ours}.W": f"mlp.{theirs}.weight",
            f"feed_forward.{ours}.b": f"mlp.{theirs}.bias",
        }
    for i in (1, 2):
        maps |= {f"norm{i}.gamma": f"ln_{i}.weight", f"norm{i}.beta": f"ln_{i}.bias"}
    found |= {
        f"blocks.{n}.{ours}": Part((f"h.{n}.{theirs}",))
        for n in range(settings.n_layers)
        for ours, theirs in maps.items()
    }
    return found | {
        "final_norm.gamma": Part(("ln_f.weight",)),
        "final_norm.beta": Part(("ln_f.bias",)),
    }


def _llama_names(settings):
    """Llama's linear maps are (d_out, d_in), and maps that our model merges are separate arrays."""
    D, F = settings.d_model, settings.hidden
    kv = D // settings.n_heads * (settings.n_kv_heads or settings.n_heads)
    maps = [
        ("attention.W_qkv", "attention.b_qkv", "self_attn", ("q_proj", "k_proj", "v_proj"),
         (D, kv, kv)),
        ("attention.W_o.W", "attention.W_o.b", "self_attn", ("o_proj",), None),
        ("feed_forward.gate_up.W", "feed_forward.gate_up.b", "mlp", ("gate_proj", "up_proj"),
         (F, F)),
        ("feed_forward.down.W", "feed_forward.down.b", "mlp", ("down_proj",), None),
    ]  # fmt: skip
    norms = {"norm1.gamma": "input_layernorm", "norm2.gamma": "post_attention_layernorm"}
    found = {
        "embedding.W": Part(("embed_tokens.weight",)),
        "final_norm.gamma": Part(("norm.weight",)),
    }
    for n in range(settings.n_layers):
        ours, theirs = f"blocks.{n}.", f"layers.{n}."
        for W, b, parent, layers, widths in maps:
            layers = [f"{theirs}{parent}.{layer}" for layer in layers]
            found[ours + W] = Part(tuple(f"{name}.weight" for name in layers), widths, True)
            if settings.bias:
                found[ours + b] = Part(tuple(f"{name}.bias" for name in layers), widths)
        for name, norm in norms.items():
            found[ours + name] = Part((f"{theirs}{norm}.weight",))
    return found
