"""The training loop: exact gradients from parts, what it promises, how it stops."""

import copy
import json
import signal
import threading

import numpy as np
import pytest

from minitransformer.functional import cross_entropy, cross_entropy_backward
from minitransformer.storage.weights import load_arrays
from minitransformer.training import (
    SGD,
    Adam,
    BestWeights,
    Callback,
    CategoricalCrossentropy,
    Checkpoint,
    EarlyStopping,
    History,
    MeanSquaredError,
    TrainingDiverged,
)
from minitransformer.training.schedules import Schedule
from minitransformer.training.step import train_step
from minitransformer.training.workers import Team
from tests.tolerances import tolerance
from tests.toys import padded, toy_data, toy_model


def fitted(seed=0, epochs=2, model=None, fit=None, **recipe):
    """A toy model after a short fit, and its history."""
    x, y = toy_data()
    model = model or toy_model(seed=seed)
    model.compile(**{"optimizer": Adam(0.01), "micro_batch_tokens": 40, **recipe})
    history = model.fit(x, y, epochs=epochs, batch_size=12, verbose=0, **(fit or {}))
    return model, history


def test_it_learns():
    x, y = toy_data(400)
    model = toy_model(dropout=0.0)
    model.compile(Adam(0.02))
    history = model.fit(x[:300], y[:300], epochs=8, validation_data=(x[300:], y[300:]), verbose=0)
    assert history.history["val_accuracy"][-1] >= 0.97
    assert history.history["loss"][-1] < 0.2 * history.history["loss"][0]


def test_training_on_a_batch_lowers_its_loss():
    x, y = toy_data(16)
    model = toy_model(dropout=0.0)
    model.compile(Adam(0.01))
    losses = [model.train_on_batch(x, y)["loss"] for _ in range(10)]
    assert all(b < a for a, b in zip(losses, losses[1:], strict=False))


@pytest.mark.parametrize(
    "loss",
    [
        CategoricalCrossentropy(),
        CategoricalCrossentropy(label_smoothing=0.1, class_weights=[0.3, 2.0]),
    ],
)
def test_micro_batches_add_up_to_the_batch(loss):
    """Gradient and loss of a step equal those of one padded batch, computed here by hand."""
    x, y = toy_data(24)
    model = toy_model(dropout=0.0)
    model.compile(SGD(0.5), loss=loss, micro_batch_tokens=17, workers=1)
    ids = padded(x)
    logits, cache = model.forward(ids, mask=ids != 0)
    value, saved = cross_entropy(
        logits, y, label_smoothing=loss.label_smoothing, class_weights=loss.class_weights
    )
    model.backward(cross_entropy_backward(1.0, saved), cache)
    expected = model.flat.grads.copy()

    result = model.train_on_batch(x, y)
    assert abs(result["loss"] - value) <= tolerance("micro-batches vs batch") * abs(value)
    error = np.abs(model.flat.grads - expected).max() / np.abs(expected).max()
    assert error <= tolerance("micro-batches vs batch")
    assert result["accuracy"] == (logits.argmax(1) == y).mean()


def test_targets_that_do_not_count():
    """Shares of micro-batches add up when some, or all, targets are to be ignored."""
    rng = np.random.default_rng(0)
    logits, targets = rng.standard_normal((6, 3)), np.array([0, -1, 2, -1, 1, 1])
    loss = CategoricalCrossentropy(class_weights=[1.0, 2.0, 4.0], ignore_index=-1)
    total = loss.normaliser(targets)
    assert total == 1.0 + 4.0 + 2.0 + 2.0
    whole, saved = cross_entropy(logits, targets, class_weights=loss.class_weights, ignore_index=-1)
    parts = [loss.forward(logits[i : i + 2], targets[i : i + 2], total) for i in (0, 2, 4)]
    assert sum(value for value, _ in parts) == pytest.approx(float(whole), rel=1e-14)
    gradient = np.concatenate([loss.backward(saved) for _, saved in parts])
    np.testing.assert_allclose(gradient, cross_entropy_backward(1.0, saved), atol=1e-15)
    nothing = np.full(6, -1)
    value, saved = loss.forward(logits, nothing, loss.normaliser(nothing))
    assert value == 0.0
    np.testing.assert_array_equal(loss.backward(saved), 0.0)


