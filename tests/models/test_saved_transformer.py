"""The file of a translation model also stores the ids that begin and end its targets."""

import json

import numpy as np
import pytest

from minitransformer.models import GPT, Transformer
from minitransformer.storage.weights import load_arrays, save_arrays
from tests.support.writers import SMALL

PAIRS = [[3, 4], [5]], [[6], [7, 8, 9]]


@pytest.fixture
def saved(tmp_path):
    model = Transformer(**SMALL)
    model.compile(start_id=1, end_id=2)
    model.save(tmp_path / "model.safetensors")
    return model, tmp_path / "model.safetensors"


def test_a_loaded_model_predicts_without_compile(saved):
    model, path = saved
    loaded = Transformer.load(path)
    assert loaded.recipe is None
    assert (loaded.start_id, loaded.end_id) == (1, 2)
    np.testing.assert_array_equal(loaded.predict(PAIRS), model.predict(PAIRS))
    loaded.compile()  # the ids are known
    assert loaded.evaluate(PAIRS) == model.evaluate(PAIRS)


def test_files_without_the_ids_still_load(saved):
    _, path = saved
    arrays, metadata = load_arrays(path)
    del metadata["kept"]
    save_arrays(path, arrays, metadata)
    loaded = Transformer.load(path)
    assert (loaded.start_id, loaded.end_id) == (None, None)
    with pytest.raises(RuntimeError, match=r"call model.compile\(start_id=..., end_id=...\)"):
        loaded.predict(PAIRS)


def test_models_without_such_ids_store_none(tmp_path):
    for model in (GPT(**SMALL), Transformer(**SMALL)):
        model.save(tmp_path / "model.safetensors")
        assert set(load_arrays(tmp_path / "model.safetensors")[1]) == {"format", "class", "config"}
        type(model).load(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ({"start_id": 11}, "start_id must lie in 0..10, got 11"),
        ({"start_id": "1"}, "start_id must be a whole number"),
        ({"end_id": -1}, "end_id must be >= 0"),
        ({"recipe": 1}, "allowed: 'end_id', 'start_id'"),
        ([], "stores an id that its model does not have"),
    ],
)
def test_invalid_ids_are_refused(saved, kept, message):
    _, path = saved
    arrays, metadata = load_arrays(path)
    save_arrays(path, arrays, metadata | {"kept": json.dumps(kept)})
    with pytest.raises(ValueError, match=message) as info:
        Transformer.load(path)
    assert str(path) in str(info.value)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch"])
def test_the_hint_says_how_to_compile(method):
    words = r"call compile before .*, for instance model.compile\(start_id=..., end_id=...\)"
    with pytest.raises(RuntimeError, match=words):
        getattr(Transformer(**SMALL), method)(PAIRS)
    with pytest.raises(RuntimeError, match=r"for instance model.compile\(\)"):
        getattr(GPT(**SMALL), method)([1, 2, 3])
