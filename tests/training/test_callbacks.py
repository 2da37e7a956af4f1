"""Callbacks: the direction of what is monitored, learning rates, files, objects of any class."""

import csv
from unittest.mock import NonCallableMagicMock

import numpy as np
import pytest

from minitransformer.models.classifier import TransformerClassifier
from minitransformer.training import (
    SGD,
    BestWeights,
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    Metric,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
    TrainingDiverged,
)
from tests.support.toys import ToyWriter, compiled, fitted, toy_data, toy_model, toy_text

X, Y = toy_data(24)
SHORT = {"batch_size": 12, "verbose": 0}


class Growing(Metric):
    """A metric without a known direction; each call is larger than the one before."""

    name = "growing"
    calls = 0

    def measure(self, logits, targets, ignore_index=None):
        self.calls += 1
        return float(self.calls), 1


def test_perplexity_is_to_be_low():
    model, text = ToyWriter(), toy_text(200)
    model.compile(SGD(0.5), metrics=["perplexity"])
    best, stop = BestWeights("val_perplexity"), EarlyStopping("val_perplexity", patience=1)
    data = {"validation_data": text[:80], "batch_size": 4, "verbose": 0, "epochs": 6}
    history = model.fit(text, callbacks=[best], **data)
    assert best.best == min(history.history["val_perplexity"])
    assert model.evaluate(text[:80])[1] == best.best
    model.fit(text, callbacks=[stop], **data)
    assert stop.sign == -1


@pytest.mark.parametrize(
    ("name", "mode"),
    [("val_loss", -1), ("loss", -1), ("val_accuracy", 1), ("val_perplexity", -1)],
)
def test_each_metric_knows_its_direction(name, mode):
    model, keeper = toy_model(), BestWeights(name)
    model.compile(metrics=["accuracy", "perplexity"])
    model.fit(X, Y, validation_data=(X, Y), callbacks=keeper, **SHORT)
    assert keeper.sign == mode


@pytest.mark.parametrize("make", [BestWeights, EarlyStopping, ReduceLROnPlateau])
def test_an_unknown_direction_must_be_given(make):
    model = toy_model()
    model.compile(metrics=[Growing()])
    with pytest.raises(ValueError, match="mode must be 'min' or 'max' to monitor 'growing'"):
        model.fit(X, Y, callbacks=[make("growing")], **SHORT)
    with pytest.raises(ValueError, match="to monitor 'seconds'"):
        model.fit(X, Y, callbacks=[make("seconds")], **SHORT)
    model.fit(X, Y, callbacks=[make("growing", mode="max")], **SHORT)


def test_the_learning_rate_can_be_read_and_set():
    class Halve:
        def on_epoch_end(self, epoch, logs):
            self.model.optimizer.learning_rate *= 0.5

    model = compiled()
    assert model.optimizer.learning_rate == 0.01
    history = model.fit(X, Y, epochs=3, callbacks=[Halve()], **SHORT)
    assert history.history["learning_rate"] == [0.01, 0.005, 0.0025]
    with pytest.raises(ValueError, match="learning_rate must be finite and >= 0, got -1"):
        model.optimizer.learning_rate = -1
    with pytest.raises(AttributeError, match="no attribute 'lr': set learning_rate"):
        model.optimizer.lr = 0.1
    before = model.flat.values.copy()
    model.optimizer.learning_rate = 0
    model.fit(X, Y, **SHORT)
    np.testing.assert_array_equal(model.flat.values, before)


def test_a_run_whose_rate_was_changed_resumes_with_the_same_bits(tmp_path):
    def run(epochs, **more):
        model = compiled()
        plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10.0)
        model.fit(X, Y, epochs=epochs, callbacks=[plateau, *more.pop("more", ())], **SHORT, **more)
        return model

    whole = run(4)
    run(2, more=[Checkpoint(tmp_path / "c")])
    resumed = run(4, resume=tmp_path / "c")
    assert whole.optimizer.learning_rate == resumed.optimizer.learning_rate == 0.01 * 0.5**3
    assert whole.flat.values.tobytes() == resumed.flat.values.tobytes()


def test_learning_rate_scheduler():
    rates = []
    for schedule in (lambda epoch: 0.1 / (epoch + 1), lambda epoch, rate: rate * 0.5):
        _, history = fitted(epochs=3, fit={"callbacks": [LearningRateScheduler(schedule)]})
        rates.append(history.history["learning_rate"])
    assert rates == [[0.1, 0.05, 0.1 / 3], [0.005, 0.0025, 0.00125]]
    with pytest.raises(TypeError, match="learning_rate must be a number, got None"):
        fitted(fit={"callbacks": [LearningRateScheduler(lambda epoch: None)]})


def test_reduce_on_plateau_by_hand():
    """Values 5 5 5 4 4 4 4 with patience 2 and a cooldown of 1."""
    callback = ReduceLROnPlateau("loss", factor=0.5, patience=2, cooldown=1, min_lr=0.3)
    callback.model, callback.sign = compiled(), -1
    callback.model.optimizer.learning_rate, rates = 1.0, []
    for epoch, loss in enumerate([5, 5, 5, 4, 4, 4, 4, 4]):
        callback.on_epoch_end(epoch, {"loss": loss})
        rates.append(callback.model.optimizer.learning_rate)
    assert rates == [1.0, 1.0, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]