def test_squared_error_gradient_by_central_differences():
    rng = np.random.default_rng(0)
    logits, y, loss = rng.standard_normal((5, 3)), np.array([0, 2, 1, 1, 0]), MeanSquaredError()
    value, saved = loss.forward(logits, y, 20.0)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert value == pytest.approx(((p - np.eye(3)[y]) ** 2).mean() * 5 / 20, rel=1e-14)
    analytic, numeric = loss.backward(saved), np.empty((5, 3))
    for place in np.ndindex(5, 3):
        up, down = logits.copy(), logits.copy()
        up[place] += 1e-6
        down[place] -= 1e-6
        numeric[place] = (loss.forward(up, y, 20.0)[0] - loss.forward(down, y, 20.0)[0]) / 2e-6
    np.testing.assert_allclose(analytic, numeric, atol=1e-11)


def test_penalty_reaches_matrices_only_and_is_reported():
    x, y = toy_data(12)
    plain, penalised = toy_model(dropout=0.0), toy_model(dropout=0.0)
    start = plain.flat.values.copy()
    plain.compile(SGD(1.0), micro_batch_tokens=30)
    penalised.compile(SGD(1.0), l1=0.01, l2=0.1, micro_batch_tokens=30)
    plain.train_on_batch(x, y)
    logs = penalised.train_on_batch(x, y)
    extra = plain.flat.values - penalised.flat.values
    total = 0.0
    for name, parameter in plain.parameters().items():
        part = plain.flat.slices[name]
        w = start[part]
        expected = 0.2 * w + 0.01 * np.sign(w) if len(parameter.shape) > 1 else 0 * w
        np.testing.assert_allclose(extra[part], expected, atol=1e-14, err_msg=name)
        if len(parameter.shape) > 1:
            total += 0.1 * (w @ w) + 0.01 * np.abs(w).sum()
    assert logs["penalty"] == pytest.approx(total, rel=1e-12)


def test_clipping_limits_the_step():
    x, y = toy_data(12)
    model = toy_model()
    model.compile(SGD(1.0), clip=0.01)
    start = model.flat.values.copy()
    model.train_on_batch(x, y)
    assert np.linalg.norm(model.flat.values - start) == pytest.approx(0.01, rel=1e-10)


def test_same_seed_same_bytes():
    runs = [fitted(seed=s, word_dropout=0.2, average=0.9)[0].flat.values for s in (3, 3, 4)]
    assert runs[0].tobytes() == runs[1].tobytes()
    assert runs[0].tobytes() != runs[2].tobytes()


def test_randomness_comes_from_seed_step_and_micro_batch(monkeypatch):
    """Step t, micro-batch i draws from default_rng([seed, t, i]), and from nothing else."""
    x, y = toy_data(12)
    model = toy_model(seed=7)
    model.compile(SGD(0.1), micro_batch_tokens=30, workers=1)
    seen = []

    def spy(self, batch, rng):
        seen.append(rng.bit_generator.state["state"])
        return original(self, batch, rng)

    original = type(model).run
    monkeypatch.setattr(type(model), "run", spy)
    model.train_on_batch(x, y)
    per_step = len(seen)
    model.train_on_batch(x, y)
    assert per_step >= 2
    expected = [
        np.random.default_rng([7, t, i]).bit_generator.state["state"]
        for t in (1, 2)
        for i in range(per_step)
    ]
    assert seen == expected


class Spy(Callback):
    """Records the order of events."""

    def __init__(self):
        self.events = []

    def on_train_begin(self):
        self.events.append("begin")

    def on_epoch_begin(self, epoch):
        self.events.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs):
        self.events.append(f"batch {batch}")

    def on_epoch_end(self, epoch, logs):
        self.events.append(f"end {epoch}")

    def on_train_end(self):
        self.events.append("done")


def test_order_of_events():
    spy, rows = Spy(), []
    _, history = fitted(fit={"callbacks": [spy, lambda epoch, logs: rows.append((epoch, logs))]})
    batches = [f"batch {k}" for k in range(5)]
    assert spy.events == [
        "begin", "epoch 0", *batches, "end 0", "epoch 1", *batches, "end 1", "done",
    ]  # fmt: skip
    assert [epoch for epoch, _ in rows] == [0, 1]
    assert rows[1][1]["loss"] == history.history["loss"][1]


