"""Finding the files of a corpus and reading them as text. Errors name the place of a fault."""

import codecs
import gzip
import io
import zlib
from pathlib import Path

from minitransformer.storage.download import data_folders, fetch
from minitransformer.storage.published import SOURCES

MAX_TEXT = 1 << 28  # in bytes, for one file after decompression; Multi30k's largest has 2 MB

# The longer marks come first: that of UTF-32 begins with that of UTF-16
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def find(name, data_dir=None, places=(), progress=True) -> Path:
    """The path of a published file, found in a folder (and not verified) or downloaded.

    Parameters
    ----------
    name : str
        A key of :data:`minitransformer.storage.published.SOURCES`.
    data_dir : path-like, optional
        The file itself, or a folder that contains the file at its published place or at one of
        `places`. The folder in ``MINITRANSFORMER_DATA`` is searched next.
    places : sequence of str
        Further places in a folder at which to look for the file.
    progress : bool
        Whether to show a bar on standard error.

    Raises
    ------
    FileNotFoundError
        If a folder does not exist.
    ValueError
        If `data_dir` does not contain the file.
    DownloadError
        If a download is needed and fails.
    """
    places = (SOURCES[name].filename, *places)
    for folder in data_folders(data_dir):
        if folder.is_file():
            return folder
        for place in places:
            if (folder / place).is_file():
                return folder / place
        if data_dir is not None:
            raise ValueError(
                f"{data_dir} does not contain {SOURCES[name].title}: looked in it for "
                f"{', '.join(places)}"
            )
    return fetch(name, progress=progress)


def read_text(path) -> str:
    """The text of a UTF-8 file, which is decompressed if it is a gzip file.

    The line end ``\\r\\n`` becomes ``\\n``, and a byte-order mark is dropped. A lone ``\\r`` is not
    treated as a line end: within a sentence, it would misalign all following lines with those of
    the other language.

    Raises
    ------
    ValueError
        If the file is empty, damaged, larger than 256 MiB, or not UTF-8 (the message has the line).
    OSError
        If the file cannot be read.
    """
    text = decode(path, read_bytes(path, MAX_TEXT)).replace("\r\n", "\n")
    if not text.strip():
        raise ValueError(f"{path} is empty")
    return text


def read_bytes(path, limit) -> bytes:
    """The content of a file, which is decompressed if it is a gzip file.

    Parameters
    ----------
    path : path-like
        The file.
    limit : int
        Maximum number of bytes, after decompression.

    Raises
    ------
    ValueError
        If the content is larger than `limit`, or a compressed file is damaged.
    OSError
        If the file cannot be read.
    """
    with open(path, "rb") as file:
        start = file.read(2)
        file.seek(0, io.SEEK_SET)
        if start != b"\x1f\x8b":
            data = file.read(limit + 1)
        else:
            try:
                with gzip.GzipFile(fileobj=file) as unpacked:
                    data = unpacked.read(limit + 1)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise ValueError(f"{path} is damaged: {error}") from None
    if len(data) > limit:
        raise ValueError(f"{path} is larger than the allowed {limit:,} bytes")
    return data


def decode(path, data: bytes, encoding=None, hint="save the file as UTF-8 first") -> str:
    """The text of a file's content, without a byte-order mark.

    Parameters
    ----------
    path : path-like
        For error messages.
    data : bytes
        The content.
    encoding : str, optional
        Its encoding. By default the one that its byte-order mark names, or UTF-8.
    hint : str
        What to do about a file in another encoding.

    Raises
    ------
    ValueError
        If the content is not in this encoding. The message names the line.
    """
    name = encoding or next((name for mark, name in MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: not {name.upper()} ({error.reason}); {hint}"
        ) from None
