"""The training loop: the model learns, runs are repeatable, and no argument is changed."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minitransformer.training import (
    SGD,
    Adam,
)
from minitransformer.training.optim.schedules import Schedule
from minitransformer.training.step import train_step
from tests.support.toys import fitted, padded, toy_data, toy_model

ROOT = Path(__file__).parents[2]


def test_it_learns():
    x, y = toy_data(400)
    model = toy_model(dropout=0.0)
    model.compile(Adam(0.02))
    history = model.fit(x[:300], y[:300], epochs=8, validation_data=(x[300:], y[300:]), verbose=0)
    assert history.history["val_accuracy"][-1] >= 0.97
    assert history.history["loss"][-1] < 0.2 * history.history["loss"][0]


def test_same_seed_same_bytes():
    runs = [fitted(seed=s, word_dropout=0.2, average=0.9)[0].flat.values for s in (3, 3, 4)]
    assert runs[0].tobytes() == runs[1].tobytes()
    assert runs[0].tobytes() != runs[2].tobytes()


def test_each_example_once_per_epoch_in_a_new_order(monkeypatch):
    import minitransformer.training.loop as loop

    seen = []

    def spy(model, recipe, pool, examples, indices, multiplier):
        seen.append(np.sort(indices))
        return train_step(model, recipe, pool, examples, indices, multiplier)

    monkeypatch.setattr(loop, "train_step", spy)
    fitted()
    first, second = np.concatenate(seen[:5]), np.concatenate(seen[5:])
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(60))
    assert (first != second).any()
    seen.clear()
    fitted(epochs=1, fit={"shuffle": False})
    np.testing.assert_array_equal(np.concatenate(seen), np.arange(60))


def test_schedule_moves_the_learning_rate():
    model, history = fitted(
        epochs=4,
        optimizer=SGD(0.5),
        schedule=lambda step: 1 / step,
    )
    np.testing.assert_allclose(
        history.history["learning_rate"], [0.5 / 5, 0.5 / 10, 0.5 / 15, 0.5 / 20], rtol=1e-15
    )
    still, _ = fitted(optimizer=SGD(0.5), schedule=lambda step: 0.0)
    np.testing.assert_array_equal(still.flat.values, toy_model().flat.values)


def test_a_schedule_gets_the_length_of_the_run_and_is_called_for_each_step():
    class Recording(Schedule):
        totals, steps = [], []

        def start(self, total_steps):
            self.totals.append(total_steps)
            return lambda step: self.steps.append(step) or 1.0

    schedule = Recording()
    fitted(epochs=2, schedule=schedule)
    assert schedule.totals == [10]
    assert sorted(set(schedule.steps)) == list(range(1, 11))
    _, history = fitted(epochs=3, schedule="warmup_cosine")
    assert history.history["learning_rate"][-1] == pytest.approx(0.0, abs=1e-15)
    _, history = fitted(epochs=2, fit={"initial_epoch": 1}, schedule=lambda step: step)
    assert history.history["learning_rate"] == [0.1]
    assert history.epoch == [2]


def test_no_argument_is_changed():
    x, y = toy_data(20)
    x_before, y_before = copy.deepcopy(x), y.copy()
    ids = padded(x)
    ids_before, mask = ids.copy(), ids != 0
    optimizer, weights = Adam(0.01), {0: 1.0, 1: 2.0}
    model = toy_model()
    model.compile(optimizer, word_dropout=0.3, l2=0.1)
    model.fit(x, y, class_weight=weights, validation_data=(x, y), verbose=0)
    model.fit(ids, np.eye(2)[y], mask=mask, verbose=0)
    model.predict(ids)
    assert (optimizer.t, optimizer.state(), weights) == (0, {"t": 0}, {0: 1.0, 1: 2.0})
    assert all((a == b).all() for a, b in zip(x, x_before, strict=True))
    np.testing.assert_array_equal(y, y_before)
    np.testing.assert_array_equal(ids, ids_before)
    np.testing.assert_array_equal(mask, ids_before != 0)


def test_a_penalty_appears_in_the_history():
    for penalty in ({"l1": 1e-3}, {"l2": 1e-3}):
        _, history = fitted(**penalty)
        assert min(history.history["penalty"]) > 0
    assert "penalty" not in fitted()[1].history


def test_another_process_with_another_hash_seed_gives_the_same_bytes():
    program = (
        "from tests.support.toys import fitted; "
        "print(fitted(word_dropout=0.2, average=0.9, workers=2)[0].flat.values.tobytes().hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(outputs.pop()) > 1000
