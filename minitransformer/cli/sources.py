"""Where a run's texts come from."""

from dataclasses import dataclass
from pathlib import Path

from minitransformer.cli.recipes import BY_NAME, TABLE
from minitransformer.data import load_imdb, load_reviews, load_table
from minitransformer.training.names import near_names


@dataclass(frozen=True)
class Source:
    """A data set by name, or a file with two columns.

    The split into train, validation and test does not depend on the run's seed, so that runs with
    several seeds are judged on the same texts.

    Attributes
    ----------
    dataset : str or None
        "reviews" or "imdb".
    file : str or None
        An absolute path.
    text_column, label_column : str or None
    """

    dataset: str | None = None
    file: str | None = None
    text_column: str | None = None
    label_column: str | None = None

    def __post_init__(self):
        if self.file is None:
            if not isinstance(self.dataset, str) or self.dataset not in BY_NAME:
                near = near_names(str(self.dataset), BY_NAME)
                raise ValueError(f"unknown data set {self.dataset!r}; {near}")
        elif not (self.text_column and self.label_column):
            raise ValueError("a data file needs --text-column and --label-column")

    @classmethod
    def of_file(cls, path, text_column, label_column):
        """The source for a file, wherever the command is called from later."""
        return cls(None, str(Path(path).resolve()), text_column, label_column)

    @property
    def name(self):
        """Short name, for the run's folder."""
        return self.dataset or Path(self.file).stem

    @property
    def recipe(self):
        """The recipe that suits it."""
        return TABLE if self.file else BY_NAME[self.dataset]

    def load(self, data_dir=None):
        """The Dataset.

        Parameters
        ----------
        data_dir : path-like, optional
            For IMDB: where it lies.
        """
        if self.file is not None:
            return load_table(self.file, self.text_column, self.label_column)
        return load_imdb(data_dir) if self.dataset == "imdb" else load_reviews()
