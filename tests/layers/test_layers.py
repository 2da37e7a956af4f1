"""What every layer guarantees: pure calls, added gradients, replicas, dropout on request."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minitransformer import layers
from minitransformer.models import TransformerClassifier

D, T, B, V = 6, 5, 3, 7


def _classifier(**choices):
    sizes = {"d_model": D, "n_heads": 2, "d_ff": 8, "n_layers": 2, "max_len": T, "dropout": 0.3}
    return TransformerClassifier(V, 3, **sizes | choices)


# name -> (layer of a given dtype, whether its input is token ids, whether it takes a padding mask)
LAYERS = {
    "Linear": (lambda dtype: layers.Linear(D, 4, dtype=dtype), False, None),
    "Linear without bias": (
        lambda dtype: layers.Linear(D, 4, bias=False, dtype=dtype),
        False,
        None,
    ),
    "Embedding": (lambda dtype: layers.Embedding(V, D, scale=D**0.5, dtype=dtype), True, None),
    "LayerNorm": (lambda dtype: layers.LayerNorm(D, dtype=dtype), False, None),
    "RMSNorm": (lambda dtype: layers.RMSNorm(D, dtype=dtype), False, None),
    "SwiGLU": (lambda dtype: layers.SwiGLU(D, 4, bias=True, dtype=dtype), False, None),
    "TiedHead": (
        lambda dtype: layers.TiedHead(layers.Embedding(V, D, dtype=dtype), bias=True),
        False,
        None,
    ),
    "Dropout": (lambda dtype: layers.Dropout(0.4), False, None),
    "MultiHeadAttention": (
        lambda dtype: layers.MultiHeadAttention(D, 2, dropout=0.3, dtype=dtype),
        False,
        "BHTS",
    ),
    "MultiHeadCrossAttention": (
        lambda dtype: layers.MultiHeadCrossAttention(D, 3, dropout=0.3, dtype=dtype),
        False,
        "BHTS",
    ),
    "GroupedQueryAttention": (
        lambda dtype: layers.GroupedQueryAttention(D, 2, 1, dropout=0.3, dtype=dtype),
        False,
        "BHTS",
    ),
    "DecoderBlock": (
        lambda dtype: layers.DecoderBlock(D, 2, 8, dropout=0.3, dtype=dtype),
        False,
        "BHTS",
    ),
    **{
        f"PositionalEncoding {kind}": (
            lambda dtype, kind=kind: layers.PositionalEncoding(kind, T, D, dtype=dtype),
            False,
            None,
        )
        for kind in layers.POSITIONS
    },
    **{
        f"FeedForward {name}": (
            lambda dtype, name=name: layers.FeedForward(D, 8, activation=name, dtype=dtype),
            False,
            None,
        )
        for name in layers.ACTIVATIONS
    },
    **{
        f"EncoderBlock {norm}": (
            lambda dtype, norm=norm: layers.EncoderBlock(
                D, 2, 8, dropout=0.3, norm=norm, activation="gelu", dtype=dtype
            ),
            False,
            "BHTS",
        )
        for norm in layers.NORMS
    },
    **{
        f"TransformerClassifier {norm} {pooling}": (
            lambda dtype, norm=norm, pooling=pooling: _classifier(
                norm=norm, pooling=pooling, dtype=dtype
            ),
            True,
            "BT",
        )
        for norm, pooling in (("pre", "mean"), ("post", "max"), ("pre", "first"))
    },
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def _inputs(name, dtype="float64", seed=0):
    """Positional inputs and the mask of a call."""
    _, takes_ids, takes_mask = LAYERS[name]
    rng = np.random.default_rng([seed, 1])
    first = rng.integers(0, V, (B, T)) if takes_ids else rng.standard_normal((B, T, D))
    inputs = [first if takes_ids else first.astype(dtype)]
    if name in ("MultiHeadCrossAttention", "DecoderBlock"):
        inputs.append(rng.standard_normal((B, T, D)).astype(dtype))
    mask = np.arange(T) < np.array([[5], [1], [3]])
    return inputs, {"BT": mask, "BHTS": mask[:, None, None, :], None: None}[takes_mask]


def _call(layer, name, dtype="float64", seed=0, dropout=True):
    """A forward call, by default with dropout: output, cache and a random upstream gradient."""
    inputs, mask = _inputs(name, dtype, seed)
    rng = np.random.default_rng(seed) if dropout else None
    y, cache = layer.forward(*inputs, mask=mask, rng=rng)
    return y, cache, np.random.default_rng([seed, 2]).standard_normal(y.shape).astype(dtype)


def _arrays(value):
    """Every array inside nested tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [array for part in value for array in _arrays(part)]


def _digest(*values):
    return [hashlib.sha256(a.tobytes()).hexdigest() for a in _arrays(values)]


def _values(layer):
    return [p.value for p in layer.parameters().values()]


def _grads(layer):
    return {name: p.grad.copy() for name, p in layer.parameters().items()}


