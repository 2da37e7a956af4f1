"""The classifiers of texts without attention: settings, training, files, devices."""

import copy
import json

import numpy as np
import pytest

from minitransformer import data, functional
from minitransformer.backend import to_device, to_host
from minitransformer.models import BagOfEmbeddings, RecurrentClassifier, TextCNN, load_model
from minitransformer.models.texts.bag import hashed_pairs
from tests.support import strict_device

V = 12
MODELS = {
    "bag": lambda **more: BagOfEmbeddings(V, 3, max_len=9, d_model=6, **more),
    "bag with pairs": lambda **more: BagOfEmbeddings(V, 3, max_len=9, d_model=6, n_pairs=7, **more),
    "cnn": lambda **more: TextCNN(
        V, 3, max_len=9, d_model=6, **{"widths": (2, 3), "n_filters": 4, **more}
    ),
    **{
        cell: lambda cell=cell, **more: RecurrentClassifier(
            V, 3, **{"cell": cell, "max_len": 9, "d_model": 6, "d_state": 5, **more}
        )
        for cell in ("rnn", "lstm", "gru")
    },
    "both directions": lambda **more: RecurrentClassifier(
        V, 3, max_len=9, d_model=6, d_state=5, n_layers=2, bidirectional=True, **more
    ),
}
each = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def texts(n=6, seed=0, longest=8):
    rng = np.random.default_rng(seed)
    return [rng.integers(1, V, rng.integers(1, longest + 1)) for _ in range(n)]


@each
def test_padding_on_either_side_changes_nothing(make):
    model, ids = make(dtype="float64"), np.array([[3, 4, 5, 4]])
    alone, _ = model.forward(ids)
    for before, after in ((0, 3), (3, 0), (2, 3)):
        padded = np.pad(ids, ((0, 0), (before, after)))
        mask = np.pad(np.ones(ids.shape, bool), ((0, 0), (before, after)))
        np.testing.assert_allclose(model.forward(padded, mask=mask)[0], alone, atol=1e-14)
        padded[~mask] = 7  # whatever the padding is
        np.testing.assert_allclose(model.forward(padded, mask=mask)[0], alone, atol=1e-14)


def test_a_text_shorter_than_a_filter_and_one_without_tokens():
    model = MODELS["cnn"](widths=(5,))
    logits, cache = model.forward(np.array([[3], [0]]), mask=np.array([[True], [False]]))
    assert cache.places[0][0].tolist() == [0] * 4
    assert cache.places[0][1].tolist() == [-1] * 4
    np.testing.assert_array_equal(logits[1], model.head.b.value)


def test_only_pairs_see_the_order():
    one, two = np.array([[1, 2, 3, 4]]), np.array([[4, 3, 2, 1]])
    for name, same in (("bag", True), ("bag with pairs", False)):
        model = MODELS[name](dtype="float64")
        difference = np.abs(model.forward(one)[0] - model.forward(two)[0]).max()
        assert (difference < 1e-14) == same


def test_pairs_by_hand():
    ids = np.array([[5, 2, 2]])
    assert hashed_pairs(ids, 10).tolist() == [[(5 * 1_000_003 + 2) % 10, (2 * 1_000_003 + 2) % 10]]
    large = np.array([[2**31 - 2, 1]], np.int32)  # no overflow
    assert hashed_pairs(large, 97).tolist() == [[((2**31 - 2) * 1_000_003 + 1) % 97]]


def test_the_mean_of_words_and_pairs_by_hand():
    model = MODELS["bag with pairs"](dtype="float64")
    ids, mask = np.array([[5, 2, 3, 0]]), np.array([[True, True, True, False]])
    pairs = V + hashed_pairs(ids, 7)[0, :2]
    table = model.embedding.W.value
    mean = (table[[5, 2, 3]].sum(axis=0) + table[pairs].sum(axis=0)) / 5
    logits = mean @ model.head.W.value + model.head.b.value
    np.testing.assert_allclose(model.forward(ids, mask=mask)[0][0], logits)


def test_the_convolutional_network_by_hand():
    model, ids = MODELS["cnn"](dtype="float64"), np.array([[3, 4, 5, 4]])
    x, pooled = model.embedding.W.value[ids[0]], []
    for convolution, (before, after) in zip(model.convolutions, ((0, 1), (1, 1)), strict=True):
        around = np.pad(x, ((before, after), (0, 0)))
        W, b = convolution.W.value, convolution.b.value
        answers = [np.tensordot(around[t : t + len(W)], W, 2) + b for t in range(len(x))]
        pooled.append(np.maximum(np.max(answers, axis=0), 0))
    logits = np.concatenate(pooled) @ model.head.W.value + model.head.b.value
    np.testing.assert_allclose(model.forward(ids)[0][0], logits)


def test_the_last_states_are_those_of_the_equations():
    for pooling in ("last", "mean", "max"):
        model = RecurrentClassifier(
            V, 3, cell="gru", max_len=9, d_model=6, d_state=5, bidirectional=True, pooling=pooling,
            dtype="float64",
        )  # fmt: skip
        ids, mask = np.array([[3, 4, 5, 0]]), np.array([[True, True, True, False]])
        x = model.embedding.W.value[ids]
        both = model.recurrences[0].forwards, model.recurrences[0].backwards
        ys, lasts = zip(
            *(
                functional.gru(
                    x, r.W.value, r.U.value, r.b.value, r.d.value, mask=mask, reverse=r.reverse
                )[:2]
                for r in both
            ),
            strict=True,
        )
        y = np.concatenate(ys, axis=2)[0, :3]
        expected = {"last": np.concatenate(lasts, 1)[0], "mean": y.mean(0), "max": y.max(0)}
        np.testing.assert_allclose(model.forward(ids, mask=mask)[1].pooled[0], expected[pooling])


