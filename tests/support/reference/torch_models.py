"""``torch.nn.Transformer`` and models of the transformers library: values, gradients, training.

The library computes three things in float32 whatever the dtype of a model: Llama's norm, the tables
of rotary angles, and Marian's table of positions. ``exact`` puts float64 in their place.
"""

import types
import warnings

import numpy as np
import torch
import transformers
from torch import nn
from torch.nn import functional as T

from tests.support.reference import model_cases
from tests.support.scalar_model import sinusoidal_positions

HUGGING_FACE = {
    "gpt2": (transformers.GPT2Config, transformers.GPT2LMHeadModel),
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "mistral": (transformers.MistralConfig, transformers.MistralForCausalLM),
    "marian": (transformers.MarianConfig, transformers.MarianMTModel),
}
NORMS = ("LlamaRMSNorm", "MistralRMSNorm")
ROTARIES = ("LlamaRotaryEmbedding", "MistralRotaryEmbedding")


class TorchTransformer(nn.Module):
    """Tables around PyTorch's own encoder-decoder; the head is the table of the embeddings."""

    def __init__(
        self,
        *,
        vocab_size,
        max_len,
        d_model,
        n_heads,
        d_ff,
        n_layers,
        n_decoder_layers,
        dropout,
        final_norm,
        norm,
        activation,
    ):
        super().__init__()
        assert final_norm  # nn.Transformer has one behind both stacks, whatever the norm
        self.table = nn.Embedding(vocab_size, d_model)
        self.register_buffer(
            "positions",
            torch.tensor(sinusoidal_positions(max_len, d_model), dtype=torch.float64),
            persistent=False,
        )
        with warnings.catch_warnings():  # of a fast path that it does not take
            warnings.filterwarnings("ignore", "enable_nested_tensor is True")
            self.body = nn.Transformer(
                d_model,
                n_heads,
                n_layers,
                n_decoder_layers,
                d_ff,
                dropout,
                activation,
                batch_first=True,
                norm_first=norm == "pre",
            )

    def forward(self, source, source_mask, ids):
        def embed(tokens):
            scaled = self.table(tokens) * self.table.weight.shape[1] ** 0.5
            return scaled + self.positions[: tokens.shape[1]]

        future = torch.ones(2 * ids.shape[1:], dtype=torch.bool).triu(1)
        hidden = self.body(
            embed(source),
            embed(ids),
            tgt_mask=future,
            src_key_padding_mask=~source_mask,
            memory_key_padding_mask=~source_mask,
        )
        return hidden @ self.table.weight.T


def build(kind, settings, seed, *, exact=True):
    """A model in float64 with weights drawn by name; its rates of dropout are 0."""
    if kind == "transformer":
        model = TorchTransformer(**settings)
    else:
        make_config, make = HUGGING_FACE[kind]
        # scaled_dot_product_attention: the eager form takes Llama's softmax in float32
        model = make._from_config(make_config(**settings), attn_implementation="sdpa")
    model = model.double()
    if kind == "marian":
        # Its bias of the logits is not trained there; here it is, so that its gradient is seen.
        bias = model.final_logits_bias
        del model.final_logits_bias
        model.final_logits_bias = nn.Parameter(torch.zeros_like(bias))
    with torch.no_grad():
        for name, parameter in trained(model).items():
            value = model_cases.initial_value(name, tuple(parameter.shape), seed)
            parameter.copy_(torch.from_numpy(value))
    if exact:
        compute_in_float64(model)
    return model


def trained(model):
    """Parameters by name; a tied one stands once."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def compute_in_float64(model):
    """Replace what the library computes in float32 in a float64 model."""
    for module in model.modules():
        name = type(module).__name__
        if name in NORMS:
            module.forward = types.MethodType(_rms_norm, module)
        elif name in ROTARIES:
            module.forward = types.MethodType(_rotary_tables, module)
        elif name == "MarianSinusoidalPositionalEmbedding":
            table = np.array(sinusoidal_positions(*module.weight.shape))
            table = np.concatenate([table[:, 0::2], table[:, 1::2]], axis=1)
            module.weight.data = torch.tensor(table, dtype=torch.float64)


def _rms_norm(self, x):
    mean_square = x.pow(2).mean(-1, keepdim=True)
    return self.weight * (x * torch.rsqrt(mean_square + self.variance_epsilon))


def _rotary_tables(self, x, position_ids):
    config = self.config
    d_k = config.hidden_size // config.num_attention_heads
    base = config.rope_parameters["rope_theta"]
    frequencies = base ** -(torch.arange(0, d_k, 2, dtype=torch.float64) / d_k)
    angles = position_ids[..., None].double() * torch.cat([frequencies, frequencies])
    return angles.cos(), angles.sin()


def logits_of(model, batch):
    """Scores (B, T, V) for one batch of tensors."""
    if isinstance(model, TorchTransformer):
        return model(batch["source"], batch["source_mask"], batch["ids"])
    if "source" in batch:
        return model(
            input_ids=batch["source"],
            attention_mask=batch["source_mask"].long(),
            decoder_input_ids=batch["ids"],
            use_cache=False,
        ).logits
    return model(batch["ids"], use_cache=False).logits


def loss_of(model, batch):
    """Logits, and the cross-entropy's mean over the targets that count."""
    logits = logits_of(model, batch)
    targets = batch["targets"].reshape(-1)
    flat = logits.reshape(-1, logits.shape[-1])
    return logits, T.cross_entropy(flat, targets, ignore_index=model_cases.IGNORED)


def run(kind, settings, inputs, seed, steps=model_cases.STEPS):
    """Everything there is to compare, as arrays by name.

    value/NAME are the weights at the start, grad/NAME their gradients for the first batch, end/NAME
    the weights after the steps; logits are of the first batch, losses of every step. unpatched are
    the logits without :func:`compute_in_float64`, where that changes something.
    """
    model = build(kind, settings, seed)
    parameters = trained(model)
    found = {f"value/{name}": p.detach().float().numpy() for name, p in parameters.items()}
    every = [
        {k: torch.from_numpy(v[i]) for k, v in inputs.items()} for i in range(len(inputs["ids"]))
    ]
    adamw = dict(model_cases.ADAMW)
    optimizer = torch.optim.AdamW(
        parameters.values(),
        lr=adamw["learning_rate"],
        betas=(adamw["beta1"], adamw["beta2"]),
        eps=adamw["eps"],
        weight_decay=adamw["weight_decay"],
    )
    losses = []
    for step in range(steps):
        logits, loss = loss_of(model, every[step % len(every)])
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            found["logits"] = logits.detach().numpy()
            found |= {f"grad/{name}": p.grad.numpy().copy() for name, p in parameters.items()}
        optimizer.step()
        losses.append(loss.item())
    found |= {f"end/{name}": p.detach().numpy() for name, p in parameters.items()}
    found["losses"] = np.array(losses)
    if kind not in ("transformer", "gpt2"):
        unpatched = build(kind, settings, seed, exact=False)
        found["unpatched"] = logits_of(unpatched, every[0]).detach().numpy()
    return found
