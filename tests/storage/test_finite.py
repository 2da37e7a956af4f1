"""Every reader of weights refuses NaN and infinite numbers, and names the array."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from minitransformer.models import GPT
from minitransformer.runs import RunFolder
from minitransformer.storage import ArrayFolder, check_finite, load_arrays, save_arrays
from minitransformer.training import Checkpoint
from tests.support.commands import assert_one_line
from tests.support.toys import toy_data, toy_model

FOLDERS = Path(__file__).parents[1] / "support" / "reference" / "folders"


def spoil(path, name, value):
    """Write `value` into an array of a file, with a new checksum."""
    arrays, metadata = load_arrays(path)
    arrays[name].flat[1] = value
    save_arrays(path, arrays, metadata)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_check_finite(value):
    arrays = {"a": np.ones(3), "n": np.arange(3), "b": np.array([[1.0, value], [value, 2.0]])}
    with pytest.raises(ValueError, match=r"there has weights .* infinite: b \(2 of 4 numbers\)\. "):
        check_finite(arrays, "there")
    many = {f"w{i}": np.array(value) for i in range(5)}
    with pytest.raises(ValueError, match=r"w2 \(1 of 1 numbers\), and 2 more arrays"):
        check_finite(many, "there")
    check_finite({name: arrays[name] for name in ("a", "n")}, "there")


def test_a_model_with_nan_is_not_loaded(tmp_path):
    model = toy_model()
    model.save(tmp_path / "m.safetensors")
    spoil(tmp_path / "m.safetensors", "head.b", np.nan)
    with pytest.raises(ValueError, match=r"m.safetensors has weights .*: head.b \(1 of"):
        type(model).load(tmp_path / "m.safetensors")


def test_a_checkpoint_with_nan_is_not_resumed_from(tmp_path):
    (x, y), path = toy_data(8), tmp_path / "c.safetensors"
    model = toy_model()
    model.compile(workers=1)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[Checkpoint(path)])
    arrays, metadata = load_arrays(path)
    arrays["values"][model.flat.slices["head.b"]] = np.inf
    save_arrays(path, arrays, metadata)
    before = model.flat.values.copy()
    with pytest.raises(ValueError, match=r"c.safetensors has weights .*: head.b \(\d of"):
        model.fit(x, y, epochs=1, verbose=0, callbacks=[Checkpoint(path)], resume=path)
    np.testing.assert_array_equal(model.flat.values, before)


@pytest.mark.parametrize("value", [np.nan, 1e300])  # float32 has no 1e300
def test_a_published_folder_with_nan_is_refused_by_the_name_in_its_file(tmp_path, value):
    folder = shutil.copytree(FOLDERS / "gpt2", tmp_path / "gpt2")
    arrays = {name: np.array(array, np.float64) for name, array in ArrayFolder(folder).items()}
    for file in folder.glob("*.safetensors*"):
        file.unlink()
    name = next(name for name in arrays if name.endswith("h.0.mlp.c_fc.bias"))
    arrays[name][2] = value
    save_file(arrays, folder / "model.safetensors")
    with np.errstate(over="ignore"), pytest.raises(ValueError, match=rf"infinite: {name} \(1 of"):
        GPT.from_pretrained(folder, dtype="float32")


@pytest.mark.parametrize("arguments", [["predict", "A dull film", "--json"], ["evaluate"]])
def test_the_commands_refuse_a_run_with_nan(call, run, arguments):
    spoil(run / "model.safetensors", "head.b", np.nan)
    code, out, err = call(arguments[0], run, *arguments[1:])
    assert (code, out) == (2, "")
    assert_one_line(err)
    assert re.search("weights that are NaN or infinite: head.b", err)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_weights_that_overflow_give_no_answer(call, run):
    model = RunFolder.open(run).load_model()
    model.head.W.value[:] = 3e38
    model.save(run / "model.safetensors")
    code, out, err = call("predict", run, "A dull film", "--json")
    assert (code, out) == (2, "")
    assert "probabilities are not finite" in err