def test_initial_weights_as_in_keras():
    layer = MODELS["lstm"](dtype="float64").recurrences[0]
    for k in range(4):
        block = layer.U.value[:, 5 * k : 5 * k + 5]
        np.testing.assert_allclose(block @ block.T, np.eye(5), atol=1e-12)
    assert layer.b.value.tolist() == [0] * 5 + [1] * 5 + [0] * 10


@each
def test_files_copies_and_the_summary(make, tmp_path):
    model, x = make(), texts()
    model.save(tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    assert type(again) is type(model)
    assert again.settings == model.settings
    for other in (again, copy.deepcopy(model), type(model)(**model.config)):
        np.testing.assert_array_equal(other.predict(x), model.predict(x))
    assert json.loads(json.dumps(model.config))["vocab_size"] == V
    lines = []
    model.summary(lines.append)
    assert max(map(len, lines[0].splitlines())) <= 80
    assert "(B, 3)" in lines[0]


@each
@pytest.mark.parametrize("workers", [1, 2])
def test_a_rule_is_learned_with_any_number_of_workers(make, workers):
    """The class is that of the most frequent of three words."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 120)
    x = [rng.permutation([1 + y] * 3 + list(rng.integers(4, V, 3))) for y in labels]
    model = make(dropout=0.1)
    model.compile("adam", "categorical_crossentropy", ["accuracy"], workers=workers)
    model.compile(model.optimizer, workers=workers)
    history = model.fit(x, labels, epochs=1, verbose=0).history
    first = history["loss"][0]
    model.optimizer.learning_rate = 0.02
    last = model.fit(x, labels, epochs=12, verbose=0).history
    assert last["loss"][-1] < 0.2 * first
    assert last["accuracy"][-1] > 0.95


@each
def test_training_gives_the_same_bits_with_one_worker_and_two(make):
    weights = []
    for workers in (1, 2):
        model = make(dropout=0.2)
        model.compile("adam", workers=workers)
        model.fit(texts(40), np.arange(40) % 3, epochs=2, batch_size=16, verbose=0)
        weights.append(model.flat.values.copy())
    np.testing.assert_array_equal(*weights)


@each
def test_the_device_gives_the_same(make):
    model = make(dtype="float64")
    ids, mask = data.pad(texts())
    logits, cache = model.forward(ids, mask=mask)
    dlogits = np.random.default_rng(3).standard_normal(logits.shape)
    model.backward(dlogits, cache)
    with strict_device.installed():
        twin = make(dtype="float64").to("cupy")
        there = [to_device(a, "cupy") for a in (ids, mask, dlogits)]
        found, cache = twin.forward(there[0], mask=there[1])
        twin.backward(there[2], cache)
        np.testing.assert_allclose(to_host(found), logits, atol=1e-13)
        np.testing.assert_allclose(to_host(twin.flat.grads), model.flat.grads, atol=1e-12)


WRONG = {
    "widths must be a tuple": lambda: TextCNN(V, 2, widths=3),
    "widths must be different": lambda: TextCNN(V, 2, widths=(3, 3)),
    "a width in widths must be an integer of at least 1, got 0": lambda: TextCNN(
        V, 2, widths=(0, 3)
    ),
    "n_filters must be an integer of at least 1": lambda: TextCNN(V, 2, n_filters=0),
    "cell must be one of": lambda: RecurrentClassifier(V, 2, cell="LSTMM"),
    "pooling must be one of": lambda: RecurrentClassifier(V, 2, pooling="first"),
    "n_layers must be an integer of at least 1, got 0": lambda: RecurrentClassifier(
        V, 2, n_layers=0
    ),
    "bidirectional must be True or False": lambda: RecurrentClassifier(V, 2, bidirectional=1),
    "n_pairs must be an integer of at least 0": lambda: BagOfEmbeddings(V, 2, n_pairs=-1),
    "vocab_size, n_pairs and d_model must give at most": lambda: BagOfEmbeddings(
        2**31 - 1, 2, d_model=1000
    ),
    "n_classes must be an integer of at least 2": lambda: TextCNN(V, 1),
}


@pytest.mark.parametrize(("message", "make"), WRONG.items(), ids=WRONG)
def test_settings_that_are_refused(message, make):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_unknown_setting_suggests_a_near_one():
    with pytest.raises(TypeError, match="did you mean|near names"):
        TextCNN(V, 2, n_filter=3)
    with pytest.raises(TypeError, match="vocab_size must be given once"):
        RecurrentClassifier(V, 2, vocab_size=3)


@each
def test_bad_batches_are_refused(make):
    model = make()
    with pytest.raises(ValueError, match="max_len = 9"):
        model.forward(np.ones((1, 10), int))
    with pytest.raises(ValueError, match=r"ids must be \(B, T\)"):
        model.forward(np.ones(3, int))
    with pytest.raises(TypeError, match="mask must be boolean"):
        model.forward(np.ones((1, 3), int), mask=np.ones((1, 3)))
    with pytest.raises(ValueError, match="dlogits must have the shape"):
        model.backward(np.ones((2, 3), np.float32), model.forward(np.ones((1, 3), int))[1])