def test_each_example_once_an_epoch_in_an_order_of_its_own(monkeypatch):
    import minitransformer.training.loop as loop

    seen = []

    def spy(model, recipe, team, examples, indices, multiplier):
        seen.append(np.sort(indices))
        return train_step(model, recipe, team, examples, indices, multiplier)

    monkeypatch.setattr(loop, "train_step", spy)
    fitted()
    first, second = np.concatenate(seen[:5]), np.concatenate(seen[5:])
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(60))
    assert (first != second).any()
    seen.clear()
    fitted(epochs=1, fit={"shuffle": False})
    np.testing.assert_array_equal(np.concatenate(seen), np.arange(60))


def test_schedule_moves_the_learning_rate():
    model, history = fitted(
        epochs=4,
        optimizer=SGD(0.5),
        schedule=lambda step: 1 / step,
    )
    np.testing.assert_allclose(
        history.history["learning_rate"], [0.5 / 5, 0.5 / 10, 0.5 / 15, 0.5 / 20], rtol=1e-15
    )
    still, _ = fitted(optimizer=SGD(0.5), schedule=lambda step: 0.0)
    np.testing.assert_array_equal(still.flat.values, toy_model().flat.values)


def test_a_schedule_is_told_the_length_of_the_run_and_asked_each_step():
    class Recording(Schedule):
        totals, steps = [], []

        def start(self, total_steps):
            self.totals.append(total_steps)
            return lambda step: self.steps.append(step) or 1.0

    schedule = Recording()
    fitted(epochs=2, schedule=schedule)
    assert schedule.totals == [10]
    assert sorted(set(schedule.steps)) == list(range(1, 11))
    _, history = fitted(epochs=3, schedule="warmup_cosine")
    assert history.history["learning_rate"][-1] == pytest.approx(0.0, abs=1e-15)
    _, history = fitted(epochs=2, fit={"initial_epoch": 1}, schedule=lambda step: step)
    assert history.history["learning_rate"] == [0.1]
    assert history.epoch == [2]


def test_word_dropout_hides_tokens_in_training_only(monkeypatch):
    x, y = toy_data(12)
    model = toy_model()
    seen = []

    def spy(self, batch, rng):
        seen.append(batch)
        return original(self, batch, rng)

    original = type(model).run
    monkeypatch.setattr(type(model), "run", spy)
    model.compile(SGD(0.1), word_dropout=0.5, workers=1)
    model.train_on_batch(x, y)
    hidden = np.concatenate([b.ids[b.mask] if b.mask is not None else b.ids.ravel() for b in seen])
    assert 0.2 < (hidden == 1).mean() < 0.8
    assert all((b.ids[~b.mask] == 0).all() for b in seen if b.mask is not None)
    seen.clear()
    model.evaluate(x, y)
    model.predict(x)
    assert all((b.ids != 1).all() for b in seen)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw"])
def test_float32_stays_float32_through_fifty_steps(optimizer):
    model = toy_model(dtype="float32")
    fitted(
        model=model,
        epochs=10,
        optimizer=optimizer,
        schedule=lambda step: np.float64(0.5),
        clip=np.float64(0.5),
        l1=1e-6,
        l2=1e-6,
        average=0.9,
        word_dropout=0.1,
        fit={"class_weight": {0: 0.5}},
    )
    recipe = model.recipe
    assert recipe.optimizer.t == 50
    arrays = [model.flat.values, model.flat.grads, recipe.averages.values]
    arrays += [a for name, a in recipe.optimizer.state().items() if name != "t"]
    assert {a.dtype for a in arrays} == {np.dtype("float32")}
    assert model.predict(toy_data(4)[0]).dtype == np.float32


def test_nothing_handed_over_is_altered():
    x, y = toy_data(20)
    x_kept, y_kept = copy.deepcopy(x), y.copy()
    ids = padded(x)
    ids_kept, mask = ids.copy(), ids != 0
    optimizer, weights = Adam(0.01), {0: 1.0, 1: 2.0}
    model = toy_model()
    model.compile(optimizer, word_dropout=0.3, l2=0.1)
    model.fit(x, y, class_weight=weights, validation_data=(x, y), verbose=0)
    model.fit(ids, np.eye(2)[y], mask=mask, verbose=0)
    model.predict(ids)
    assert (optimizer.t, optimizer.state(), weights) == (0, {"t": 0}, {0: 1.0, 1: 2.0})
    assert all((a == b).all() for a, b in zip(x, x_kept, strict=True))
    np.testing.assert_array_equal(y, y_kept)
    np.testing.assert_array_equal(ids, ids_kept)
    np.testing.assert_array_equal(mask, ids_kept != 0)


