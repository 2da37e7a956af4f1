"""Corpora for language models: tiny Shakespeare, or any text file, and first names."""

from dataclasses import dataclass

import numpy as np

from minitransformer.checks import check_count
from minitransformer.storage.text_files import find, read_text


@dataclass(frozen=True)
class PlainText:
    """A running text in two parts.

    Parameters
    ----------
    name : str
    train, held_out : str
        What comes first is for training, the end is for judging.
    """

    name: str
    train: str
    held_out: str

    @property
    def text(self) -> str:
        """All of it."""
        return self.train + self.held_out

    def __repr__(self):
        return f"PlainText({self.name!r}, {len(self.train):,} + {len(self.held_out):,} characters)"


def load_shakespeare(data_dir=None, progress=True, *, held_out=0.1):
    """Tiny Shakespeare, or another text file.

    Parameters
    ----------
    data_dir : path-like, optional
        A text file (UTF-8, also ``.gz``), or a folder with ``tinyshakespeare/input.txt`` or
        ``input.txt``; read as it is. Without it, the folder in ``MINITRANSFORMER_DATA`` is
        searched, and then the file is downloaded, once, and verified.
    progress : bool
        Show a bar on standard error where a download takes longer than two seconds.
    held_out : float
        Share of the characters, the last ones, that is not trained on.

    Returns
    -------
    PlainText
        1,003,854 and 111,540 characters, 65 different ones.

    Raises
    ------
    FileNotFoundError, ValueError, DownloadError
        If it is not there, is no text, or cannot be downloaded.
    """
    if not (isinstance(held_out, float) and 0 < held_out < 1):
        raise ValueError(f"held_out must be a share between 0.0 and 1.0, not {held_out!r}")
    path = find("shakespeare", data_dir, ("input.txt",), progress)
    text = read_text(path)
    cut = int(len(text) * (1 - held_out))
    if cut == 0:
        raise ValueError(f"{path} is too short: {len(text)} characters")
    return PlainText(
        "shakespeare" if path.name == "input.txt" else path.stem, text[:cut], text[cut:]
    )


@dataclass(frozen=True)
class Names:
    """First names in lower case, in three parts that share none.

    Parameters
    ----------
    train, validation, test : list of str
    """

    train: list[str]
    validation: list[str]
    test: list[str]


def load_names(data_dir=None, progress=True, *, validation=0.1, test=0.1, seed=0):
    """First names, each once: repeats are dropped before the split.

    Parameters
    ----------
    data_dir : path-like, optional
        A file with a name a line, or a folder with ``names/names.txt`` or ``names.txt``. Without
        it, the folder in ``MINITRANSFORMER_DATA`` is searched, and then the file is downloaded.
    progress : bool
    validation, test : float
        Shares of the names.
    seed : int
        Chooses the parts.

    Returns
    -------
    Names
        23,595/2,950/2,949 of the 29,494 different names.

    Raises
    ------
    FileNotFoundError, ValueError, DownloadError
        If it is not there, is no text, or cannot be downloaded.
    TypeError, ValueError
        If `seed` is no integer or negative, or a share is out of range.
    """
    check_count("seed", seed, 0)
    for name, share, other in (("validation", validation, 0), ("test", test, validation)):
        if not (isinstance(share, int | float) and 0 <= share < 1 - other):
            raise ValueError(
                f"{name} must be a share from 0.0, and both below 1.0 together, not {share!r}"
            )
    path = find("names", data_dir, ("names.txt",), progress)
    names = list(
        dict.fromkeys(name for line in read_text(path).split("\n") if (name := line.strip()))
    )
    order = np.random.default_rng(seed).permutation(len(names))
    cuts = [round(len(names) * (1 - validation - test)), round(len(names) * (1 - test))]
    parts = [[names[i] for i in part] for part in np.split(order, cuts)]
    return Names(*parts)