@every_layer
def test_no_argument_cache_or_parameter_is_altered(name):
    layer = LAYERS[name][0]("float64")
    inputs, mask = _inputs(name)
    before = _digest(inputs, [mask], _values(layer))
    assert before
    y, cache = layer.forward(*inputs, mask=mask, rng=np.random.default_rng(0))
    assert _digest(inputs, [mask], _values(layer)) == before
    dy = np.random.default_rng(1).standard_normal(y.shape)
    before = _digest(inputs, [mask, dy], cache, _values(layer))
    layer.backward(dy, cache)
    assert _digest(inputs, [mask, dy], cache, _values(layer)) == before


@every_layer
def test_the_same_call_gives_the_same_bytes(name):
    layer = LAYERS[name][0]("float64")
    y, cache, dy = _call(layer, name)
    first = layer.backward(dy, cache)
    again, other_cache, _ = _call(layer, name)
    assert _digest(y, cache) == _digest(again, other_cache)
    assert _digest(first) == _digest(layer.backward(dy, cache))


@every_layer
def test_backward_passes_of_two_calls_may_come_in_any_order(name):
    make = LAYERS[name][0]
    results = []
    for order in ((0, 1), (1, 0)):
        layer = make("float64")
        calls = [_call(layer, name, seed=seed) for seed in (0, 1)]
        dx = {i: layer.backward(calls[i][2], calls[i][1]) for i in order}
        results.append((_digest(dx[0], dx[1]), _digest(_grads(layer))))
    assert results[0] == results[1]
    once = []
    for seed in (0, 1):
        layer = make("float64")
        _, cache, dy = _call(layer, name, seed=seed)
        layer.backward(dy, cache)
        once.append(_grads(layer))
    assert results[0][1] == _digest({key: once[0][key] + once[1][key] for key in once[0]})


@every_layer
def test_a_replica_shares_values_and_owns_gradients(name):
    layer = LAYERS[name][0]("float64")
    twin = layer.replica()
    assert list(twin.parameters()) == list(layer.parameters())
    y, cache, dy = _call(twin, name)
    twin.backward(dy, cache)
    for ours, theirs in zip(layer.parameters().values(), twin.parameters().values(), strict=True):
        assert ours is not theirs
        assert np.shares_memory(ours.value, theirs.value)
        assert theirs.grad.any()
        assert not ours.grad.any()
        ours.value += 1
        assert np.array_equal(ours.value, theirs.value)


def test_replicas_in_threads_give_the_same_bits_as_one_after_another():
    model = _classifier(dtype="float64")
    name = "TransformerClassifier pre mean"

    def work(seed):
        twin = model.replica()
        _, cache, dy = _call(twin, name, seed=seed)
        twin.backward(dy, cache)
        return twin.flat.grads

    alone = [work(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(work, range(8)))
    assert _digest(alone) == _digest(together)


@every_layer
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_in_is_dtype_out(name, dtype):
    layer = LAYERS[name][0](dtype)
    y, cache, dy = _call(layer, name, dtype)
    dx = layer.backward(dy, cache)
    floating = [a for a in _arrays([y, cache, dx]) if a.dtype.kind == "f"]
    assert floating
    assert {a.dtype for a in floating} == {np.dtype(dtype)}
    assert {p.grad.dtype for p in layer.parameters().values()} <= {np.dtype(dtype)}


@pytest.mark.parametrize("integer", [int, np.int64])
def test_a_float32_model_stays_float32_whatever_integers_describe_it(integer):
    model = _classifier(d_model=integer(D), n_heads=integer(2), dtype="float32")
    logits, cache = model.forward(np.zeros((B, T), np.int64))
    assert logits.dtype == np.float32
    assert model.backward(np.ones_like(logits), cache).dtype == np.float32


@every_layer
def test_dropout_is_on_exactly_when_a_generator_is_passed(name):
    layer = LAYERS[name][0]("float64")
    inputs, mask = _inputs(name)

    def forward(rng):
        return layer.forward(*inputs, mask=mask, rng=rng)[0]

    off, also_off = forward(None), layer(*inputs, mask=mask)
    on, same, other = (forward(np.random.default_rng(seed)) for seed in (1, 1, 2))
    has_dropout = getattr(layer, "dropout", 0.0) != 0.0 or name == "Dropout"
    has_dropout = has_dropout or "coderBlock" in name
    assert _digest(off) == _digest(also_off)
    assert _digest(on) == _digest(same)
    assert (_digest(on) != _digest(off)) == has_dropout
    assert (_digest(on) != _digest(other)) == has_dropout


def test_without_a_generator_dropout_of_any_strength_does_nothing():
    ids = np.random.default_rng(0).integers(0, V, (B, T))
    none, strong = (_classifier(dropout=p, dtype="float64") for p in (0.0, 0.9))
    with_rng, _ = none.forward(ids, rng=np.random.default_rng(0))
    assert _digest(none(ids)) == _digest(with_rng) == _digest(strong(ids))
