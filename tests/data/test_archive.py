"""Archives: members that are read, and about thirty hostile or damaged archives, all refused."""

import gzip
import io
import os
import tarfile
import tracemalloc

import numpy as np
import pytest

from minitransformer.storage import archive
from minitransformer.storage.archive import read_members

FILES = {
    "aclImdb/README": b"read me",
    "aclImdb/train/pos/0_9.txt": b"good " * 300,
    "aclImdb/train/neg/größe.txt": b"",
    "long/" + "x" * 200: b"y" * 512,
}


def member(name, content=b"", kind=tarfile.REGTYPE, **fields):
    """One member, as a pair of header and content."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar(*members, kind=tarfile.PAX_FORMAT, pax_headers=None):
    """The bytes of a tar archive of `members`; raw bytes among them are inserted unchanged."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind, pax_headers=pax_headers) as out:
        for one in members:
            if isinstance(one, bytes):
                out.fileobj.write(one)
                out.offset += len(one)
            else:
                out.addfile(one[0], io.BytesIO(one[1]))
    return stream.getvalue()


def header(name, size, kind=tarfile.REGTYPE, kind_of_file=tarfile.GNU_FORMAT):
    """A header block that claims `size` bytes, regardless of what follows."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(kind_of_file, "utf-8", "strict")


def pax(**records):
    """An extended header with `records`, which need not be true."""
    body = b""
    for key, value in records.items():
        record = f" {key.replace('__', '.')}={value}\n".encode()
        length = len(record) + len(str(len(record) + 2))
        body += b"%d" % length + record
    return header("pax", len(body), tarfile.XHDTYPE) + body + bytes(-len(body) % 512)


def good():
    return tar(member("aclImdb/", kind=tarfile.DIRTYPE), *(member(*f) for f in FILES.items()))


def read(data, **limits):
    return dict(read_members(io.BytesIO(data), **limits))


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_members_are_read(tmp_path, kind, pack):
    data = pack(tar(*(member(*f) for f in FILES.items()), kind=kind))
    assert read(data) == FILES
    (tmp_path / "a.tar").write_bytes(data)
    assert dict(read_members(tmp_path / "a.tar")) == FILES
    assert list(read(data, wanted=lambda name: name.endswith(".txt"))) == [
        "aclImdb/train/pos/0_9.txt",
        "aclImdb/train/neg/größe.txt",
    ]


def test_leading_dots_are_dropped_and_folders_passed_over():
    data = tar(
        member("./", kind=tarfile.DIRTYPE),
        member("./a/./b", b"1"),
        member("a/c", b"2"),
        member("./a/", kind=tarfile.DIRTYPE),
        member("a/", kind=tarfile.DIRTYPE),
    )
    assert read(data) == {"a/b": b"1", "a/c": b"2"}


def test_a_large_member_may_be_passed_over():
    data = tar(member("large", bytes(3000)), member("small", b"x"))
    assert read(data, wanted=lambda name: name == "small", max_member=1000) == {"small": b"x"}


BEFORE = member("before", b"fine")
CHAIN = b"".join(pax(comment="x") for _ in range(3000))
HOSTILE = {
    "absolute name": (tar(BEFORE, member("/etc/passwd", b"x")), "leads out"),
    "parent folder": (tar(member("../../x", b"x")), "leads out"),
    "parent folder inside": (tar(member("a/../../x", b"x")), "leads out"),
    "parent folder at the end": (tar(member("a/..", kind=tarfile.DIRTYPE)), "leads out"),
    "dots before a root": (tar(member(".//etc/passwd", b"x")), "leads out"),
    "backslashes": (tar(member("..\\x", b"x")), "leads out"),
    "drive letter": (tar(member("C:/x", b"x")), "leads out"),
    "long name in an extended header": (tar(pax(path="../x"), member("y", b"x")), "leads out"),
    "NUL in a name": (tar(pax(path="a\0b"), member("y", b"x")), "leads out"),
    "symbolic link": (tar(member("x", kind=tarfile.SYMTYPE, linkname="/etc")), "link"),
    "hard link": (tar(member("x", kind=tarfile.LNKTYPE, linkname="a")), "link"),
    "link under a wanted name": (
        tar(member("train/pos/0_9.txt", kind=tarfile.SYMTYPE, linkname="a")),
        "link",
    ),
    "character device": (tar(member("x", kind=tarfile.CHRTYPE)), "device"),
    "block device": (tar(member("x", kind=tarfile.BLKTYPE)), "device"),
    "named pipe": (tar(member("x", kind=tarfile.FIFOTYPE)), "device"),
    "unknown kind": (tar(member("x", kind=b"Z")), "something else"),
    "sparse file": (tar(header("x", 0, tarfile.GNUTYPE_SPARSE)), "sparse"),
    "sparse file in an extended header": (
        tar(pax(GNU__sparse__map="0,1", GNU__sparse__size="1"), member("x", b"x")),
        "sparse",
    ),
    "a name twice": (tar(member("a/x", b"x"), member("a/./x", b"y")), "twice"),
    "too large a member": (tar(member("x", bytes(20_000))), "'x' has 20,000 bytes; allowed"),
    "claims to be huge": (tar(header("x", 1 << 40), b"x"), "'x' has 1,099,511,627,776 bytes"),
    "claims to be huge in an extended header": (
        tar(pax(size=1 << 70), member("x", b"x")),
        "bytes; allowed",
    ),
    "negative size": (tar(header("x", -512)), "-512 bytes"),
    "huge extended header": (tar(header("x", 1 << 34, tarfile.XHDTYPE)), "a header of"),
    "huge long name": (tar(header("x", 1 << 34, tarfile.GNUTYPE_LONGNAME)), "a header of"),
    "negative extended header": (tar(header("x", -1024, tarfile.XHDTYPE)), "a header of -"),
    "endless chain of extended headers": (tar(CHAIN, member("x", b"x")), "recursion"),
    "too many members": (tar(*(member(f"{i}") for i in range(60))), "more than 50 members"),
    "too many folders": (
        tar(*(member(f"{i}/", kind=tarfile.DIRTYPE) for i in range(60))),
        "more than 50 members",
    ),
    "too many global headers": (
        tar(member("x"), pax_headers={f"k{i}": "v" for i in range(150)}),
        "global headers",
    ),
    "bomb of one file": (gzip.compress(tar(header("x", 1 << 30), bytes(200_000))), "allowed"),
    "bomb of many files": (
        gzip.compress(tar(*(member(f"{i}", bytes(9_000)) for i in range(40)))),
        "decompression",
    ),
    "bomb in what is passed over": (
        gzip.compress(tar(header("skipped", 1 << 30), bytes(400_000))),
        "decompression",
    ),
    "cut in a member": (good()[:2000], "truncated|unexpected end"),
    "cut between members": (good()[:3584], "truncated"),
    "cut gzip": (gzip.compress(good())[:-20], "end-of-stream|truncated"),
    "wrong CRC": (gzip.compress(good())[:-8] + bytes(8), "CRC"),
    "damaged gzip": (gzip.compress(bytes(50) + good())[:40] + b"\xff" * 60, ""),
    "damaged header in the middle": (
        tar(BEFORE, member("a", b"x" * 1000)).replace(b"a\0\0", b"b\0\0", 1),
        "damaged",
    ),
    "header of zeros in the middle": (tar(BEFORE, bytes(512), member("a", b"x")), "continues"),
    "empty": (b"", "empty"),
    "no archive": (b"This is not an archive. " * 100, "invalid header"),
    "gzip of no archive": (gzip.compress(b"no archive " * 100), "invalid header"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused(tmp_path, monkeypatch, name):
    data, message = HOSTILE[name]
    (tmp_path / "hostile.tar").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"archive .*hostile.tar is .*: .*({message})"):
            list(
                read_members(
                    tmp_path / "hostile.tar",
                    lambda name: name != "skipped",
                    max_member=10_000,
                    max_total=370_000,
                    max_members=50,
                )
            )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3e6
    assert os.listdir(tmp_path) == ["hostile.tar"]


def test_every_limit_can_be_raised_to_let_an_archive_in():
    data = tar(*(member(f"{i}", bytes(9_000)) for i in range(60)))
    assert len(read(data, max_member=9_000, max_total=len(data) + 70_000, max_members=60)) == 60


def test_random_alterations_give_an_error_or_what_is_there():
    rng = np.random.default_rng(0)
    whole = [
        tar(*(member(*f) for f in FILES.items()), kind=kind)
        for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)
    ]
    outcomes = set()
    for _ in range(3000):
        data = bytearray(whole[rng.integers(2)])
        for _ in range(rng.integers(1, 4)):
            i = int(rng.integers(len(data)))
            data[i : i + int(rng.integers(3))] = rng.bytes(int(rng.integers(3)))
        repair_checksums(data)
        try:
            found = read(bytes(data), max_total=1 << 20)
        except ValueError as error:
            outcomes.add(str(error).split("trusted: ")[1][:8])
        else:
            outcomes.add("read")
            assert sum(map(len, found.values())) <= len(data)
    assert "read" in outcomes
    assert len(outcomes) > 5


def repair_checksums(data):
    """Make the checksums of altered headers valid, so that their fields are examined."""
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar":
            total = sum(data[at : at + 148]) + 256 + sum(data[at + 156 : at + 512])
            data[at + 148 : at + 156] = b"%06o\0 " % total


def test_errors_of_the_disk_stay_errors_of_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(read_members(tmp_path / "absent.tar"))
    with pytest.raises(ValueError, match="is not a file"):
        list(read_members(tmp_path))

    class Failing(io.BytesIO):
        def read(self, *args):
            if self.tell() > 100:
                raise OSError(5, "Input/output error")
            return super().read(*args)

    with pytest.raises(OSError, match="Input/output error"):
        list(read_members(Failing(good())))


def test_damage_anywhere_in_the_compressed_bytes():
    text = " ".join(str(i * i) for i in range(1500)).encode()
    packed = gzip.compress(tar(member("x", text)), mtime=0)
    for i in range(10, len(packed) - 8, 16):
        with pytest.raises(ValueError, match="damaged"):
            read(packed[:i] + b"\xff" * 12 + packed[i + 12 :])


def test_memory_does_not_grow_with_the_members():
    data = tar(*(member(f"{i}", b"x") for i in range(3000)), kind=tarfile.GNU_FORMAT)
    tracemalloc.start()
    count = sum(1 for _ in read_members(io.BytesIO(data)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3000
    assert peak < 7e5  # the names are kept in memory, to detect repeated names


def test_the_stream_never_goes_backwards():
    stream = archive._Forward(io.BytesIO(bytes(10_000)), max_total=10_000)
    stream.seek(600)
    stream.seek(600)
    with pytest.raises(ValueError, match="backwards"):
        stream.seek(599)


def test_headers_are_limited_below_any_member():
    assert archive.MAX_HEADER < 1 << 20
