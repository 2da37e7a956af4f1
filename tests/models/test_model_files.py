"""Models as files and as a table: save, load, summary."""

import json

import numpy as np
import pytest

from minitransformer.models.classifier import TransformerClassifier
from minitransformer.storage.weights import load_arrays, save_arrays
from minitransformer.training import Checkpoint, ModelCheckpoint
from tests.support.toys import compiled, toy_data, toy_model


def test_save_and_load(tmp_path):
    x, y = toy_data(30)
    model = compiled(dtype="float32", norm="post", pooling="max", seed=10**12)
    model.fit(x, y, verbose=0)
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = TransformerClassifier.load(path)
    assert again.config == model.config
    again.compile("sgd", micro_batch_tokens=40)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.flat.values.tobytes() == model.flat.values.tobytes()
    again.fit(x, y, verbose=0)


@pytest.mark.parametrize("name", ["m.h5", "m.keras", "m.PT", "m.npz"])
def test_names_of_other_formats_are_refused(tmp_path, name):
    path = tmp_path / name
    refused = pytest.raises(ValueError, match=r"path must end in \.safetensors, the only format")
    with refused:
        toy_model().save(path)
    with refused:
        ModelCheckpoint(path)
    with refused:
        Checkpoint(str(path))
    assert list(tmp_path.iterdir()) == []
    toy_model().save(tmp_path / "m.v1")  # an ending that means nothing


def test_load_refuses_what_is_not_its_own(tmp_path):
    path = tmp_path / "model.safetensors"
    model = toy_model()
    model.save(path)
    arrays, metadata = load_arrays(path)

    def altered(name, **changes):
        """A file with a valid checksum but other content."""
        save_arrays(tmp_path / name, arrays, {**metadata, **changes})
        return tmp_path / name

    config = json.loads(metadata["config"])
    cases = {
        "class": (altered("class", **{"class": "BagOfWords"}), "holds a BagOfWords, not a Trans"),
        "format": (altered("format", format="?"), "is not a model that minitransformer saved"),
        "json": (altered("json", config="{"), "no readable configuration"),
        "list": (altered("list", config="[]"), "unknown setting"),
        "key": (
            altered("key", config=json.dumps({**config, "n_head": 2})),
            "unknown setting 'n_head'; did you mean 'n_heads'",
        ),
        "value": (altered("value", config=json.dumps({**config, "d_model": 7})), "n_heads"),
        "shape": (altered("shape", config=json.dumps({**config, "d_ff": 17})), "d_ff|linear1.W"),
        "huge": (altered("huge", config=json.dumps({**config, "max_len": 10**12})), "max_len = 1"),
    }
    for name, (file, message) in cases.items():
        with pytest.raises(ValueError, match=message):
            TransformerClassifier.load(file)
        assert file.exists(), name
    blob = bytearray(path.read_bytes())
    blob[-3] ^= 1
    path.write_bytes(blob)
    with pytest.raises(ValueError, match="truncated or altered"):
        TransformerClassifier.load(path)
    with pytest.raises(FileNotFoundError):
        TransformerClassifier.load(tmp_path / "absent")


def test_summary(capsys):
    model = toy_model()
    model.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "TransformerClassifier"
    total = sum(p.size for p in model.parameters().values())
    assert lines[-1].startswith(f"total: {total:,} parameters")
    counts = [int(line.split()[-1].replace(",", "")) for line in lines[4:-2]]
    assert sum(counts) == total
    row = next(line for line in lines if line.startswith("blocks.0.attention.W_o"))
    assert row.split()[1] == "Linear"
    assert "(B, T, 8)" in row
