"""Mixed precision: float16 passes with float32 weights, an adaptive scale, and the same results."""

import numpy as np
import pytest

from minitransformer.backend import overflow_to_infinity, rounded_to
from minitransformer.layers import FlatParameters, PositionalEncoding
from minitransformer.models import TransformerClassifier
from minitransformer.storage.weights import load_arrays
from minitransformer.training import Adam, Callback, TrainingDiverged
from minitransformer.training.precision import MAX_SCALE, SCALE, MixedPrecision
from tests.support import strict_device
from tests.support.tolerances import TOLERANCES
from tests.support.toys import toy_data, toy_model

X, Y = toy_data(60)
VAL = toy_data(20, seed=1)


def prepared(precision="mixed", workers=1, mixed=None, **config):
    model = toy_model(dtype="float32", **config)
    model.compile(
        Adam(0.01), clip=1.0, l2=1e-4, average=0.9, word_dropout=0.1, micro_batch_tokens=28,
        workers=workers, precision=precision,
    )  # fmt: skip
    if mixed is not None:
        model.recipe.mixed = MixedPrecision(**mixed)
    return model


def run(model, callbacks=(), epochs=5, **changes):
    arguments = {"epochs": epochs, "batch_size": 6, "validation_data": VAL, "verbose": 0}
    return model.fit(X, Y, callbacks=callbacks, **{**arguments, **changes})


def columns(history):
    return {name: column for name, column in history.history.items() if name != "seconds"}


def state(model):
    recipe = model.recipe
    arrays = [model.flat.values, recipe.averages.values]
    arrays += [a for name, a in sorted(recipe.optimizer.state().items()) if name != "t"]
    return recipe.optimizer.t, recipe.mixed.state(), b"".join(a.tobytes() for a in arrays)


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
@pytest.mark.parametrize("attention", ["full", "tiled"])
def test_it_follows_single_precision(positions, attention):
    config = {"positions": positions, "attention": attention}
    single, mixed = prepared("single", **config), prepared(**config)
    there, here = columns(run(single)), columns(run(mixed))
    assert list(there) == list(here)
    assert mixed.recipe.optimizer.t == 50
    assert here["loss"] != there["loss"]
    tolerance, _ = TOLERANCES["losses in mixed precision"]
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(here[name], there[name], rtol=tolerance, atol=0)


def test_one_gradient_is_rounded_and_not_scaled():
    grads = {}
    for precision in ("single", "mixed"):
        model = toy_model(dtype="float32", dropout=0.0)
        model.compile(Adam(0.01), precision=precision)
        model.train_on_batch(X, Y)
        grads[precision] = model.flat.grads
        assert model.flat.grads.dtype == np.float32
    error = np.abs(grads["mixed"] - grads["single"]).max() / np.abs(grads["single"]).max()
    assert 0 < error < TOLERANCES["gradients in mixed precision"][0]


def test_the_passes_are_in_float16_and_everything_stored_is_float32(tmp_path, monkeypatch):
    seen = set()
    forward = TransformerClassifier.forward

    def watched(model, ids, *, mask=None, rng=None):
        logits, cache = forward(model, ids, mask=mask, rng=rng)
        block = cache.blocks[0]
        for array in (logits, cache.embedded, cache.hidden, block.attention.Q, model.head.W.value):
            seen.add((array.dtype.name, rng is not None, model.head.W.grad.dtype.name))
        return logits, cache

    monkeypatch.setattr(TransformerClassifier, "forward", watched)
    model = prepared(workers=2, dropout=0.3)
    run(model, epochs=1)  # trains and validates
    assert model.predict(X).dtype == np.float32
    model.evaluate(X, Y)
    assert seen == {("float16", True, "float32"), ("float32", False, "float32")}
    assert {a.dtype.name for a in model.recipe.optimizer.state().values() if np.ndim(a)} == {
        "float32"
    }
    model.save(tmp_path / "m.safetensors")
    arrays, _ = load_arrays(tmp_path / "m.safetensors")
    assert {a.dtype.name for a in arrays.values()} == {"float32"}
    assert not np.array_equal(rounded_to(model.flat.values, np.float16), model.flat.values)


def test_an_overflow_skips_the_step_and_halves_the_scale():
    model = prepared(mixed={"scale": 2.0**24})
    values, recipe = model.flat.values.copy(), model.recipe
    logs = model.train_on_batch(X, Y, return_dict=True)
    assert (recipe.mixed.scale, recipe.optimizer.t, recipe.averages.t) == (2.0**23, 0, 0)
    assert np.array_equal(model.flat.values, values)
    single = prepared("single").train_on_batch(X, Y, return_dict=True)  # its loss still counts
    assert logs["loss"] == pytest.approx(single["loss"], rel=1e-3)
    while recipe.optimizer.t == 0:
        model.train_on_batch(X, Y)
    assert recipe.mixed.scale < 2.0**22
    assert not np.array_equal(model.flat.values, values)


def test_after_enough_good_steps_the_scale_doubles_up_to_a_bound():
    model = prepared(mixed={"scale": 4.0, "double_after": 4})
    run(model, epochs=1)  # 10 steps
    assert model.recipe.mixed.state() == {"scale": 16.0, "good": 2}
    mixed = MixedPrecision(MAX_SCALE, 1)
    mixed.end_step()
    assert mixed.scale == MAX_SCALE


