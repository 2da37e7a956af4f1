"""The IMDB film reviews of Maas et al., from an archive, from a folder, or downloaded.

There are 25,000 labelled reviews for training, 25,000 for testing, and 50,000 without a label.
Reviews with 1 to 4 stars are negative; those with 7 to 10 are positive.

Source: Maas, Daly, Pham, Huang, Ng and Potts, "Learning Word Vectors for Sentiment Analysis", ACL
2011.
"""

import errno
import gzip
import html
import os
import re
import zlib

import numpy as np

from minitransformer.data.corpora.dataset import UNLABELLED, Dataset, Split
from minitransformer.data.corpora.splits import split_off
from minitransformer.storage.archive import read_members
from minitransformer.storage.download import data_folders, fetch
from minitransformer.storage.progress import late_bar

CLASS_NAMES = ("negative", "positive")
FOLDERS = ("train/neg", "train/pos", "test/neg", "test/pos", "train/unsup")
PLACES = ("", "aclImdb", "imdb", "imdb/aclImdb")
ARCHIVES = ("aclImdb*.tar.gz", "aclImdb*.tgz", "aclImdb*.tar")
UNLABELLED_FILE = "unsup_50k.txt.gz"
MAX_TEXT = 1 << 20  # in bytes; the longest review has 14,000

_REVIEW = re.compile(rf"(?:.*/)?({'|'.join(FOLDERS)})/(\d+)_(\d+)\.txt")
# Only HTML elements: <grin>, <3 and "a < b > c" are the reviewers' own words
_MARKUP = re.compile(
    r"</?(?:a|b|br|center|div|em|font|hr|i|img|li|ol|p|span|strong|u|ul)\b[^<>]*>", re.IGNORECASE
)
# Windows-1252 bytes were published as control characters; other control characters become spaces
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROLS = dict.fromkeys([*range(32), 0x7F], " ")
_CONTROLS |= {
    i: bytes([i]).decode("cp1252", "replace").replace("\ufffd", " ") for i in range(0x80, 0xA0)
}


def load_imdb(data_dir=None, unlabelled=False, progress=True, *, validation=0.1, seed=0):
    """Load the IMDB reviews, without markup, and without texts that occur in more than one part.

    Training texts that also occur in the test part are removed (123 in the original archive); the
    test part stays as published. Texts that occur twice in the training part are never used for
    validation.

    Parameters
    ----------
    data_dir : path-like, optional
        An archive (the original ``aclImdb_v1.tar.gz`` or a selection from it), an unpacked
        archive, or a folder that contains either; its content is not verified. By default, the
        folder named by the environment variable ``MINITRANSFORMER_DATA`` is searched. If the
        reviews are not there, the original archive is downloaded once, and verified.
    unlabelled : bool
        Whether to also read the reviews without labels, as ``extra["unlabelled"]``. They come from
        the archive's ``train/unsup``, or from a file ``unsup_50k.txt.gz`` next to the archive. Each
        text is included only once, and only if it is not in another part.
    progress : bool
        Whether to show a bar on standard error when something takes longer than two seconds.
    validation : float or int
        Number of training reviews to use for validation, or the fraction of the published
        training reviews to use.
    seed : int
        Determines which reviews are in the validation part.

    Returns
    -------
    Dataset
        Classes ``negative`` and ``positive``, nearly balanced in every part.

    Raises
    ------
    FileNotFoundError
        If `data_dir` does not exist.
    ValueError
        If there are no IMDB reviews in `data_dir`, or they are damaged or incomplete.
    DownloadError
        If a download is needed and fails.
    """
    source = _locate(data_dir, progress)
    reviews = _read(source, unlabelled, progress)
    test = _split(reviews["test/neg"], reviews["test/pos"])
    train, dev = _train_and_validation(reviews, set(test.texts), validation, seed)
    extra = {}
    if unlabelled:
        texts = reviews["train/unsup"] or _unlabelled_file(source, progress)
        known = {*train.texts, *dev.texts, *test.texts}
        texts = [text for text in dict.fromkeys(texts) if text not in known]
        extra["unlabelled"] = Split(texts, np.full(len(texts), UNLABELLED))
    return Dataset("imdb", train, dev, test, CLASS_NAMES, extra)


