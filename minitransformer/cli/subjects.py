"""What the ledger proves: every pair, every layer, and whole models in all their variants."""

import difflib
from functools import partial

import numpy as np

from minitransformer import fused
from minitransformer.functional import PAIRS, causal_mask, combine_masks, padding_mask
from minitransformer.gradcheck import layer_subject, pair_subject
from minitransformer.layers import (
    ACTIVATIONS,
    Dropout,
    Embedding,
    EncoderBlock,
    FeedForward,
    FlatParameters,
    Layer,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    MultiHeadCrossAttention,
    PositionalEncoding,
)
from minitransformer.models import TransformerClassifier

DROPOUT = {"dropout_seed": 7}
MODEL_SHARE = 0.015  # of the shapes of a pair: a model has hundreds of parameters to visit
MODEL_EDGES = ({"B": 1, "T": 1}, {"B": 0}, {"empty": True})


class Twice(Layer):
    """One layer applied twice with the same parameters: both paths must add to the gradient."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x, *, mask=None, rng=None):
        h, first = self.layer.forward(x, mask=mask, rng=rng)
        y, second = self.layer.forward(h, mask=mask, rng=rng)
        return y, (first, second)

    def backward(self, dy, cache):
        first, second = cache
        return self.layer.backward(self.layer.backward(dy, second), first)


def subjects(only=None):
    """All subjects of the ledger, or those whose name contains `only`.

    Parameters
    ----------
    only : str, optional

    Returns
    -------
    list of Subject

    Raises
    ------
    ValueError
        If no name contains `only`; the message has the near ones.
    """
    pairs = PAIRS | {f"{name}, fused": pair for name, pair in fused.faster_pairs().items()}
    found = [pair_subject(name, pair) for name, pair in pairs.items()] + _layers() + _models()
    if only is None:
        return found
    chosen = [subject for subject in found if only.lower() in subject.name.lower()]
    if not chosen:
        names = [subject.name for subject in found]
        near = difflib.get_close_matches(only, names, n=3, cutoff=0.4) or names
        raise ValueError(f"nothing to check is called {only!r}; near names: {', '.join(near)}")
    return chosen


def scatter_parameters(layer, rng):
    """Random values for every parameter; a gain of 1 and a shift of 0 would hide faults."""
    for name, parameter in layer.parameters().items():
        parameter.value[...] = 0.5 * rng.standard_normal(parameter.shape)
        if name.split(".")[-1] == "gamma":
            parameter.value += 1.0
    return layer


def _sizes(rng, sizes, **highs):
    """Sizes by letter: those given, the rest random from 1 to their high."""
    return tuple(sizes.get(k, int(rng.integers(1, high + 1))) for k, high in highs.items())


def _masks(rng, B, T, causal=False):
    lengths = rng.integers(1, T + 1, B) if T else np.zeros(B, int)
    return combine_masks(padding_mask(lengths, T), causal_mask(T) if causal else None)


def _on_x(make, mask=None, low=1, **arguments):
    """build() for a layer of one array x (B, T, D), D = `low` or a little more; even for heads."""

    def build(rng, **sizes):
        B, T, width = _sizes(rng, sizes, B=3, T=3, D=3)
        D = width if low == 1 else low + 2 * (width - 1)
        layer = scatter_parameters(make(rng, D), rng)
        options = {} if mask is None else {"mask": _masks(rng, B, T, mask == "causal")}
        x = 1.5 * rng.standard_normal((B, T, D))
        return layer, x, {"options": options, **arguments}

    return build


def _embedding(scale):
    def build(rng, **sizes):
        B, T, D, V = _sizes(rng, sizes, B=3, T=4, D=3, V=4)
        layer = Embedding(V, D, scale=scale, rng=rng, dtype="float64")
        return layer, rng.integers(0, V, (B, T)), {}

    return build


def _cross_attention(rng, kind="full", **sizes):
    B, T, S, E, H = _sizes(rng, sizes, B=2, T=3, S=3, E=2, H=2)
    D, dtype = H * E, "float64"
    layer = MultiHeadCrossAttention(D, H, dropout=0.2, attention=kind, rng=rng, dtype=dtype)
    x, memory = rng.standard_normal((B, T, D)), rng.standard_normal((B, S, D))
    arguments = {"options": {"mask": _masks(rng, B, S)}, **DROPOUT}
    return scatter_parameters(layer, rng), (x, memory), arguments


def _attention(rng, D, dropout=0.0, attention="full"):
    return MultiHeadAttention(D, 2, dropout=dropout, attention=attention, rng=rng, dtype="float64")


def _block(norm, activation="gelu", dropout=0.0):
    def make(rng, D):
        return EncoderBlock(
            D, 2, 3, norm=norm, activation=activation, dropout=dropout, rng=rng, dtype="float64"
        )

    return make


def _feed_forward(activation):
    return lambda rng, D: FeedForward(D, 4, activation=activation, rng=rng, dtype="float64")


def _positions(kind):
    return lambda rng, D: PositionalEncoding(kind, 5, D, rng=rng, dtype="float64")


def _linear(bias):
    return lambda rng, D: Linear(D, 3, bias=bias, rng=rng, dtype="float64")


def layer_builds():
    """How to build each layer of the ledger, by name; relu's has no complex step."""
    builds = {
        "Linear": _on_x(_linear(True)),
        "Linear, no bias": _on_x(_linear(False)),
        "Linear, used twice": _on_x(lambda rng, D: Twice(Linear(D, D, rng=rng, dtype="float64"))),
        "Embedding, repeated ids": _embedding(scale=1.0),
        "Embedding, scaled": _embedding(scale=3.0),
        **{
            f"PositionalEncoding, {kind}": _on_x(_positions(kind))
            for kind in ("sinusoidal", "learned", "scalar", "none")
        },
        "LayerNorm": _on_x(lambda rng, D: LayerNorm(D, dtype="float64"), low=4),
        "Dropout": _on_x(lambda rng, D: Dropout(0.3), **DROPOUT),
        "MultiHeadAttention": _on_x(_attention, low=2),
        "MultiHeadAttention, causal, padded": _on_x(_attention, mask="causal", low=2),
        "MultiHeadAttention, dropout": _on_x(
            lambda rng, D: _attention(rng, D, 0.3), mask="padding", low=2, **DROPOUT
        ),
        "MultiHeadAttention, tiled": _on_x(partial(_attention, attention="tiled"), "causal", 2),
        "MultiHeadAttention, tiled, dropout": _on_x(
            lambda rng, D: _attention(rng, D, 0.3, "tiled"), mask="padding", low=2, **DROPOUT
        ),
        "MultiHeadCrossAttention": _cross_attention,
        "MultiHeadCrossAttention, tiled": partial(_cross_attention, kind="tiled"),
        "EncoderBlock, pre": _on_x(_block("pre"), mask="padding", low=4),
        "EncoderBlock, post": _on_x(_block("post"), mask="padding", low=4),
        "EncoderBlock, pre, dropout": _on_x(_block("pre", dropout=0.2), low=4, **DROPOUT),
        "EncoderBlock, post, dropout": _on_x(_block("post", dropout=0.2), low=4, **DROPOUT),
        "EncoderBlock, used twice": _on_x(
            lambda rng, D: Twice(_block("pre", dropout=0.2)(rng, D)), low=4, **DROPOUT
        ),
    }
    feed_forward = {f"FeedForward, {kind}": _on_x(_feed_forward(kind)) for kind in ACTIVATIONS}
    return builds | feed_forward


