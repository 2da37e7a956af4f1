"""Our models with the weights of other libraries, loaded by name, and what they then compute.

GPT-2 and Llama-style models take the maps of the package itself; ``torch.nn.Transformer`` and
Marian, which only the tests load, have theirs here.
"""

import numpy as np

from minitransformer import functional
from minitransformer.models import GPT, Transformer
from minitransformer.models.pretrained.huggingface import translate
from minitransformer.models.pretrained.huggingface_names import Part, names
from minitransformer.models.pretrained.pretrained import PREFIXES, fill
from minitransformer.training.optim.optimizers import AdamW
from tests.support.reference import model_cases, stored

# Where a decoder block's parts lie; an encoder block has the first and the last kind of each
TORCH = {
    "attention": "self_attn",
    "self_attention": "self_attn",
    "cross_attention": "multihead_attn",
    "linear1": "linear1",
    "linear2": "linear2",
}
MARIAN_ATTENTION = {
    "attention": "self_attn",
    "self_attention": "self_attn",
    "cross_attention": "encoder_attn",
}
MARIAN_NORMS = {
    "encoder": ("self_attn_layer_norm", "final_layer_norm"),
    "decoder": ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"),
}


def build(kind, settings):
    """Our model in float64 for another library's settings, and its map of names."""
    if kind == "transformer":
        model = Transformer(**settings, tied=True, dtype="float64")
        return model, _transformer_names(model, _torch_block, "body.", "norm")
    if kind == "marian":
        model = Transformer(
            vocab_size=settings["vocab_size"],
            max_len=settings["max_position_embeddings"],
            d_model=settings["d_model"],
            n_heads=settings["encoder_attention_heads"],
            d_ff=settings["encoder_ffn_dim"],
            n_layers=settings["encoder_layers"],
            n_decoder_layers=settings["decoder_layers"],
            dropout=settings["dropout"],
            activation="silu",
            positions="sinusoidal_halves",
            head_bias=True,
            dtype="float64",
        )
        return model, _transformer_names(model, _marian_block, "model.", "layer_norm")
    model = GPT(**translate({"model_type": kind} | settings), dtype="float64")
    return model, names(kind, model.settings, PREFIXES[kind])


def _transformer_names(model, block, prefix, norm):
    """Our parameter -> :class:`Part` for an encoder-decoder."""
    marian = block is _marian_block
    found = {"source_embedding.W": Part(("model.shared.weight" if marian else "table.weight",))}
    if marian:
        found["head.b"] = Part(("final_logits_bias",))
    for stack in ("encoder", "decoder"):
        for n in range(len(getattr(model, stack))):
            theirs = f"{prefix}{stack}.layers.{n}."
            found |= {f"{stack}.{n}.{ours}": part for ours, part in block(stack, theirs).items()}
        if model.encoder_norm is not None:
            for ours, last in (("gamma", "weight"), ("beta", "bias")):
                found[f"{stack}_norm.{ours}"] = Part((f"{prefix}{stack}.{norm}.{last}",))
    return found


def _attentions(stack):
    return ("attention",) if stack == "encoder" else ("self_attention", "cross_attention")


def _torch_block(stack, theirs):
    found = {}
    for ours in _attentions(stack):
        place = theirs + TORCH[ours]
        if ours == "cross_attention":
            found |= {
                f"{ours}.W_q.W": Part((f"{place}.in_proj_weight[q]",), None, True),
                f"{ours}.W_q.b": Part((f"{place}.in_proj_bias[q]",)),
                f"{ours}.W_kv": Part((f"{place}.in_proj_weight[kv]",), None, True),
                f"{ours}.b_kv": Part((f"{place}.in_proj_bias[kv]",)),
            }
        else:
            found |= {
                f"{ours}.W_qkv": Part((f"{place}.in_proj_weight",), None, True),
                f"{ours}.b_qkv": Part((f"{place}.in_proj_bias",)),
            }
        found |= _linear(f"{ours}.W_o", f"{place}.out_proj")
    for i in (1, 2):
        found |= _linear(f"feed_forward.linear{i}", f"{theirs}linear{i}")
    for i in range(1, 3 if stack == "encoder" else 4):
        found |= _norm(i, f"{theirs}norm{i}")
    return found


