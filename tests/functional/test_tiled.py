"""Attention in blocks of queries is attention: pair, layers, model, training, memory."""

import tracemalloc

import numpy as np
import pytest

from minitransformer import functional as F
from minitransformer import interpret, layers
from minitransformer.functional import PAIRS
from minitransformer.models import TransformerClassifier
from tests.support.scalar_tiled import whole_keep
from tests.support.tolerances import tolerance
from tests.support.toys import fitted, toy_model

IDS = np.array([[2, 3, 4, 5, 6], [7, 8, 9, 0, 0]])
MASK = IDS != 0


def _relative(ours, theirs):
    """Largest difference, relative to the largest of `theirs`, or to 1."""
    difference = np.max(np.abs(ours - theirs), initial=0.0)
    return difference / max(1, np.max(np.abs(theirs), initial=0.0))


def _both(inputs, dtype):
    """O and the gradients, in blocks and at once, for inputs of the pair in blocks."""
    inputs = {
        k: v.astype(dtype) if getattr(v, "dtype", None) == np.float64 else v
        for k, v in inputs.items()
    }
    dropout, seed, block = (inputs.get(k) for k in ("dropout", "seed", "block"))
    plain = {k: v for k, v in inputs.items() if k not in ("dropout", "seed", "block")}
    Q, K, V = (inputs[k] for k in "QKV")
    keep = None
    if dropout:
        keep = whole_keep((*Q.shape[:-1], K.shape[-2]), dropout, seed, block).astype(dtype)
    O, P = F.attention(**plain, keep=keep)
    dO = np.random.default_rng(1).standard_normal(O.shape).astype(dtype)
    outputs = F.tiled_attention(**inputs)
    saved = PAIRS["tiled_attention"].saved(inputs, outputs)
    tiled = (outputs[0], *F.tiled_attention_backward(dO, **saved))
    return tiled, (O, *F.attention_backward(dO, Q, K, V, P, keep=keep))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_blocks_of_queries_give_what_all_at_once_gives(dtype):
    pair, worst = PAIRS["tiled_attention"], 0.0
    large = {"B": 2, "T": 37, "S": 41, "E": 5, "G": 2, "H/G": 2, "block": 16}
    for i, sizes in enumerate([{}] * 40 + [large] * 8 + list(pair.edges)):
        inputs = pair.example(np.random.default_rng([3, i]), **sizes)
        for ours, theirs in zip(*_both(inputs, dtype), strict=True):
            assert ours.dtype == theirs.dtype == dtype
            worst = max(worst, _relative(ours.astype(float), theirs.astype(float)))
    assert worst <= tolerance(f"tiled vs full attention, {np.dtype(dtype)}")


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_large_scores_leave_the_weights_of_a_query_adding_up_to_one(dtype):
    """The logsumexp is rounded: 2^-11 of 300 is a factor of 1.16 in float16."""
    rng = np.random.default_rng(2)
    inputs = {k: rng.standard_normal((1, 1, 9, 4)) for k in "QKV"}
    inputs["K"][..., 0], inputs["Q"][..., 0] = 25.0, 25.0
    for ours, theirs in zip(*_both(inputs | {"block": 4}, dtype), strict=True):
        error = _relative(ours.astype(float), theirs.astype(float))
        assert error <= tolerance(f"tiled vs full attention, large scores, {np.dtype(dtype)}")


def test_the_size_of_a_block_changes_rounding_only():
    rng = np.random.default_rng(4)
    Q, K, V, dO = (rng.standard_normal((2, 2, 11, 4)) for _ in range(4))
    whole = F.tiled_attention(Q, K, V)
    gradients = F.tiled_attention_backward(dO, Q, K, V, *whole)
    for block in (1, 4, 11, 500):
        parts = F.tiled_attention(Q, K, V, block=block)
        again = F.tiled_attention_backward(dO, Q, K, V, *parts, block=block)
        for ours, theirs in zip((*parts, *again), (*whole, *gradients), strict=True):
            assert _relative(ours, theirs) <= tolerance("tiled vs full attention, float64")


def test_dropout_is_decided_by_seed_and_block_alone():
    rng = np.random.default_rng(5)
    Q, K, V = (rng.standard_normal((1, 2, 8, 4)) for _ in range(3))

    def drop(**changes):
        return F.tiled_attention(Q, K, V, **{"dropout": 0.5, "seed": 3, "block": 4, **changes})[0]

    assert np.array_equal(drop(), drop())
    assert np.array_equal(drop(), drop(seed=(3,)))
    assert not np.array_equal(drop(), drop(seed=4))
    assert not np.array_equal(drop(), drop(seed=(3, 1)))
    assert not np.array_equal(drop(), drop(dropout=0.0))
    # no two blocks drop alike
    Q[...], K[...] = 0.0, 0.0
    assert not np.array_equal(drop()[:, :, :4], drop()[:, :, 4:])