def clean(text):
    """A review without HTML tags, entities, control characters or repeated spaces."""
    if "<" in text:
        text = _MARKUP.sub(" ", text)
    if "&" in text:
        text = html.unescape(text)
    if _CONTROL.search(text):
        text = text.translate(_CONTROLS)
    return " ".join(text.split())


def _train_and_validation(reviews, in_test, validation, seed):
    everything = _split(reviews["train/neg"], reviews["train/pos"])
    if isinstance(validation, float) and 0 <= validation < 1:  # a fraction of what was published
        validation = round(validation * len(everything))
    kept = [i for i, text in enumerate(everything.texts) if text not in in_test]
    texts, labels = [everything.texts[i] for i in kept], everything.labels[kept]
    rest, chosen = split_off(
        texts, labels, CLASS_NAMES, {"validation": validation}, np.random.default_rng(seed)
    )
    return tuple(Split([texts[i] for i in part], labels[part]) for part in (rest, chosen))


def _split(negative, positive):
    return Split(negative + positive, np.repeat([0, 1], [len(negative), len(positive)]))


def _locate(data_dir, progress):
    """The archive or the unpacked folder to read."""
    for folder in data_folders(data_dir):
        found = _search(folder)
        if found is not None:
            return found
        if data_dir is not None:
            raise ValueError(
                f"{data_dir} is not the IMDB data set: looked in it and in its folders "
                f"{', '.join(filter(None, PLACES))} for train/neg, train/pos, test/neg and "
                f"test/pos, and for {', '.join(ARCHIVES)}"
            )
    return fetch("imdb", progress=progress)


def _search(folder):
    if not folder.is_dir():
        return folder
    for place in PLACES:
        here = folder / place
        if (here / "train" / "pos").is_dir():
            return here
        archives = [path for pattern in ARCHIVES for path in here.glob(pattern) if path.is_file()]
        if archives:  # if there are several, the most complete one
            return max(archives, key=lambda path: (path.stat().st_size, path.name))
    return None


def _read(source, unlabelled, progress):
    """Cleaned texts of each of :data:`FOLDERS`, in the order of the reviews' numbers."""
    members = _folder_members if source.is_dir() else _archive_members
    found = {folder: [] for folder in FOLDERS}

    def is_review(name):
        match = _REVIEW.fullmatch(name)
        return match is not None and (unlabelled or match[1] != "train/unsup")

    for name, content in members(source, is_review, progress):
        folder, number, stars = _REVIEW.fullmatch(name).groups()
        found[folder].append((int(number), int(stars), _decoded(content, f"{source}: {name}")))
    absent = [folder for folder in FOLDERS[:4] if not found[folder]]
    if absent:
        raise ValueError(f"{source} is not IMDB: it has no reviews in {', '.join(absent)}")
    return {folder: [text for *_, text in sorted(found[folder])] for folder in FOLDERS}


def _decoded(content, where):
    try:
        text = clean(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is not UTF-8 text: {error}") from error
    if not text:
        raise ValueError(f"{where} is empty")
    return text


def _archive_members(path, wanted, progress):
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        with late_bar(f"reading {path.name}", size, shown=progress) as update:
            for name, content in read_members(file, wanted, max_member=MAX_TEXT):
                update(file.tell())
                yield name, content


def _folder_members(path, wanted, progress):
    with late_bar(f"reading {path}", shown=progress, in_bytes=False) as update:
        done = 0
        for folder in filter(lambda folder: (path / folder).is_dir(), FOLDERS):
            for name in sorted(os.listdir(path / folder)):
                if wanted(f"{folder}/{name}"):
                    yield f"{folder}/{name}", (path / folder / name).read_bytes()
                    done += 1
                    update(done)


def _unlabelled_file(source, progress):
    """Cleaned texts of the file with one unlabelled review per line."""
    path = source.parent / UNLABELLED_FILE
    if not path.is_file():
        raise FileNotFoundError(
            errno.ENOENT,
            f"no unlabelled reviews in train/unsup of {source}, "
            f"and no file {UNLABELLED_FILE} beside it",
            str(path),
        )
    texts = []
    try:
        with (
            open(path, "rb") as file,
            gzip.open(file) as lines,
            late_bar(
                f"reading {path.name}", os.fstat(file.fileno()).st_size, shown=progress
            ) as update,
        ):
            while line := lines.readline(MAX_TEXT):
                texts.append(_decoded(line, f"{path}, line {len(texts) + 1}"))
                update(file.tell())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is truncated or damaged: {error}") from error
    return texts
