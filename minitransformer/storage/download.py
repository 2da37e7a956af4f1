"""Fetching published data from a folder, from the cache, or over https. Files are always verified.

pooch manages the cache and compares the hash. It cannot resume a partial download, so this is done
in :mod:`minitransformer.storage.resume`. A file gets its final name only after its SHA-256 has been
verified.
"""

import difflib
import errno
import hashlib
import http.client
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from minitransformer.storage.published import SOURCES
from minitransformer.storage.resume import ResumingDownloader

VARIABLE = "MINITRANSFORMER_DATA"


class DownloadError(OSError):
    """A file could not be fetched. The message says why, and where to put the file by hand."""


def data_folders(data_dir=None):
    """The folders that are searched before anything is downloaded.

    Parameters
    ----------
    data_dir : path-like, optional
        The folder to search first, before the one in the environment variable
        ``MINITRANSFORMER_DATA``.

    Returns
    -------
    list of Path

    Raises
    ------
    FileNotFoundError
        If one of the folders does not exist.
    """
    given = [
        ("data_dir", data_dir),
        (f"the environment variable {VARIABLE}", os.environ.get(VARIABLE) or None),
    ]
    for name, folder in given:
        if folder is not None and not Path(folder).exists():
            raise FileNotFoundError(
                errno.ENOENT, f"{name} names a folder that does not exist", str(folder)
            )
    return [Path(folder) for _, folder in given if folder is not None]


def _unknown(name, sources):
    """The message for a `name` that is not in `sources`."""
    near = difflib.get_close_matches(str(name), sources, n=1)
    groups = dict.fromkeys(known.split("/")[0] for known in sources)
    question = f"; did you mean {near[0]!r}?" if near else ""
    return f"no data called {name!r}; known: {', '.join(groups)}{question}"


def fetch(
    name,
    data_dir=None,
    *,
    progress=True,
    cache=None,
    sources=SOURCES,
    timeout=20.0,
    attempts=4,
    wait=1.0,
    allow_loopback=False,
):
    """Return the path of a published file; download the file if it is not on the disk yet.

    Parameters
    ----------
    name : str
        A key of `sources`.
    data_dir : path-like, optional
        The folder to search first. Then the folder in ``MINITRANSFORMER_DATA`` and the cache are
        searched.
    progress : bool
        Whether to show a bar on standard error.
    cache : path-like, optional
        The folder for downloads; by default, the user's cache folder.
    sources : dict of str -> Source
        The files that can be downloaded.
    timeout : float
        Seconds without data, or with hardly any, after which the connection counts as stalled.
    attempts : int
        Maximum number of attempts, each of which continues where the previous one stopped.
    wait : float
        Seconds between two attempts.
    allow_loopback : bool
        Whether to allow plain http to 127.0.0.1, for tests.

    Raises
    ------
    DownloadError
        If there is no network, the hash is wrong, and so on. The partial download is kept for the
        next attempt, and the previous file is unchanged.
    ValueError
        If `name` is unknown.
    """
    import pooch  # imported here: it takes 0.2 s, and most runs download nothing

    if name not in sources:
        raise ValueError(_unknown(name, sources))
    source = sources[name]
    for folder in data_folders(data_dir):
        for path in (folder / source.filename, folder / name / source.filename):
            if path.is_file():
                return _verified(path, source, pooch.file_hash)
    target = Path(cache or pooch.os_cache("minitransformer")) / source.filename
    pooch.get_logger().setLevel("WARNING")
    download = ResumingDownloader(
        target.with_name(f"{target.name}.part"),
        source.size,
        timeout=timeout,
        attempts=attempts,
        wait=wait,
        progress=progress,
        allow_loopback=allow_loopback,
    )
    with only_one_process(target):
        return _retrieve(source, target, download)


def _retrieve(source, target, download):
    """The path of the file in the cache, downloaded if it is not there yet."""
    import pooch

    for may_retry in (True, False):
        try:
            return Path(
                pooch.retrieve(
                    source.url,
                    f"sha256:{source.sha256}",
                    target.name,
                    target.parent,
                    downloader=download,
                )
            )
        except ValueError as error:  # pooch raises this for a wrong hash, and removes the file
            # Retry after a resumed download, because the part downloaded earlier may be wrong.
            if not (may_retry and download.resumed):
                raise _failure(source, target, f"the server sent a wrong file: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            raise _failure(source, target, _reason(error)) from error


@contextmanager
def only_one_process(target):
    """Wait until no other process downloads `target`; on Windows, do not wait.

    The lock is on an empty file in the folder of temporary files. The system releases the lock when
    its process ends.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    place = hashlib.sha256(os.fsencode(target.absolute())).hexdigest()[:16]
    try:
        lock = open(Path(tempfile.gettempdir()) / f"minitransformer-{place}.lock", "wb")
    except OSError:  # for example, the lock of another user
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _verified(path, source, file_hash):
    found = file_hash(str(path))
    if found != source.sha256:
        raise DownloadError(
            f"{path} is not {source.title} as published: SHA-256 {found}, expected "
            f"{source.sha256}; remove or replace it"
        )
    return path


def _reason(error):
    reason = getattr(error, "reason", None) or error
    reason = f"{type(reason).__name__}: {reason}" if isinstance(reason, Exception) else str(error)
    return " ".join(reason.split())  # on one line, even if the server sends several


def _failure(source, target, reason):
    stale = " (the present file is a different one)" if target.exists() else ""
    return DownloadError(
        f"cannot download {source.title} from {source.url}: {reason}. Try again, or put the file "
        f"at {target}{stale}, or into a folder that --data-dir or {VARIABLE} "
        f"names ({source.size:,} bytes, SHA-256 {source.sha256})"
    )
