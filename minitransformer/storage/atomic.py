"""Atomic writes: a reader finds either the complete old file or the complete new one.

This is guaranteed by the order of the steps: write a temporary file in the same folder, fsync it,
rename it to the name of the target (an atomic operation within a file system), and fsync the folder
so that the rename survives a power cut. Every system call is made through :mod:`os`, so that the
tests can make each one fail.
"""

import errno
import io
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

TEMPORARY = ".saving-{}.tmp"


def atomic_write(path, content):
    """Write a file atomically and durably.

    Parameters
    ----------
    path : path-like
        The file to write. Its folder must exist. If `path` is a symbolic link, the target of the
        link is replaced, not the link.
    content : bytes-like or callable
        The bytes, or ``content(file)``, which writes them to a binary file object.

    Raises
    ------
    OSError
        With the errno of the call that failed (disk full, no permission, ...). The temporary file
        is removed. Unless the message says otherwise, the previous file at `path` is unchanged.
    Exception
        Any exception that ``content(file)`` raises. The previous file at `path` is unchanged.

    Notes
    -----
    If the process is killed or the power is cut during writing, a hidden file ``.saving-*.tmp`` can
    remain. It is never read, and :func:`remove_leftovers` deletes it.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / TEMPORARY.format(secrets.token_hex(8))
    try:
        _write_and_sync(temporary, content)
        os.replace(temporary, target)
    except BaseException as error:  # Ctrl-C must not leave a temporary file either
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None:
            reason = f"cannot save: {error.strerror}; the previous file is unchanged"
            raise OSError(error.errno, reason, str(path)) from error
        raise
    try:
        _sync_folder(target.parent)
    except OSError as error:
        if error.errno == errno.EINVAL:  # some network file systems cannot sync a folder
            return
        reason = f"saved, but a power cut now could undo it (fsync of the folder: {error.strerror})"
        raise OSError(error.errno, reason, str(path)) from error


def remove_leftovers(folder):
    """Remove the files that killed processes left in `folder` while they were saving.

    Call it only while no other process saves in the folder.
    """
    for path in Path(folder).glob(TEMPORARY.format("*")):
        with suppress(OSError):  # a file that cannot be removed does no harm
            path.unlink()


def write_text(path, text: str):
    """Write `text` as UTF-8 with :func:`atomic_write`."""
    atomic_write(path, text.encode("utf-8"))


def write_json(path, value):
    """Write `value` as indented JSON with :func:`atomic_write`.

    Raises ValueError for NaN and infinity, which do not exist in JSON.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def _write_and_sync(path, content):
    # O_EXCL: never write into a file that another process created
    descriptor = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666
    )
    try:
        if callable(content):
            with io.BufferedWriter(_Descriptor(descriptor), 1 << 20) as file:
                content(file)
        else:
            _write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor, data):
    """Write all of `data`: each system call may write only a part of it."""
    data = memoryview(data).cast("B")
    while data:
        written = os.write(descriptor, data)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        data = data[written:]


class _Descriptor(io.RawIOBase):
    """A write-only file object for a descriptor that it does not own."""

    def __init__(self, descriptor):
        self._descriptor = descriptor

    def writable(self):
        return True

    def write(self, data):
        _write_all(self._descriptor, data)
        return memoryview(data).nbytes


def _sync_folder(folder):
    if os.name == "nt":  # Windows has no folder descriptors; its renames are journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
