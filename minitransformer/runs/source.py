"""Where the data of a run come from."""

from dataclasses import dataclass, replace
from pathlib import Path


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
    """

    dataset: str | None = None
    file: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    target: str | None = None

    @classmethod
    def of_file(cls, path, target=None, **columns):
        """The source for a file; it stays valid if a later command is run in another folder."""
        return cls(file=absolute(path), target=target and absolute(target), **columns)

    def moved(self, path=None, target=None):
        """The same source, with the new locations of files that have been moved.

        Parameters
        ----------
        path, target : path-like, optional
            The new locations of the file and of the file of translations.

        Raises
        ------
        ValueError
            If this source has no such file.
        """
        given = {"file": ("data", path), "target": ("target", target)}
        given = {name: (option, now) for name, (option, now) in given.items() if now is not None}
        for name, (option, _) in given.items():
            if getattr(self, name) is None:
                raise ValueError(
                    f"{option} is only for runs on your own file; this run is on {self.name}"
                )
        return replace(self, **{name: absolute(now) for name, (_, now) in given.items()})

    @property
    def name(self):
        """A short name, for the run's folder."""
        return self.dataset or Path(self.file).stem


def absolute(path):
    """The absolute path of a file, as a string."""
    if Path(path).is_dir():
        raise ValueError(f"{path} must be a file, got a folder")
    return str(Path(path).resolve())