def _layers():
    edges = ({"B": 1, "T": 1}, {"B": 0}, {"T": 0})
    return [
        layer_subject(
            name, build, edges=edges, share=0.03 if "Encoder" in name else 0.1,
            analytic=not name.endswith(" relu"),
        )
        for name, build in layer_builds().items()
    ]


def _classifier(tied=False, dropout=0.0, **config):
    """build() for a small classifier on padded ids, of which some are repeated."""

    def build(rng, **sizes):
        B, T = sizes.get("B", int(rng.integers(2, 4))), sizes.get("T", int(rng.integers(2, 5)))
        sizes_of = {"max_len": 4, "d_model": 4, "n_heads": 2, "d_ff": 3, "n_layers": 1}
        model = TransformerClassifier(
            5, 2, seed=int(rng.integers(1 << 30)), dtype="float64", dropout=dropout,
            **{**sizes_of, **config},
        )
        if tied:
            model.blocks = [model.blocks[0], model.blocks[0]]
            model.flat = FlatParameters(model.parameters())
        mask = _masks(rng, B, T)[:, 0, 0, :]
        if sizes.get("empty"):
            mask[0] = False
        arguments = {"options": {"mask": mask}, **(DROPOUT if dropout else {})}
        return scatter_parameters(model, rng), rng.integers(0, 5, (B, T)), arguments

    return build


def model_builds():
    """How to build each classifier of the ledger, by name; relu's has no complex step."""
    variants = {
        f"{norm} norm, {pooling} pooling": {"norm": norm, "pooling": pooling}
        for norm in ("pre", "post")
        for pooling in ("mean", "max", "first")
    }
    variants |= {
        "pre norm, two blocks": {"norm": "pre", "n_layers": 2},
        "post norm, two blocks, dropout": {"norm": "post", "n_layers": 2, "dropout": 0.2},
        "pre norm, dropout": {"norm": "pre", "dropout": 0.2},
        "learned positions": {"positions": "learned"},
        "gelu_tanh": {"activation": "gelu_tanh"},
        "one block used twice": {"tied": True, "n_layers": 2, "dropout": 0.2},
        "tiled attention, dropout": {"attention": "tiled", "dropout": 0.2},
        "plain functions only": {"ops": "plain"},
        "relu": {"activation": "relu"},
    }
    return {f"classifier, {name}": _classifier(**config) for name, config in variants.items()}


def _models():
    return [
        layer_subject(
            name, build, kind="model", share=MODEL_SHARE, edges=MODEL_EDGES,
            **({"analytic": False} if name.endswith(" relu") else {"entries": 1}),
        )
        for name, build in model_builds().items()
    ]
