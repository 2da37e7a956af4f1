"""How training ends: callbacks, early stopping, Ctrl-C, and which weights remain."""

import json
import signal
import threading

import numpy as np
import pytest

from minitransformer.storage.weights import load_arrays
from minitransformer.training import (
    Adam,
    BestWeights,
    Callback,
    Checkpoint,
    EarlyStopping,
    History,
)
from tests.support.toys import fitted, toy_data, toy_model


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


def test_averaged_weights_are_validated_and_kept():
    x, y = toy_data()
    model, history = fitted(average=0.8, fit={"validation_data": (x, y)})
    assert model.evaluate(x, y)[0] == history.history["val_loss"][-1]
    np.testing.assert_array_equal(model.flat.values, model.recipe.averages.values)
    plain, _ = fitted()
    assert np.abs(plain.flat.values - model.flat.values).max() > 1e-4


def test_early_stopping_restores_the_best_weights():
    x, y = toy_data(60, seed=1)
    y = np.random.default_rng(0).permutation(y)  # noise, so validation gets worse
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
    assert model.evaluate(x[40:], y[40:])[0] == min(losses)


def test_best_weights_by_accuracy_do_not_stop():
    x, y = toy_data()
    keeper = BestWeights("val_accuracy")
    model, history = fitted(epochs=5, fit={"validation_data": (x, y), "callbacks": [keeper]})
    assert len(history) == 5
    assert not history.stopped_early
    assert model.evaluate(x, y)[1] == max(history.history["val_accuracy"])
    assert keeper.best_epoch == int(np.argmax(history.history["val_accuracy"]))


def test_a_callback_used_again_starts_afresh():
    x, y = toy_data()
    keeper, data = BestWeights(), {"validation_data": (x, y)}
    fitted(epochs=4, fit={"callbacks": [keeper], **data})
    best = keeper.best
    _, history = fitted(epochs=1, seed=9, fit={"callbacks": [keeper], **data})
    assert keeper.best == history.history["val_loss"][0] > best


def test_a_callback_may_stop_training():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs):
            self.model.stop_training = epoch == 1

    model, history = fitted(epochs=9, fit={"callbacks": Stop()})
    assert len(history) == 2
    assert history.stopped_early
    assert len(model.fit(*toy_data(), epochs=1, verbose=0)) == 1, "the next fit starts afresh"


def test_fit_in_a_thread_other_than_the_main_one():
    """Ctrl-C never arrives there, but training works nevertheless."""
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
    """A run that is interrupted in epoch 3 and resumed ends as the uninterrupted run does."""
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
    assert model.evaluate(x, y)[0] == min(history.history["val_loss"]), "usable, and best"

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
    loaded = History.load_csv(path)
    assert (loaded.history, loaded.epoch) == (history.history, history.epoch)
    names = ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert list(history.history) == names
    assert path.read_text().splitlines()[0] == "epoch," + ",".join(names)
    for text in ("something,else\n1,2\n", "", "epoch,loss,accuracy\n1,0.5\n", "epoch,loss\n1,x\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="not a history"):
            History.load_csv(path)
    with pytest.raises(ValueError, match="must have the names"):
        history.add(3, {"loss": 1.0})
