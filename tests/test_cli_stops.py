"""Stopping a run, by Ctrl-C or by numbers that are none, and going on with it."""

import re
import signal
import subprocess
import sys

import numpy as np

from minitransformer.cli.run_folder import RunFolder
from tests.commands import TINY, assert_one_line


def start(arguments):
    command = [sys.executable, "-u", "-m", "minitransformer", "train", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


def test_ctrl_c_leaves_a_run_that_can_be_used_and_resumed_to_the_same_bits(
    call, columns, tmp_path
):
    many = [*columns, *TINY, "--epochs", 40, "--patience", 100, "--average", 0.9]
    with start([*many, "--out", tmp_path / "cut"]) as process:
        for line in process.stdout:
            if line.startswith("epoch 3/"):
                process.send_signal(signal.SIGINT)
        error = process.stderr.read()
    assert process.returncode == 130
    assert f"--resume {tmp_path / 'cut'}" in error
    assert "Traceback" not in error
    assert call("predict", tmp_path / "cut", "A dull film")[0] == 0
    assert call("train", *many, "--out", tmp_path / "whole")[0] == 0
    code, out, _ = call("train", "--resume", tmp_path / "cut")
    assert code == 0
    assert re.search(r"^epoch 40/40", out, re.MULTILINE)
    assert not re.search(r"^epoch 1/40", out, re.MULTILINE)
    cut, whole = ((tmp_path / p / "model.safetensors").read_bytes() for p in ("cut", "whole"))
    assert cut == whole


def test_a_finished_run_can_be_judged_again(call, run, trained):
    code, out, _ = call("train", "--resume", run)
    assert code == 0
    assert re.search(r"^test accuracy: .*$", trained[1], re.MULTILINE)[0] in out
    name = "model.safetensors"
    assert (run / name).read_bytes() == (trained[0] / name).read_bytes()


def test_diverging_training_keeps_the_last_good_weights(call, columns, tmp_path):
    wild = "--optimizer sgd --learning-rate 1e30 --clip 0 --schedule constant".split()
    code, _, err = call("train", *columns, *TINY, *wild, "--out", tmp_path / "run")
    assert code == 1
    assert_one_line(err)
    assert "diverged at step" in err
    assert np.isfinite(RunFolder.open(tmp_path / "run").load_model().flat.values).all()


def test_ctrl_c_while_judging_says_where_the_model_is(call, columns, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("minitransformer.cli.report.baseline_accuracies", interrupted)
    code, _, err = call("train", *columns, *TINY, "--out", tmp_path / "run")
    assert code == 130
    assert f"the trained model is in {tmp_path / 'run'}" in err


def test_ctrl_c_before_training_leaves_nothing(call, columns, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("minitransformer.cli.train.encode", interrupted)
    code, _, err = call("train", *columns, *TINY, "--out", tmp_path / "run")
    assert code == 130
    assert "before there was anything to keep" in err
    assert list(tmp_path.iterdir()) == []
