"""Callbacks run between steps and epochs: early stopping, checkpoints, or your own code."""

import math

from minitransformer.checks import check_choice, check_count, check_number, near_names


class Callback:
    """Base class of all callbacks. Override the methods you need; their names are those of Keras.

    Attributes
    ----------
    model : Trainable
        The model being trained. Set ``model.stop_training = True`` to stop after the current epoch.
    run : Run
        The training run; set when it begins.
    last : bool
        Whether this callback is called after all others, because it records what they did.
    """

    model = None
    run = None
    last = False

    def on_train_begin(self):
        """Called before the first step."""

    def on_epoch_begin(self, epoch):
        """Called before an epoch; `epoch` is counted from 0."""

    def on_train_batch_end(self, batch, logs):
        """Called after step `batch` (from 0) of an epoch; `logs` has the epoch's means so far."""

    def on_epoch_end(self, epoch, logs):
        """Called after an epoch (from 0) and its validation; `logs` is its row of the history."""

    def on_interrupt(self):
        """Called once after Ctrl-C: between two steps, and before :meth:`on_train_end`."""

    def on_train_end(self):
        """Called at the very end, unless training diverged."""

    def state(self):
        """What a resumed run needs, as a dict of numbers, booleans, strings, None and arrays."""
        return {}

    def load_state(self, state):
        """Restore what :meth:`state` returned."""


class FunctionCallback(Callback):
    """Calls a plain function ``f(epoch, logs)`` at the end of each epoch."""

    def __init__(self, function):
        self.function = function

    def on_epoch_end(self, epoch, logs):
        self.function(epoch, logs)


class BestWeights(Callback):
    """Remember the weights of the best epoch and restore them when training ends.

    Parameters
    ----------
    monitor : str
        Name of the history column that decides which epoch is best.
    mode : {"auto", "min", "max"}
        Whether lower or higher is better. "auto" means lower for a loss, higher for anything else.
    min_delta : float
        Smallest change that counts as an improvement.
    restore_best_weights : bool
        Whether to restore the best weights. If False, only `best` and `best_epoch` are recorded.

    Attributes
    ----------
    best : float or None
        Best value so far.
    best_epoch : int or None
        Epoch of the best value, counted from 0.
    """

    def __init__(
        self, monitor="val_loss", *, mode="auto", min_delta=0.0, restore_best_weights=True
    ):
        check_choice("mode", mode, ("auto", "min", "max"))
        self.monitor = monitor
        self.sign = -1 if mode == "min" or (mode == "auto" and "loss" in monitor) else 1
        self.min_delta = check_number("min_delta", min_delta, 0)
        self.restore_best_weights = bool(restore_best_weights)
        self._clear()

    def _clear(self):
        self.best = self.best_epoch = self.values = None
        self.wait = 0

    def on_train_begin(self):
        if self.monitor not in self.run.log_names:
            raise ValueError(
                f"unknown name to monitor {self.monitor!r}; "
                f"{near_names(self.monitor, self.run.log_names)}"
                + ("" if self.run.validation else "; val_... needs validation data")
            )
        if not self.run.resumed:
            self._clear()

    def on_epoch_end(self, epoch, logs):
        value = logs[self.monitor]
        to_beat = -math.inf if self.best is None else self.sign * self.best + self.min_delta
        if self.sign * value > to_beat:  # false for NaN
            self.best, self.best_epoch, self.wait = value, epoch, 0
            if self.restore_best_weights:
                self.values = self.run.weights_in_use().copy()
        else:
            self.wait += 1

    def on_train_end(self):
        if self.values is not None:
            self.model.flat.values[...] = self.values

    def state(self):
        state = {"best": self.best, "best_epoch": self.best_epoch, "wait": self.wait}
        return state if self.values is None else {**state, "values": self.values}

    def load_state(self, state):
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.wait, self.values = state["wait"], state.get("values")


class EarlyStopping(BestWeights):
    """Stop after `patience` epochs without improvement, and restore the best weights.

    Parameters
    ----------
    monitor, mode, min_delta, restore_best_weights
        As for :class:`BestWeights`.
    patience : int
        Number of epochs in a row without improvement after which training stops.

    Source: Prechelt, "Early stopping - but when?", 1998, criterion UP with s = `patience`.
    """

    def __init__(self, monitor="val_loss", patience=3, **keywords):
        super().__init__(monitor, **keywords)
        self.patience = check_count("patience", patience)

    def on_train_begin(self):
        super().on_train_begin()
        self._stop_if_due()

    def on_epoch_end(self, epoch, logs):
        super().on_epoch_end(epoch, logs)
        self._stop_if_due()

    def _stop_if_due(self):
        if self.wait >= self.patience:
            self.model.stop_training = True


class Checkpoint(Callback):
    """Write everything that a bit-identical resume needs, atomically, to one file.

    Parameters
    ----------
    path : path-like
        File to write. It is replaced each time, and always contains a complete checkpoint, either
        the old one or the new one.
    every : "epoch" or int
        When to write: "epoch" means after every epoch; a number n means after every epoch and also
        after every n steps. After Ctrl-C, a checkpoint is always written.
    """

    last = True

    def __init__(self, path, every="epoch"):
        self.path = path
        self.every = every if every == "epoch" else check_count("every", every)

    def on_train_batch_end(self, batch, logs):
        if self.every != "epoch" and self.run.step % self.every == 0:
            self.save()

    def on_epoch_end(self, epoch, logs):
        self.save()

    def on_interrupt(self):
        self.save()

    def save(self):
        """Write the file now."""
        self.run.save(self.path)


def arrange(callbacks):
    """Check the `callbacks` of `fit`, wrap plain functions, and move those that record to the end.

    Raises
    ------
    TypeError
        If an element is neither a :class:`Callback` nor callable.
    """
    if isinstance(callbacks, Callback) or callable(callbacks):
        callbacks = [callbacks]
    for callback in callbacks:
        if not isinstance(callback, Callback) and (
            isinstance(callback, type) or not callable(callback)
        ):
            raise TypeError(
                f"callbacks must be Callback objects or functions (epoch, logs), got {callback!r}"
            )
    wrapped = [c if isinstance(c, Callback) else FunctionCallback(c) for c in callbacks]
    return sorted(wrapped, key=lambda callback: callback.last)
