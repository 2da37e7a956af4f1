"""The encoder classifier again, as scalar loops: one text after another, without padding.

Built from :mod:`tests.support.scalar_reference`; a batch of texts of different lengths is never
padded here, so agreement with the package also shows that padding has no effect.
"""

import math

from tests.support import scalar_reference as scalar


def sinusoidal_positions(max_len, d_model):
    """Vaswani et al. 2017, section 3.5: feature 2i is a sine, feature 2i + 1 a cosine."""

    def entry(pos, d):
        angle = pos / 10000 ** (2 * (d // 2) / d_model)
        return math.cos(angle) if d % 2 else math.sin(angle)

    return [[entry(pos, d) for d in range(d_model)] for pos in range(max_len)]


def scalar_positions(max_len, d_model):
    """pos / 10000 up to position 10000, 1 / pos beyond."""
    return [[pos / 10000 if pos <= 10000 else 1 / pos] * d_model for pos in range(max_len)]


def _add(x, y):
    return [
        [[a + b for a, b in zip(u, v, strict=True)] for u, v in zip(s, t, strict=True)]
        for s, t in zip(x, y, strict=True)
    ]


def multi_head_attention(x, p, n_heads, mask=None):
    """Vaswani et al. 2017, section 3.2.2, for x (1, T, D)."""
    heads = [
        scalar.split_heads(projection, n_heads)
        for projection in scalar.qkv_projection(x, p["W_qkv"], p["b_qkv"])
    ]
    O, _ = scalar.attention(*heads, mask)
    return scalar.linear(scalar.merge_heads(O), p["W_o.W"], p["W_o.b"])


def feed_forward(x, p, activation):
    """Vaswani et al. 2017, equation (2), or with GELU in place of ReLU."""
    hidden = scalar.linear(x, p["linear1.W"], p["linear1.b"])
    if activation == "relu":
        activated = scalar.relu(hidden)
    else:
        activated = scalar.gelu(hidden, "tanh" if activation == "gelu_tanh" else "none")
    return scalar.linear(activated, p["linear2.W"], p["linear2.b"])


def _layer_norm(x, p):
    return scalar.layer_norm(x, p["gamma"], p["beta"])[0]


def below(parameters, prefix):
    """The parameters whose dotted names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in parameters.items()
        if name.startswith(prefix)
    }


def encoder_block(x, p, *, n_heads, norm, activation):
    """LN(x + f(x)) twice, or x + f(LN(x)) twice."""
    norm1, norm2 = below(p, "norm1."), below(p, "norm2.")
    attention, network = below(p, "attention."), below(p, "feed_forward.")
    if norm == "post":
        x = _layer_norm(_add(x, multi_head_attention(x, attention, n_heads)), norm1)
        return _layer_norm(_add(x, feed_forward(x, network, activation)), norm2)
    x = _add(x, multi_head_attention(_layer_norm(x, norm1), attention, n_heads))
    return _add(x, feed_forward(_layer_norm(x, norm2), network, activation))


def _positions(kind, parameters, T, D):
    if kind == "learned":
        return parameters["positions.P"][:T]
    tables = {"sinusoidal": sinusoidal_positions, "scalar": scalar_positions}
    return tables[kind](T, D) if kind in tables else [[0.0] * D] * T


def classifier(parameters, ids, *, n_layers, n_heads, norm, activation, positions, pooling):
    """Logits of one text, `ids` a list of token numbers."""
    table = parameters["embedding.W"]
    D = len(table[0])
    rows = [[math.sqrt(D) * v for v in row] for row in scalar.embedding(ids, table)]
    x = _add([rows], [_positions(positions, parameters, len(ids), D)])
    for n in range(n_layers):
        p = below(parameters, f"blocks.{n}.")
        x = encoder_block(x, p, n_heads=n_heads, norm=norm, activation=activation)
    if norm == "pre":
        x = _layer_norm(x, below(parameters, "final_norm."))
    pooled = getattr(scalar, f"{pooling}_pool")(x)
    pooled = pooled[0] if pooling == "max" else pooled
    return scalar.linear(pooled, parameters["head.W"], parameters["head.b"])[0]
