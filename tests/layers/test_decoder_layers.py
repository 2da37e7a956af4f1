"""Decoder block, grouped heads, SwiGLU, RMS norm and tied head, each against its definition."""

import numpy as np
import pytest

from minitransformer import functional, layers
from tests.support.tolerances import tolerance

B, S, T, D, H = 2, 5, 4, 8, 4
LIMIT = tolerance("alone vs in a batch")


def _random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def _relative(ours, theirs):
    return np.max(np.abs(ours - theirs)) / max(1, np.max(np.abs(theirs)))


def _scattered(layer):
    for i, parameter in enumerate(layer.parameters().values()):
        parameter.value[...] = 0.5 * _random([1, i], *parameter.shape)
    return layer


def _run(layer, *inputs, **options):
    """The output, the returned gradients as a tuple, and the parameters' gradients by name."""
    y, cache = layer.forward(*inputs, **options)
    dx = layer.backward(_random(8, *y.shape), cache)
    grads = {name: p.grad for name, p in layer.parameters().items()}
    return y, dx if isinstance(dx, tuple) else (dx,), grads


def test_grouped_heads_are_full_heads_with_repeated_weights():
    """Four query heads with two key heads: as if two heads at a time had the same W_k and W_v."""
    grouped = _scattered(layers.GroupedQueryAttention(D, H, 2, dtype="float64"))
    full = _scattered(layers.MultiHeadAttention(D, H, dtype="float64"))
    E, W, b = D // H, grouped.W_qkv.value, grouped.b_qkv.value
    columns = np.r_[0:D, [D + g * E + e for g in (0, 0, 1, 1) for e in range(E)],
                    [D + 2 * E + g * E + e for g in (0, 0, 1, 1) for e in range(E)]]  # fmt: skip
    full.W_qkv.value[...], full.b_qkv.value[...] = W[:, columns], b[columns]
    full.W_o.W.value[...], full.W_o.b.value[...] = grouped.W_o.W.value, grouped.W_o.b.value
    x, options = _random(0, B, T, D), {"mask": functional.causal_mask(T)}
    y, dx, grads = _run(grouped, x, **options)
    y_full, dx_full, grads_full = _run(full, x, **options)
    assert _relative(y, y_full) <= LIMIT
    assert _relative(dx[0], dx_full[0]) <= LIMIT
    summed = np.zeros_like(W)
    np.add.at(summed.T, columns, grads_full["W_qkv"].T)
    assert _relative(grads["W_qkv"], summed) <= LIMIT


def test_with_as_many_key_heads_as_query_heads_it_is_multi_head_attention():
    grouped, full = (
        _scattered(layer) for layer in (
            layers.GroupedQueryAttention(D, H, H, dtype="float64"),
            layers.MultiHeadAttention(D, H, dtype="float64"),
        )
    )  # fmt: skip
    for ours, theirs in zip(_run(grouped, x := _random(0, B, T, D)), _run(full, x), strict=True):
        if isinstance(ours, np.ndarray):
            assert ours.tobytes() == theirs.tobytes()


