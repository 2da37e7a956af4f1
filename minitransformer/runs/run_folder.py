"""The folder of a training run: its files, and checks that they belong together."""

from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from minitransformer.runs.config import Config, sealed
from minitransformer.runs.run_place import CHECKPOINT, CONFIG, WEIGHTS, claim, remove_empty
from minitransformer.runs.tasks import TASKS
from minitransformer.runs.text_record import TextRecord
from minitransformer.storage import read_json, write_json


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
    weights, checkpoint, history, texts : Path
        Paths of files in the folder. A file exists once training has written it. In `texts` is the
        record of the run's texts; tasks that make their own texts have none.
    """

    def __init__(self, path, config, tokenizer):
        self.path, self.config, self.tokenizer = Path(path), config, tokenizer
        self.task = TASKS[config.task]
        self._created = None  # the folders that `create` made
        self._digests = {}  # of the tokenizer's file and of the record of texts

    @property
    def weights(self):
        return self.path / WEIGHTS

    @property
    def checkpoint(self):
        return self.path / CHECKPOINT

    @property
    def history(self):
        return self.path / "history.csv"

    @property
    def texts(self):
        return self.path / "texts.safetensors"

    @classmethod
    def create(cls, path, config, tokenizer, record=None):
        """Create the folder, and write configuration and tokenizer.

        Parameters
        ----------
        path : path-like or None
            None means ``runs/<data>-<seed>``, followed by a number if that folder exists.
        config : Config
        tokenizer : Vocabulary or tokenizer
        record : TextRecord, optional
            Which texts are in which part.

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
        path, created = claim(path, f"{config.source.name}-{config.seed}")
        folder = cls(path, config, tokenizer)
        folder._created = created
        try:
            folder._write(record)
        except BaseException:
            folder.discard()
            raise
        return folder

    def _write(self, record):
        """Write tokenizer, record and configuration."""
        file = self.path / self.task.tokenizer_file
        self.tokenizer.save(file)
        self._digests = {"tokenizer_sha256": _digest(file)}
        if record is not None:
            record.save(self.texts)
            self._digests["texts_sha256"] = _digest(self.texts)
        self.write_config(self.config)

    def write_config(self, config):
        """Write another configuration of the same run, for instance with a file's new place."""
        write_json(self.path / CONFIG, sealed(config.as_dict() | self._digests))
        self.config = config

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
            values = read_json(path / CONFIG)
            if "config_sha256" not in values and "model_type" in values:
                what = "is of a model in Hugging Face's layout, not of a run"
                raise ValueError("use it in Python, with minitransformer.GPT.from_pretrained")
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
        folder = cls(path, config, TASKS[config.task].load_tokenizer(file))
        names = ("tokenizer_sha256", "texts_sha256")
        folder._digests = {name: values[name] for name in names if name in values}
        return folder

    def record(self):
        """The record of the run's texts, or None if the run has none.

        Raises
        ------
        FileNotFoundError, ValueError
            If the record is missing or altered.
        """
        if "texts_sha256" not in self._digests:
            return None
        if _digest(self.texts) != self._digests["texts_sha256"]:
            raise ValueError(f"{self.texts} is truncated or altered, or belongs to another run")
        return TextRecord.load(self.texts)

    def new_model(self):
        """The untrained model of this run.

        Raises
        ------
        ValueError
            If there is a checkpoint, and it is too small for a model of the run's sizes.
        """
        if self.checkpoint.exists():
            size, needed = self.checkpoint.stat().st_size, self._model_config().fewest_parameters()
            if size < 2 * needed:  # a number takes at least two bytes
                raise ValueError(
                    f"{self.path / CONFIG} describes a model with more than {needed:,} parameters, "
                    f"but {CHECKPOINT} has {size:,} bytes"
                )
        return self._compiled(self.config.recipe.new_model(*self._sizes()))

    def _model_config(self):
        return self.config.recipe.model_config(*self._sizes())

    def _sizes(self):
        return len(self.tokenizer), self.config.seed, len(self.config.class_names) or None

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
        model = self.config.recipe.model_class.load(self.weights)
        expected = asdict(self._model_config())
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
        for name in (CONFIG, self.task.tokenizer_file, self.texts.name):
            (self.path / name).unlink(missing_ok=True)
        remove_empty(self._created)


def _digest(path):
    """SHA-256 of a file, in hexadecimal."""
    return sha256(path.read_bytes()).hexdigest()
