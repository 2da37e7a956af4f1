"""Opening an interrupted run again, also with files in new places, or to train it for longer."""

from dataclasses import replace

from minitransformer.runs.figures import check_drawing
from minitransformer.runs.progress import silent
from minitransformer.runs.run_folder import RunFolder
from minitransformer.runs.source import FIELDS
from minitransformer.runs.training import leads, load
from minitransformer.storage import load_arrays, remove_leftovers, strict_json

LONGER = ("epochs", "steps", "patience")
"""Settings that can be changed when a run is resumed: those that say how long it is trained."""


def resume(path, *, places=None, longer=None, data_dir=None, processes=None, on_progress=silent):
    """Open an interrupted run, so that it can be trained to the end.

    Parameters
    ----------
    path : path-like
        The folder of the run.
    places : dict of str to path-like, optional
        The new places of files that were moved, by the argument of :func:`start`: "data", "target",
        "validation_data", "test_data". Their SHA-256 must be that of the run's files.
    longer : dict of str to int, optional
        New values of "epochs", "steps" or "patience", to train the run for longer. The learning
        rate then follows the schedule of the longer run from there on.
    data_dir, processes, on_progress
        As in :func:`start`.

    Returns
    -------
    folder : RunFolder
    texts
        The data, as the task loads them. Pass both to :func:`train`, with ``resume=True``.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, no checkpoint in it, or a file of the run is not in its place.
    ValueError
        If the folder or its data have been altered, the number of processes is not the run's number
        of workers, or the run cannot be made as short as `longer` says.
    """
    folder = RunFolder.open(path)
    if not folder.checkpoint.exists():
        raise FileNotFoundError(
            f"{path} has no checkpoint.safetensors to resume from: nothing was trained yet. If the "
            "run is no longer training, delete the folder and start again"
        )
    config, record = folder.config, folder.record()
    if processes is not None and config.workers != processes.size:
        raise ValueError(
            f"{path} was trained by {config.workers} workers: resume it with as many processes, "
            "or with one"
        )
    check_drawing()
    if leads(processes):
        remove_leftovers(folder.path)
    source = config.source.moved(**(places or {}))
    _check_moved(source, record, places or {})
    source.check_files()
    state = _state(folder.checkpoint)
    config = _extended(replace(config, source=source), longer or {}, state["position"]["epoch"])
    texts = load(folder.task, source, config.recipe, data_dir, processes, on_progress)
    _check_texts(folder.task, texts, record, source)
    folder.check_classes(texts)
    if config != folder.config and leads(processes):
        folder.write_config(config)
    folder.config = config
    if line := _nothing_left(config, state):
        on_progress(line)
    return folder, texts


def _check_moved(source, record, places):
    """Raise ValueError if a file in a new place is not the run's file."""
    for name in places if record is not None else ():
        if not record.is_copy(source, FIELDS[name]):
            raise ValueError(
                f"{places[name]} is not the file that the run was started with: its SHA-256 "
                "differs. A run is resumed with the same data"
            )


def _check_texts(task, texts, record, source):
    """Raise ValueError if the texts are not those that the run was started with."""
    if record is None:  # the checkpoint has a fingerprint of the data
        return
    parts = task.parts_of(texts)
    name = record.changed(parts, parts)
    if name is not None:
        raise ValueError(
            f"{source.file or source.dataset} has changed since the run began: its {name} texts "
            "differ. A run is resumed with the same data"
        )


def _state(checkpoint):
    """The state in a checkpoint: where the run is, and what its callbacks remember."""
    try:
        state = strict_json(load_arrays(checkpoint)[1]["state"])
        if not isinstance(state["position"]["epoch"], int):
            raise TypeError
    except (KeyError, TypeError):
        raise ValueError(f"{checkpoint} is not a checkpoint of a training run") from None
    return state


def _extended(config, longer, done):
    """The configuration of a longer run, of which `done` epochs are done."""
    if not longer:
        return config
    config.recipe.check_names(longer, config.task)
    pace = _steps_per_epoch(config) if "steps" in longer else config.steps_per_epoch
    config = replace(config, recipe=replace(config.recipe, **longer), steps_per_epoch=pace)
    config.recipe.check(config.workers)
    if _epochs(config) < done:
        ((name, value),) = config.recipe.length().items()
        least = done * (pace or 1)
        raise ValueError(f"{name} must be at least {least}, which are done, got {value}")
    return config


def _steps_per_epoch(config):
    """Steps between two rows of the history, for a run whose length is set in steps."""
    return config.steps_per_epoch or -(-config.recipe.steps // 10)  # as `fit` decides it


def _epochs(config):
    """The number of epochs, or of rows of the history, of a whole run."""
    length = config.recipe.length()
    return length.get("epochs") or -(-length["steps"] // _steps_per_epoch(config))


def _nothing_left(config, state):
    """A line that says why there is nothing left to train, or None."""
    done, name = state["position"]["epoch"], next(iter(config.recipe.length()))
    if done >= _epochs(config):
        number = getattr(config.recipe, name)
        return f"nothing is left to train: all {number:,} {name} are done; --{name} MORE extends it"
    patience = getattr(config.recipe, "patience", 0)
    waited = [callback["state"].get("wait", 0) for callback in state["callbacks"]]
    if patience and max(waited, default=0) >= patience:
        return (
            f"nothing is left to train: early stopping ended the run after epoch {done}; "
            "--patience MORE continues it"
        )
    return None
