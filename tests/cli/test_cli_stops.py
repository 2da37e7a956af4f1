"""Stopping a run, by Ctrl-C or by numbers that are not finite, and resuming it."""

import re
import subprocess
import sys

import numpy as np

from minitransformer.runs.run_folder import RunFolder
from tests.support.commands import INTERRUPTED, TINY, assert_one_line


def test_ctrl_c_leaves_a_run_that_can_be_used_and_resumed_to_the_same_bits(call, columns, tmp_path):
    many = [*columns, *TINY, "--epochs", 6, "--patience", 100, "--average", 0.9]
    command = [sys.executable, "-c", INTERRUPTED, "train", *many, "--out", tmp_path / "cut"]
    cut = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert cut.returncode == 130
    assert "interrupted after step 11" in cut.stdout
    assert f"--resume {tmp_path / 'cut'}" in cut.stderr
    assert "Traceback" not in cut.stderr
    assert call("predict", tmp_path / "cut", "A dull film")[0] == 0
    assert call("train", *many, "--out", tmp_path / "whole")[0] == 0
    code, out, _ = call("train", "--resume", tmp_path / "cut")
    assert code == 0
    assert re.search(r"^epoch 6/6", out, re.MULTILINE)
    assert not re.search(r"^epoch 2/6", out, re.MULTILINE)
    ends = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("cut", "whole")]
    assert ends[0] == ends[1]


def test_a_finished_run_can_be_judged_again(call, run, trained):
    (run / ".saving-0123456789abcdef.tmp").write_bytes(b"of a process that was killed")
    code, out, _ = call("train", "--resume", run)
    assert code == 0
    assert not list(run.glob(".saving-*"))
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

    monkeypatch.setattr("minitransformer.runs.classifier_report.baseline_accuracies", interrupted)
    code, _, err = call("train", *columns, *TINY, "--out", tmp_path / "run")
    assert code == 130
    assert f"the trained model is in {tmp_path / 'run'}" in err


def test_ctrl_c_before_training_leaves_nothing(call, columns, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("minitransformer.runs.classify.encode", interrupted)
    code, _, err = call("train", *columns, *TINY, "--out", tmp_path / "run")
    assert code == 130
    assert "before there was anything to keep" in err
    assert list(tmp_path.iterdir()) == []


def test_a_warm_up_longer_than_the_run_is_one_line_on_standard_error(columns, tmp_path):
    arguments = [*columns, *TINY, "--warmup", 100, "--out", tmp_path / "run"]
    command = [sys.executable, "-m", "minitransformer", "train", *arguments]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert re.fullmatch(r"warning: the warm-up takes 100 steps, .* run has 8, .*\n", done.stderr)