def test_averaged_weights_are_validated_and_kept():
    x, y = toy_data()
    model, history = fitted(average=0.8, fit={"validation_data": (x, y)})
    assert model.evaluate(x, y)["loss"] == history.history["val_loss"][-1]
    np.testing.assert_array_equal(model.flat.values, model.recipe.averages.values)
    plain, _ = fitted()
    assert np.abs(plain.flat.values - model.flat.values).max() > 1e-4


def test_early_stopping_restores_the_best_weights():
    x, y = toy_data(60, seed=1)
    y = np.random.default_rng(0).permutation(y)  # nothing to learn: validation gets worse
    model = toy_model()
    model.compile(Adam(0.03))
    stopper = EarlyStopping("val_loss", patience=2)
    history = model.fit(
        x[:40], y[:40], epochs=40, batch_size=8,
        validation_data=(x[40:], y[40:]), callbacks=[stopper], verbose=0,
    )  # fmt: skip
    losses = history.history["val_loss"]
    assert history.stopped_early
    assert len(losses) == stopper.best_epoch + 3 < 40
    assert min(losses) == stopper.best == losses[stopper.best_epoch]
    assert model.evaluate(x[40:], y[40:])["loss"] == min(losses)


def test_best_weights_by_accuracy_do_not_stop():
    x, y = toy_data()
    keeper = BestWeights("val_accuracy")
    model, history = fitted(epochs=5, fit={"validation_data": (x, y), "callbacks": [keeper]})
    assert len(history) == 5
    assert not history.stopped_early
    assert model.evaluate(x, y)["accuracy"] == max(history.history["val_accuracy"])
    assert keeper.best_epoch == int(np.argmax(history.history["val_accuracy"]))


def test_a_callback_used_again_starts_afresh():
    x, y = toy_data()
    keeper, data = BestWeights(), {"validation_data": (x, y)}
    fitted(epochs=4, fit={"callbacks": [keeper], **data})
    best = keeper.best
    _, history = fitted(epochs=1, seed=9, fit={"callbacks": [keeper], **data})
    assert keeper.best == history.history["val_loss"][0] > best


def test_a_penalty_stands_in_the_history():
    for penalty in ({"l1": 1e-3}, {"l2": 1e-3}):
        _, history = fitted(**penalty)
        assert min(history.history["penalty"]) > 0
    assert "penalty" not in fitted()[1].history


def test_a_callback_may_stop_training():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs):
            self.model.stop_training = epoch == 1

    model, history = fitted(epochs=9, fit={"callbacks": Stop()})
    assert len(history) == 2
    assert history.stopped_early
    assert len(model.fit(*toy_data(), epochs=1, verbose=0)) == 1, "the next fit starts afresh"


def test_divergence_names_step_and_parameter(tmp_path):
    x, y = toy_data()
    model = toy_model()
    model.compile(SGD(0.1), clip=1.0, average=0.9)
    model.fit(x, y, verbose=0)
    before, t = model.flat.values.copy(), model.recipe.optimizer.t
    averages = model.recipe.averages.values.copy()
    original = type(model).backward

    def broken(self, dlogits, cache):
        result = original(self, dlogits, cache)
        self.parameters()["blocks.0.attention.W_qkv"].grad[0, 0] = np.inf
        self.parameters()["embedding.W"].grad[2, 2] = np.nan
        return result

    type(model).backward = broken
    try:
        with pytest.raises(TrainingDiverged) as caught:
            model.fit(x, y, verbose=0)
    finally:
        type(model).backward = original
    error = caught.value
    assert (error.step, error.parameter) == (t + 1, "blocks.0.attention.W_qkv")
    assert str(error).startswith(f"training diverged at step {t + 1}: the loss is finite; the grad")
    assert "learning rate" in str(error)
    assert isinstance(error.history, History)
    np.testing.assert_array_equal(model.flat.values, before)
    np.testing.assert_array_equal(model.recipe.averages.values, averages)
    assert model.recipe.optimizer.t == t


