"""Callbacks that compare the epochs: the best weights, early stopping, smaller learning rates."""

import math

from minitransformer.checks import check_choice, check_count, check_number, near_names
from minitransformer.training.callbacks.callback import Callback


class Monitor(Callback):
    """Base class of callbacks that compare the epochs by one column of the history.

    Parameters
    ----------
    monitor : str
        Name of the history column that decides which epoch is best.
    mode : {"auto", "min", "max"}
        Whether lower or higher is better. "auto" asks the metric; a loss and a perplexity should be
        low, an accuracy high.
    min_delta : float
        Smallest change that counts as an improvement.
    verbose : {0, 1}
        Whether to report what the callback does.

    Attributes
    ----------
    best : float or None
        Best value so far.
    best_epoch : int or None
        Epoch of the best value, counted from 0.
    wait : int
        Number of epochs since then.
    """

    def __init__(self, monitor, mode, min_delta, verbose):
        self.monitor = monitor
        self.mode = check_choice("mode", mode, ("auto", "min", "max"))
        self.min_delta = abs(check_number("min_delta", min_delta))
        self.verbose = check_choice("verbose", verbose, (0, 1))
        self.clear()

    def clear(self):
        """Forget all epochs."""
        self.best = self.best_epoch = None
        self.wait = 0

    def on_train_begin(self, logs=None):
        if self.monitor not in self.run.log_names:
            raise ValueError(
                f"unknown name to monitor {self.monitor!r}; "
                f"{near_names(str(self.monitor), self.run.log_names)}"
                + ("" if self.run.validation else "; val_... needs validation data")
            )
        mode = self.run.recipe.mode_of(self.monitor) if self.mode == "auto" else self.mode
        if mode is None:
            raise ValueError(
                f"mode must be 'min' or 'max' to monitor {self.monitor!r}, got 'auto': "
                "nothing says whether lower or higher is better"
            )
        self.sign = -1 if mode == "min" else 1
        if not self.run.resumed:
            self.clear()

    def improves(self, epoch, logs):
        """Whether this epoch is the best so far; None if it has no value to compare."""
        value = logs.get(self.monitor)
        if value is None:  # no validation in this epoch
            return None
        to_beat = -math.inf if self.best is None else self.sign * self.best + self.min_delta
        if self.sign * value > to_beat:  # false for NaN
            self.best, self.best_epoch, self.wait = value, epoch, 0
            return True
        self.wait += 1
        return False

    def say(self, text):
        """Report `text` if `verbose` is 1."""
        if self.verbose:
            self.run.progress.line(text)

    def state(self):
        return {"best": self.best, "best_epoch": self.best_epoch, "wait": self.wait}

    def load_state(self, state):
        best, epoch = state["best"], state["best_epoch"]
        if (best is None) != (epoch is None):
            raise ValueError(f"best must go with best_epoch, got {best} and {epoch}")
        self.best = best if best is None else check_number("best", best)
        self.best_epoch = epoch if epoch is None else check_count("best_epoch", epoch, 0)
        self.wait = check_count("wait", state["wait"], 0)


class BestWeights(Monitor):
    """Remember the weights of the best epoch and restore them when training ends.

    Parameters
    ----------
    monitor, mode, min_delta, verbose
        As for :class:`Monitor`.
    restore_best_weights : bool
        Whether to restore the best weights. If False, only `best` and `best_epoch` are recorded.
    """

    def __init__(
        self, monitor="val_loss", *, mode="auto", min_delta=0.0, restore_best_weights=True,
        verbose=0,
    ):  # fmt: skip
        self.restore_best_weights = bool(restore_best_weights)
        super().__init__(monitor, mode, min_delta, verbose)

    def clear(self):
        super().clear()
        self.values = None

    def on_epoch_end(self, epoch, logs=None):
        if self.improves(epoch, logs) and self.restore_best_weights:
            self.values = self.run.weights_in_use().copy()

    def on_train_end(self, logs=None):
        if self.values is not None:
            self.model.flat.values[...] = self.values
            self.say(f"restored the weights of epoch {self.best_epoch + 1}")

    def state(self):
        state = super().state()
        return state if self.values is None else {**state, "values": self.values}

    def load_state(self, state):
        values, own = state.get("values"), self.model.flat.values
        if values is not None and (values.shape != own.shape or values.dtype != own.dtype):
            raise ValueError(
                f"the best weights must be {own.dtype} of shape {own.shape}, "
                f"got {values.dtype} of shape {values.shape}"
            )
        super().load_state(state)
        self.values = values


class EarlyStopping(BestWeights):
    """Stop after `patience` epochs without improvement, and restore the best weights.

    Parameters
    ----------
    monitor, mode, min_delta, verbose, restore_best_weights
        As for :class:`BestWeights`.
    patience : int
        Number of epochs in a row without improvement after which training stops.
    start_from_epoch : int
        Number of epochs at the beginning that are not compared.

    Source: Prechelt, "Early stopping - but when?", 1998, criterion UP with s = `patience`.
    """

    keras_hints = {"baseline": "stop in a callback of your own: model.stop_training = True"}

    def __init__(
        self, monitor="val_loss", patience=3, *, mode="auto", min_delta=0.0,
        restore_best_weights=True, verbose=0, start_from_epoch=0,
    ):  # fmt: skip
        super().__init__(
            monitor, mode=mode, min_delta=min_delta, restore_best_weights=restore_best_weights,
            verbose=verbose,
        )  # fmt: skip
        self.patience = check_count("patience", patience)
        self.start_from_epoch = check_count("start_from_epoch", start_from_epoch, 0)

    def on_train_begin(self, logs=None):
        super().on_train_begin()
        self._stop_if_due()

    def on_epoch_end(self, epoch, logs=None):
        if epoch >= self.start_from_epoch:
            super().on_epoch_end(epoch, logs)
            self._stop_if_due()

    def _stop_if_due(self):
        if self.wait >= self.patience:
            self.model.stop_training = True
            self.say(f"no better {self.monitor} in {self.wait} epochs: stopping")
