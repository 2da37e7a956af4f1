"""Put a run into the state of a checkpoint: check everything first, then change the run."""

import numpy as np

from minitransformer.backend import array_module
from minitransformer.checks import check_count, check_number
from minitransformer.storage.finite import check_finite
from minitransformer.storage.json_text import strict_json
from minitransformer.storage.weights import load_arrays
from minitransformer.training.checkpoint import FORMAT, identity, with_state
from minitransformer.training.history import History
from minitransformer.training.optim.averaging import AveragedWeights
from minitransformer.training.precision import MixedPrecision

# More than any machine has; a forged number would start as many processes.
MAX_WORKERS = 1024
# What reading a forged value raises, in this package or in a callback of the user's own.
FORGED = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)


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
    try:
        state = strict_json(metadata["state"])
        is_checkpoint = state["format"] == FORMAT
    except (KeyError, TypeError, ValueError):
        is_checkpoint = False
    if not is_checkpoint:
        raise ValueError(f"{path} is not a checkpoint of a training run")
    try:
        _check_same_run(path, state, run)
        _check_arrays(path, arrays, state, run)
        xp = array_module(run.model.flat.values)
        restored = Restored(state, {name: xp.asarray(a) for name, a in arrays.items()}, run)
        _load_callbacks(restored.callbacks)
    except _Refused as error:
        raise ValueError(str(error)) from None
    except FORGED as error:
        raise ValueError(
            f"{path} is a damaged checkpoint ({type(error).__name__}: {error}); nothing was changed"
        ) from error
    restored.apply(run)


class _Refused(ValueError):
    """The message already says everything."""


class Restored:
    """The checked state of a checkpoint.

    Parameters
    ----------
    state : dict
        The JSON of the checkpoint.
    arrays : dict of str to array
        Its arrays, on the device of the model.
    run : Run
        The run to restore, which is not changed.
    """

    def __init__(self, state, arrays, run):
        recipe = run.recipe
        self.values = arrays["values"]
        rate = state.get("learning_rate", recipe.optimizer.learning_rate)  # older files have none
        self.learning_rate = check_number("learning_rate", rate, 0)
        self.optimizer = _join("optimizer", state["optimizer"], arrays)
        _check_state(recipe.optimizer.fresh(), self.optimizer)
        self.averages = self.mixed = None
        if recipe.averages is not None:
            self.averages = _join("averages", state["averages"], arrays)
            _check_state(AveragedWeights(), self.averages)
        if recipe.mixed is not None:
            self.mixed = state["mixed"]
            check_number("scale", self.mixed["scale"], above=0)
            check_count("good", self.mixed["good"], 0)
            MixedPrecision().load_state(self.mixed)
        self.callbacks = [
            (callback, _join(f"callbacks/{i}", state["callbacks"][i]["state"], arrays))
            for i, (_, callback) in enumerate(with_state(run))
        ]
        self.workers = check_count("workers", state["identity"]["fit"]["workers"])
        if self.workers > MAX_WORKERS:
            raise ValueError(f"workers must be <= {MAX_WORKERS}, got {self.workers}")
        self.position = _checked_position(state["position"], run)
        self.history = History.from_columns(**state["history"])

    def apply(self, run):
        """Change `run`; every value has been checked. The callbacks already have their state."""
        recipe = run.recipe
        recipe.optimizer.load_state(self.optimizer)
        recipe.optimizer.learning_rate = self.learning_rate
        if self.averages is not None:
            recipe.averages.load_state(self.averages)
        if self.mixed is not None:
            recipe.mixed.load_state(self.mixed)
        run.model.flat.values[...] = self.values
        run.workers, run.history = self.workers, self.history
        run.go_to(self.position)


def _check_same_run(path, state, run):
    """Refuse a checkpoint of another model, recipe or data set."""
    here, there = identity(run), state["identity"]
    if run.recipe.workers is None and run.processes is None:
        here["fit"]["workers"] = there["fit"]["workers"]
    differences = [
        f"{part} {key}: {there[part].get(key)!r} there, {here[part].get(key)!r} here"
        for part in here
        for key in sorted({*here[part], *there[part]})
        if here[part].get(key) != there[part].get(key)
    ]
    callbacks = [name for name, _ in with_state(run)]
    saved = [callback["class"] for callback in state["callbacks"]]
    if callbacks != saved:
        differences.append(f"callbacks with a state: {saved} there, {callbacks} here")
    if differences:
        raise _Refused(f"{path} is a checkpoint of another run: {'; '.join(differences)}")


def _check_arrays(path, arrays, state, run):
    """Refuse arrays of a wrong shape or dtype, unknown ones, and those that are not finite."""
    values = run.model.flat.values
    for name, array in arrays.items():
        per_parameter = name == "values" or name.startswith(("optimizer/", "averages/"))
        if per_parameter and (array.shape != values.shape or array.dtype != values.dtype):
            raise _Refused(
                f"{path}: {name!r} must be {values.dtype} of shape {values.shape} for this model, "
                f"got {array.dtype} of shape {array.shape}"
            )
        if not per_parameter and not name.startswith("callbacks/"):
            raise ValueError(f"there is an unknown array {name!r}")
    try:
        check_finite(run.model.flat.views(arrays["values"]), path)
        check_finite({name: a for name, a in arrays.items() if "/" in name[:10]}, path)
    except ValueError as error:
        raise _Refused(str(error)) from None


def _checked_position(position, run):
    """`position`; an error if `run` cannot be there."""
    check_count("epoch", position["epoch"], 0)
    if check_count("batch", position["batch"], 0) > run.plan.per_epoch:
        raise ValueError(f"batch must be <= {run.plan.per_epoch}, got {position['batch']}")
    check_number("seconds", position["seconds"], 0)
    sums, own = position["sums"], run.running.sums
    if list(sums) != list(own):
        raise ValueError(f"sums must have the names {list(own)}, got {list(sums)}")
    counted = {metric.name for metric in run.recipe.metrics if hasattr(metric, "sums")}
    for name, (total, count) in sums.items():
        if name in counted and isinstance(total, list):
            if np.asarray(total, np.float64).shape != (3, run.model.n_classes):
                raise ValueError(f"the counts of {name} do not fit {run.model.n_classes} classes")
        elif not isinstance(total, float | int) or isinstance(total, bool):
            raise ValueError(f"the sum of {name} must be a number, got {total!r}")
        check_number(f"count of {name}", count, 0)
    return position


def _check_state(part, state):
    """Load `state` into `part`, a fresh optimiser or fresh averages that nothing else uses."""
    check_count("t", state["t"], 0)
    part.load_state(state)


def _load_callbacks(states):
    """Give callbacks their states; if one refuses, all get back what they had."""
    before = [(callback, callback.state()) for callback, _ in states]
    try:
        for callback, state in states:
            callback.load_state(state)
    except FORGED:
        for callback, state in before:
            callback.load_state(state)
        raise


def _join(prefix, rest, arrays):
    """Undo :func:`~minitransformer.training.checkpoint.split`."""
    start = prefix + "/"
    return rest | {k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)}