def test_a_learning_rate_far_too_high_is_stopped_without_warnings():
    model = toy_model(dtype="float32")
    with pytest.raises(TrainingDiverged, match="diverged at step"):
        fitted(model=model, epochs=50, optimizer=SGD(1e30))
    assert np.isfinite(model.flat.values).all()


def test_weights_that_were_broken_before():
    model = toy_model()
    model.parameters()["head.b"].value[0] = np.nan
    with pytest.raises(TrainingDiverged, match="weights of 'head.b' were not finite before"):
        fitted(model=model)


def test_a_loss_that_is_not_finite_while_every_gradient_is():
    class Broken(CategoricalCrossentropy):
        def forward(self, logits, targets, total):
            return np.inf, super().forward(logits, targets, total)[1]

    with pytest.raises(TrainingDiverged, match="the loss is inf; every gradient is finite"):
        fitted(loss=Broken())


def test_fit_in_a_thread_other_than_the_main_one():
    """Where Ctrl-C never arrives, training works all the same."""
    results = []
    thread = threading.Thread(target=lambda: results.append(fitted()[0].flat.values.tobytes()))
    thread.start()
    thread.join()
    assert results == [fitted()[0].flat.values.tobytes()]


class CtrlC(Callback):
    """Presses Ctrl-C after a number of steps."""

    def __init__(self, after, press=lambda: signal.raise_signal(signal.SIGINT)):
        self.left, self.press = after, press

    def on_train_batch_end(self, batch, logs):
        self.left -= 1
        if self.left == 0:
            self.press()


def raise_it():
    raise KeyboardInterrupt


@pytest.mark.parametrize("press", [lambda: signal.raise_signal(signal.SIGINT), raise_it])
def test_ctrl_c_keeps_the_best_and_can_be_resumed(tmp_path, press):
    """Interrupted in epoch 3 and resumed, a run ends where the undisturbed one does."""
    x, y = toy_data()
    data = {"validation_data": (x, y)}
    whole, _ = fitted(epochs=4, fit={**data, "callbacks": [BestWeights()]})

    path, best = tmp_path / "run.safetensors", BestWeights()
    handler = signal.getsignal(signal.SIGINT)
    model, history = fitted(
        epochs=4, fit={**data, "callbacks": [best, Checkpoint(path), CtrlC(12, press)]}
    )
    assert signal.getsignal(signal.SIGINT) is handler
    assert history.interrupted
    assert len(history) == 2
    assert model.recipe.optimizer.t == 12
    assert json.loads(load_arrays(path)[1]["state"])["position"]["batch"] == 2
    assert model.evaluate(x, y)["loss"] == min(history.history["val_loss"]), "usable, and best"

    resumed, history = fitted(epochs=4, fit={**data, "callbacks": [BestWeights()], "resume": path})
    assert len(history) == 4
    assert not history.interrupted
    assert resumed.flat.values.tobytes() == whole.flat.values.tobytes()


def test_second_ctrl_c_stops_at_once():
    def twice(epoch, logs):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fitted(fit={"callbacks": [twice]})
    assert signal.getsignal(signal.SIGINT) is handler


def test_history_as_csv(tmp_path):
    _, history = fitted(fit={"validation_split": 0.2})
    path = tmp_path / "history.csv"
    history.save_csv(path)
    again = History.load_csv(path)
    assert (again.history, again.epoch) == (history.history, history.epoch)
    names = ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert list(history.history) == names
    assert path.read_text().splitlines()[0] == "epoch," + ",".join(names)
    for text in ("something,else\n1,2\n", "", "epoch,loss,accuracy\n1,0.5\n", "epoch,loss\n1,x\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="not a history"):
            History.load_csv(path)
    with pytest.raises(ValueError, match="must have the names"):
        history.add(3, {"loss": 1.0})


def test_team_is_needed_for_a_step_only_once():
    """A step by hand gives what train_on_batch gives."""
    x, y = toy_data(12)
    one, two = toy_model(), toy_model()
    one.compile(Adam(0.01))
    two.compile(Adam(0.01))
    for _ in range(3):
        one.train_on_batch(x, y)
    examples = two.read_inputs(x, None).with_targets(y)
    with Team(two, None) as team:
        for _ in range(3):
            train_step(two, two.recipe, team, examples, np.arange(12))
    assert one.flat.values.tobytes() == two.flat.values.tobytes()
