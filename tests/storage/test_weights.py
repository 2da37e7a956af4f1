"""Weights in safetensors files: round trips, and every kind of fault in a file."""

import json
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy

from minitransformer.storage import load_arrays, save_arrays, weights

ARRAYS = {
    "blocks.0.W": np.arange(24, dtype=np.float32).reshape(4, 6),
    "blocks.0.b": np.array([0.5, -1.0, np.inf]),
    "scale": np.array(3, dtype=np.int64),
}
METADATA = {"config": '{"d_model": 4, "ü": "\\n"}', "version": "1"}


@pytest.fixture
def path(tmp_path):
    save_arrays(tmp_path / "model.safetensors", ARRAYS, METADATA)
    return tmp_path / "model.safetensors"


def same(arrays, others):
    return arrays.keys() == others.keys() and all(
        arrays[k].dtype == others[k].dtype
        and arrays[k].shape == others[k].shape
        and arrays[k].tobytes() == others[k].tobytes()
        for k in arrays
    )


def test_round_trip_of_every_dtype_and_layout(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {}
    for dtype in weights.DTYPES:
        for shape in [(), (0,), (0, 3), (1,), (3, 5), (2, 3, 4)]:
            arrays[f"{dtype}{shape}"] = rng.normal(0, 100, shape).astype(dtype)
    whole = rng.normal(size=(6, 8))
    arrays |= {
        "transposed": whole.T,
        "reversed": whole[::-1],
        "strided": whole[:, ::3],
        "broadcast": np.broadcast_to(whole[0], (4, 8)),
        "by columns": whole.copy(order="F"),
        "scalar": np.float32(2.5),
        "nan": np.array([np.nan, -0.0]),
        'größe "x"': whole,
    }
    save_arrays(tmp_path / "f", arrays)
    loaded, metadata = load_arrays(tmp_path / "f")
    assert metadata == {}
    assert same({k: np.asarray(v) for k, v in sorted(arrays.items())}, loaded)
    loaded["transposed"][0, 0] = 7.0  # writable
    save_arrays(tmp_path / "f", {"big": whole.astype(">f8")})
    assert load_arrays(tmp_path / "f")[0]["big"].tobytes() == whole.astype("<f8").tobytes()


def test_same_content_gives_the_same_bytes(path, tmp_path):
    arrays, metadata = dict(reversed(ARRAYS.items())), dict(reversed(METADATA.items()))
    for _ in range(10):
        save_arrays(tmp_path / "f", arrays, metadata)
        assert (tmp_path / "f").read_bytes() == path.read_bytes()


def test_other_readers_of_the_format_can_read_it(path):
    assert same(safetensors.numpy.load_file(path), load_arrays(path)[0])
    with safetensors.safe_open(path, framework="np") as file:
        assert file.metadata()["config"] == METADATA["config"]


@pytest.mark.parametrize(
    ("arrays", "metadata", "error", "message"),
    [
        ({"W": [1.0]}, {}, TypeError, "'W' must be a NumPy array"),
        ({"W": np.array([None])}, {}, TypeError, "'W' has dtype object"),
        ({"W": np.array(["a"])}, {}, TypeError, "'W' has dtype"),
        ({"W": np.zeros(2, complex)}, {}, TypeError, "'W' has dtype complex128"),
        ({1: np.zeros(2)}, {}, ValueError, "an array's name must be"),
        ({"__metadata__": np.zeros(2)}, {}, ValueError, "an array's name must be"),
        ({}, {"step": 3}, TypeError, "'step': 3"),
        ({}, {"sha256": ""}, ValueError, "'sha256'"),
        ({}, {"x": "\ud800"}, ValueError, "surrogates"),
        ({}, {"x": "x" * 2_000_000}, ValueError, "header"),
    ],
)
def test_what_cannot_be_saved(path, arrays, metadata, error, message):
    before = path.read_bytes()
    with pytest.raises(error, match=message):
        save_arrays(path, arrays, metadata)
    assert path.read_bytes() == before


def test_every_altered_byte_is_noticed(path):
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for i in range(len(good)):
        for flip in {1 << int(rng.integers(8)), int(rng.integers(1, 256)), 0x20 ^ 0x09}:
            bad = bytearray(good)
            bad[i] ^= flip
            path.write_bytes(bad)
            with pytest.raises(ValueError, match="model.safetensors"):
                load_arrays(path)


def test_every_truncation_is_noticed(path):
    good = path.read_bytes()
    for n in range(len(good)):
        path.write_bytes(good[:n])
        with pytest.raises(ValueError, match="truncated"):
            load_arrays(path)


def alter(rng, good):
    """`good` with something inserted, removed, repeated, overwritten or moved."""
    i, j = sorted(int(k) for k in rng.integers(0, len(good) + 1, 2))
    noise = rng.bytes(int(rng.integers(1, 20)))
    return [
        good[:i] + noise + good[i:],
        good[:i] + good[j:],
        good[:j] + good[i:],
        good[:i] + noise + good[i + len(noise) :],
        good[i:] + good[:i],
        good[:i] + bytes(j - i) + good[j:],
        noise[:8].ljust(8, b"\0") + good[8:],
        good[:i].replace(b"0", b"1") + good[i:],
    ][int(rng.integers(8))]


def test_random_alterations_give_an_error_or_the_same_weights(path):
    good, rng = path.read_bytes(), np.random.default_rng(1)
    right, errors = load_arrays(path), 0
    for _ in range(2000):
        bad = alter(rng, good)
        path.write_bytes(bad)
        try:
            arrays, metadata = load_arrays(path)
        except ValueError:
            errors += 1
        else:
            assert bad == good
            assert same(arrays, right[0])
            assert metadata == right[1]
    assert errors > 1500


def forged(header, body=b"", metadata=None):
    """A file in canonical form with the right digest, which only the parser can refuse."""
    header = {weights.METADATA: (metadata or {}) | {weights.DIGEST: ""}} | header
    header[weights.METADATA][weights.DIGEST] = weights._digest(header, body)
    encoded = weights._encode_header(header)
    return len(encoded).to_bytes(8, "little") + encoded + body


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


HOSTILE = {
    "overlapping": ({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)),
    "the same bytes twice": ({"a": entry(), "b": entry()}, bytes(8)),
    "beyond the end": ({"a": entry(offsets=(0, 800), shape=(200,))}, bytes(8)),
    "far beyond the end": ({"a": entry(offsets=(2**63, 2**63 + 8))}, bytes(8)),
    "backwards": ({"a": entry(offsets=(8, 0))}, bytes(8)),
    "negative": ({"a": entry(offsets=(-8, 0))}, bytes(8)),
    "a hole": ({"a": entry(), "b": entry(offsets=(16, 24))}, bytes(24)),
    "bytes left over": ({"a": entry()}, bytes(16)),
    "shape too large": ({"a": entry(shape=(3,))}, bytes(8)),
    "shape overflows": ({"a": entry(shape=(2**32, 2**32, 2))}, bytes(8)),
    "shape overflows to nothing": ({"a": entry(shape=(2**63, 2), offsets=(0, 0))}, b""),
    "negative shape": ({"a": entry(shape=(-2,))}, bytes(8)),
    "two negative axes": ({"a": entry(shape=(-1, -2))}, bytes(8)),
    "fractional shape": ({"a": entry(shape=(2.0,))}, bytes(8)),
    "a hundred axes": ({"a": entry(shape=(1,) * 100 + (2,))}, bytes(8)),
    "unknown dtype": ({"a": entry(dtype="O")}, bytes(8)),
    "dtype NumPy has not": ({"a": entry(dtype="BF16", shape=(4,))}, bytes(8)),
    "a field missing": ({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
    "not an entry": ({"a": "F32"}, bytes(8)),
    "nested": ({"a": json.loads("[" * 500 + "]" * 500)}, b""),
    "metadata that are no text": ({}, b"", {"x": 1}),
    "an axis of 63 bits": ({"a": entry(shape=(0, 2**63), offsets=(0, 0))}, b""),
    "huge empty shape": ({"a": entry(shape=(0, 2**62, 2**62), offsets=(0, 0))}, b""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_forged_files_are_refused(path, name):
    path.write_bytes(forged(*HOSTILE[name]))
    with pytest.raises(ValueError, match="not a valid safetensors file"):
        load_arrays(path)


def test_forging_works_at_all(path):
    path.write_bytes(forged({"a": entry()}, np.float32([1, 2]).tobytes(), {"k": "v"}))
    arrays, metadata = load_arrays(path)
    assert arrays["a"].tolist() == [1, 2]
    assert metadata == {"k": "v"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 8,
        b"\xff" * 8,
        b"\xff" * 100,
        (10**6).to_bytes(8, "little") + b"{}",
        (1 << 40).to_bytes(8, "little") + b"{",
        b"\x02" + b"\0" * 7 + b"{}",
        b"\x02" + b"\0" * 7 + b"[]",
        b"\x04" + b"\0" * 7 + b"null",
        b"\x10" + b"\0" * 7 + b'{"__metadata__":1',
        b"\x80\x04K\x01.",
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
    ],
)
def test_other_files_are_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="model.safetensors"):
        load_arrays(path)


def test_file_of_another_program_is_refused(path):
    path.write_bytes(safetensors.numpy.save(ARRAYS, metadata={"format": "np"}))
    with pytest.raises(ValueError, match="not written by minitransformer"):
        load_arrays(path)


def test_not_a_file(path):
    with pytest.raises(FileNotFoundError):
        load_arrays(path.with_name("absent"))
    with pytest.raises(ValueError, match="is not a file"):
        load_arrays(path.parent)


def test_faults_are_named(path):
    expect = {name: (a.shape, a.dtype) for name, a in ARRAYS.items()}
    load_arrays(path, expect)
    expect["head.W"] = ((2, 2), "float32")
    expect["blocks.0.W"] = ((6, 4), "float32")
    expect["scale"] = ((), "float32")
    del expect["blocks.0.b"]
    with pytest.raises(ValueError) as info:
        load_arrays(path, expect)
    for part in (
        "missing: head.W",
        "unexpected: blocks.0.b",
        "scale is int64 (), expected float32",
        "blocks.0.W is float32 (4, 6), expected float32 (6, 4)",
    ):
        assert part in str(info.value)


def peak_of(call):
    """Peak number of bytes allocated during ``call()``."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_at_most_twice_the_file(path):
    save_arrays(path, {f"w{i}": np.ones(250_000) for i in range(4)})
    assert peak_of(lambda: load_arrays(path)) < 2 * path.stat().st_size + 1e5


def test_a_hostile_header_takes_little_memory(path):
    def refused():
        with pytest.raises(ValueError, match="header length"):
            load_arrays(path)

    empty = entry(shape=(0,), offsets=(0, 0))
    path.write_bytes(forged({f"{i:05d}": empty for i in range(20_000)}))
    assert peak_of(refused) < 1e5
    path.write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    assert peak_of(refused) < 1e5
    path.write_bytes(forged({f"{i:05d}": empty for i in range(18_000)}))
    assert peak_of(lambda: load_arrays(path)) < 25e6