def test_an_overflow_restarts_the_count_of_good_steps():
    mixed = MixedPrecision()
    mixed.end_step()
    assert mixed.overflowed(None, 1.0, np.inf, 1)
    assert mixed.state() == {"scale": SCALE / 2, "good": 0}


def test_a_scale_that_cannot_be_halved_is_an_error():
    model = prepared(mixed={"scale": 1.0})
    model.head.W.value[...] = [6e4, -6e4]
    model.final_norm.gamma.value[...] = 6e4
    values = model.flat.values.copy()
    with pytest.raises(TrainingDiverged, match="overflows float16 although .* down to 1") as caught:
        model.train_on_batch(X, Y)
    assert caught.value.step == 1
    assert caught.value.parameter in model.flat.slices
    assert "\n" not in str(caught.value)
    assert np.array_equal(model.flat.values, values)


def test_a_loss_that_is_not_finite_does_not_change_the_scale():
    model = prepared()
    model.head.b.value[0] = np.nan
    with pytest.raises(TrainingDiverged, match="the loss is nan"):
        model.train_on_batch(X, Y)
    assert model.recipe.mixed.scale == SCALE


class SaveAt(Callback):
    def __init__(self, batch, path):
        self.seen, self.batch, self.path = 0, batch, path

    def on_train_batch_end(self, batch, logs):
        self.seen += 1
        if self.seen == self.batch:
            self.run.save(self.path)


@pytest.mark.parametrize("at", [3, 10, 27])
def test_a_resumed_run_ends_in_the_same_bits(tmp_path, at):
    path, mixed = tmp_path / "c.safetensors", {"scale": 2.0**22, "double_after": 7}
    whole, part = prepared(mixed=mixed), prepared(mixed=mixed)
    history = run(whole, [SaveAt(at, path)])
    assert whole.recipe.optimizer.t < 50  # steps were skipped, some of them early
    assert columns(run(part, resume=path)) == columns(history)
    assert state(part) == state(whole)


def test_a_checkpoint_of_the_other_precision_is_refused(tmp_path):
    path = tmp_path / "c.safetensors"
    run(prepared(), [SaveAt(3, path)], epochs=1)
    with pytest.raises(ValueError, match="recipe precision: 'mixed' there, 'single' here"):
        run(prepared("single"), resume=path)


def test_two_workers_add_up_the_same_gradients():
    one, two = prepared(workers=1), prepared(workers=2)
    for model in (one, two):
        model.train_on_batch(X, Y)
    scale = np.abs(one.flat.grads).max()
    assert np.abs(one.flat.grads - two.flat.grads).max() < 1e-6 * scale


@pytest.mark.parametrize("scale", [2.0**10, 2.0**22])
def test_the_device_gives_the_same_bits_whether_or_not_steps_are_skipped(scale):
    def trained(device):
        model = toy_model(dtype="float32", ops="plain", dropout=0.0)
        model.compile(Adam(0.01), average=0.9, workers=1, precision="mixed")
        model.recipe.mixed = MixedPrecision(scale, 3)
        model.to(device)
        model.read_every = 4
        history = run(model, epochs=2)
        return columns(history), state(model.to("numpy"))

    here = trained("numpy")
    with strict_device.installed():
        there = trained("cupy")
    assert (here[1][0] < 20) == (scale > 2.0**10)
    assert here == there


def test_a_moved_model_continues_training_on_its_new_device():
    ends = []
    with strict_device.installed():
        for second in ("numpy", "cupy"):
            model = toy_model(dtype="float32", ops="plain", dropout=0.0)
            model.compile(
                Adam(0.01), average=0.9, workers=1, precision="mixed", micro_batch_tokens=64
            )
            model.train_on_batch(X, Y)
            model.to(second).train_on_batch(X, Y)
            ends.append(state(model.to("numpy")))
    assert ends[0][0] == 2
    assert ends[0] == ends[1]


def test_gradients_of_positions_are_added_up_in_float32():
    layer = PositionalEncoding("learned", 2, 3, dtype="float16")
    flat = FlatParameters(layer.parameters())
    flat.use_grads(np.zeros(6, np.float32))
    x = np.ones((4099, 2, 3), np.float16)
    layer.backward(x, layer.forward(x)[1])
    assert flat.grads.tolist() == [4099.0] * 6  # a float16 sum would stay at 2048


def test_a_wrong_precision_says_what_is_allowed():
    with pytest.raises(ValueError, match="unknown precision 'mixd'; did you mean 'mixed'") as error:
        toy_model(dtype="float32").compile(precision="mixd")
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="'mixed' needs a float32 model, got float64"):
        toy_model().compile(precision="mixed")


def test_rounding_saturates_outside_of_the_block_only():
    x = np.array([1e6, -1e6, 1.0])
    with overflow_to_infinity(), np.errstate(over="ignore"):
        assert rounded_to(x, np.float16).tolist() == [np.inf, -np.inf, 1.0]
    assert rounded_to(x, np.float16).tolist() == [65504, -65504, 1.0]
