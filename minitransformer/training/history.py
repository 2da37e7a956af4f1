"""The history of a training run: one row of numbers per epoch."""

import csv
import io
from pathlib import Path

from minitransformer.checks import check_count
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
        self._rows = []
        self.interrupted = False
        self.stopped_early = False

    def add(self, epoch, logs):
        """Add the row of an epoch. An epoch without validation has no columns ``val_...``.

        Raises
        ------
        ValueError
            If other names differ from those of the previous rows.
        """
        if self._rows:
            known = {name for name in self.history if not name.startswith("val_")}
            names = {name for name in logs if not name.startswith("val_")}
            if names != known:
                raise ValueError(f"logs must have the names {sorted(known)}, got {sorted(names)}")
        row = {name: float(value) for name, value in logs.items()}
        self.epoch.append(int(epoch))
        self._rows.append(row)
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)

    def columns(self):
        """Every column with one entry per epoch: None where an epoch has no such number."""
        return {name: [row.get(name) for row in self._rows] for name in self.history}

    @classmethod
    def from_columns(cls, epoch, columns):
        """The history with these epochs, and what :meth:`columns` returned.

        Raises
        ------
        TypeError, ValueError
            If the columns differ in length, or an entry is not a number.
        """
        history = cls()
        for name, column in columns.items():
            if len(column) != len(epoch):
                raise ValueError(f"{name} must have {len(epoch)} entries, got {len(column)}")
        for i, number in enumerate(epoch):
            row = {name: column[i] for name, column in columns.items()}
            row = {name: value for name, value in row.items() if value is not None}
            history.add(check_count("epoch", number), row)
        return history

    def __len__(self):
        return len(self.epoch)

    def __repr__(self):
        return f"History({len(self)} epochs: {', '.join(self.history)})"

    def save_csv(self, path):
        """Write a table, atomically, with a column ``epoch`` and one column per name."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["epoch", *self.history])
        for epoch, row in zip(self.epoch, self._rows, strict=True):
            cells = ["" if row.get(name) is None else repr(row[name]) for name in self.history]
            table.writerow([epoch, *cells])
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
                history.add(int(values.pop("epoch")), {k: float(v) for k, v in values.items() if v})
        except (ValueError, IndexError, csv.Error) as error:
            raise ValueError(f"{path} is not a history: {error}") from None
        return history
