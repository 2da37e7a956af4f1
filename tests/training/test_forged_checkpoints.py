"""Checkpoints that someone altered and gave a right digest: one clear error, nothing changed."""

import copy
import json

import numpy as np
import pytest

from minitransformer.storage.weights import load_arrays, save_arrays
from minitransformer.training import BestWeights, Checkpoint, ReduceLROnPlateau, restoring
from minitransformer.training.loop import Run
from tests.support.toys import compiled, toy_data

X, Y = toy_data(24)
GONE = object()
FORGED = [None, "x", -1, 0.5, 10**400, True, [], {}, [[1]], {"t": 1}, GONE]


def fit(path=None, callbacks=None, model=None):
    model = model or compiled(dropout=0.0)
    kept = callbacks or [BestWeights("loss"), ReduceLROnPlateau("loss")]
    model.fit(X, Y, epochs=2, batch_size=12, verbose=0, callbacks=kept, resume=path)
    return model


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The arrays and the state of a checkpoint."""
    path = tmp_path_factory.mktemp("forged") / "c"
    fit(callbacks=[BestWeights("loss"), ReduceLROnPlateau("loss"), Checkpoint(path)])
    arrays, metadata = load_arrays(path)
    return arrays, json.loads(metadata["state"])


def places(value, place=()):
    """Every place in a JSON value, as a tuple of keys."""
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items if isinstance(value, dict | list) else ():
        if isinstance(part, dict | list):
            yield from places(part, (*place, key))
        else:
            yield (*place, key)


def forge(state, place, value):
    state = copy.deepcopy(state)
    part = state
    for key in place[:-1]:
        part = part[key]
    if value is GONE:
        del part[place[-1]]
    else:
        part[place[-1]] = value
    return state


def everything(model, callbacks):
    """All that a resume may change, as bytes and text."""
    optimizer = model.optimizer
    arrays = [model.flat.values, *(optimizer._arrays[name] for name in sorted(optimizer._arrays))]
    numbers = optimizer.t, optimizer.learning_rate, [c.state() for c in callbacks]
    return [array.tobytes() for array in arrays], repr(numbers)


def test_every_value_of_the_state_forged_in_turn(written, monkeypatch):
    arrays, state = written
    monkeypatch.setattr(Run, "go", lambda run: run.history)  # only the reading is tested
    callbacks, model = [BestWeights("loss"), ReduceLROnPlateau("loss")], compiled(dropout=0.0)
    refused, accepted, rng = 0, [], np.random.default_rng(0)
    before = everything(model, callbacks)
    for place in places(state):
        for i in rng.choice(len(FORGED), 3, replace=False):
            text = json.dumps(forge(state, place, FORGED[i]))
            monkeypatch.setattr(restoring, "load_arrays", lambda path: (arrays, {"state": text}))  # noqa: B023
            try:
                fit("the-file", callbacks, model)
            except ValueError as error:
                message = str(error)
            else:
                accepted.append((place, FORGED[i]))
                callbacks = [BestWeights("loss"), ReduceLROnPlateau("loss")]
                model = compiled(dropout=0.0)
                continue
            assert "the-file" in message, (place, FORGED[i])
            assert everything(model, callbacks) == before, (place, FORGED[i])
            refused += 1
    assert refused > 5 * len(accepted), accepted


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("values", lambda a: a[:-1]),
        ("values", lambda a: a.astype(np.float32)),
        ("optimizer/m", lambda a: a * np.nan),
        ("optimizer/v", None),
        ("optimizer/other", lambda a: a),
        ("callbacks/0/values", lambda a: a[:5]),
        ("callbacks/0/values", lambda a: a + np.inf),
        ("else", lambda a: a),
    ],
)
def test_forged_arrays(written, tmp_path, name, change):
    arrays, state = written
    arrays = dict(arrays)
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays.get(name, arrays["values"]))
    save_arrays(tmp_path / "f", arrays, {"state": json.dumps(state)})
    callbacks, model = [BestWeights("loss"), ReduceLROnPlateau("loss")], compiled(dropout=0.0)
    before = everything(model, callbacks)
    with pytest.raises(ValueError, match=str(tmp_path / "f")):
        fit(tmp_path / "f", callbacks, model)
    assert everything(model, callbacks) == before


def test_the_unaltered_checkpoint_is_accepted(written, tmp_path):
    arrays, state = written
    save_arrays(tmp_path / "f", arrays, {"state": json.dumps(state)})
    assert fit(tmp_path / "f").optimizer.t == state["optimizer"]["t"]
