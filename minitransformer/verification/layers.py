"""The ledger's layers, and the build of each."""

from functools import partial

from minitransformer.gradcheck import layer_subject
from minitransformer.layers import (
    ACTIVATIONS,
    CELLS,
    POSITIONS,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dropout,
    Embedding,
    EncoderBlock,
    FeedForward,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    MultiHeadCrossAttention,
    PositionalEncoding,
    Recurrent,
)
from minitransformer.verification.modern_layers import modern_builds
from minitransformer.verification.parts import (
    DROPOUT,
    Twice,
    masks,
    random_sizes,
    scatter_parameters,
)


def _on_x(make, mask=None, low=1, **arguments):
    """A build of a layer that takes one array x (B, T, D). D is `low` plus an even number."""

    def build(rng, **sizes):
        B, T, width = random_sizes(rng, sizes, B=3, T=3, D=3)
        D = width if low == 1 else low + 2 * (width - 1)
        layer = scatter_parameters(make(rng, D), rng)
        options = {} if mask is None else {"mask": masks(rng, B, T, mask == "causal")}
        x = 1.5 * rng.standard_normal((B, T, D))
        return layer, x, {"options": options, **arguments}

    return build


def _embedding(scale):
    def build(rng, **sizes):
        B, T, D, V = random_sizes(rng, sizes, B=3, T=4, D=3, V=4)
        layer = Embedding(V, D, scale=scale, rng=rng, dtype="float64")
        return layer, rng.integers(0, V, (B, T)), {}

    return build


def _cross_attention(rng, kind="full", **sizes):
    B, T, S, E, H = random_sizes(rng, sizes, B=2, T=3, S=3, E=2, H=2)
    D, dtype = H * E, "float64"
    layer = MultiHeadCrossAttention(D, H, dropout=0.2, attention=kind, rng=rng, dtype=dtype)
    x, memory = rng.standard_normal((B, T, D)), rng.standard_normal((B, S, D))
    arguments = {"options": {"mask": masks(rng, B, S)}, **DROPOUT}
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


def _conv1d(rng, more=0, options=(), **sizes):
    """A build on T + `more` tokens, so that a window of three fits in."""
    B, T, D = random_sizes(rng, sizes, B=3, T=3, D=3)
    layer = Conv1D(D, 2, 3, rng=rng, dtype="float64", **dict(options))
    return scatter_parameters(layer, rng), rng.standard_normal((B, T + more, D)), {}


def _recurrent(cell, rng, **sizes):
    """A build of one direction with the cell, or of both directions if it is None."""
    B, T, D, E = random_sizes(rng, sizes, B=3, T=3, D=3, E=2)
    options = {"rng": rng, "dtype": "float64"}
    if cell is None:
        layer = Bidirectional("gru", D, E, **options)
    else:
        layer = Recurrent(cell, D, E, reverse=bool(rng.random() < 0.5), **options)
    mask = rng.random((B, T)) < 0.7
    return (
        scatter_parameters(layer, rng),
        rng.standard_normal((B, T, D)),
        {"options": {"mask": mask}},
    )


def _conv2d(rng, **sizes):
    B, D, F = random_sizes(rng, sizes, B=3, D=3, F=2)
    layer = Conv2D(D, F, (3, 2), padding="same", stride=(1, 2), rng=rng, dtype="float64")
    R, C = (int(n) for n in rng.integers(1, 5, 2))
    return scatter_parameters(layer, rng), rng.standard_normal((B, R, C, D)), {}


def layer_builds():
    """The build of each layer of the ledger, by name. The complex step cannot be used for relu."""
    builds = {
        "Linear": _on_x(_linear(True)),
        "Linear, no bias": _on_x(_linear(False)),
        "Linear, used twice": _on_x(lambda rng, D: Twice(Linear(D, D, rng=rng, dtype="float64"))),
        "Conv1D": partial(_conv1d, more=3),
        "Conv1D, same, stride 2, no bias": partial(
            _conv1d, options={"padding": "same", "stride": 2, "bias": False}
        ),
        "Conv2D": _conv2d,
        **{f"Recurrent, {cell}": partial(_recurrent, cell) for cell in CELLS},
        "Bidirectional": partial(_recurrent, None),
        "Embedding, repeated ids": _embedding(scale=1.0),
        "Embedding, scaled": _embedding(scale=3.0),
        **{f"PositionalEncoding, {kind}": _on_x(_positions(kind)) for kind in POSITIONS},
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
    return builds | feed_forward | modern_builds()


def layer_subjects():
    """The ledger's layers, as subjects."""
    edges = ({"B": 1, "T": 1}, {"B": 0}, {"T": 0})
    return [
        layer_subject(
            name,
            build,
            edges=edges,
            share=0.03 if "Block" in name else 0.1,
            analytic=not name.endswith(" relu"),
        )
        for name, build in layer_builds().items()
    ]
