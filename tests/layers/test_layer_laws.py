"""Laws of whole layers and models: batches, padding, word order, causality, flat parameters."""

import json

import numpy as np
import pytest

from minitransformer import functional, layers
from minitransformer.models import TransformerClassifier
from tests.support.tolerances import tolerance

V, T, D = 9, 8, 8
every_model = pytest.mark.parametrize(
    "choices",
    [
        {"norm": norm, "pooling": pooling, "positions": positions}
        for norm, positions in (("pre", "sinusoidal"), ("post", "learned"))
        for pooling in ("mean", "max", "first")
    ],
    ids=lambda choices: "-".join(choices.values()),
)


def _model(**choices):
    sizes = {"d_model": D, "n_heads": 2, "d_ff": 12, "n_layers": 2, "max_len": T, "dropout": 0.0}
    return TransformerClassifier(V, 3, **{"dtype": "float64", "seed": 1} | sizes | choices)


def _batch(seed=0):
    """Six texts of different lengths: ids, mask, lengths, upstream gradient."""
    rng = np.random.default_rng(seed)
    lengths = np.array([8, 3, 1, 5, 8, 2])
    ids = rng.integers(0, V, (6, T))
    return ids, np.arange(T) < lengths[:, None], lengths, rng.standard_normal((6, 3))


def _relative(ours, theirs):
    return np.max(np.abs(ours - theirs)) / max(1, np.max(np.abs(theirs)))


@every_model
def test_micro_batches_add_up_to_the_batch(choices):
    ids, mask, lengths, dlogits = _batch()
    whole, parts = _model(**choices), _model(**choices)
    _, cache = whole.forward(ids, mask=mask)
    whole.backward(dlogits, cache)
    for rows in ([0, 4], [3, 1], [5, 2]):  # similar lengths together need less padding
        longest = lengths[rows].max()
        _, cache = parts.forward(ids[rows, :longest], mask=mask[rows, :longest])
        parts.backward(dlogits[rows], cache)
    assert _relative(parts.flat.grads, whole.flat.grads) <= tolerance("micro-batches")


@every_model
def test_a_text_does_not_see_its_batch(choices):
    ids, mask, lengths, _ = _batch()
    model = _model(**choices)
    logits = model(ids, mask=mask)
    others = np.where(np.arange(6)[:, None] == 3, ids, (ids + 1) % V)
    assert np.array_equal(model(others, mask=mask)[3], logits[3])
    alone = np.stack([model(ids[i : i + 1, : lengths[i]])[0] for i in range(6)])
    assert _relative(alone, logits) <= tolerance("alone vs in a batch")


@every_model
def test_padding_changes_nothing_bit_for_bit(choices):
    ids, mask, _, dlogits = _batch()
    model, other = _model(**choices), _model(**choices)
    junk = np.where(mask, ids, (ids + 4) % V)
    logits, cache = model.forward(ids, mask=mask)
    model.backward(dlogits, cache)
    same, cache = other.forward(junk, mask=mask)
    other.backward(dlogits, cache)
    assert np.array_equal(logits, same)
    ours, theirs = ({n: p.grad for n, p in m.parameters().items()} for m in (model, other))
    # The padding token adds zeros to its row of the table, which changes the order of summation.
    table, other_table = ours.pop("embedding.W"), theirs.pop("embedding.W")
    assert _relative(table, other_table) <= tolerance("alone vs in a batch")
    assert [name for name in ours if ours[name].tobytes() != theirs[name].tobytes()] == []


def test_a_token_that_occurs_only_in_padding_gets_no_gradient():
    ids, mask, _, dlogits = _batch()
    model = _model()
    ids = np.where(mask, ids % (V - 1), V - 1)
    _, cache = model.forward(ids, mask=mask)
    model.backward(dlogits, cache)
    assert not model.embedding.W.grad[V - 1].any()
    assert model.embedding.W.grad[: V - 1].any(axis=1).all()


@pytest.mark.parametrize("norm", layers.NORMS)
def test_without_positions_a_block_follows_a_permutation_of_the_tokens(norm):
    block = layers.EncoderBlock(D, 2, 12, norm=norm, dtype="float64")
    rng = np.random.default_rng(0)
    x, order = rng.standard_normal((3, T, D)), rng.permutation(T)
    assert _relative(block(x[:, order]), block(x)[:, order]) <= tolerance("permuted tokens")
    assert _relative(block(x[:, order]), block(x)) > 0.1


def test_only_positions_carry_the_order_of_words():
    ids, order = _batch()[0], np.random.default_rng(0).permutation(T)
    bag, ordered = _model(positions="none"), _model(positions="sinusoidal")
    assert _relative(bag(ids[:, order]), bag(ids)) <= tolerance("permuted tokens")
    assert _relative(ordered(ids[:, order]), ordered(ids)) > 0.01


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm", layers.NORMS)
def test_nothing_flows_back_in_time_under_a_causal_mask(norm, dtype):
    block = layers.EncoderBlock(D, 2, 12, norm=norm, activation="gelu", dtype=dtype)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, T, D)).astype(dtype)
    causal = functional.causal_mask(T)
    y = block(x, mask=causal)
    for t in range(T - 1):
        future = x.copy()
        future[:, t + 1 :] += rng.standard_normal((2, T - 1 - t, D)).astype(dtype)
        y2, cache = block.forward(future, mask=causal)
        assert y2[:, : t + 1].tobytes() == y[:, : t + 1].tobytes()
        dy = np.zeros_like(y)
        dy[:, : t + 1] = rng.standard_normal((2, t + 1, D))
        dx = block.backward(dy, cache)
        assert not dx[:, t + 1 :].any()
        assert dx[:, : t + 1].all()