def _marian_block(stack, theirs):
    found = {}
    for ours in _attentions(stack):
        place = theirs + MARIAN_ATTENTION[ours]
        q, k, v = (f"{place}.{c}_proj" for c in "qkv")
        if ours == "cross_attention":
            found |= _linear(f"{ours}.W_q", q)
            W, b, merged = f"{ours}.W_kv", f"{ours}.b_kv", (k, v)
        else:
            W, b, merged = f"{ours}.W_qkv", f"{ours}.b_qkv", (q, k, v)
        found[W] = Part(tuple(f"{name}.weight" for name in merged), None, True)
        found[b] = Part(tuple(f"{name}.bias" for name in merged))
        found |= _linear(f"{ours}.W_o", f"{place}.out_proj")
    for i in (1, 2):
        found |= _linear(f"feed_forward.linear{i}", f"{theirs}fc{i}")
    for i, name in enumerate(MARIAN_NORMS[stack], start=1):
        found |= _norm(i, theirs + name)
    return found


def _linear(ours, theirs):
    return {
        f"{ours}.W": Part((f"{theirs}.weight",), None, True),
        f"{ours}.b": Part((f"{theirs}.bias",)),
    }


def _norm(i, theirs):
    return {
        f"norm{i}.gamma": Part((f"{theirs}.weight",)),
        f"norm{i}.beta": Part((f"{theirs}.bias",)),
    }


def in_our_layout(model, parts, arrays):
    """Another library's arrays by name, as arrays under the names of our parameters."""
    arrays, D = dict(arrays), model.settings.d_model
    for name in list(arrays):  # queries of one sequence, keys and values of the other
        if "multihead_attn.in_proj" in name:
            both = arrays.pop(name)
            arrays |= {f"{name}[q]": both[:D], f"{name}[kv]": both[D:]}
        elif name == "final_logits_bias":
            arrays[name] = arrays[name][0]
    taken = [name for part in parts.values() for name in part.names]
    assert sorted(taken) == sorted(arrays)  # each array once, and none left over
    assert set(parts) == set(model.parameters())
    found = {}
    for name, parameter in model.parameters().items():
        found[name] = np.full(parameter.shape, np.nan)
        fill(found[name], parts[name], arrays)
    return found


def _forward(model, batch):
    if "source" in batch:
        return model.forward(batch["source"], batch["ids"], source_mask=batch["source_mask"])
    return model.forward(batch["ids"])


def _gradients(model, batch):
    """Logits, loss; the model's gradients are those of the loss."""
    logits, cache = _forward(model, batch)
    loss, saved = functional.cross_entropy(
        logits, batch["targets"], ignore_index=model_cases.IGNORED
    )
    model.flat.zero_grad()
    model.backward(functional.cross_entropy_backward(1.0, saved), cache)
    return logits, float(loss)


def errors(kind, settings, inputs, expected):
    """Largest differences from what another library computed.

    Returns
    -------
    dict of str to float
        Of "logits", "unpatched" logits, "gradients", "losses" and the weights after the "steps".
    """
    model, parts = build(kind, settings)
    for name, value in in_our_layout(model, parts, stored.group(expected, "value")).items():
        model.parameters()[name].value[...] = value
    every = [{k: v[i] for k, v in inputs.items()} for i in range(len(inputs["ids"]))]
    gradients = in_our_layout(model, parts, stored.group(expected, "grad"))
    adamw, losses, found = AdamW(**model_cases.ADAMW), [], {}
    for step in range(len(expected["losses"])):
        logits, loss = _gradients(model, every[step % len(every)])
        if step == 0:
            found["logits"] = stored.error(logits, expected["logits"])
            if "unpatched" in expected:
                found["unpatched"] = stored.error(logits, expected["unpatched"])
            found["gradients"] = max(
                stored.error(p.grad, gradients[n]) for n, p in model.parameters().items()
            )
        adamw.step(model.flat.values, model.flat.grads)
        losses.append(loss)
    end = in_our_layout(model, parts, stored.group(expected, "end"))
    found["steps"] = max(stored.error(p.value, end[n]) for n, p in model.parameters().items())
    found["losses"] = float(np.max(np.abs(np.array(losses) / expected["losses"] - 1)))
    return found
