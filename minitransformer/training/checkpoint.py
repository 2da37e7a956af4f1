"""Checkpoints: one file with everything that a run needs to resume and end bit-identically.

The arrays in the file are the parameters, the optimiser's state, the averages, and the state of the
callbacks. The metadata, stored as JSON, are the scale of mixed precision, the position in the run,
the running means of the epoch, and the history. They also describe the run (model, recipe, data),
so that a checkpoint of another run is refused. No random state is stored: every draw depends only
on the seed, the epoch and the step.
"""

import json

from minitransformer.backend import array_module, to_host
from minitransformer.storage.finite import check_finite
from minitransformer.storage.json_text import strict_json
from minitransformer.storage.weights import load_arrays, save_arrays
from minitransformer.training.callbacks import Callback

FORMAT = "minitransformer checkpoint 2"


def plain(value):
    """`value` as it comes back from JSON: tuples become lists, NumPy scalars become numbers."""
    return json.loads(json.dumps(value, default=lambda x: x.item()))


def identity(run):
    """What a checkpoint and the run that resumes from it must have in common."""
    weights = run.settings.class_weights
    return plain(
        {
            "model": {"class": type(run.model).__name__, **run.model.config},
            "recipe": run.recipe.config(),
            "fit": {
                "batch_size": run.settings.batch_size,
                "shuffle": run.settings.shuffle,
                "class_weight": weights if weights is None else weights.tolist(),
                "workers": run.workers,
                "data": run.fingerprints[0],
                "validation": run.fingerprints[1],
                **run.plan.config(),
            },
        }
    )


def save(path, run):
    """Write the state of `run` to `path`, atomically.

    Parameters
    ----------
    path : path-like
        File to write.
    run : Run
        The run, which must be between two steps.
    """
    arrays = {"values": to_host(run.model.flat.values)}
    recipe = run.recipe
    state = {
        "format": FORMAT,
        "identity": identity(run),
        "optimizer": _split("optimizer", recipe.optimizer.state(), arrays),
        "averages": recipe.averages and _split("averages", recipe.averages.state(), arrays),
        "mixed": recipe.mixed and recipe.mixed.state(),
        "callbacks": [
            {"class": name, "state": _split(f"callbacks/{i}", callback.state(), arrays)}
            for i, (name, callback) in enumerate(_with_state(run))
        ],
        "position": run.position(),
        "history": {"epoch": run.history.epoch, "columns": run.history.history},
    }
    save_arrays(path, arrays, {"state": json.dumps(plain(state))})


def restore(path, run):
    """Put `run` into the state in which the checkpoint at `path` was written.

    If `compile` was not given a number of workers, the run uses that of the checkpoint.

    Raises
    ------
    ValueError
        If the file is not a checkpoint, is damaged, belongs to another model, recipe or data set,
        or has a weight that is NaN or infinite. The message says what differs. In that case,
        nothing has been changed.
    OSError
        If the file cannot be read.
    """
    arrays, metadata = load_arrays(path)
    state = _state_for(run, path, metadata)
    values, xp = run.model.flat.values, array_module(run.model.flat.values)
    for name, array in arrays.items():
        per_parameter = name == "values" or name.startswith(("optimizer/", "averages/"))
        if per_parameter and (array.shape != values.shape or array.dtype != values.dtype):
            raise ValueError(
                f"{path}: {name!r} must be {values.dtype} of shape {values.shape} for this model, "
                f"got {array.dtype} of shape {array.shape}"
            )
    check_finite(run.model.flat.views(arrays["values"]), path)
    arrays = {name: xp.asarray(array) for name, array in arrays.items()}
    run.recipe.optimizer.load_state(_join("optimizer", state["optimizer"], arrays))
    if run.recipe.averages is not None:
        run.recipe.averages.load_state(_join("averages", state["averages"], arrays))
    if run.recipe.mixed is not None:
        run.recipe.mixed.load_state(state["mixed"])
    for i, (_, callback) in enumerate(_with_state(run)):
        callback.load_state(_join(f"callbacks/{i}", state["callbacks"][i]["state"], arrays))
    values[...] = arrays["values"]
    run.workers = state["identity"]["fit"]["workers"]
    run.go_to(state["position"])
    columns = state["history"]["columns"]
    for i, epoch in enumerate(state["history"]["epoch"]):
        run.history.add(epoch, {name: column[i] for name, column in columns.items()})


def _state_for(run, path, metadata):
    """Check that the state in `metadata` belongs to `run`, and return it."""
    try:
        state = strict_json(metadata["state"])
        is_checkpoint = state["format"] == FORMAT
    except (KeyError, TypeError, ValueError):
        is_checkpoint = False
    if not is_checkpoint:
        raise ValueError(f"{path} is not a checkpoint of a training run")
    here, there = identity(run), state["identity"]
    if run.recipe.workers is None and run.processes is None:
        here["fit"]["workers"] = there["fit"]["workers"]
    differences = [
        f"{part} {key}: {there[part].get(key)!r} there, {here[part].get(key)!r} here"
        for part in here
        for key in sorted({*here[part], *there[part]})
        if here[part].get(key) != there[part].get(key)
    ]
    callbacks = [name for name, _ in _with_state(run)]
    saved = [callback["class"] for callback in state["callbacks"]]
    if callbacks != saved:
        differences.append(f"callbacks with a state: {saved} there, {callbacks} here")
    if differences:
        raise ValueError(f"{path} is a checkpoint of another run: {'; '.join(differences)}")
    return state


def _with_state(run):
    """Class name and callback, for each callback whose class has a state, even an empty one."""
    stateful = [c for c in run.callbacks if type(c).state is not Callback.state]
    return [(type(c).__name__, c) for c in stateful]


def _split(prefix, state, arrays):
    """Move the arrays of `state` into `arrays`, with a name `prefix`; return the rest."""
    rest = {}
    for name, value in state.items():
        if getattr(value, "ndim", 0):
            arrays[f"{prefix}/{name}"] = to_host(value)
        else:
            rest[name] = value
    return rest


def _join(prefix, rest, arrays):
    """Undo :func:`_split`."""
    start = prefix + "/"
    return rest | {k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)}
