"""A run folder with files that are truncated, altered, or from another run is refused."""

import json
import shutil

import pytest

from minitransformer.runs.config import sealed
from minitransformer.runs.run_folder import RunFolder
from minitransformer.training.parallel.workers import default_workers
from tests.support.commands import TINY, assert_one_line, write_table


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-2 if path.suffix == ".safetensors" else len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocab.txt"])
@pytest.mark.parametrize("spoil", [cut, flip, lambda path: path.unlink()])
def test_a_truncated_or_altered_run_is_refused(call, run, name, spoil):
    spoil(run / name)
    for arguments in (["predict", run, "A dull film"], ["evaluate", run]):
        code, out, err = call(*arguments)
        assert code == 2
        assert_one_line(err)
        assert str(run) in err
        assert out == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["class_names"].reverse(),
        lambda config: config["recipe"].update(truncate="end"),
        lambda config: config.update(windows=True),
        lambda config: config.update(further=1),
        lambda config: config.pop("config_sha256"),
    ],
)
def test_a_valid_but_altered_configuration_is_refused(call, run, change):
    """Swapped class names would silently turn every answer into its opposite."""
    config = json.loads((run / "config.json").read_text())
    change(config)
    (run / "config.json").write_text(json.dumps(config))
    code, out, err = call("predict", run, "A dull film")
    assert (code, out) == (2, "")
    assert_one_line(err)
    assert "config.json is truncated or altered" in err


def test_a_run_of_another_version_is_refused_as_such(call, run):
    config = json.loads((run / "config.json").read_text())
    del config["recipe"]["precision"]
    (run / "config.json").write_text(json.dumps(sealed(config)))
    code, out, err = call("predict", run, "A dull film")
    assert (code, out) == (2, "")
    assert_one_line(err)
    assert "was written by another version of minitransformer" in err
    assert "settings missing or unknown: precision" in err


def test_the_number_of_workers_is_kept_for_resuming(call, columns, tmp_path):
    assert call("train", *columns, *TINY[:-2], "--out", tmp_path / "run")[0] == 0
    folder = RunFolder.open(tmp_path / "run")
    assert folder.config.workers == default_workers()
    assert folder.new_model().recipe.workers == default_workers()


@pytest.mark.parametrize("there", ["runs/mine", "runs"])
def test_folders_that_were_there_before_stay(run, tmp_path, there):
    (tmp_path / there).mkdir(parents=True)
    opened = RunFolder.open(run)
    folder = RunFolder.create(tmp_path / "runs" / "mine", opened.config, opened.tokenizer)
    folder.discard()
    assert (tmp_path / there).is_dir()
    assert not any((tmp_path / there).iterdir())


def test_folders_made_for_nothing_are_removed(run, tmp_path):
    opened = RunFolder.open(run)
    RunFolder.create(tmp_path / "a" / "b" / "c", opened.config, opened.tokenizer).discard()
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("spoil", [cut, flip, lambda path: path.unlink()])
def test_a_spoilt_checkpoint_is_not_resumed(call, run, spoil):
    spoil(run / "checkpoint.safetensors")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    code, _, err = call("train", "--resume", run)
    assert code == 2
    assert_one_line(err)
    assert "checkpoint.safetensors" in err
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_weights_of_another_configuration_are_refused(call, run, columns, tmp_path):
    other = tmp_path / "other"
    assert call("train", *columns, *TINY, "--d-ff", 12, "--out", other)[0] == 0
    shutil.copy(other / "model.safetensors", run / "model.safetensors")
    code, _, err = call("evaluate", run)
    assert code == 2
    assert "d_ff is 12 there, 8 here" in err
    shutil.copy(other / "checkpoint.safetensors", run / "checkpoint.safetensors")
    code, _, err = call("train", "--resume", run)
    assert code == 2
    assert "checkpoint of another run: model d_ff: 12 there, 8 here" in err


def test_other_data_are_not_resumed_with(call, run, table, tmp_path):
    write_table(tmp_path / "fewer.csv", n=70)
    config = json.loads((run / "config.json").read_text())
    config["data"]["file"] = str(tmp_path / "fewer.csv")
    (run / "config.json").write_text(json.dumps(sealed(config)))
    code, _, err = call("train", "--resume", run)
    assert code == 2
    assert "data" in err
