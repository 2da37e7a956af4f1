"""Folders of weights written by other programs: one file, or several files with an index."""

import json

import numpy as np
import pytest
import safetensors.numpy

from minitransformer.storage import ArrayFolder, read_json
from tests.support.foreign_arrays import ARRAYS, same


@pytest.fixture
def shards(tmp_path):
    """A folder of two files and an index."""
    parts = {
        "model-00001-of-00002.safetensors": ["wte.weight", "scale"],
        "model-00002-of-00002.safetensors": ["ln.bias", "empty", "mask"],
    }
    for shard, names in parts.items():
        (tmp_path / shard).write_bytes(safetensors.numpy.save({n: ARRAYS[n] for n in names}))
    weight_map = {name: shard for shard, names in parts.items() for name in names}
    write_index(tmp_path, weight_map)
    return tmp_path, weight_map


def write_index(folder, weight_map):
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_several_files_and_an_index(shards):
    folder, _ = shards
    arrays = ArrayFolder(folder)
    assert len(arrays) == len(ARRAYS)
    assert same(dict(arrays), ARRAYS)
    assert arrays.entries["wte.weight"].shape == (4, 6)


def test_one_file_counts_before_an_index(shards):
    folder, _ = shards
    one = {"scale": np.array([7])}
    (folder / "model.safetensors").write_bytes(safetensors.numpy.save(one))
    assert same(dict(ArrayFolder(folder)), one)


def test_a_folder_without_weights(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(FileNotFoundError, match="neither model.safetensors nor"):
        ArrayFolder(tmp_path)


SECOND = "model-00002-of-00002.safetensors"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": SECOND}, "disagree about the place of: scale in model-00001.*, scale"),
        ({"more": SECOND}, "more in model-00002"),
        ({"ln.bias": None}, "ln.bias in model-00002"),
        ({"scale": "../model.safetensors"}, "is not in the same folder: '../model.safetensors'"),
        ({"scale": "/etc/passwd"}, "is not in the same folder"),
        ({"scale": "a\\b"}, "is not in the same folder"),
        ({"scale": ".."}, "is not in the same folder|is not a file"),
        ({"scale": ""}, "index.json names a file that is not in the same folder"),
        ({"scale": 3}, "is not in the same folder: 3"),
        ({"scale": ["x"]}, "is not in the same folder"),
    ],
)
def test_an_index_that_does_not_fit(shards, changes, message):
    folder, weight_map = shards
    changed = weight_map | changes
    write_index(folder, {name: shard for name, shard in changed.items() if shard is not None})
    with pytest.raises(ValueError, match=message):
        ArrayFolder(folder)


def test_an_index_of_absent_files(shards):
    folder, _ = shards
    (folder / SECOND).unlink()
    with pytest.raises(FileNotFoundError, match=f"do not exist: {SECOND}"):
        ArrayFolder(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "must contain a JSON object, got list"),
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b'{"weight_map": {"a": "x", "a": "y"}}', "the key 'a' occurs twice"),
        (b"{}", "has no weight_map"),
        (b'{"weight_map": []}', "has no weight_map"),
        (b'{"weight_map": {}}', "has no weight_map"),
        (b"\xff\xfe", "not JSON .*utf-8"),
    ],
)
def test_an_index_that_is_none(shards, content, message):
    folder, _ = shards
    (folder / "model.safetensors.index.json").write_bytes(content)
    with pytest.raises(ValueError, match=message) as info:
        ArrayFolder(folder)
    assert "model.safetensors.index.json" in str(info.value)


def test_long_json_is_not_read(tmp_path):
    (tmp_path / "config.json").write_text('{"a": "' + "x" * 1000 + '"}')
    with pytest.raises(ValueError, match="has 1009 bytes; at most 1000 are read"):
        read_json(tmp_path / "config.json", limit=1000)
    with pytest.raises(ValueError, match="is not a file"):
        read_json(tmp_path)
