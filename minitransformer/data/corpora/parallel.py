"""Sentences with their translations: Multi30k, or your own files named like its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from minitransformer.checks import check_choice
from minitransformer.storage.download import data_folders, fetch
from minitransformer.storage.text_files import read_text

LANGUAGES = ("en", "de", "fr")
TESTS = ("test_2016_flickr", "test_2017_flickr", "test_2017_mscoco", "test_2018_flickr")
PLACES = ("", "multi30k")
ENDINGS = (".gz", "")


@dataclass(frozen=True)
class Parallel:
    """Sentences in two languages, line by line.

    Parameters
    ----------
    source, target : list of str
        Sentences and their translations: lists of the same length, without blank sentences.
    """

    source: list[str]
    target: list[str]

    def __post_init__(self):
        if len(self.source) != len(self.target):
            raise ValueError(
                f"source and target must have the same length, got "
                f"{len(self.source)} and {len(self.target)} sentences"
            )

    def __len__(self):
        return len(self.source)


@dataclass(frozen=True)
class ParallelDataset:
    """A parallel corpus.

    Parameters
    ----------
    name : str
        The name of the corpus in messages.
    train, validation : Parallel
        The sentences for training and for validation.
    tests : dict of str to Parallel
        Test sets by name.
    languages : (str, str)
        Codes of the source and the target language.
    """

    name: str
    train: Parallel
    validation: Parallel
    tests: Mapping[str, Parallel] = field(default_factory=dict)
    languages: tuple[str, str] = ("source", "target")

    def __repr__(self):
        tests = "".join(f", {name}: {len(part)}" for name, part in self.tests.items())
        return (
            f"ParallelDataset({self.name!r}, {' to '.join(self.languages)}, train: "
            f"{len(self.train)}, validation: {len(self.validation)}{tests})"
        )


def load_multi30k(data_dir=None, source="en", target="de", progress=True):
    """Multi30k, task 1: captions of photographs and their translations, as raw text.

    Source: Elliott, Frank, Sima'an and Specia, "Multi30K: Multilingual English-German Image
    Descriptions", 2016. The test sets of 2017 and 2018 come from the shared tasks of those years.

    Parameters
    ----------
    data_dir : path-like, optional
        A folder with ``train.en``, ``train.de``, ``val.en``, ... (also as ``.gz``, or in a
        subfolder ``multi30k``). The files are not verified, and test sets may be missing. By
        default, the folder in ``MINITRANSFORMER_DATA`` is searched. If the files are not there, the
        published ones are downloaded once, and verified.
    source, target : {"en", "de", "fr"}
        Languages. If `data_dir` is given, any file endings are allowed.
    progress : bool
        Whether to show a bar on standard error when a download takes longer than two seconds.

    Returns
    -------
    ParallelDataset
        29,000 sentences for training, 1,014 for validation, and test sets of 1,000, 1,000, 461 and
        1,071 sentences.

    Raises
    ------
    FileNotFoundError
        If a folder does not exist.
    ValueError
        If files are missing, damaged or misaligned; the message names the line.
    DownloadError
        If a download is needed and fails.
    """
    if source == target:
        raise ValueError(f"source and target must be different languages, got {source!r} twice")
    folder = _folder(data_dir, source, target)
    if folder is None:
        check_choice("source", source, LANGUAGES)
        check_choice("target", target, LANGUAGES)

    def part(name):
        paths = [_path(folder, f"{name}.{language}", progress) for language in (source, target)]
        if None in paths:
            if name in TESTS:
                return None
            raise ValueError(f"{folder} does not contain both {name}.{source} and {name}.{target}")
        return read_parallel(*paths)

    tests = {name: found for name in TESTS if (found := part(name)) is not None}
    return ParallelDataset("multi30k", part("train"), part("val"), tests, (source, target))


def read_parallel(source, target) -> Parallel:
    """Read two UTF-8 files line by line, dropping outer spaces and pairs of blank lines.

    Parameters
    ----------
    source, target : path-like
        The two files.

    Raises
    ------
    ValueError
        If a line has no partner, because one file is longer or is blank where the other is not.
        The message names the line.
    """
    paths = (source, target)
    texts = [[line.strip() for line in read_text(path).split("\n")] for path in paths]
    for lines in texts:  # blank lines at the end are not sentences
        while lines and not lines[-1]:
            lines.pop()
    pairs = []
    for number, pair in enumerate(zip(*texts, strict=False), start=1):
        if all(pair):
            pairs.append(pair)
        elif any(pair):
            blank, other = paths if not pair[0] else paths[::-1]
            raise ValueError(
                f"{blank} and {other} are misaligned at line {number}: the first is "
                f"blank there, the second has {max(pair)[:60]!r}"
            )
    if len(texts[0]) != len(texts[1]):
        short, long = sorted(zip(texts, paths, strict=True), key=lambda item: len(item[0]))
        raise ValueError(
            f"{long[1]} and {short[1]} are misaligned at line {len(short[0]) + 1}: "
            f"the first has {len(long[0]):,} lines, the second {len(short[0]):,}"
        )
    return Parallel([a for a, _ in pairs], [b for _, b in pairs])


def _folder(data_dir, source, target):
    """The folder to read, or None for the published files."""
    for folder in data_folders(data_dir):
        for place in PLACES:
            if all(_local(folder / place, f"train.{language}") for language in (source, target)):
                return folder / place
        if data_dir is not None:
            raise ValueError(
                f"{data_dir} does not contain Multi30k: looked in it and in its folder "
                f"multi30k for train.{source} and train.{target}, also as .gz"
            )
    return None


def _local(folder, name) -> Path | None:
    paths = [folder / f"{name}{ending}" for ending in ENDINGS]
    return next((path for path in paths if path.is_file()), None)


def _path(folder, name, progress):
    return fetch(f"multi30k/{name}", progress=progress) if folder is None else _local(folder, name)
