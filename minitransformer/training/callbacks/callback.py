"""The base class of callbacks, and callbacks made of plain functions."""

from minitransformer.checks import near_names
from minitransformer.training.keywords import NamedArguments


class Callback(NamedArguments):
    """Base class of callbacks. Override the methods you need; their names are those of Keras.

    A callback need not inherit from this class: any object with some of these methods will do. A
    method may leave out arguments at the end, such as `logs`.

    Attributes
    ----------
    model : Trainable
        The model being trained. Set ``model.stop_training = True`` to stop after the current epoch.
    run : Run
        The training run; set when it begins.
    params : dict
        "verbose", "epochs", and the "steps" of an epoch.
    last : bool
        Whether this callback is called after all others, because it records what they did.
    """

    model = None
    run = None
    params = None
    last = False

    def set_model(self, model):
        """Called with the model before :meth:`on_train_begin`."""
        self.model = model

    def set_params(self, params):
        """Called with the `params` before :meth:`on_train_begin`."""
        self.params = params

    def on_train_begin(self, logs=None):
        """Called before the first step; `logs` is empty."""

    def on_epoch_begin(self, epoch, logs=None):
        """Called before an epoch, counted from 0; `logs` is empty."""

    def on_train_batch_begin(self, batch, logs=None):
        """Called before step `batch` (from 0) of an epoch; `logs` is empty."""

    def on_train_batch_end(self, batch, logs=None):
        """Called after step `batch` (from 0) of an epoch; `logs` has the epoch's means so far."""

    def on_test_begin(self, logs=None):
        """Called before a validation; `logs` is empty."""

    def on_test_end(self, logs=None):
        """Called after a validation; `logs` has its loss and metrics, without ``val_``."""

    def on_epoch_end(self, epoch, logs=None):
        """Called after an epoch (from 0) and its validation; `logs` is its row of the history."""

    def on_interrupt(self):
        """Called once after Ctrl-C: between two steps, and before :meth:`on_train_end`."""

    def on_train_end(self, logs=None):
        """Called at the very end, unless training diverged; `logs` are those of the last epoch."""

    def state(self):
        """What a resumed run needs, as a dict of numbers, booleans, strings, None and arrays."""
        return {}

    def load_state(self, state):
        """Restore what :meth:`state` returned."""


EVENTS = {
    "on_train_begin": ("logs",),
    "on_epoch_begin": ("epoch", "logs"),
    "on_train_batch_begin": ("batch", "logs"),
    "on_train_batch_end": ("batch", "logs"),
    "on_test_begin": ("logs",),
    "on_test_end": ("logs",),
    "on_epoch_end": ("epoch", "logs"),
    "on_interrupt": (),
    "on_train_end": ("logs",),
}
"""The events, and the arguments of their methods."""

ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}
"""Older names in Keras of two of the events."""


class FunctionCallback(Callback):
    """Calls a plain function ``f(epoch, logs)`` at the end of each epoch."""

    def __init__(self, function):
        self.on_epoch_end = function


class LambdaCallback(Callback):
    """Calls the given functions.

    Parameters
    ----------
    **functions : callable
        Functions by the name of an event, for instance ``on_epoch_end=lambda epoch, logs: ...``.

    Raises
    ------
    TypeError
        If a name is not that of an event, or a function cannot be called.
    """

    def __init__(self, **functions):
        allowed = [*EVENTS, *ALIASES.values()]
        for name, function in functions.items():
            if name not in allowed:
                raise TypeError(f"unknown event {name!r}; {near_names(name, allowed)}")
            if function is not None:
                if not callable(function):
                    raise TypeError(f"{name} must be a function, got {function!r}")
                setattr(self, name, function)


class TerminateOnNaN(Callback):
    """End `fit` without an error when training diverges.

    Training always stops before the weights become NaN. Without this callback, `fit` then raises
    :class:`TrainingDiverged`; with it, `fit` returns the history up to this point.
    """
