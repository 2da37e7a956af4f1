"""Corpora for language models: tiny Shakespeare, any other text file, and first names."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minitransformer.checks import check_count
from minitransformer.data.corpora.table import read_texts
from minitransformer.data.corpora.table_options import DEFAULT
from minitransformer.data.corpora.table_rows import is_table
from minitransformer.storage.text_files import find, read_text


@dataclass(frozen=True)
class PlainText:
    """A running text in two parts.

    Parameters
    ----------
    name : str
        The name of the text in messages.
    train, held_out : str
        The beginning of the text, for training, and its end, for testing.
    """

    name: str
    train: str
    held_out: str

    @property
    def text(self) -> str:
        """The whole text."""
        return self.train + self.held_out

    def __repr__(self):
        return f"PlainText({self.name!r}, {len(self.train):,} + {len(self.held_out):,} characters)"


def load_shakespeare(data_dir=None, progress=True, *, held_out=0.1):
    """Load tiny Shakespeare or another text file. For a column of a table, use `load_text`.

    Parameters
    ----------
    data_dir : path-like, optional
        A text file (UTF-8, also ``.gz``), or a folder with ``tinyshakespeare/input.txt`` or
        ``input.txt``; its content is not verified. By default, the folder in
        ``MINITRANSFORMER_DATA`` is searched. If the file is not there, it is downloaded once, and
        verified.
    progress : bool
        Whether to show a bar on standard error when a download takes longer than two seconds.
    held_out : float
        Fraction of the characters that is held out, at the end of the text.

    Returns
    -------
    PlainText
        For tiny Shakespeare, 1,003,854 and 111,540 characters; 65 different characters occur.

    Raises
    ------
    FileNotFoundError, ValueError, DownloadError
        If the file does not exist, is not a text, or cannot be downloaded.
    """
    path = find("shakespeare", data_dir, ("input.txt",), progress)
    _refuse_table(path)
    name = "shakespeare" if path.name == "input.txt" else path.stem
    return _divided(path, name, read_text(path), held_out)


def load_text(
    path, text_column=None, *, held_out=0.1, options=DEFAULT, on_note=None
):  # fmt: skip
    """Load your own text: a text file, or the texts in a column of a table.

    Parameters
    ----------
    path : path-like
        A text file (UTF-8, also ``.gz``), or a table as for :func:`load_table`.
    text_column : str or sequence of str, optional
        The column of a table; its texts follow each other, each on a line of its own.
    held_out : float
        Fraction of the characters that is held out, at the end of the text.
    options : TableOptions or None
        How a table is written. None means that the file is a text, whatever its name.
    on_note : function of str, optional
        As in :func:`load_table`.

    Returns
    -------
    PlainText

    Raises
    ------
    FileNotFoundError, ValueError
        If the file does not exist or is not a text, or if it is a table and `text_column` is
        missing.
    """
    path = Path(path)
    if text_column is not None:
        text = "\n".join(read_texts(path, text_column, options, on_note))
    else:
        if options is not None:
            _refuse_table(path)
        text = read_text(path)
    return _divided(path, path.stem, text, held_out)


def _refuse_table(path):
    if is_table(path):
        raise ValueError(
            f"{path} is a table: name the column with the texts (--text-column); if its commas, "
            "quotation marks and braces are to be learned too, rename it to .txt"
        )


def _divided(path, name, text, held_out):
    """The PlainText of a text."""
    if not (isinstance(held_out, float) and 0 < held_out < 1):
        raise ValueError(f"held_out must be a fraction between 0.0 and 1.0, got {held_out!r}")
    cut = int(len(text) * (1 - held_out))
    if cut == 0:
        raise ValueError(f"{path} is too short: {len(text)} characters")
    return PlainText(name, text[:cut], text[cut:])


@dataclass(frozen=True)
class Names:
    """First names in lower case, in three parts; no name is in two parts.

    Parameters
    ----------
    train, validation, test : list of str
        The names of each part.
    """

    train: list[str]
    validation: list[str]
    test: list[str]


def load_names(data_dir=None, progress=True, *, validation=0.1, test=0.1, seed=0):
    """Load first names; repeated names are dropped before the split.

    Parameters
    ----------
    data_dir : path-like, optional
        A file with one name per line, or a folder with ``names/names.txt`` or ``names.txt``.
        By default, the folder in ``MINITRANSFORMER_DATA`` is searched. If the file is not there, it
        is downloaded.
    progress : bool
        As in :func:`load_shakespeare`.
    validation, test : float
        Fractions of the names that go into these parts.
    seed : int
        Determines which names are in which part.

    Returns
    -------
    Names
        By default, 23,595/2,950/2,949 of the 29,494 distinct names.

    Raises
    ------
    FileNotFoundError, ValueError, DownloadError
        If the file does not exist, is not a text, or cannot be downloaded.
    TypeError, ValueError
        If `seed` is not an integer or is negative, or a fraction is out of range.
    """
    check_count("seed", seed, 0)
    for name, fraction, other in (("validation", validation, 0), ("test", test, validation)):
        if not (isinstance(fraction, int | float) and 0 <= fraction < 1 - other):
            raise ValueError(
                f"{name} must be a fraction >= 0.0, and both must add up to less than 1.0, "
                f"got {fraction!r}"
            )
    path = find("names", data_dir, ("names.txt",), progress)
    names = list(
        dict.fromkeys(name for line in read_text(path).split("\n") if (name := line.strip()))
    )
    order = np.random.default_rng(seed).permutation(len(names))
    cuts = [round(len(names) * (1 - validation - test)), round(len(names) * (1 - test))]
    parts = [[names[i] for i in part] for part in np.split(order, cuts)]
    return Names(*parts)
