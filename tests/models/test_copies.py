"""Models and layers are pickled, copied and sent to other processes."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

from minitransformer import GPT, BagOfWords, Transformer, TransformerClassifier, functional, fused
from minitransformer import layers as L

SIZES = {"max_len": 8, "d_model": 32, "n_heads": 2, "d_ff": 32, "n_layers": 1}
X, Y = [[1, 2, 3], [4, 5], [6, 7, 8]], [0, 1, 1]


def by_pickle(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301  (our own bytes)


COPIES = pytest.mark.parametrize("copied", [by_pickle, copy.deepcopy], ids=["pickle", "deepcopy"])

MODELS = {
    "classifier": lambda: TransformerClassifier(20, 2, **SIZES),
    "plain": lambda: TransformerClassifier(20, 2, ops="plain", positions="learned", **SIZES),
    "gpt": lambda: GPT(vocab_size=20, **SIZES),
    "llama": lambda: GPT(
        vocab_size=20, norm_kind="rms", activation="swiglu", positions="rotary", **SIZES
    ),
    "transformer": lambda: Transformer(vocab_size=20, target_vocab_size=20, **SIZES),
}

LAYERS = {
    "Linear": lambda ops: L.Linear(16, 16, ops=ops),
    "LayerNorm": lambda ops: L.LayerNorm(16, ops=ops),
    "RMSNorm": lambda ops: L.RMSNorm(16, ops=ops),
    "Dropout": lambda ops: L.Dropout(0.5, ops=ops),
    "FeedForward": lambda ops: L.FeedForward(16, 32, ops=ops),
    "SwiGLU": lambda ops: L.SwiGLU(16, 32, ops=ops),
    "MultiHeadAttention": lambda ops: L.MultiHeadAttention(16, 2, ops=ops),
    "GroupedQueryAttention": lambda ops: L.GroupedQueryAttention(16, 2, 1, ops=ops),
    "EncoderBlock": lambda ops: L.EncoderBlock(16, 2, 32, ops=ops),
    "PositionalEncoding": lambda ops: L.PositionalEncoding("learned", 8, 16),
    "TiedHead": lambda ops: L.TiedHead(L.Embedding(9, 16, ops=ops), ops=ops),
}


@COPIES
@pytest.mark.parametrize("ops", [functional, fused], ids=["functional", "fused"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_copied_layer_computes_the_same_bits(name, ops, copied):
    layer = LAYERS[name](ops)
    twin = copied(layer)
    x = np.random.default_rng(0).standard_normal((4, 4, 16)).astype("float32")
    assert np.array_equal(twin(x), layer(x))
    assert getattr(twin, "ops", ops) is getattr(layer, "ops", ops)
    for own, other in zip(layer.parameters().values(), twin.parameters().values(), strict=True):
        assert not np.shares_memory(own.value, other.value)


@COPIES
@pytest.mark.parametrize("name", MODELS)
def test_a_copied_model_predicts_the_same_bits(name, copied):
    model = MODELS[name]()
    data = X if name != "transformer" else (X, X)
    if name == "transformer":
        model.compile(start_id=2, end_id=3)
    twin = copied(model)
    assert np.array_equal(twin.predict(data), model.predict(data))
    assert list(twin.parameters()) == list(model.parameters())  # tied parameters stay tied
    assert all(np.shares_memory(p.value, twin.flat.values) for p in twin.parameters().values())
    assert not np.shares_memory(twin.flat.values, model.flat.values)


@COPIES
@pytest.mark.parametrize("settings", [{"average": 0.9}, {"precision": "mixed", "clip": 1.0}])
def test_a_copy_trains_on_with_the_state_of_the_optimizer(copied, settings):
    model = MODELS["classifier"]()
    model.compile(**settings)
    model.fit(X, Y, verbose=0)
    twin = copied(model)
    for one in (model, twin):
        one.fit(X, Y, verbose=0)
    assert twin.recipe.optimizer.t == 2
    assert np.array_equal(twin.flat.values, model.flat.values)


@COPIES
def test_gradients_are_copied_too(copied):
    model = MODELS["classifier"]()
    logits, cache = model.forward(np.array([[1, 2]]))
    model.backward(np.ones_like(logits), cache)
    twin = copied(model)
    assert np.array_equal(twin.flat.grads, model.flat.grads)
    assert np.shares_memory(twin.head.W.grad, twin.flat.grads)
    assert np.array_equal(copied(model.head).W.grad, model.head.W.grad)


def test_a_shallow_copy_shares_the_parameters():
    model = MODELS["classifier"]()
    twin = copy.copy(model)
    assert twin.flat is model.flat
    assert model.head.W._flat is model.flat


@COPIES
def test_a_bag_of_words_is_copied(copied):
    texts = ["good film", "bad film"] * 10
    model = BagOfWords(2, l2=0.01, epochs=1).fit(texts, [1, 0] * 10)
    assert np.array_equal(copied(model).predict(texts), model.predict(texts))


def test_a_spawned_process_predicts_the_same_bits():
    model = MODELS["classifier"]()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert np.array_equal(pool.apply(model.predict, (X,)), model.predict(X))


@pytest.mark.parametrize("name", ["trainable", "requires_grad", "frozen"])
@pytest.mark.parametrize("find", [lambda m: m, lambda m: m.head, lambda m: m.head.W])
def test_an_unknown_attribute_is_refused(find, name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'.*cannot be frozen"):
        setattr(find(MODELS["classifier"]()), name, False)


def test_a_subclass_sets_attributes_in_its_init_and_private_ones_later():
    class Scaled(L.Linear):
        def __init__(self, d):
            super().__init__(d, d)
            self.factor = 2.0

    layer = Scaled(3)
    layer.factor, layer._seen = 3.0, 1
    with pytest.raises(AttributeError, match="'facter'"):
        layer.facter = 4.0

    class Frozen(L.Linear):
        def __init__(self):
            super().__init__(3, 3)
            self.trainable = False

    with pytest.raises(AttributeError, match="cannot be frozen"):
        Frozen()
