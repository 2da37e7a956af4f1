"""The configuration of a run: what decides it, and the form in which a file holds it."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256

from minitransformer.runs.recipes import Recipe
from minitransformer.runs.source import Source
from minitransformer.runs.tasks import TASKS

FORMAT = "minitransformer run 3"


@dataclass(frozen=True)
class Config:
    """Everything that decides a run, but for the data themselves.

    Attributes
    ----------
    task : str
        Name in :data:`~minitransformer.runs.tasks.TASKS`.
    source : Source
    recipe : Recipe
    seed : int
    workers : int
        Threads in training. Resuming with another number would not end in the same bytes.
    class_names : tuple of str
        Empty where there are no classes.
    windows : bool
        Whether long texts are judged in overlapping windows, by a classifier.
    """

    task: str
    source: Source
    recipe: Recipe
    seed: int
    workers: int
    class_names: tuple = ()
    windows: bool = False

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
        }

    @classmethod
    def from_dict(cls, values):
        """Undo :meth:`as_dict`; ValueError, TypeError or KeyError if it is no configuration."""
        if values["format"] != FORMAT:
            raise ValueError(f"format must be {FORMAT!r}, got {values['format']!r}")
        task = TASKS.get(values["task"])
        if task is None:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, got {values['task']!r}")
        names, seed, workers = values["class_names"], values["seed"], values["workers"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"class_names must be a list of texts, got {names!r}")
        if type(seed) is not int or seed < 0 or type(workers) is not int or workers < 1:
            raise ValueError(f"seed and workers must be numbers, got {seed!r} and {workers!r}")
        if type(values["windows"]) is not bool:
            raise ValueError(f"windows must be true or false, got {values['windows']!r}")
        recipe = task.recipe_class.from_dict(values["recipe"])
        source = task.checked(Source(**values["data"]))
        return cls(task.name, source, recipe, seed, workers, tuple(names), values["windows"])


def sealed(values):
    """`values`, a dict that JSON can hold, with the SHA-256 of everything else in them."""
    rest = {name: value for name, value in values.items() if name != "config_sha256"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return rest | {"config_sha256": sha256(text.encode()).hexdigest()}
