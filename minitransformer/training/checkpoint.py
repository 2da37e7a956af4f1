"""Checkpoints: one file with everything that a run needs to resume and end bit-identically.

The arrays in the file are the parameters, the optimiser's state, the averages, and the state of the
callbacks. The metadata, stored as JSON, are the scale of mixed precision, the position in the run,
the running means of the epoch, and the history. They also describe the run (model, recipe, data),
so that a checkpoint of another run is refused. No random state is stored: every draw depends only
on the seed, the epoch and the step. The file is read in `restoring.py`.
"""

import json

from minitransformer.backend import to_host
from minitransformer.storage.weights import save_arrays
from minitransformer.training.callbacks import Callback

FORMAT = "minitransformer checkpoint 2"


def plain(value):
    """`value` as it comes back from JSON: tuples become lists, NumPy scalars become numbers."""
    return json.loads(json.dumps(value, default=lambda x: x.tolist()))


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
        "learning_rate": recipe.optimizer.learning_rate,
        "optimizer": split("optimizer", recipe.optimizer.state(), arrays),
        "averages": recipe.averages and split("averages", recipe.averages.state(), arrays),
        "mixed": recipe.mixed and recipe.mixed.state(),
        "callbacks": [
            {"class": name, "state": split(f"callbacks/{i}", callback.state(), arrays)}
            for i, (name, callback) in enumerate(with_state(run))
        ],
        "position": run.position(),
        "history": {"epoch": run.history.epoch, "columns": run.history.columns()},
    }
    save_arrays(path, arrays, {"state": json.dumps(plain(state))})


def with_state(run):
    """Class name and callback, for each callback whose class has a state, even an empty one."""
    stateful = [
        c for c in run.callbacks if isinstance(c, Callback) and type(c).state is not Callback.state
    ]
    return [(type(c).__name__, c) for c in stateful]


def split(prefix, state, arrays):
    """Move the arrays of `state` into `arrays`, with a name `prefix`; return the rest."""
    rest = {}
    for name, value in state.items():
        if getattr(value, "ndim", 0):
            arrays[f"{prefix}/{name}"] = to_host(value)
        else:
            rest[name] = value
    return rest
