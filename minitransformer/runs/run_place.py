"""The place of a new run: a folder that nothing else uses."""

from itertools import count
from pathlib import Path

PARENT = Path("runs")
CONFIG, CHECKPOINT, WEIGHTS = "config.json", "checkpoint.safetensors", "model.safetensors"


def check_free(path):
    """Raise ValueError if `path` exists and is not an empty folder."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    hint = ""
    if (path / CHECKPOINT).exists():
        hint = f", or resume it with --resume {path}"
    elif (path / CONFIG).exists() and not (path / WEIGHTS).exists():
        hint = (
            "; its run has no checkpoint yet, so if it is no longer training, it can only be "
            "deleted"
        )
    raise ValueError(f"{path} exists already: choose another folder{hint}")


def claim(path, name):
    """Make the folder of a run, and an empty config.json in it.

    Of several runs that begin at the same moment, only one gets a folder, because only one can
    create the file.

    Parameters
    ----------
    path : path-like or None
        None means the first of ``runs/<name>``, ``runs/<name>-2``, ... that is free.
    name : str

    Returns
    -------
    path : Path
    created : list of Path
        The folders that did not exist, the innermost first.

    Raises
    ------
    ValueError
        If `path` exists and is not an empty folder.
    """
    if path is not None:
        check_free(Path(path))
        return _claim(Path(path))
    for number in count(1):
        path = PARENT / (name if number == 1 else f"{name}-{number}")
        if not path.exists():
            try:
                return _claim(path)
            except ValueError:
                continue  # another run was faster


def _claim(path):
    created = [part for part in (path, *path.parents) if not part.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except RecursionError:
        raise ValueError(f"{path.parts[0]}/... must have fewer folders inside each other") from None
    try:
        (path / CONFIG).touch(exist_ok=False)
    except FileExistsError:
        raise ValueError(f"{path} exists already: another run began there just now") from None
    except OSError:
        remove_empty(created)
        raise
    return path, created


def remove_empty(folders):
    """Remove those of the `folders`, the innermost first, that are empty."""
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
