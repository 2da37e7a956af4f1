"""A run folder that is truncated, altered, or of another run is refused."""

import json
import shutil

import pytest

from tests.commands import TINY, assert_one_line, write_table


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-2] ^= 64
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocab.txt"])
@pytest.mark.parametrize("spoil", [cut, flip, lambda path: path.unlink()])
def test_a_truncated_or_altered_run_is_refused(call, run, name, spoil):
    if name == "config.json" and spoil is flip:
        (run / name).write_text((run / name).read_text().replace('"d_ff": 8', '"d_ff": "8"'))
    else:
        spoil(run / name)
    for arguments in (["predict", run, "A dull film"], ["evaluate", run]):
        code, out, err = call(*arguments)
        assert code == 2
        assert_one_line(err)
        assert str(run) in err
        assert out == ""


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
    (run / "config.json").write_text(json.dumps(config))
    code, _, err = call("train", "--resume", run)
    assert code == 2
    assert "data" in err
