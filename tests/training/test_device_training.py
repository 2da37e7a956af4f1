"""Models and their training on the stand-in device: the same bits, and hardly any waits."""

import numpy as np
import pytest

from minitransformer import backend, layers
from minitransformer.models import TransformerClassifier
from minitransformer.training import SGD, Adam, AdamW, TrainingDiverged, passes
from tests.support import strict_device
from tests.support.on_device import moved, same
from tests.support.strict_device import DeviceArray, SilentCrossing, counters
from tests.support.toys import padded, toy_data, toy_model


@pytest.fixture
def cp():
    with strict_device.installed() as cupy:
        yield cupy


ENTROPY = [0, 1, 2]
LAYERS = {
    "Linear": lambda: layers.Linear(6, 4),
    "LayerNorm": lambda: layers.LayerNorm(6),
    "Dropout": lambda: layers.Dropout(0.3),
    "learned positions": lambda: layers.PositionalEncoding("learned", 9, 6),
    "sinusoidal positions": lambda: layers.PositionalEncoding("sinusoidal", 9, 6),
    "FeedForward": lambda: layers.FeedForward(6, 8, activation="gelu"),
    "MultiHeadAttention": lambda: layers.MultiHeadAttention(6, 2, dropout=0.2),
    "EncoderBlock": lambda: layers.EncoderBlock(6, 2, 8, dropout=0.2, activation="gelu_tanh"),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_layer_gives_the_same_bits_on_the_device(cp, make):
    x = np.random.default_rng(0).standard_normal((2, 5, 6)).astype(np.float32)
    here, there = make(), make().to("cupy")
    counters.reset()
    y, cache = here.forward(x, rng=np.random.default_rng(ENTROPY))
    xd = moved(x)
    yd, cached = there.forward(xd, rng=backend.generator(ENTROPY, like=xd))
    same(y, yd)
    same(here.backward(y, cache), there.backward(yd, cached))
    for name, parameter in here.parameters().items():
        same(parameter.grad, there.parameters()[name].grad)
    assert counters.waits == 0


def test_cross_attention_gives_the_same_bits_on_the_device(cp):
    rng = np.random.default_rng(1)
    x, memory = rng.standard_normal((2, 3, 6)), rng.standard_normal((2, 4, 6))
    here = layers.MultiHeadCrossAttention(6, 2, dtype="float64")
    there = layers.MultiHeadCrossAttention(6, 2, dtype="float64").to("cupy")
    (y, cache), (yd, cached) = here.forward(x, memory), there.forward(moved(x), moved(memory))
    same(here.backward(y, cache), there.backward(yd, cached))


@pytest.mark.parametrize("pooling", ["mean", "max", "first"])
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("attention", ["full", "tiled"])
def test_the_classifier_gives_the_same_bits_on_the_device(cp, pooling, norm, attention):
    config = {"pooling": pooling, "norm": norm, "attention": attention, "ops": "plain"}
    config["dropout"] = 0.2 if attention == "full" else 0.0  # tiled attention draws its own seed
    here, there = toy_model(**config), toy_model(**config).to("cupy")
    ids = padded(toy_data(6)[0])
    mask = ids > 0
    mask[2] = False  # a row without tokens
    on = [moved(ids), moved(mask)]
    counters.reset()
    logits, cache = here.forward(ids, mask=mask, rng=np.random.default_rng(ENTROPY))
    rng = backend.generator(ENTROPY, like=on[0])
    logits_there, cache_there = there.forward(on[0], mask=on[1], rng=rng)
    same(logits, logits_there)
    same(here.backward(logits, cache), there.backward(logits_there, cache_there))
    same(here.flat.grads, there.flat.grads)
    assert counters.waits == 0


@pytest.mark.parametrize("ops", ["plain", "fused"])
def test_tiled_attention_with_dropout_never_waits(cp, ops):
    model = toy_model(attention="tiled", dropout=0.5, ops=ops).to("cupy")
    ids = moved(padded(toy_data(6)[0]))
    counters.reset()
    logits, cache = model.forward(ids, rng=backend.generator(ENTROPY, like=ids))
    model.backward(logits, cache)
    assert cache.blocks[0].attention.seed != 0
    assert counters.waits == 0


RECIPES = {
    "Adam": {"optimizer": Adam(0.01)},
    "clipped": {"optimizer": SGD(0.1, momentum=0.9), "clip": 0.5},
    "penalties": {"optimizer": Adam(0.01), "l1": 1e-3, "l2": 1e-2},
    "averaged": {"optimizer": AdamW(0.01), "average": 0.9, "schedule": "warmup_cosine"},
    "squared error": {"optimizer": Adam(0.01), "loss": "mean_squared_error"},
}
STEPS, EVERY = 20, 4


def trained(device, fit=None, n=STEPS * 3, **recipe):
    x, y = toy_data(n)
    model = toy_model(dtype="float64", ops="plain")
    model.compile(**{"workers": 1, "micro_batch_tokens": 16, **recipe})
    model.to(device)
    model.read_every = EVERY
    counters.reset()
    return model, model.fit(x, y, batch_size=3, verbose=0, **(fit or {}))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_twenty_steps_give_the_same_bits_and_wait_once_every_four(cp, recipe):
    here, history = trained("numpy", **recipe)
    there, history_there = trained("cupy", **recipe)
    assert there.recipe.optimizer.t == STEPS
    assert counters.waits == STEPS // EVERY
    same(here.flat.values, there.flat.values)
    for name, state in here.recipe.optimizer.state().items():
        same(state, there.recipe.optimizer.state()[name])
    own = {k: v for k, v in history.history.items() if k != "seconds"}
    assert own == {k: v for k, v in history_there.history.items() if k != "seconds"}


def test_each_micro_batch_is_sent_once(cp):
    model, _ = trained("cupy", optimizer=Adam(0.01))
    sent = []
    original = type(model).run

    def spy(self, batch, rng):
        sent.append(batch)
        return original(self, batch, rng)

    type(model).run = spy
    try:
        x, y = toy_data(3 * STEPS)
        counters.reset()
        model.fit(x, y, batch_size=3, verbose=0)
    finally:
        type(model).run = original
    assert len(sent) >= STEPS
    assert counters.uploads <= 3 * len(sent)  # ids, mask and targets


def test_evaluation_waits_once_and_agrees(cp):
    here, _ = trained("numpy", optimizer=Adam(0.01))
    there, _ = trained("cupy", optimizer=Adam(0.01))
    x, y = toy_data(30, seed=5)
    counters.reset()
    assert there.evaluate(x, y) == here.evaluate(x, y)
    assert counters.waits == 1
    np.testing.assert_array_equal(there.predict(x), here.predict(x))
    assert there.train_on_batch(x, y) == here.train_on_batch(x, y)


def test_a_divergence_between_two_readings_is_named_as_on_the_host(cp):
    x, y = toy_data(60)
    caught = []
    for device in ("numpy", "cupy"):
        model = toy_model(dtype="float64", ops="plain")
        model.compile(SGD(0.1), workers=1, average=0.9)
        model.to(device)
        original = type(model).backward

        def broken(self, dlogits, cache, model=model, original=original):
            result = original(self, dlogits, cache)
            if model.recipe.optimizer.t == 5:  # inside the second window of four
                model.parameters()["blocks.0.attention.W_qkv"].grad[0, 0] = np.nan
                model.parameters()["embedding.W"].grad[2, 2] = np.inf
            return result

        model.read_every = EVERY
        type(model).backward = broken
        try:
            with pytest.raises(TrainingDiverged) as error:
                model.fit(x, y, batch_size=3, verbose=0)
        finally:
            type(model).backward = original
        caught.append((str(error.value), error.value.step, error.value.parameter, model))
    (*words, here), (*words_there, there) = caught
    assert words == words_there
    assert words[1:] == [6, "blocks.0.attention.W_qkv"]
    assert there.recipe.optimizer.t == here.recipe.optimizer.t == 5
    same(here.flat.values, there.flat.values)
    same(here.recipe.averages.values, there.recipe.averages.values)


def test_a_model_moves_there_and_back_with_its_training(cp):
    model, _ = trained("numpy", optimizer=Adam(0.01), average=0.9)
    before = model.flat.values.copy()
    gradient = model.flat.grads.copy()
    assert model.to("cupy") is model
    assert isinstance(model.flat.values, DeviceArray)
    assert isinstance(model.recipe.averages.values, DeviceArray)
    assert all(isinstance(p.value, DeviceArray) for p in model.parameters().values())
    same(gradient, model.flat.grads)
    model.parameters()["head.b"].value[...] = 7.0
    part = model.flat.slices["head.b"]
    assert (model.flat.values.get()[part] == 7).all()  # still a view
    model.to("numpy")
    assert type(model.flat.values) is np.ndarray
    assert (model.flat.values[part] == 7).all()
    before[part] = 7
    np.testing.assert_array_equal(model.flat.values, before)


def test_weights_and_checkpoints_go_from_device_to_host(cp, tmp_path):
    model, _ = trained("cupy", optimizer=Adam(0.01))
    model.save(tmp_path / "model.safetensors")
    host = TransformerClassifier.load(tmp_path / "model.safetensors")
    same(host.flat.values, model.flat.values)
    same(host.flat.values, host.to("cupy").flat.values)


def test_a_host_array_in_a_device_model_is_refused(cp):
    model = toy_model().to("cupy")
    with pytest.raises((TypeError, SilentCrossing), match="CPU"):
        model.forward(padded(toy_data(3)[0]))


def test_a_missing_device_is_refused_with_the_reason():
    usable, reason = backend.cupy_status()
    model = toy_model()
    with pytest.raises(ValueError, match="device must be 'numpy' or 'cupy', got 'gpu'"):
        model.to("gpu")
    if not usable:
        with pytest.raises(ValueError, match="'cupy' cannot be used: ") as error:
            model.to("cupy")
        assert reason in str(error.value)
        assert type(model.flat.values) is np.ndarray


def test_micro_batches_on_a_device_are_as_few_as_possible(monkeypatch):
    x, y = toy_data(9)
    counts = []
    for device in ("numpy", "cupy"):
        with strict_device.installed():
            model = toy_model()
            model.compile(Adam(0.01))
            model.to(device)
            examples = model.read_examples(x, y, None, model.recipe.loss)
            jobs, _ = passes.jobs_of(model, examples, np.arange(9), None)
            counts.append(len(jobs))
            given = passes.jobs_of(model, examples, np.arange(9), 16)[0]
            assert len(given) > 3  # a given number is used on every device
            monkeypatch.setattr(passes, "DEVICE_TOKENS", 30)
            small = passes.jobs_of(model, examples, np.arange(9), None)[0]
            assert sorted(np.concatenate([rows for _, rows in small]).tolist()) == list(range(9))
            for _, rows in small:
                assert device == "numpy" or len(rows) * max(len(x[i]) for i in rows) <= 30
            monkeypatch.undo()
    assert counts[1] == 1