# -- layers and models -------------------------------------------------------------------------


def _models(**config):
    sizes = {
        "max_len": 8, "d_model": 8, "n_heads": 2, "d_ff": 16, "n_layers": 2, "dtype": "float64",
        "seed": 3,
    } | config  # fmt: skip
    return [TransformerClassifier(12, 3, **sizes, attention=kind) for kind in layers.ATTENTIONS]


@pytest.mark.parametrize("norm", layers.NORMS)
@pytest.mark.parametrize("ops", ["fused", "plain"])
def test_a_model_with_tiled_attention_is_the_same_model(norm, ops):
    full, tiled = _models(norm=norm, ops=ops)
    logits, cache = full.forward(IDS, mask=MASK)
    logits2, cache2 = tiled.forward(IDS, mask=MASK)
    dlogits = np.random.default_rng(0).standard_normal(logits.shape)
    dx, dx2 = full.backward(dlogits, cache), tiled.backward(dlogits, cache2)
    limit = tolerance("tiled vs full classifier")
    assert _relative(logits2, logits) <= limit
    assert _relative(dx2, dx) <= limit
    assert _relative(tiled.flat.grads, full.flat.grads) <= limit
    assert full.flat.grads.any()


def test_the_choice_stands_in_the_configuration():
    full, tiled = _models()
    assert (full.config["attention"], tiled.config["attention"]) == ("full", "tiled")
    assert TransformerClassifier(**tiled.config).blocks[1].attention.attention == "tiled"
    assert tiled.replica().blocks[0].attention.attention == "tiled"


def test_weights_are_computed_again_when_they_are_asked_for():
    full, tiled = _models()
    caches = [model.forward(IDS, mask=MASK)[1] for model in (full, tiled)]
    limit = tolerance("tiled vs full classifier")
    for block, other in zip(caches[0].blocks, caches[1].blocks, strict=True):
        assert "P" not in other.attention._fields
        assert _relative(other.attention.P, block.attention.P) <= limit
    received = [interpret.attention_received(full, cache) for cache in caches]
    pushed = [interpret.gradient_x_input(m, c, [0, 2]) for m, c in zip(
        (full, tiled), caches, strict=True)]  # fmt: skip
    assert _relative(received[1], received[0]) <= limit
    assert _relative(pushed[1], pushed[0]) <= limit


def test_dropout_of_the_weights_is_on_with_a_generator_and_decided_by_it():
    layer = layers.MultiHeadAttention(8, 2, dropout=0.5, attention="tiled", dtype="float64")
    x = np.random.default_rng(0).standard_normal((2, 6, 8))

    def y(seed):
        return layer.forward(x, rng=None if seed is None else np.random.default_rng(seed))

    assert y(None)[1].seed is None
    assert np.array_equal(y(1)[0], y(1)[0])
    assert not np.array_equal(y(1)[0], y(2)[0])
    assert not np.array_equal(y(1)[0], y(None)[0])


# -- training ----------------------------------------------------------------------------------


def test_training_without_dropout_takes_the_same_course():
    models = [fitted(model=toy_model(dropout=0.0, attention=kind))[0] for kind in layers.ATTENTIONS]
    full, tiled = (model.flat.values for model in models)
    assert _relative(tiled, full) <= tolerance("tiled vs full training")
    assert not np.array_equal(full, toy_model(dropout=0.0).flat.values)


def test_the_number_of_workers_does_not_change_training_with_dropout():
    one, two = (
        fitted(model=toy_model(dropout=0.3, attention="tiled"), workers=workers)[0].flat.values
        for workers in (1, 2)
    )
    again = fitted(model=toy_model(dropout=0.3, attention="tiled"), workers=2)[0].flat.values
    assert np.array_equal(two, again)
    assert _relative(two, one) <= tolerance("tiled vs full training")


# -- memory ------------------------------------------------------------------------------------


def _peak(attention, T):
    """Peak of a training step of a small model on one text of T tokens, in bytes."""
    model = TransformerClassifier(
        10, 2, max_len=1024, d_model=8, n_heads=2, d_ff=8, n_layers=2, attention=attention
    )
    ids = np.zeros((1, T), int)
    rng = np.random.default_rng(0)
    model.flat.zero_grad()
    model.backward(np.ones((1, 2), np.float32), model.forward(ids, rng=rng)[1])
    tracemalloc.start()
    try:
        model.backward(np.ones((1, 2), np.float32), model.forward(ids, rng=rng)[1])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_of_training_grows_with_the_length_and_not_with_its_square():
    tiled, full = (_peak(kind, 1024) / _peak(kind, 256) for kind in ("tiled", "full"))
    assert tiled < 5
    assert full > 12
