"""The folder of a training run: its files, and checks that they belong together."""

from hashlib import sha256
from pathlib import Path

from minitransformer.runs.config import Config, sealed
from minitransformer.runs.tasks import TASKS
from minitransformer.storage import read_json, write_json

PARENT, CHECKPOINT = Path("runs"), "checkpoint.safetensors"


class RunFolder:
    """The folder of a run. Open a folder with :meth:`open`, or make a new one with :meth:`create`.

    Attributes
    ----------
    path : Path
        The folder.
    config : Config
        The settings of the run, as in config.json.
    task : Task
        The task of the run.
    tokenizer : Vocabulary or tokenizer
        The run's tokenizer.
    weights, checkpoint, history : Path
        Paths of files in the folder. A file exists once training has written it.
    """

    def __init__(self, path, config, tokenizer):
        self.path, self.config, self.tokenizer = Path(path), config, tokenizer
        self.task = TASKS[config.task]
        self._created = None  # the folders that `create` made

    @property
    def weights(self):
        return self.path / "model.safetensors"

    @property
    def checkpoint(self):
        return self.path / CHECKPOINT

    @property
    def history(self):
        return self.path / "history.csv"

    @classmethod
    def create(cls, path, config, tokenizer):
        """Create the folder, and write configuration and tokenizer.

        Parameters
        ----------
        path : path-like or None
            None means ``runs/<data>-<seed>``, followed by a number if that folder exists.
        config : Config
        tokenizer : Vocabulary or tokenizer

        Returns
        -------
        RunFolder

        Raises
        ------
        ValueError
            If `path` exists and is not an empty folder.
        OSError
            If the folder cannot be written. In that case, no folder is left behind.
        """
        path = _free_folder(config) if path is None else Path(path)
        check_free(path)
        folder = cls(path, config, tokenizer)
        folder._created = [part for part in (path, *path.parents) if not part.exists()]
        try:
            path.mkdir(parents=True, exist_ok=True)
            file = path / folder.task.tokenizer_file
            tokenizer.save(file)
            digest = {"tokenizer_sha256": _digest(file)}
            write_json(path / "config.json", sealed(config.as_dict() | digest))
        except BaseException:
            folder.discard()
            raise
        return folder

    @classmethod
    def open(cls, path, *tasks):
        """Open a run's folder: read configuration and tokenizer.

        Parameters
        ----------
        path : path-like
        *tasks : str
            Names of the tasks that are accepted; by default all.

        Returns
        -------
        RunFolder

        Raises
        ------
        FileNotFoundError
            If there is no such folder, or a file is missing.
        ValueError
            If a file is truncated, altered, not from a run, or from another version, or if the task
            of the run is not one of `tasks`.
        """
        path = Path(path)
        if not path.is_dir():
            raise FileNotFoundError(f"there is no run folder {path}")
        what = "is truncated or altered"
        try:
            values = read_json(path / "config.json")
            if sealed(values) != values:
                raise ValueError("its SHA-256 does not match the stored one")
            what = "was written by another version of minitransformer"
            config, digest = Config.from_dict(values), values["tokenizer_sha256"]
        except FileNotFoundError:
            raise FileNotFoundError(f"{path} is not a run folder: no config.json") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            words = f"{error} is missing" if isinstance(error, KeyError) else error
            raise ValueError(f"{path / 'config.json'} {what}: {words}") from None
        if tasks and config.task not in tasks:
            raise ValueError(
                f"the task of {path} must be one of {', '.join(tasks)}, got {config.task}"
            )
        file = path / TASKS[config.task].tokenizer_file
        if _digest(file) != digest:
            raise ValueError(f"{file} is truncated or altered, or belongs to another run")
        return cls(path, config, TASKS[config.task].load_tokenizer(file))

    def new_model(self):
        """The untrained model of this run."""
        config, n_classes = self.config, len(self.config.class_names) or None
        model = config.recipe.model(len(self.tokenizer), config.seed, n_classes)
        return self._compiled(model)

    def load_model(self):
        """The trained model.

        Raises
        ------
        FileNotFoundError
            If training was stopped before it saved one.
        ValueError
            If the file is truncated or altered, or does not fit the run's configuration.
        """
        if not self.weights.exists():
            hint = (
                f"; resume training with --resume {self.path}" if self.checkpoint.exists() else ""
            )
            raise FileNotFoundError(f"{self.path} has no model.safetensors{hint}")
        model, expected = self.task.model_class.load(self.weights), self.new_model().config
        wrong = [
            f"{name} is {model.config[name]!r} there, {expected[name]!r} here"
            for name in expected
            if model.config[name] != expected[name]
        ]
        if wrong:
            raise ValueError(
                f"{self.weights} does not belong to this run's config.json and "
                f"{self.task.tokenizer_file}: {'; '.join(wrong)}"
            )
        return self._compiled(model)

    def _compiled(self, model):
        more = self.task.compile_options(self.tokenizer)
        self.config.recipe.compile(model, self.config.workers, **more)
        return model

    def check_classes(self, texts):
        """Raise ValueError if the classes of the data, `texts`, are not those of the run."""
        now, then = self.task.class_names(texts), self.config.class_names
        if now != then:
            raise ValueError(
                f"{self.path} was trained on the classes {', '.join(then)}, but the data have "
                f"{', '.join(now)}"
            )

    def discard(self):
        """Remove what :meth:`create` made, if nothing has been trained in it yet."""
        if self._created is None or self.weights.exists() or self.checkpoint.exists():
            return
        for name in ("config.json", self.task.tokenizer_file):
            (self.path / name).unlink(missing_ok=True)
        for folder in self._created:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _digest(path):
    """SHA-256 of a file, in hexadecimal."""
    return sha256(path.read_bytes()).hexdigest()


def check_free(path):
    """Raise ValueError if `path` exists and is not an empty folder."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        hint = f", or resume it with --resume {path}" if (path / CHECKPOINT).exists() else ""
        raise ValueError(f"{path} exists already: choose another folder{hint}")


def _free_folder(config):
    name = f"{config.source.name}-{config.seed}"
    path, number = PARENT / name, 1
    while path.exists():
        number += 1
        path = PARENT / f"{name}-{number}"
    return path
