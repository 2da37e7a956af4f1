"""The ledger's layers beyond the original encoder: decoders, grouped heads, rotary heads, gates."""

from functools import partial

import numpy as np

from minitransformer.functional import alibi_bias, rotary_tables, sliding_window_mask
from minitransformer.layers import (
    DecoderBlock,
    Embedding,
    EncoderBlock,
    GroupedQueryAttention,
    Layer,
    MultiHeadAttention,
    RMSNorm,
    SwiGLU,
    TiedHead,
)
from minitransformer.verification.parts import DROPOUT, masks, random_sizes, scatter_parameters


class TiedModel(Layer):
    """An embedding tied to a head: one parameter with two paths to it."""

    def __init__(self, V, D, rng):
        self.embedding = Embedding(V, D, scale=2.0, rng=rng, dtype="float64")
        self.head = TiedHead(self.embedding, bias=True)

    def forward(self, ids, *, mask=None, rng=None):
        x, embedding = self.embedding.forward(ids)
        y, head = self.head.forward(x)
        return y, (embedding, head)

    def backward(self, dy, cache):
        embedding, head = cache
        self.embedding.backward(self.head.backward(dy, head), embedding)


def _tied(rng, **sizes):
    B, T, D, V = random_sizes(rng, sizes, B=3, T=3, D=3, V=4)
    return scatter_parameters(TiedModel(V, D, rng), rng), rng.integers(0, V, (B, T)), {}


def _head(rng, **sizes):
    B, T, D, V = random_sizes(rng, sizes, B=3, T=3, D=3, V=4)
    layer = TiedHead(Embedding(V, D, rng=rng, dtype="float64"))
    return scatter_parameters(layer, rng), rng.standard_normal((B, T, D)), {}


def _plain(make):
    """A build of a layer that takes x (B, T, D) and no mask."""

    def build(rng, **sizes):
        B, T, D = random_sizes(rng, sizes, B=3, T=3, D=3)
        layer = scatter_parameters(make(rng, D + 2), rng)
        return layer, 1.5 * rng.standard_normal((B, T, D + 2)), {}

    return build


def _causal(make, n_heads=2, *, rotary=False, alibi=False, window=None, dropout=False):
    """A build of attention, or of a block, on x (B, T, D) under a causal mask."""

    def build(rng, **sizes):
        B, T, pairs = random_sizes(rng, sizes, B=3, T=3, E=2)
        E = 2 * pairs
        layer = scatter_parameters(make(rng, n_heads * E), rng)
        options = {"mask": masks(rng, B, T, causal=True)}
        if window is not None:
            options["mask"] = sliding_window_mask(T, window)
        if rotary:
            options["rotary"] = rotary_tables(T, E)
        if alibi:
            options["bias"] = alibi_bias(n_heads, np.arange(T), np.arange(T))
        arguments = {"options": options, **(DROPOUT if dropout else {})}
        return layer, 1.5 * rng.standard_normal((B, T, n_heads * E)), arguments

    return build


def _decoder(rng, norm="post", dropout=0.0, options=None, **sizes):
    B, T, S, E = random_sizes(rng, sizes, B=2, T=3, S=3, E=2)
    D = 2 * E + 2
    layer = DecoderBlock(
        D,
        2,
        3,
        norm=norm,
        dropout=dropout,
        rng=rng,
        dtype="float64",
        **{"activation": "gelu", **(options or {})},
    )
    x, memory = rng.standard_normal((B, T, D)), rng.standard_normal((B, S, D))
    seen = {"mask": masks(rng, B, T, causal=True), "memory_mask": masks(rng, B, S)}
    arguments = {"options": seen, **(DROPOUT if dropout else {})}
    return scatter_parameters(layer, rng), (x, memory), arguments


def _attention(rng, D, cls=MultiHeadAttention, heads=(2,), **options):
    return cls(D, *heads, rng=rng, dtype="float64", **options)


def _block(rng, D, **options):
    return EncoderBlock(D, 2, 3, rng=rng, dtype="float64", **options)


def modern_builds():
    """The build of each of these layers, by name."""
    grouped = partial(_attention, cls=GroupedQueryAttention)
    llama = {
        "norm_kind": "rms", "activation": "swiglu", "bias": False, "n_kv_heads": 1, "dropout": 0.2
    }  # fmt: skip
    simple = {"norm_kind": "rms", "activation": "swiglu", "bias": False, "attention": "tiled"}
    return {
        "RMSNorm": _plain(lambda rng, D: RMSNorm(D, dtype="float64")),
        "SwiGLU": _plain(lambda rng, D: SwiGLU(D, 4, rng=rng, dtype="float64")),
        "SwiGLU, bias": _plain(lambda rng, D: SwiGLU(D, 4, bias=True, rng=rng, dtype="float64")),
        "TiedHead": _head,
        "TiedHead, with its embedding": _tied,
        "MultiHeadAttention, no bias": _causal(partial(_attention, bias=False)),
        "MultiHeadAttention, rotary": _causal(_attention, rotary=True),
        "MultiHeadAttention, ALiBi, window": _causal(_attention, alibi=True, window=2),
        "MultiHeadAttention, tiled, rotary, ALiBi": _causal(
            partial(_attention, attention="tiled"), rotary=True, alibi=True
        ),
        "GroupedQueryAttention": _causal(
            partial(grouped, heads=(4, 2), dropout=0.3), 4, dropout=True
        ),
        "GroupedQueryAttention, one key head": _causal(
            partial(grouped, heads=(2, 1), bias=False), rotary=True
        ),
        "GroupedQueryAttention, tiled": _causal(
            partial(grouped, heads=(4, 2), attention="tiled"), 4, alibi=True, window=2
        ),
        "EncoderBlock, pre, as in Llama": _causal(
            partial(_block, **llama), rotary=True, dropout=True
        ),
        "DecoderBlock, post": _decoder,
        "DecoderBlock, pre": partial(_decoder, norm="pre"),
        "DecoderBlock, post, dropout": partial(_decoder, dropout=0.2),
        "DecoderBlock, pre, dropout": partial(_decoder, norm="pre", dropout=0.2),
        "DecoderBlock, pre, RMS norm, gates": partial(_decoder, norm="pre", options=simple),
    }
