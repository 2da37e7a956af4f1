"""Callbacks that write files: checkpoints, models, a table of the epochs."""

import csv
from pathlib import Path

from minitransformer.checks import check_choice, check_count, check_flag, near_names
from minitransformer.storage.file_names import check_ending
from minitransformer.training.callbacks.callback import Callback
from minitransformer.training.callbacks.monitoring import Monitor
from minitransformer.training.optim.averaging import applied

OF_EPOCHS = ("learning_rate", "seconds")  # columns that the logs of a step do not have


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
        check_ending("path", path)
        self.path = path
        self.every = every if every == "epoch" else check_count("every", every)

    def on_train_begin(self, logs=None):
        if not Path(self.path).absolute().parent.is_dir():
            raise FileNotFoundError(f"the folder of the checkpoint {self.path} does not exist")

    def on_train_batch_end(self, batch, logs=None):
        if self.every != "epoch" and self.run.step % self.every == 0:
            self.save()

    def on_epoch_end(self, epoch, logs=None):
        self.save()

    def on_interrupt(self):
        self.save()

    def save(self):
        """Write the file now."""
        self.run.save(self.path)


class ModelCheckpoint(Monitor):
    """Save the model, as ``model.save`` does, after every epoch or after the best ones.

    With averaged weights, the averages are saved. To resume training, use :class:`Checkpoint`.

    Parameters
    ----------
    filepath : path-like
        File to write. ``{epoch}`` and the names of the history are replaced, for example
        ``"model-{epoch:02d}-{val_loss:.2f}.safetensors"``; `epoch` is counted from 1. A missing
        folder is made.
    monitor, verbose, mode
        As for :class:`Monitor`.
    save_best_only : bool
        Whether to save only if `monitor` is better than ever before.
    save_freq : "epoch" or int
        A number n means after every n steps, and not after epochs.
    initial_value_threshold : float, optional
        The value that the first epoch has to improve on.
    """

    keras_hints = {
        "save_weights_only": "the file always has the weights and the configuration",
        "options": "leave it out",
    }

    def __init__(
        self, filepath, monitor="val_loss", verbose=0, save_best_only=False, *, mode="auto",
        save_freq="epoch", initial_value_threshold=None,
    ):  # fmt: skip
        check_ending("filepath", filepath)
        self.filepath = str(filepath)
        self.save_best_only = check_flag("save_best_only", save_best_only)
        self.save_freq = save_freq if save_freq == "epoch" else check_count("save_freq", save_freq)
        if self.save_best_only and save_freq != "epoch":
            raise ValueError(f"save_freq must be 'epoch' with save_best_only, got {save_freq}")
        self.threshold = initial_value_threshold
        super().__init__(monitor, mode, 0.0, verbose)

    def clear(self):
        super().clear()
        self.best = self.threshold
        self.best_epoch = None if self.threshold is None else 0

    def on_train_begin(self, logs=None):
        if self.save_best_only:
            super().on_train_begin()
        names = self.run.log_names
        if self.save_freq != "epoch":
            names = [n for n in names if not n.startswith("val_") and n not in OF_EPOCHS]
        path = self.path(1, dict.fromkeys(names, 0.0))
        if path.is_dir():
            raise IsADirectoryError(f"filepath must name a file, got the folder {path}")
        path.parent.mkdir(parents=True, exist_ok=True)

    def path(self, epoch, logs):
        """The file to write after `epoch` (from 1).

        Raises
        ------
        ValueError
            If `filepath` names what the history does not have.
        """
        try:
            return Path(self.filepath.format(**{**logs, "epoch": epoch}))
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"filepath {self.filepath!r} cannot be filled in: {error}; "
                + near_names(str(error).strip("'"), ["epoch", *logs])
            ) from None

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq != "epoch" and self.run.step % self.save_freq == 0:
            self.save(self.run.epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch" and (not self.save_best_only or self.improves(epoch, logs)):
            self.save(epoch, logs)

    def save(self, epoch, logs):
        """Write the file now."""
        path = self.path(epoch + 1, logs)
        if not _leads(self.run):
            return
        with applied(self.run.recipe.averages, self.model.flat.values):
            self.model.save(path)
        self.say(f"epoch {epoch + 1}: saved {path}")


class CSVLogger(Callback):
    """Write a row per epoch to a table: the number of the epoch, from 0, and its logs.

    Parameters
    ----------
    filename : path-like
        File to write.
    separator : str
        The character between two columns.
    append : bool
        Whether to continue the table that the file has. A resumed run always does.
    """

    def __init__(self, filename, separator=",", append=False):
        self.filename = Path(filename)
        self.separator = check_choice("separator", separator, (",", ";", "\t", "|", " "))
        self.append = check_flag("append", append)

    def on_train_begin(self, logs=None):
        self.names = ["epoch", *self.run.log_names]
        if not _leads(self.run):
            return
        continued = (self.append or self.run.resumed) and self.filename.exists()
        if not continued or self.filename.stat().st_size == 0:
            self._write("w", self.names)
            return
        with open(self.filename, encoding="utf-8", newline="") as file:
            header = next(csv.reader(file, delimiter=self.separator), None)
        if header != self.names:
            raise ValueError(
                f"{self.filename} must have the columns {self.names} to be continued, got {header}"
            )

    def on_epoch_end(self, epoch, logs=None):
        if _leads(self.run):
            self._write("a", [epoch, *(logs.get(name, "") for name in self.names[1:])])

    def _write(self, mode, row):
        with open(self.filename, mode, encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=self.separator, lineterminator="\n").writerow(row)


def _leads(run):
    """Whether this process writes the files: the first of several MPI processes does."""
    return run.processes is None or run.processes.rank == 0
