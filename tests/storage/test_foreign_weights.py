"""Safetensors files of other programs: valid files are read, and every kind of fault is refused."""

import json
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from safetensors import SafetensorError

from minitransformer.storage import ArrayFile, save_arrays
from minitransformer.storage.foreign import from_bfloat16
from minitransformer.storage.header import FORMAT_DTYPES, MAX_HEADER
from tests.support.foreign_arrays import ARRAYS, same


@pytest.fixture
def path(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(safetensors.numpy.save(ARRAYS, {"format": "pt"}))
    return tmp_path / "model.safetensors"


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def raw(header, body=b""):
    """The bytes of a file with any header: an object to write as JSON, or literal text."""
    encoded = (header if isinstance(header, str) else json.dumps(header)).encode()
    return len(encoded).to_bytes(8, "little") + encoded + body


def test_what_others_wrote_is_read(path):
    file = ArrayFile(path)
    assert len(file) == len(ARRAYS)
    assert same(dict(file), ARRAYS)
    assert file.metadata == {"format": "pt"}
    assert file.entries["wte.weight"].shape == (4, 6)
    file["wte.weight"][0, 0] = 1.0  # writable, and a copy
    assert file["wte.weight"][0, 0] == 0.0
    with pytest.raises(KeyError):
        file["wpe.weight"]
    save_arrays(path, ARRAYS)  # our own files are readable too
    assert same(dict(ArrayFile(path)), ARRAYS)


def test_every_dtype_of_the_format(path):
    arrays = {
        name: np.arange(6).astype(dtype).reshape(2, 3)
        for name, dtype in FORMAT_DTYPES.items()
        if name != "BF16"
    }
    path.write_bytes(safetensors.numpy.save(arrays))
    assert {entry.dtype for entry in ArrayFile(path).entries.values()} == set(arrays)
    assert same(dict(ArrayFile(path)), arrays)


def test_bfloat16_is_the_upper_half_of_float32(path):
    bits = np.arange(1 << 16, dtype=np.uint16)
    path.write_bytes(raw({"a": entry("BF16", (256, 256), (0, 1 << 17))}, bits.tobytes()))
    values = ArrayFile(path)["a"]
    assert values.dtype == np.float32
    assert values.shape == (256, 256)
    assert np.array_equal(values.view(np.uint32).reshape(-1), bits.astype(np.uint32) << 16)
    # 1, -2, the largest, the smallest normal, infinity, and pi with its 8 bits
    known = {
        0x3F80: 1.0,
        0xC000: -2.0,
        0x7F7F: (2 - 2**-7) * 2.0**127,
        0x0080: 2.0**-126,
        0x7F80: np.inf,
        0x4049: 3.140625,
        0x0001: 2.0**-133,
    }
    assert from_bfloat16(np.array(list(known), np.uint16)).tolist() == list(known.values())
    assert np.isnan(from_bfloat16(np.array([0x7FC0], np.uint16)))[0]


HOSTILE = {
    "overlap": (raw({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)), "'a' and 'b' overlap"),
    "the same bytes twice": (raw({"a": entry(), "b": entry()}, bytes(8)), "overlap"),
    "inside another": (
        raw({"a": entry(shape=(4,), offsets=(0, 16)), "b": entry(offsets=(4, 12))}, bytes(16)),
        "'a' and 'b' overlap",
    ),
    "beyond the end": (
        raw({"a": entry(shape=(200,), offsets=(0, 800))}, bytes(8)),
        "'a' is beyond the end",
    ),
    "far beyond the end": (raw({"a": entry(offsets=(2**62, 2**62 + 8))}, bytes(8)), "beyond"),
    "offsets over 64 bits": (raw({"a": entry(offsets=(2**64, 2**64 + 8))}, bytes(8)), "not .begin"),
    "backwards": (raw({"a": entry(offsets=(8, 0))}, bytes(8)), "not .begin, end"),
    "negative offset": (raw({"a": entry(offsets=(-8, 0))}, bytes(8)), "not .begin, end"),
    "three offsets": (raw({"a": entry(offsets=(0, 4, 8))}, bytes(8)), "not .begin, end"),
    "fractional offset": (raw({"a": entry(offsets=(0, 8.0))}, bytes(8)), "not .begin, end"),
    "a truth as offset": (
        raw({"a": entry("U8", (1,), (False, True))}, bytes(1)),
        "not .begin, end",
    ),
    "a hole": (
        raw({"a": entry(), "b": entry(offsets=(16, 24))}, bytes(24)),
        "8 bytes before 'b' belong to no array",
    ),
    "a hole at the start": (raw({"a": entry(offsets=(4, 12))}, bytes(12)), "4 bytes before 'a'"),
    "bytes left over": (raw({"a": entry()}, bytes(16)), "the last 8 bytes belong to no array"),
    "shape too large": (
        raw({"a": entry(shape=(3,))}, bytes(8)),
        "takes 12 bytes, but its .* give 8",
    ),
    "shape too small": (raw({"a": entry(shape=(1,))}, bytes(8)), "takes 4 bytes"),
    "shape overflows": (raw({"a": entry(shape=(2**32, 2**32, 2))}, bytes(8)), "too large"),
    "overflows to 0": (raw({"a": entry(shape=(2**63 - 1, 2), offsets=(0, 0))}), "too large"),
    "huge and empty": (raw({"a": entry(shape=(0, 2**62, 2**62), offsets=(0, 0))}), "too large"),
    "an axis over 63 bits": (raw({"a": entry(shape=(0, 2**63), offsets=(0, 0))}), "not a list"),
    "negative axis": (
        raw({"a": entry(shape=(-1, -2))}, bytes(8)),
        "not a list of up to 64 lengths",
    ),
    "fractional axis": (raw({"a": entry(shape=(2.0,))}, bytes(8)), "not a list"),
    "65 axes": (raw({"a": entry(shape=(1,) * 64 + (2,))}, bytes(8)), "not a list of up to 64"),
    "shape is a number": (raw({"a": entry() | {"shape": 2}}, bytes(8)), "not a list"),
    "unknown dtype": (raw({"a": entry("O")}, bytes(8)), "dtype 'O'; allowed: BOOL"),
    "8-bit floats": (raw({"a": entry("F8_E4M3", (8,))}, bytes(8)), "dtype 'F8_E4M3'; allowed"),
    "dtype is a list": (raw({"a": entry(["F32"])}, bytes(8)), "dtype .*; allowed"),
    "a field missing": (raw({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)), "needs dtype"),
    "a field too many": (raw({"a": entry() | {"code": "import os"}}, bytes(8)), "nothing else"),
    "not an entry": (raw({"a": "F32"}, bytes(8)), "needs dtype"),
    "a name twice": (
        raw('{"a":%s,"a":%s}' % ((json.dumps(entry()),) * 2), bytes(8)),
        "the key 'a' occurs twice",
    ),
    "metadata a number": (raw({"__metadata__": {"x": 1}}), "must map text to text"),
    "metadata a list": (raw({"__metadata__": ["x"]}), "must map text to text"),
    "a list": (raw("[]"), "must be an object, got list"),
    "no JSON": (raw("{'a': 1}"), "not JSON"),
    "half a header": (raw('{"a": {"dtype"'), "not JSON"),
    "deep": (raw("[" * 200_000), "not JSON"),
    "a number of 10,000 digits": (raw('{"a": %s}' % ("9" * 10_000)), "not JSON"),
    "not UTF-8": (b"\x03" + bytes(7) + b'"\xff"', "not JSON .*utf-8"),
    "nothing": (b"", "truncated: 0 bytes"),
    "seven bytes": (bytes(7), "truncated: 7 bytes"),
    "no header": (bytes(8), "not JSON"),
    "header cut off": ((500).to_bytes(8, "little") + b"{}", "truncated: 10 bytes"),
    "header of 2^63": (b"\xff" * 100, "header length 18446744073709551615"),
    "a pickle": (b"\x80\x04K\x01.", "truncated"),
    "HTML": (b"<!DOCTYPE html>\n<html>not found</html>", "header length"),
    "BOOL is 2": (raw({"a": entry("BOOL", (2,), (0, 2))}, b"\x01\x02"), "bytes other than 0 and 1"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(path, name):
    content, message = HOSTILE[name]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as info:
        dict(ArrayFile(path))
    assert str(path) in str(info.value)
    assert len(str(info.value)) < 500


def test_the_forging_is_not_what_is_refused(path):
    header = {"__metadata__": {"k": "v"}, "b": entry(offsets=(8, 16)), "a": entry()}
    path.write_bytes(raw(header, np.float32([1, 2, 3, 4]).tobytes()))
    file = ArrayFile(path)
    assert {name: array.tolist() for name, array in file.items()} == {"a": [1, 2], "b": [3, 4]}
    assert list(file) == ["a", "b"]  # ordered by place in the body, not by place in the header
    path.write_bytes(raw({}))
    assert dict(ArrayFile(path)) == {}


def test_not_a_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        ArrayFile(tmp_path / "absent")
    with pytest.raises(ValueError, match="is not a file"):
        ArrayFile(tmp_path)


def test_every_truncation_is_noticed(path):
    good = path.read_bytes()
    for n in range(len(good)):
        path.write_bytes(good[:n])
        with pytest.raises(ValueError, match="truncated|header length"):
            ArrayFile(path)


def test_a_file_cut_while_it_is_read(path):
    file = ArrayFile(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="truncated while it was read"):
        dict(file)


def altered(rng, good, header_end):
    """`good` with bytes flipped, inserted, removed or overwritten, mostly in the header."""
    end = header_end if rng.random() < 0.8 else len(good)
    i, j = sorted(int(k) for k in rng.integers(0, end, 2))
    noise = rng.bytes(int(rng.integers(1, 9)))
    digits = str(rng.integers(0, 10 ** int(rng.integers(1, 19)))).encode()
    return [
        good[:i] + noise + good[i:],
        good[:i] + good[j:],
        good[:j] + good[i:],
        good[:i] + noise + good[i + len(noise) :],
        good[:i] + digits + good[i + len(digits) :],
        noise[:8].ljust(8, b"\0") + good[8:],
    ][int(rng.integers(6))]


def test_random_alterations_give_an_error_or_what_the_library_reads(path):
    """Without a digest, an altered weight is accepted, but no file that the library refuses is."""
    good, rng, errors = path.read_bytes(), np.random.default_rng(2), 0
    header_end = 8 + int.from_bytes(good[:8], "little")
    for _ in range(3000):
        bad = altered(rng, good, header_end)
        path.write_bytes(bad)
        try:
            arrays = dict(ArrayFile(path))
        except ValueError:
            errors += 1
        else:
            try:
                reference = safetensors.numpy.load(bad)
            except (SafetensorError, KeyError) as error:
                pytest.fail(f"accepted what the reference reader refuses: {bad!r}: {error}")
            assert same(arrays, reference)
    assert 2000 < errors < 3000


def peak_of(call):
    """Peak number of bytes allocated during ``call()``."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_that_of_what_is_read(path):
    path.write_bytes(safetensors.numpy.save({f"w{i}": np.ones(250_000) for i in range(4)}))
    size = path.stat().st_size
    assert peak_of(lambda: ArrayFile(path)) < 1e5
    assert peak_of(lambda: ArrayFile(path)["w1"]) < size / 4 + 1e5
    assert peak_of(lambda: dict(ArrayFile(path))) < size + 1e5
    body = bytes(2_000_000)
    path.write_bytes(raw({"a": entry("BF16", (1_000_000,), (0, len(body)))}, body))
    # The float32 array takes twice the size of the body.
    assert peak_of(lambda: ArrayFile(path)["a"]) < 3 * len(body) + 1e5


def test_a_hostile_header_takes_little_memory(path):
    def refused():
        with pytest.raises(ValueError, match="model.safetensors"):
            ArrayFile(path)

    # an array of 8 exabytes, a header of 4 exabytes, and a header with too many arrays
    path.write_bytes(raw({"a": entry(shape=(2**60,), offsets=(0, 2**62))}, bytes(8)))
    assert peak_of(refused) < 1e5
    path.write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    assert peak_of(refused) < 1e5
    path.write_bytes(raw({f"{i:06d}": entry(shape=(0,), offsets=(0, 0)) for i in range(30_000)}))
    assert peak_of(refused) < 1e5
    many = raw({f"{i:05d}": entry(shape=(0,), offsets=(0, 1)) for i in range(13_000)})
    assert len(many) < MAX_HEADER
    path.write_bytes(many)
    assert peak_of(refused) < 25e6
