"""Further state that a resumed run restores: the number of workers, and the callbacks' state."""

import json

import numpy as np

from minitransformer.storage.weights import load_arrays
from minitransformer.training import Callback, loop
from tests.support.resumed_runs import SaveEveryStep, end_of, prepared, run


def test_the_number_of_workers_is_taken_over(tmp_path, monkeypatch):
    """By default, a machine with a different number of cores uses the checkpoint's number."""
    monkeypatch.setattr(loop, "default_workers", lambda values: 3)
    undisturbed = prepared(workers=None)
    run(undisturbed, [SaveEveryStep(tmp_path)], epochs=2)
    state = json.loads(load_arrays(tmp_path / "13.safetensors")[1]["state"])
    assert state["identity"]["fit"]["workers"] == 3
    monkeypatch.setattr(loop, "default_workers", lambda values: 1)
    model, sizes = prepared(workers=None), []
    pool = loop.WorkerPool
    monkeypatch.setattr(
        loop,
        "WorkerPool",
        lambda model, workers, fork: sizes.append(workers) or pool(model, workers),
    )
    run(model, resume=tmp_path / "13.safetensors", epochs=2)
    assert sizes == [3]
    assert end_of(model) == end_of(undisturbed)


class Collect(Callback):
    """Stores arrays of its own shapes, and nothing before the first step."""

    def __init__(self):
        self.seen = {}

    def on_train_batch_end(self, batch, logs):
        self.seen["losses"] = np.append(self.seen.get("losses", np.zeros(0)), logs["loss"])
        self.seen["grid"] = np.full((2, 3), batch, np.int32)

    def state(self):
        return self.seen

    def load_state(self, state):
        self.seen = dict(state)


def test_a_callback_with_arrays_of_its_own_is_resumed(tmp_path):
    whole, resumed = Collect(), Collect()
    run(prepared(), [whole, SaveEveryStep(tmp_path)], epochs=2)
    run(prepared(), [resumed], resume=tmp_path / "13.safetensors", epochs=2)
    assert resumed.seen["losses"].tobytes() == whole.seen["losses"].tobytes()
    np.testing.assert_array_equal(resumed.seen["grid"], whole.seen["grid"])
