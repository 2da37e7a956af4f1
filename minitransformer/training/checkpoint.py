"""Checkpoints: everything from which a run goes on to a bit-identical end, in one file.

Arrays: the parameters, the optimiser's state, the averages, what callbacks keep. Metadata, as
JSON: the scale of mixed precision, the position in the run, the running means of the epoch, the
history, and what the run was (model, recipe, data), so that a checkpoint of something else is
refused. Randomness needs nothing: every draw depends on the seed, the epoch and the step alone.
"""

import json

from minitransformer.backend import array_module, to_host
from minitransformer.storage.json_text import strict_json
from minitransformer.storage.weights import load_arrays, save_arrays
from minitransformer.training.callbacks import Callback

FORMAT = "minitransformer checkpoint 2"


def plain(value):
    """`value` as JSON gives it back: tuples as lists, NumPy scalars as numbers."""
    return json.loads(json.dumps(value, default=lambda x: x.item()))


def identity(run):
    """What a checkpoint and the run that goes on from it must have in common."""
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
    run : Run
        Between two steps.
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
    """Put `run` where the checkpoint at `path` was written.

    Where `compile` was told no number of workers, the run takes over that of the checkpoint.

    Raises
    ------
    ValueError
        When the file is no checkpoint, is altered, or is of another model, recipe or data; the
        message says what differs. Nothing has been changed then.
    OSError
        When it cannot be read.
    """
    arrays, metadata = load_arrays(path)
    state = _checked(path, metadata, run)
    values, xp = run.model.flat.values, array_module(run.model.flat.values)
    for name, array in arrays.items():
        own = name == "values" or name.startswith(("optimizer/", "averages/"))
        if own and (array.shape != values.shape or array.dtype != values.dtype):
            raise ValueError(
                f"{path}: {name!r} is {array.dtype} of shape {array.shape}, "
                f"this model needs {values.dtype} of {values.shape}"
            )
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


def _checked(path, metadata, run):
    """The state in `metadata`, after a check that it belongs to `run`."""
    try:
        state = strict_json(metadata["state"])
        known = state["format"] == FORMAT
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise ValueError(f"{path} is not a checkpoint of a training run")
    now, then = identity(run), state["identity"]
    if run.recipe.workers is None and run.processes is None:
        now["fit"]["workers"] = then["fit"]["workers"]
    wrong = [
        f"{part} {key}: {then[part].get(key)!r} there, {now[part].get(key)!r} here"
        for part in now
        for key in sorted({*now[part], *then[part]})
        if now[part].get(key) != then[part].get(key)
    ]
    callbacks = [name for name, _ in _with_state(run)]
    saved = [callback["class"] for callback in state["callbacks"]]
    if callbacks != saved:
        wrong.append(f"callbacks with a state: {saved} there, {callbacks} here")
    if wrong:
        raise ValueError(f"{path} is a checkpoint of another run: {'; '.join(wrong)}")
    return state


def _with_state(run):
    """Class name and callback, of those whose class keeps a state, be it empty at the moment."""
    kept = [c for c in run.callbacks if type(c).state is not Callback.state]
    return [(type(c).__name__, c) for c in kept]


def _split(prefix, state, arrays):
    """Move the arrays of `state` into `arrays`, under `prefix`; return the rest."""
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