def test_cross_attention_to_the_same_sequence_is_self_attention():
    rng = np.random.default_rng(0)
    own = layers.MultiHeadAttention(D, 2, dtype="float64", rng=3)
    cross = layers.MultiHeadCrossAttention(D, 2, dtype="float64")
    own.b_qkv.value[...] = rng.standard_normal(3 * D)
    cross.W_q.W.value, cross.W_kv.value = own.W_qkv.value[:, :D], own.W_qkv.value[:, D:]
    cross.W_q.b.value, cross.b_kv.value = own.b_qkv.value[:D], own.b_qkv.value[D:]
    cross.W_o = own.W_o.replica()
    x, mask = rng.standard_normal((2, T, D)), functional.causal_mask(T)
    y, cache = own.forward(x, mask=mask)
    y2, cache2 = cross.forward(x, x, mask=mask)
    dy = rng.standard_normal(y.shape)
    dx = own.backward(dy, cache)
    dx2, dmemory = cross.backward(dy, cache2)
    limit = tolerance("cross-attention to oneself")
    assert _relative(y2, y) <= limit
    assert _relative(dx2 + dmemory, dx) <= limit
    both = np.concatenate([cross.W_q.W.grad, cross.W_kv.grad], axis=1)
    assert _relative(both, own.W_qkv.grad) <= limit
    biases = np.concatenate([cross.W_q.b.grad, cross.b_kv.grad])
    assert _relative(biases, own.b_qkv.grad) <= limit
    assert _relative(cross.W_o.W.grad, own.W_o.W.grad) <= limit


# -- parameters --------------------------------------------------------------------------------


def test_values_and_gradients_are_views_of_two_flat_arrays():
    model = _model(positions="learned")
    ids, mask, _, dlogits = _batch()
    logits, cache = model.forward(ids, mask=mask)
    assert all(p._grad is None for p in model.parameters().values())  # inference allocates none
    model.backward(dlogits, cache)
    parameters = model.parameters()
    assert sum(p.size for p in parameters.values()) == model.flat.values.size
    for name, parameter in parameters.items():
        where = model.flat.slices[name]
        assert np.shares_memory(parameter.value, model.flat.values[where])
        assert np.shares_memory(parameter.grad, model.flat.grads[where])
        assert np.array_equal(parameter.value.reshape(-1), model.flat.values[where])
        assert np.array_equal(parameter.grad.reshape(-1), model.flat.grads[where])
    model.flat.values += 0.01
    assert not np.array_equal(model(ids, mask=mask), logits)
    model.flat.zero_grad()
    assert not any(p.grad.any() for p in parameters.values())


class _Tied(layers.Layer):
    """A table used twice: to read tokens in, and to score them at the end."""

    def __init__(self):
        self.embedding = layers.Embedding(V, D, dtype="float64")
        self.head = layers.Linear(V, D, bias=False, dtype="float64")
        self.head.W = self.embedding.W
        self.flat = layers.FlatParameters(self.parameters())

    def forward(self, ids, *, mask=None, rng=None):
        x, embedding = self.embedding.forward(ids)
        y = functional.linear(x, self.head.W.value.T)
        return y, (embedding, x)

    def backward(self, dy, cache):
        dx, dW, _ = functional.linear_backward(dy, cache[1], self.head.W.value.T)
        self.head.W.grad += dW.T
        self.embedding.backward(dx, cache[0])


def test_a_tied_parameter_appears_once_and_gets_both_gradients():
    model = _Tied()
    twin = model.replica()
    assert list(model.parameters()) == ["embedding.W"]
    assert model.flat.values.size == V * D
    assert twin.head.W is twin.embedding.W
    assert twin.embedding.W is not model.embedding.W
    ids = np.array([[1, 4, 1]])
    y, cache = twin.forward(ids)
    dy = np.random.default_rng(0).standard_normal(y.shape)
    twin.backward(dy, cache)
    W = model.embedding.W.value
    by_head = dy[0].T @ W[ids[0]]
    by_table = np.eye(V)[ids[0]].T @ (dy[0] @ W)
    assert np.allclose(twin.flat.grads.reshape(V, D), by_head + by_table, rtol=0, atol=1e-14)
    assert not model.flat.grads.any()


def test_the_configuration_can_be_written_as_json():
    model = TransformerClassifier(np.int64(V), 3, d_model=np.int64(D), n_heads=2, n_layers=1)
    again = TransformerClassifier(**json.loads(json.dumps(model.config)))
    assert again.config == model.config
    assert np.array_equal(again.flat.values, model.flat.values)
