"""Where the data of a run come from."""

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A data set by name, or your own files.

    What is held out does not depend on the run's seed, so runs with different seeds are judged on
    the same data.

    Attributes
    ----------
    dataset : str or None
        Name of a data set of the task.
    file : str or None
        An absolute path.
    text_column, label_column : str or None
        If the file is a table of texts and classes: the names of the two columns.
    target : str or None
        An absolute path: the file of the translations, line by line.
    """

    dataset: str | None = None
    file: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    target: str | None = None

    @classmethod
    def of_file(cls, path, target=None, **columns):
        """The source for a file, valid in whichever folder a command is run later."""
        return cls(file=absolute(path), target=target and absolute(target), **columns)

    def moved(self, path=None, target=None):
        """The same source, with its files moved elsewhere.

        Parameters
        ----------
        path, target : path-like, optional
            Where the file, and the file of the translations, are now.

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