def test_model_checkpoint(tmp_path):
    model, every = compiled(), tmp_path / "new" / "{epoch:02d}-{val_loss}.safetensors"
    callbacks = [
        ModelCheckpoint(every),
        ModelCheckpoint(tmp_path / "best", monitor="val_accuracy", save_best_only=True),
        best := BestWeights("val_accuracy", restore_best_weights=False),
    ]
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=callbacks, **SHORT)
    losses = history.history["val_loss"]
    for i, loss in enumerate(losses):
        saved = TransformerClassifier.load(str(every).format(epoch=i + 1, val_loss=loss))
        saved.compile(micro_batch_tokens=40)
        assert saved.evaluate(X, Y)[0] == loss
    saved = TransformerClassifier.load(tmp_path / "best")
    saved.compile(micro_batch_tokens=40)
    assert saved.evaluate(X, Y)[1] == best.best
    for path, error in [("{val_los}", "did you mean 'val_loss'"), ("{}", "cannot be filled in")]:
        with pytest.raises(ValueError, match=error):
            model.fit(X, Y, validation_data=(X, Y), callbacks=ModelCheckpoint(path), **SHORT)
    with pytest.raises(IsADirectoryError, match="filepath must name a file, got the folder"):
        model.fit(X, Y, callbacks=ModelCheckpoint(tmp_path), **SHORT)
    with pytest.raises(TypeError, match="no argument 'save_weights_only'; the file always has"):
        ModelCheckpoint("x", save_weights_only=True)


def test_a_checkpoint_in_a_missing_folder_is_noticed_before_training(tmp_path):
    model = compiled()
    with pytest.raises(FileNotFoundError, match="the folder of the checkpoint .* does not exist"):
        model.fit(X, Y, callbacks=[Checkpoint(tmp_path / "no" / "c")], **SHORT)
    assert model.optimizer.t == 0


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    _, history = fitted(fit={"callbacks": [CSVLogger(path)]})
    fitted(fit={"callbacks": [CSVLogger(path, append=True)]})
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "0", "1"]
    assert [float(row["loss"]) for row in rows[:2]] == history.history["loss"]
    with pytest.raises(ValueError, match="must have the columns"):
        fitted(metrics=[], fit={"callbacks": [CSVLogger(path, append=True)]})


def test_terminate_on_nan():
    def run(callbacks):
        model = toy_model()
        model.compile(SGD(1e300))
        return model, model.fit(X, Y, epochs=3, callbacks=callbacks, **SHORT)

    with pytest.raises(TrainingDiverged):
        run([])
    model, history = run([TerminateOnNaN()])
    assert history.stopped_early
    assert np.isfinite(model.flat.values).all()


class Recorder:
    """Methods as users of Keras write them, without a base class."""

    def __init__(self):
        self.seen = []

    def set_model(self, model):
        self.seen.append("set_model")

    def on_train_begin(self, logs):
        self.seen.append(("begin", logs))

    def on_epoch_begin(self, epoch):
        self.seen.append(("epoch", epoch))

    def on_batch_end(self, batch, logs=None):
        self.seen.append(("batch", batch, sorted(logs)))

    def on_test_end(self, logs=None):
        self.seen.append(("test", sorted(logs)))

    def on_train_end(self, logs=None):
        self.seen.append(("end", "val_loss" in logs))


def test_callbacks_without_the_base_class():
    recorder, mock = Recorder(), NonCallableMagicMock()
    compiled().fit(X, Y, validation_data=(X, Y), callbacks=[recorder, mock], **SHORT)
    names = ["accuracy", "loss"]
    assert recorder.seen == [
        "set_model", ("begin", {}), ("epoch", 0), ("batch", 0, names), ("batch", 1, names),
        ("test", names), ("end", True),
    ]  # fmt: skip
    assert mock.on_epoch_end.call_args.args[0] == 0
    assert mock.set_params.call_args.args[0] == {"verbose": 0, "epochs": 1, "steps": 2}


def test_lambda_callback_and_functions():
    seen = []
    lambdas = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(epoch),
        on_train_end=lambda logs: seen.append("end"),
    )
    compiled().fit(X, Y, callbacks=[lambdas, lambda epoch: seen.append("only epoch")], **SHORT)
    compiled().fit(X, Y, callbacks=None, **SHORT)
    assert seen == [0, "only epoch", "end"]


class Misspelt(Callback):
    def on_epoch_ends(self, epoch, logs=None):
        pass


class TooMany(Callback):
    def on_epoch_end(self, epoch, logs, model):
        pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Misspelt, "never called; did you mean 'on_epoch_end'"),
        (TooMany, r"TooMany.on_epoch_end must take \(epoch, logs\)"),
        (lambda: LambdaCallback(on_epoch=print), "unknown event 'on_epoch'; did you mean"),
        (lambda: LambdaCallback(on_epoch_end=3), "on_epoch_end must be a function, got 3"),
        (lambda: EarlyStopping(patiense=3), "no argument 'patiense'; did you mean 'patience'"),
        (lambda: SGD(lr=0.1), "SGD has no argument 'lr'; it is called learning_rate"),
        (lambda: {"a": 1}, "callbacks must be objects with methods"),
    ],
)
def test_callbacks_that_are_refused(make, message):
    with pytest.raises(TypeError, match=message):
        compiled().fit(X, Y, callbacks=[make()], **SHORT)