def test_a_rotation_by_the_same_angle_everywhere_changes_no_attention():
    """Rotary positions act through distances: shifting all tokens by 3 changes nothing."""
    layer = _scattered(layers.MultiHeadAttention(D, 2, dtype="float64"))
    cos, sin = functional.rotary_tables(16, D // 2)
    x, mask = _random(0, B, T, D), functional.causal_mask(T)
    here, there = (layer(x, mask=mask, rotary=(cos[i : i + T], sin[i : i + T])) for i in (0, 3))
    assert _relative(there, here) <= 10 * LIMIT
    assert _relative(layer(x, mask=mask), here) > 0.01


@pytest.mark.parametrize("attention", layers.ATTENTIONS)
def test_the_weights_in_a_cache_are_those_of_rotated_and_biased_scores(attention):
    layer = _scattered(layers.MultiHeadAttention(D, 2, attention=attention, dtype="float64"))
    tables = functional.rotary_tables(T, D // 2)
    bias = functional.alibi_bias(2, np.arange(T), np.arange(T))
    mask = functional.causal_mask(T)
    _, cache = layer.forward(_random(0, B, T, D), mask=mask, bias=bias, rotary=tables)
    scores = cache.Q @ cache.K.swapaxes(-1, -2) / (D // 2) ** 0.5 + bias
    expected = functional.softmax(np.where(mask, scores, -np.inf))
    assert _relative(cache.P, expected) <= LIMIT
    unrotated = layer._project(_random(0, B, T, D))[0][:, :, : D // 2]
    assert _relative(cache.Q[:, 0], functional.rotary(unrotated, *tables)) <= LIMIT


def test_gates_are_silu_times_the_other_half():
    layer = _scattered(layers.SwiGLU(D, 3, dtype="float64"))
    x, W = _random(0, B, T, D), layer.gate_up.W.value
    gate, up = x @ W[:, :3], x @ W[:, 3:]
    expected = (gate / (1 + np.exp(-gate)) * up) @ layer.down.W.value
    assert _relative(layer(x), expected) <= LIMIT
    assert list(layer.parameters()) == ["gate_up.W", "down.W"]


def test_rms_norm_gives_rows_of_mean_square_one():
    layer, x = layers.RMSNorm(D, eps=1e-12, dtype="float64"), 3 + _random(0, B, T, D)
    y = layer(x)
    assert np.allclose((y * y).mean(axis=-1), 1, rtol=0, atol=1e-10)
    assert abs(y.mean()) > 0.5  # the mean is not subtracted
    assert list(layer.parameters()) == ["gamma"]


def test_the_tied_head_reads_the_table_and_adds_to_it():
    table = layers.Embedding(7, D, scale=3.0, dtype="float64")
    head = _scattered(layers.TiedHead(table, bias=True))
    x = _random(0, B, T, D)
    y, (dx,), grads = _run(head, x)
    dy = _random(8, B, T, 7)
    assert head.W is table.W
    assert _relative(y, x @ table.W.value.T + head.b.value) <= LIMIT
    assert _relative(dx, dy @ table.W.value) <= LIMIT
    assert _relative(grads["W"], np.einsum("btv,btd->vd", dy, x)) <= LIMIT
    assert grads["W"].flags.c_contiguous
    head.backward(dy, head.forward(x)[1])
    assert _relative(table.W.grad, 2 * np.einsum("btv,btd->vd", dy, x)) <= LIMIT


# -- the decoder block -------------------------------------------------------------------------


def _decoder(**options):
    return _scattered(layers.DecoderBlock(D, 2, 6, dtype="float64", **options))


def _sublayers_by_hand(block, x, memory, mask, memory_mask):
    """The three sublayers one after another, written out."""
    steps = (
        (block.norm1, lambda h: block.self_attention(h, mask=mask)),
        (block.norm2, lambda h: block.cross_attention(h, memory, mask=memory_mask)),
        (block.norm3, block.feed_forward),
    )
    for norm, f in steps:
        x = x + f(norm(x)) if block.norm == "pre" else norm(x + f(x))
    return x


@pytest.mark.parametrize("norm", layers.NORMS)
def test_a_decoder_block_is_its_three_sublayers(norm):
    block = _decoder(norm=norm)
    x, memory = _random(0, B, T, D), _random(1, B, S, D)
    mask, memory_mask = functional.causal_mask(T), functional.padding_mask(np.array([5, 2]), S)
    y = block(x, memory, mask=mask, memory_mask=memory_mask)
    assert _relative(y, _sublayers_by_hand(block, x, memory, mask, memory_mask)) <= LIMIT


@pytest.mark.parametrize("norm", layers.NORMS)
def test_the_cache_shows_the_residual_stream(norm):
    block, x, memory = _decoder(norm=norm), _random(0, B, T, D), _random(1, B, S, D)
    y, cache = block.forward(x, memory)
    stream = [cache.x, cache.after_self_attention, cache.after_cross_attention, cache.output]
    assert stream[0] is x
    assert stream[-1] is y
    norms = block.norm1, block.norm2, block.norm3
    f = block.self_attention(block.norm1(x) if norm == "pre" else x)
    first = x + f if norm == "pre" else norms[0](x + f)
    assert _relative(stream[1], first) <= LIMIT
    assert len({a.tobytes() for a in stream}) == 4


@pytest.mark.parametrize("norm", layers.NORMS)
def test_no_gradient_flows_back_from_earlier_tokens_or_to_padding(norm):
    block, x, memory = _decoder(norm=norm), _random(0, B, T, D), _random(1, B, S, D)
    memory_mask = functional.padding_mask(np.array([5, 2]), S)
    y, cache = block.forward(x, memory, mask=functional.causal_mask(T), memory_mask=memory_mask)
    dy = np.zeros_like(y)
    dy[:, :2] = _random(3, B, 2, D)
    dx, dmemory = block.backward(dy, cache)
    assert not dx[:, 2:].any()
    assert dx[:, :2].all()
    assert not dmemory[1, 2:].any()
    assert dmemory[0].all()


def test_parameters_are_in_the_order_of_the_forward_pass():
    kinds = [
        list(dict.fromkeys(name.split(".")[0] for name in _decoder(norm=norm).parameters()))
        for norm in ("pre", "post")
    ]
    attention = ["self_attention", "cross_attention", "feed_forward"]
    norms = ["norm1", "norm2", "norm3"]
    pairs = list(zip(norms, attention, strict=True))
    assert kinds[0] == [name for pair in pairs for name in pair]
    assert kinds[1] == [name for pair in pairs for name in reversed(pair)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: layers.GroupedQueryAttention(D, 4, 3), "n_kv_heads must divide n_heads = 4"),
        (lambda: layers.GroupedQueryAttention(D, 4, 0), "n_kv_heads must divide n_heads = 4"),
        (lambda: layers.DecoderBlock(D, 2, 6, norm="mid"), "norm must be one of pre, post"),
        (lambda: layers.DecoderBlock(D, 3, 6), "n_heads must divide d_model = 8, got 3"),
        (
            lambda: layers.DecoderBlock(D, 2, 6, norm_kind="batch"),
            "norm_kind must be one of layer, rms",
        ),
        (lambda: layers.EncoderBlock(D, 2, 6, activation="swish"), "activation must be one of"),
    ],
)
def test_a_bad_argument_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
