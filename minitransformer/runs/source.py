"""Where a run's data come from."""

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A data set by name, or one's own files.

    What is held out does not depend on the run's seed, so that runs with several seeds are judged
    on the same data.

    Attributes
    ----------
    dataset : str or None
        Name of a data set of the task.
    file : str or None
        An absolute path.
    text_column, label_column : str or None
        Where the file is a table of texts and classes.
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
        """The source for a file, wherever the command is called from later."""
        return cls(file=absolute(path), target=target and absolute(target), **columns)

    def moved(self, path=None, target=None):
        """The same source, its files being elsewhere now.

        Raises
        ------
        ValueError
            Where this source has no such file.
        """
        given = {"file": (path, "--data"), "target": (target, "--target")}
        for name, (there, option) in given.items():
            if there is not None and getattr(self, name) is None:
                raise ValueError(
                    f"{option} is for runs on such a file of your own; this one is on {self.name}"
                )
        found = {name: absolute(there) for name, (there, _) in given.items() if there is not None}
        return replace(self, **found)

    @property
    def name(self):
        """Short name, for the run's folder."""
        return self.dataset or Path(self.file).stem


def absolute(path):
    """A file's path as text that holds wherever a command is called from."""
    if Path(path).is_dir():
        raise ValueError(f"{path} is a folder, and a file is needed")
    return str(Path(path).resolve())
