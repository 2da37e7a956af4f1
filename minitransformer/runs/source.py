"""Where the data of a run come from."""

import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path

from minitransformer.data import TableOptions

FIELDS = {
    "data": "file", "target": "target", "validation_data": "validation_file",
    "test_data": "test_file",
}  # fmt: skip
"""The field of a Source for each option that names a file."""


@dataclass(frozen=True)
class Source:
    """A data set by name, or your own files.

    The held-out part does not depend on the run's seed, so runs with different seeds are evaluated
    on the same data.

    Attributes
    ----------
    dataset : str or None
        Name of a data set of the task.
    file : str or None
        Absolute path of your own file.
    text_column, label_column : str or None
        Names of the two columns, if the file is a table of texts and classes.
    target : str or None
        Absolute path of the file of translations, line by line.
    table : TableOptions or None
        How the file is read. None in runs from before there was a choice.
    validation_file, test_file : str or None
        Absolute paths of your own validation and test texts, if they have files of their own.
    """

    dataset: str | None = None
    file: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    target: str | None = None
    table: TableOptions | None = None
    validation_file: str | None = None
    test_file: str | None = None

    def __post_init__(self):
        if isinstance(self.table, dict):  # as it is stored in config.json
            object.__setattr__(self, "table", TableOptions(**self.table))

    @classmethod
    def of_file(cls, path, target=None, validation_data=None, test_data=None, **more):
        """The source for a file; it stays valid if a later command is run in another folder."""
        return cls(
            file=absolute(path), target=target and absolute(target),
            validation_file=validation_data and absolute(validation_data),
            test_file=test_data and absolute(test_data), **more,
        )  # fmt: skip

    def moved(self, **places):
        """The same source, with the new places of files that have been moved.

        Parameters
        ----------
        **places : path-like or None
            The new places of ``data``, ``target``, ``validation_data`` and ``test_data``.

        Raises
        ------
        ValueError
            If this source has no such file.
        """
        given = {name: path for name, path in places.items() if path is not None}
        for name in given:
            if getattr(self, FIELDS[name]) is None:
                raise ValueError(
                    f"{name} is only for runs that were started with it; this run is on {self.name}"
                )
        return replace(self, **{FIELDS[name]: absolute(path) for name, path in given.items()})

    def check_files(self):
        """Raise FileNotFoundError if one of your own files is not in its place."""
        for name, field in FIELDS.items():
            path = getattr(self, field)
            if path is not None and not Path(path).exists():
                option = "--" + name.replace("_", "-")
                raise FileNotFoundError(
                    f"{path} does not exist: if it was moved, give its new place with {option}"
                )

    def files(self):
        """The paths of your own files, by field."""
        return {name: path for name in FIELDS.values() if (path := getattr(self, name)) is not None}

    @property
    def name(self):
        """A short name, for the run's folder."""
        return self.dataset or Path(self.file).stem


def absolute(path):
    """The absolute path of a file, as a string; an error if there is no such file."""
    if Path(path).is_dir():
        raise ValueError(f"{path} must be a file, got a folder")
    if not Path(path).exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return str(Path(path).resolve())
