"""`--device` is refused with a reason if there is no device; if there is one, output is equal."""

import pytest

from minitransformer.backend import cupy_status
from tests.support import strict_device
from tests.support.commands import TINY


def test_an_unknown_device_is_refused(call, run):
    for command in (["train", "--epochs", 1], ["evaluate", run], ["predict", run, "good"]):
        status, _, err = call(*command, "--device", "tpu")
        assert (status, err.strip()) == (
            2, "error: device must be one of cpu, gpu, auto, got 'tpu'"
        )  # fmt: skip


def test_a_gpu_that_is_not_there_is_refused_with_the_reason(call, run):
    usable, reason = cupy_status()
    if usable:
        pytest.skip("there is a GPU here")
    status, _, err = call("evaluate", run, "--device", "gpu")
    assert status == 2
    assert err.startswith("error: device 'gpu' cannot be used: ")
    assert err.strip().endswith(" ".join(reason.split())[-40:])


def test_evaluate_and_predict_say_the_same_on_the_device(call, run):
    commands = (["evaluate", run], ["predict", run, "a good film", "--json"])
    here = [call(*command, "--device", "cpu") for command in commands]
    with strict_device.installed():
        there = [call(*command, "--device", "gpu") for command in commands]
        chosen = [call(*command, "--device", "auto") for command in commands]
    assert [status for status, _, _ in here] == [0, 0]
    assert there[0][:2] == here[0][:2] == chosen[0][:2]
    assert [status for status, _, _ in there + chosen] == [0] * 4


def test_train_on_the_device_gives_a_run_for_the_host(call, columns, tmp_path):
    with strict_device.installed():
        status, _, err = call("train", *columns, "--out", tmp_path / "r", *TINY, "--device", "gpu")
    assert status == 0, err
    assert call("evaluate", tmp_path / "r")[0] == 0
