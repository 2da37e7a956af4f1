"""Reading the members of a tar archive as a stream, without extracting anything to disk.

An archive comes from an untrusted source. So no name in it is used as a path, only regular files
are read, and every size is checked before memory is allocated for it.
"""

import gzip
import io
import stat
import tarfile
import zlib
from pathlib import Path

MIB = 1 << 20
MAX_HEADER = 64 << 10  # for long names and extended headers; a path has at most 4096 bytes
MAX_GLOBALS = 100  # maximum number of global extended headers, which stay in memory
# The errors of tarfile, gzip and zlib for a damaged or forged archive. OSError is not one of them:
# an unreadable disk is not the archive's fault. RecursionError comes from endless chains of
# headers.
DAMAGED = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, RecursionError)


def read_members(
    source, wanted=None, *, max_member=10 * MIB, max_total=1024 * MIB, max_members=250_000
):
    """Read the regular files of a ``.tar`` or ``.tar.gz``, one after another.

    Parameters
    ----------
    source : path-like or binary file
        The archive. A file object allows the caller to follow the progress.
    wanted : callable, optional
        ``wanted(name) -> bool``: whether to read a member; other members are skipped.
    max_member : int
        Maximum size of a member that is read, in bytes.
    max_total : int
        Maximum size of the whole archive after decompression, in bytes.
    max_members : int
        Maximum number of members, including those that are not regular files.

    Yields
    ------
    name : str
        Name of the member, with forward slashes and without a leading ``./``.
    content : bytes
        The complete content of the member.

    Raises
    ------
    ValueError
        If `source` is damaged, truncated or not a tar archive; if it contains a name that is
        absolute or leads out of the archive, the same name twice, a link, a device or a sparse
        file; or if it exceeds a limit. Members before the fault are yielded first.
    OSError
        If `source` cannot be opened or read.
    """
    if hasattr(source, "read"):
        yield from _members(source, wanted, max_member, max_total, max_members)
        return
    if not stat.S_ISREG(Path(source).stat().st_mode):
        raise ValueError(f"{source} is not a file")
    with open(source, "rb") as file:
        yield from _members(file, wanted, max_member, max_total, max_members)


def _members(file, wanted, max_member, max_total, max_members):
    label = getattr(file, "name", "in memory")
    start = file.read(2)
    file.seek(-len(start), io.SEEK_CUR)
    stream = _Forward(gzip.GzipFile(fileobj=file) if start == b"\x1f\x8b" else file, max_total)
    seen, count = set(), 0
    try:
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # tarfile would keep all members in memory
                count += 1
                if count > max_members:
                    raise ValueError(f"it has more than {max_members:,} members")
                if len(tar.pax_headers) > MAX_GLOBALS:
                    raise ValueError(f"it has more than {MAX_GLOBALS} global headers")
                name = _checked_name(member)
                if member.isdir():
                    continue
                if name in seen:
                    raise ValueError(f"it contains {name!r} twice")
                seen.add(name)
                if wanted is None or wanted(name):
                    yield name, _content(tar, member, stream, max_member)
        stream.finish()
    except DAMAGED as error:
        raise ValueError(
            f"archive {label} is damaged or cannot be trusted: {error or type(error).__name__}"
        ) from error


def _checked_name(member):
    """Return the member's name, or raise a ValueError that says what is wrong with the member."""
    name = member.name
    while name.startswith("./"):
        name = name[2:]
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in parts or ":" in parts[0]:
        raise ValueError(f"the name {member.name[:80]!r} is absolute or leads out of the archive")
    if member.issparse():
        raise ValueError(f"{name!r} is a sparse file")
    if not (member.isfile() or member.isdir()):
        kind = "a link" if member.islnk() or member.issym() else "a device or something else"
        raise ValueError(f"{name!r} is {kind}; only files and folders are read")
    if member.size < 0:
        raise ValueError(f"{name!r} has {member.size:,} bytes")
    return "/".join(part for part in parts if part not in ("", "."))


def _content(tar, member, stream, max_member):
    if member.size > max_member:
        raise ValueError(f"{member.name!r} has {member.size:,} bytes; allowed are {max_member:,}")
    stream.max_read = max_member
    with tar.extractfile(member) as file:
        content = file.read()  # the complete content, or tarfile raises an error
    stream.max_read = MAX_HEADER
    return content


class _Forward:
    """The decompressed stream for tarfile, which is read only forwards and limited in size."""

    def __init__(self, file, max_total):
        self._file, self._max_total = file, max_total
        self._position, self._last = 0, b""
        self.max_read = MAX_HEADER

    def tell(self):
        return self._position

    def read(self, size):
        # tarfile reads a long name or extended header in one call, whatever size it claims to have
        if not 0 <= size <= self.max_read:
            raise ValueError(f"a header of {size:,} bytes; allowed are {self.max_read:,}")
        if self._position + size > self._max_total:
            raise ValueError(f"more than {self._max_total:,} bytes after decompression")
        self._last = self._file.read(size)
        self._position += len(self._last)
        return self._last

    def seek(self, position):
        if position < self._position:
            raise ValueError("a header points backwards")
        while self._position < position:
            if not self.read(min(position - self._position, MAX_HEADER)):
                raise EOFError("it is truncated")

    def finish(self):
        """Check that the archive ended at its end marker; read the rest of it, up to the CRC."""
        # tarfile takes a damaged header for the end; after the true end there are only zeros
        if len(self._last) != tarfile.BLOCKSIZE:
            raise EOFError("it is truncated")
        while self._last:
            if self._last.strip(b"\0"):
                raise ValueError("it is damaged in the middle, or continues after its end")
            self.read(min(MAX_HEADER, self._max_total - self._position))
