"""The folder of a training run: what stands in it, and whether it all belongs together."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from minitransformer.cli.recipes import Recipe
from minitransformer.cli.sources import Source
from minitransformer.data import Vocabulary
from minitransformer.models import TransformerClassifier
from minitransformer.storage import write_json

FORMAT = "minitransformer run 2"
PARENT = Path("runs")


@dataclass(frozen=True)
class Config:
    """Everything that decides a run, but for the data themselves.

    Attributes
    ----------
    source : Source
    class_names : tuple of str
    recipe : Recipe
    seed : int
    windows : bool
        Whether long texts are judged in overlapping windows.
    workers : int
        Threads in training. Resuming with another number would not end in the same bytes.
    """

    source: Source
    class_names: tuple
    recipe: Recipe
    seed: int
    windows: bool
    workers: int

    def as_dict(self):
        """The configuration as plain values, for JSON."""
        return {
            "format": FORMAT,
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
        names, seed, workers = values["class_names"], values["seed"], values["workers"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"class_names must be a list of texts, got {names!r}")
        if type(seed) is not int or seed < 0 or type(workers) is not int or workers < 1:
            raise ValueError(f"seed and workers must be numbers, got {seed!r} and {workers!r}")
        if type(values["windows"]) is not bool:
            raise ValueError(f"windows must be true or false, got {values['windows']!r}")
        recipe = Recipe.from_dict(values["recipe"])
        source = Source(**values["data"])
        return cls(source, tuple(names), recipe, seed, values["windows"], workers)


class RunFolder:
    """A run's folder.

    Attributes
    ----------
    path : Path
    config : Config
    vocabulary : Vocabulary
    """

    def __init__(self, path, config, vocabulary):
        self.path, self.config, self.vocabulary = Path(path), config, vocabulary
        self._made = None

    @property
    def weights(self):
        return self.path / "model.safetensors"

    @property
    def checkpoint(self):
        return self.path / "checkpoint.safetensors"

    @property
    def history(self):
        return self.path / "history.csv"

    @classmethod
    def create(cls, path, config, vocabulary):
        """Make the folder and write configuration and vocabulary.

        Parameters
        ----------
        path : Path or None
            None: ``runs/<data>-<seed>``, with a number where that is taken.
        config : Config
        vocabulary : Vocabulary

        Raises
        ------
        ValueError
            If `path` exists and is not an empty folder.
        OSError
            If it cannot be written; no folder is left behind then.
        """
        path = _free_folder(config) if path is None else Path(path)
        check_free(path)
        folder = cls(path, config, vocabulary)
        folder._made = [part for part in (path, *path.parents) if not part.exists()]
        try:
            path.mkdir(parents=True, exist_ok=True)
            vocabulary.save(path / "vocab.txt")
            digest = {"vocabulary_sha256": _digest(path / "vocab.txt")}
            write_json(path / "config.json", sealed(config.as_dict() | digest))
        except BaseException:
            folder.discard()
            raise
        return folder

    @classmethod
    def open(cls, path):
        """Read configuration and vocabulary.

        Raises
        ------
        FileNotFoundError
            If there is no such folder, or a file is missing.
        ValueError
            If a file is truncated, altered, not of a run, or of another version.
        """
        path = Path(path)
        if not path.is_dir():
            raise FileNotFoundError(f"there is no run folder {path}")
        what = "is truncated or altered"
        try:
            values = json.loads((path / "config.json").read_text("utf-8"))
            if sealed(values) != values:
                raise ValueError("its content does not belong to its checksum")
            what = "was written by another version of minitransformer"
            config, digest = Config.from_dict(values), values["vocabulary_sha256"]
        except FileNotFoundError:
            raise FileNotFoundError(f"{path} is not a run folder: no config.json") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            words = f"no {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{path / 'config.json'} {what}: {words}") from None
        if _digest(path / "vocab.txt") != digest:
            raise ValueError(f"{path / 'vocab.txt'} is truncated, altered, or of another run")
        return cls(path, config, Vocabulary.load(path / "vocab.txt"))

    def new_model(self):
        """The untrained model of this run."""
        config = self.config
        model = config.recipe.model(len(self.vocabulary), len(config.class_names), config.seed)
        config.recipe.compile(model, config.workers)
        return model

    def load_model(self):
        """The trained model.

        Raises
        ------
        FileNotFoundError
            If training has not come far enough to save one.
        ValueError
            If the file is truncated or altered, or belongs to another configuration.
        """
        if not self.weights.exists():
            hint = f"; go on training with --resume {self.path}" if self.checkpoint.exists() else ""
            raise FileNotFoundError(f"{self.path} holds no model.safetensors{hint}")
        model, expected = TransformerClassifier.load(self.weights), self.new_model().config
        wrong = [
            f"{name} is {model.config[name]!r} there, {expected[name]!r} here"
            for name in expected
            if model.config[name] != expected[name]
        ]
        if wrong:
            raise ValueError(
                f"{self.weights} does not belong to this run's config.json and vocab.txt: "
                f"{'; '.join(wrong)}"
            )
        self.config.recipe.compile(model, self.config.workers)
        return model

    def discard(self):
        """Remove what :meth:`create` made, if nothing has been trained in it yet."""
        if self._made is None or self.weights.exists() or self.checkpoint.exists():
            return
        for name in ("config.json", "vocab.txt"):
            (self.path / name).unlink(missing_ok=True)
        for folder in self._made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def sealed(values):
    """`values`, a dict that JSON can hold, with the SHA-256 of everything else in them."""
    rest = {name: value for name, value in values.items() if name != "config_sha256"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return rest | {"config_sha256": sha256(text.encode()).hexdigest()}


def _digest(path):
    """SHA-256 of a file, in hexadecimal."""
    return sha256(path.read_bytes()).hexdigest()


def check_free(path):
    """Raise ValueError if `path` exists and is not an empty folder."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(
            f"{path} exists already: choose another folder, or go on with --resume {path}"
        )


def _free_folder(config):
    name = f"{config.source.name}-{config.seed}"
    path, number = PARENT / name, 1
    while path.exists():
        number += 1
        path = PARENT / f"{name}-{number}"
    return path
