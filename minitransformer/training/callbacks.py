"""What may happen between steps and epochs: early stopping, checkpoints, anything of your own."""

import math

from minitransformer.checks import check_count, check_number, near_names


class Callback:
    """Base of all callbacks; every method may stay as it is. Names as in Keras.

    Attributes
    ----------
    model : Trainable
        The model that is trained; set ``model.stop_training = True`` to stop after this epoch.
    run : Run
        The training run, set when it begins.
    last : bool
        Whether to call it after the others, because it records what they did.
    """

    model = None
    run = None
    last = False

    def on_train_begin(self):
        """Before the first step."""

    def on_epoch_begin(self, epoch):
        """Before an epoch, counted from 0."""

    def on_train_batch_end(self, batch, logs):
        """After step `batch`, counted from 0, of an epoch; `logs`: means of the epoch so far."""

    def on_epoch_end(self, epoch, logs):
        """After an epoch, counted from 0, and its validation; `logs`: its row of the history."""

    def on_interrupt(self):
        """After Ctrl-C, between two steps, before :meth:`on_train_end`."""

    def on_train_end(self):
        """After everything, unless training diverged."""

    def state(self):
        """What a resumed run needs: a dict of numbers, booleans, texts, None and arrays."""
        return {}

    def load_state(self, state):
        """Take over what :meth:`state` gave."""


class FunctionCallback(Callback):
    """A plain function ``f(epoch, logs)``, called when an epoch ends."""

    def __init__(self, function):
        self.function = function

    def on_epoch_end(self, epoch, logs):
        self.function(epoch, logs)


class BestWeights(Callback):
    """Keep the weights of the best epoch and put them back when training ends.

    Parameters
    ----------
    monitor : str
        Name in the history that decides.
    mode : {"auto", "min", "max"}
        Whether less or more is better; "auto": less of a loss, more of anything else.
    min_delta : float
        What counts as better, at least.
    restore_best_weights : bool

    Attributes
    ----------
    best : float or None
    best_epoch : int or None
        From 0.
    """

    def __init__(
        self, monitor="val_loss", *, mode="auto", min_delta=0.0, restore_best_weights=True
    ):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max', got {mode!r}")
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
        bar = -math.inf if self.best is None else self.sign * self.best + self.min_delta
        if self.sign * value > bar:  # false for NaN
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
    """Stop when an epoch has not been better for a while; keep the best weights.

    Parameters
    ----------
    monitor, mode, min_delta, restore_best_weights
        As for :class:`BestWeights`.
    patience : int
        Epochs in a row without a better one that end the run.

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
        Overwritten each time; at every moment it holds the old or the new checkpoint, whole.
    every : "epoch" or int
        After every epoch, or after every so many steps; after Ctrl-C in any case.
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
    """Check the `callbacks` of `fit`, wrap plain functions, put those that record last.

    Raises
    ------
    TypeError
        For anything that is neither a :class:`Callback` nor callable.
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
    ready = [c if isinstance(c, Callback) else FunctionCallback(c) for c in callbacks]
    return sorted(ready, key=lambda callback: callback.last)
