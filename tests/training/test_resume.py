"""A run that is stopped anywhere and resumed ends with the same bytes as one that is not."""

import json

import numpy as np
import pytest

from minitransformer.storage.weights import load_arrays, save_arrays
from minitransformer.training import (
    Adam,
    AdamW,
    BestWeights,
    Callback,
    Checkpoint,
    EarlyStopping,
    Nesterov,
)
from tests.support.resumed_runs import SaveEveryStep, X, Y, comparable, end_of, prepared, run
from tests.support.toys import toy_data, toy_model

STEPS = 50  # 5 epochs of 10 batches


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The uninterrupted run, with a checkpoint of every step."""
    folder = tmp_path_factory.mktemp("checkpoints")
    model = prepared()
    history = run(model, [BestWeights(), SaveEveryStep(folder)])
    assert model.recipe.optimizer.t == STEPS
    return folder, end_of(model), comparable(history)


def test_stopped_at_each_of_fifty_steps(whole):
    folder, end, rows = whole
    for step in range(1, STEPS + 1):
        model = prepared(seed=0)
        history = run(model, [BestWeights()], resume=folder / f"{step}.safetensors")
        assert end_of(model) == end, f"resumed after step {step}"
        assert comparable(history) == rows, f"resumed after step {step}"


@pytest.mark.parametrize("epoch", [0, 2, 4])
def test_stopped_between_epochs(whole, epoch):
    folder, end, rows = whole
    model = prepared()
    history = run(model, [BestWeights()], resume=folder / f"after-epoch-{epoch}.safetensors")
    assert (end_of(model), comparable(history)) == (end, rows)


def test_stopped_twice(whole, tmp_path):
    """A checkpoint written by a resumed run is as good as the first."""
    folder, end, rows = whole
    second = tmp_path / "second"
    second.mkdir()
    run(prepared(), [BestWeights(), SaveEveryStep(second)], resume=folder / "7.safetensors")
    model = prepared()
    history = run(model, [BestWeights()], resume=second / "33.safetensors")
    assert (end_of(model), comparable(history)) == (end, rows)
    # byte for byte, except for the seconds
    a, b = (load_arrays(f / "33.safetensors")[0] for f in (folder, second))
    assert {k: v.tobytes() for k, v in a.items()} == {k: v.tobytes() for k, v in b.items()}


@pytest.mark.parametrize(
    ("optimizer", "workers"), [(Nesterov(0.1), 1), (Adam(0.01), 1), (Adam(0.01), 2)]
)
def test_other_optimizers_and_workers(tmp_path, optimizer, workers):
    undisturbed = prepared(optimizer, workers=workers)
    run(undisturbed, [SaveEveryStep(tmp_path)], epochs=2)
    model = prepared(optimizer, workers=workers)
    run(model, resume=tmp_path / "13.safetensors", epochs=2)
    assert end_of(model) == end_of(undisturbed)


def test_early_stopping_continues_its_count(tmp_path):
    noise = np.random.default_rng(0).permutation(Y)
    stoppers = [EarlyStopping(patience=3), EarlyStopping(patience=3)]
    undisturbed = prepared()
    a = run(undisturbed, [stoppers[0], SaveEveryStep(tmp_path)], data=(X, noise), epochs=40)
    assert a.stopped_early
    middle = len(a) - 2  # in the middle of the patience of early stopping
    model = prepared()
    b = run(
        model, [stoppers[1]], data=(X, noise), epochs=40,
        resume=tmp_path / f"after-epoch-{middle - 1}.safetensors",
    )  # fmt: skip
    assert b.stopped_early
    assert comparable(a) == comparable(b)
    assert end_of(model) == end_of(undisturbed)
    assert stoppers[0].best_epoch == stoppers[1].best_epoch
    again = run(
        prepared(), [EarlyStopping(patience=3)], data=(X, noise), epochs=40,
        resume=tmp_path / f"after-epoch-{len(a) - 1}.safetensors",
    )  # fmt: skip
    assert len(again) == len(a), "a run that had stopped early stays stopped"


def test_checkpoint_callback_writes_at_its_times(tmp_path):
    path, seen = tmp_path / "run.safetensors", []

    def position():
        return json.loads(load_arrays(path)[1]["state"])["position"]

    class Look(Callback):
        last = True

        def on_train_batch_end(self, batch, logs):
            if path.exists():
                seen.append((position()["epoch"], position()["batch"]))

    run(prepared(), [Checkpoint(path, every=2), Look()], epochs=1)
    assert seen == [(0, k - k % 2) for k in range(2, 11)]
    assert position()["epoch"] == 1
    with pytest.raises(ValueError, match="every must be >= 1"):
        Checkpoint(path, every=0)
    with pytest.raises(TypeError, match="every must be a whole number"):
        Checkpoint(path, every="step")


def test_a_finished_run_can_be_resumed_with_more_epochs(whole):
    folder, _, rows = whole
    model = prepared()
    history = run(model, [BestWeights()], resume=folder / "after-epoch-4.safetensors", epochs=6)
    assert len(history) == 6
    assert history.history["loss"][:5] == rows["loss"]


LOSS = BestWeights("loss")


def other_model():
    model = toy_model(d_ff=24)
    model.compile(AdamW(0.01), average=0.9)
    return model


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (other_model, {}, "model d_ff: 16 there, 24 here"),
        (lambda: prepared(seed=5), {}, "model seed: 0 there, 5 here"),
        (lambda: prepared(Adam(0.5)), {}, "recipe optimizer: .*adamw.* there, .*adam"),
        (prepared, {"batch_size": 10}, "fit batch_size: 6 there, 10 here"),
        (prepared, {"data": (X, 1 - Y)}, "fit data:"),
        (prepared, {"validation_data": None, "callbacks": [LOSS]}, "fit validation: .*, None here"),
        (prepared, {"validation_data": toy_data(12, seed=2)}, "fit validation: .* there, .* here"),
        (prepared, {"class_weight": [1, 2]}, r"fit class_weight: None there, \[1.0, 2.0\] here"),
        (lambda: prepared(workers=2), {}, "fit workers: 1 there, 2 here"),
        (prepared, {"callbacks": []}, "callbacks with a state: .'BestWeights'. there, .. here"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(whole, make, changes, message):
    model = make()
    before = model.flat.values.copy()
    arguments = {"callbacks": [BestWeights()], "resume": whole[0] / "5.safetensors", **changes}
    with pytest.raises(ValueError, match=f"is a checkpoint of another run: .*{message}"):
        run(model, **arguments)
    np.testing.assert_array_equal(model.flat.values, before)
    assert model.recipe.optimizer.t == 0


def test_files_that_are_not_checkpoints(whole, tmp_path):
    model = toy_model()
    model.save(tmp_path / "model")
    with pytest.raises(ValueError, match="is not a checkpoint"):
        run(prepared(), resume=tmp_path / "model")
    blob = (whole[0] / "5.safetensors").read_bytes()
    (tmp_path / "cut").write_bytes(blob[:-100])
    with pytest.raises(ValueError, match="truncated"):
        run(prepared(), resume=tmp_path / "cut")
    arrays, metadata = load_arrays(whole[0] / "5.safetensors")
    arrays["optimizer/m"] = arrays["optimizer/m"][:-1]
    save_arrays(tmp_path / "short", arrays, metadata)
    with pytest.raises(ValueError, match="'optimizer/m' must be float64 of shape"):
        run(prepared(), [BestWeights()], resume=tmp_path / "short")
    with pytest.raises(FileNotFoundError):
        run(prepared(), resume=tmp_path / "absent")
