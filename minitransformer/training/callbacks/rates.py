"""Callbacks that change the learning rate between epochs."""

from minitransformer.checks import check_choice, check_count, check_number
from minitransformer.training.callbacks.callback import Callback
from minitransformer.training.callbacks.calling import n_taken
from minitransformer.training.callbacks.monitoring import Monitor


class LearningRateScheduler(Callback):
    """Set the optimiser's learning rate before each epoch.

    The `schedule` of `compile`, if there is one, multiplies this rate in each step.

    Parameters
    ----------
    schedule : callable
        Function of the epoch (from 0), or of the epoch and the present rate, that returns the rate.
    verbose : {0, 1}
        Whether to report the rate.
    """

    def __init__(self, schedule, verbose=0):
        if not callable(schedule):
            raise TypeError(f"schedule must be a function (epoch, rate), got {schedule!r}")
        self.schedule, self.verbose = schedule, check_choice("verbose", verbose, (0, 1))

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = self.model.optimizer
        given = (epoch, optimizer.learning_rate)[: max(n_taken(self.schedule), 1)]
        optimizer.learning_rate = self.schedule(*given)
        if self.verbose:
            self.run.progress.line(f"epoch {epoch + 1}: rate {optimizer.learning_rate:.3g}")


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by `factor` after `patience` epochs without improvement.

    Parameters
    ----------
    monitor, mode, min_delta, verbose
        As for :class:`Monitor`.
    factor : float
        Above 0 and below 1.
    patience : int
        Number of epochs in a row without improvement.
    cooldown : int
        Number of epochs after a change that are not counted.
    min_lr : float
        The rate does not fall below this.
    """

    def __init__(
        self, monitor="val_loss", factor=0.1, patience=10, verbose=0, mode="auto", min_delta=1e-4,
        cooldown=0, min_lr=0.0,
    ):  # fmt: skip
        super().__init__(monitor, mode, min_delta, verbose)
        self.factor = check_number("factor", factor, above=0, below=1)
        self.patience = check_count("patience", patience)
        self.cooldown = check_count("cooldown", cooldown, 0)
        self.min_lr = check_number("min_lr", min_lr, 0)

    def clear(self):
        super().clear()
        self.cooling = 0

    def on_epoch_end(self, epoch, logs=None):
        improved = self.improves(epoch, logs)
        if improved is None:
            return
        if self.cooling:
            self.cooling -= 1
            self.wait = 0 if improved or self.cooling else 1
        if self.wait >= self.patience:
            self.reduce(epoch)

    def reduce(self, epoch):
        """Make the learning rate smaller now."""
        optimizer = self.model.optimizer
        rate = max(optimizer.learning_rate * self.factor, self.min_lr)
        self.wait, self.cooling = 0, self.cooldown
        if rate < optimizer.learning_rate:
            optimizer.learning_rate = rate
            self.say(f"epoch {epoch + 1}: learning rate reduced to {rate:.3g}")

    def state(self):
        return {**super().state(), "cooling": self.cooling}

    def load_state(self, state):
        super().load_state(state)
        self.cooling = check_count("cooling", state["cooling"], 0)
