"""The configuration of a run, and how it is stored in a file."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256

from minitransformer.checks import check_choice, check_count, check_flag
from minitransformer.runs.recipes import Recipe
from minitransformer.runs.source import Source
from minitransformer.runs.tasks import TASKS

FORMAT = "minitransformer run 3"


@dataclass(frozen=True)
class Config:
    """All settings of a run, and where its data come from.

    Attributes
    ----------
    task : str
        Name in :data:`~minitransformer.runs.tasks.TASKS`.
    source : Source
        Where the data come from.
    recipe : Recipe
        The settings of the model and its training.
    seed : int
        Determines all random numbers.
    workers : int
        Number of workers that train. A run resumed with a different number would not end with
        bit-identical weights.
    class_names : tuple of str
        Names of the classes; empty if there are none.
    windows : bool
        For a classifier: whether it is evaluated on long texts in overlapping windows.
    steps_per_epoch : int or None
        For a run that was extended and whose length is set in steps: the steps between two rows of
        the history. By default a tenth of the run.
    """

    task: str
    source: Source
    recipe: Recipe
    seed: int
    workers: int
    class_names: tuple = ()
    windows: bool = False
    steps_per_epoch: int | None = None

    def length(self):
        """How long `fit` trains: ``{"epochs": ...}``, or ``{"steps": ...}`` and its rows."""
        rows = self.steps_per_epoch and {"steps_per_epoch": self.steps_per_epoch}
        return self.recipe.length() | (rows or {})

    def as_dict(self):
        """The configuration as plain values, for JSON."""
        return {
            "format": FORMAT,
            "task": self.task,
            "data": asdict(self.source),
            "class_names": list(self.class_names),
            "seed": self.seed,
            "windows": self.windows,
            "workers": self.workers,
            "recipe": self.recipe.as_dict(),
            **({"steps_per_epoch": self.steps_per_epoch} if self.steps_per_epoch else {}),
        }

    @classmethod
    def from_dict(cls, values):
        """Undo :meth:`as_dict`; ValueError, TypeError or KeyError if `values` is not valid."""
        if values["format"] != FORMAT:
            raise ValueError(f"format must be {FORMAT!r}, got {values['format']!r}")
        task = TASKS[check_choice("task", values["task"], TASKS)]
        names, seed, workers = values["class_names"], values["seed"], values["workers"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"class_names must be a list of strings, got {names!r}")
        check_count("seed", seed, 0)
        check_count("workers", workers)
        check_flag("windows", values["windows"])
        recipe = task.recipe_class.from_dict(values["recipe"])
        source = task.checked(Source(**values["data"]))
        pace = values.get("steps_per_epoch")
        if pace is not None:
            check_count("steps_per_epoch", pace)
        windows = values["windows"]
        return cls(task.name, source, recipe, seed, workers, tuple(names), windows, pace)


def sealed(values):
    """Add to `values`, a dict that JSON can store, its SHA-256."""
    rest = {name: value for name, value in values.items() if name != "config_sha256"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return rest | {"config_sha256": sha256(text.encode()).hexdigest()}
