"""The history of a training run: one row of numbers per epoch."""

import csv
import io
from pathlib import Path

from minitransformer.storage.atomic import write_text


class History:
    """One row of numbers per epoch.

    Attributes
    ----------
    history : dict of str to list of float
        One column per name, as in Keras: ``history.history["val_accuracy"]``. The columns are the
        loss and the metrics on the training data, the same on the validation data with the prefix
        ``val_``, the ``learning_rate`` of the epoch's last step, and the epoch's ``seconds``.
    epoch : list of int
        Number of each epoch, counted from 1.
    interrupted : bool
        Whether Ctrl-C ended the run.
    stopped_early : bool
        Whether a callback ended the run.
    """

    def __init__(self):
        self.history = {}
        self.epoch = []
        self.interrupted = False
        self.stopped_early = False

    def add(self, epoch, logs):
        """Add the row of an epoch.

        Raises
        ------
        ValueError
            If the names differ from those of the previous rows.
        """
        if self.epoch and set(logs) != set(self.history):
            raise ValueError(f"logs must have the names {sorted(self.history)}, got {sorted(logs)}")
        self.epoch.append(int(epoch))
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))

    def __len__(self):
        return len(self.epoch)

    def __repr__(self):
        return f"History({len(self)} epochs: {', '.join(self.history)})"

    def save_csv(self, path):
        """Write a table, atomically, with a column ``epoch`` and one column per name."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["epoch", *self.history])
        for i, epoch in enumerate(self.epoch):
            table.writerow([epoch, *(repr(column[i]) for column in self.history.values())])
        write_text(path, text.getvalue())

    @classmethod
    def load_csv(cls, path):
        """Read what :meth:`save_csv` wrote; every number is restored exactly.

        Raises
        ------
        ValueError
            If the file is not such a table.
        """
        try:
            rows = list(csv.reader(io.StringIO(Path(path).read_text(encoding="utf-8"))))
            names, history = rows[0], cls()
            if names[:1] != ["epoch"]:
                raise ValueError("the first column must be 'epoch'")
            for row in rows[1:]:
                values = dict(zip(names, row, strict=True))
                history.add(int(values.pop("epoch")), {k: float(v) for k, v in values.items()})
        except (ValueError, IndexError, csv.Error) as error:
            raise ValueError(f"{path} is not a history: {error}") from None
        return history
