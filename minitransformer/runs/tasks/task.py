"""What the commands ask of a task: its recipes, its data, its model, and how it is judged."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from minitransformer import data
from minitransformer.runs.recipes.recipe import option
from minitransformer.runs.source import Source
from minitransformer.checks import lookup, near_names

SOME = ("text_column", "label_column", "target", "windows")
"""Options of `train` that only some tasks have, besides the settings of recipes."""
SOURCE = ("text_column", "label_column", "target")
"""Those among them that say what stands in one's own files."""


class Prepared(NamedTuple):
    """What `fit` is given.

    Attributes
    ----------
    examples : tuple
        The positional arguments of `fit`.
    validation : tuple or None
        ``validation_data``.
    words : str
        What there is to train on, to be printed.
    """

    examples: tuple
    validation: tuple | None
    words: str


class Task(ABC):
    """A kind of work, from data to a report. Without state: there is one object of each.

    Attributes
    ----------
    name : str
        As in ``--task``.
    recipes : dict of (str or None) to dict of str to Recipe
        For each data set, by name, the recipes by name, the default first; None: one's own data.
    recipe_class : type
        Subclass of :class:`~minitransformer.runs.recipes.Recipe`.
    published : tuple of str
        The data sets that lie in a folder, or are downloaded; others are part of this package.
    options : tuple of str
        Those of `train` that not all tasks have, and this one has.
    tokenizer_file : str
        Its name in the run folder.
    """

    name = None
    recipes = {}
    recipe_class = None
    published = ()
    options = ("data",)
    tokenizer_file = "tokenizer.json"

    # The data
    def source(self, options):
        """The Source that the options of `train` ask for.

        Parameters
        ----------
        options : dict of str
            None where one is not given.
        """
        for name in ("data", *SOME):
            if options[name] is not None and name not in self.options:
                raise ValueError(f"--{option(name)} is no option of the task {self.name}")
        if options["data"] is None:
            return self.checked(Source(options["dataset"] or next(iter(self.recipes))))
        more = {name: options[name] for name in SOURCE if options[name] is not None}
        return self.checked(Source.of_file(options["data"], **more))

    def checked(self, source):
        """The `source`, after a check that it is one of this task."""
        key = None if source.file is not None else source.dataset
        if key not in self.recipes:
            names = [name for name in self.recipes if name is not None]
            raise ValueError(f"unknown data set {key!r}; {near_names(str(key), names)}")
        return source

    def recipe(self, source, name=None):
        """The recipe called `name`, or the one that suits the source best."""
        found = self.recipes[None if source.file else source.dataset]
        return lookup("recipe", name, found) if name else next(iter(found.values()))

    def read(self, source, recipe, data_dir=None):
        """The data of a run, as `load` gives them, after a check of `data_dir`.

        Raises
        ------
        ValueError
            Where `data_dir` is given, but nothing is read from there.
        """
        if data_dir is not None and source.dataset not in self.published:
            what = f"the file {source.file}" if source.file else f"made here: {source.name}"
            raise ValueError(f"--data-dir says where a published data set lies; this is {what}")
        return self.load(source, recipe, data_dir)

    @abstractmethod
    def load(self, source, recipe, data_dir=None):
        """The data of a run.

        Parameters
        ----------
        source : Source
        recipe : Recipe
        data_dir : path-like, optional
            Where a data set lies; else it is downloaded.
        """

    def class_names(self, texts):
        """Names of the classes that the data have; () where there are none."""
        return ()

    # Tokenizer and model
    @abstractmethod
    def build_tokenizer(self, texts, recipe):
        """The tokenizer of a new run."""

    def load_tokenizer(self, path):
        """The tokenizer of a run."""
        return data.load_tokenizer(path)

    def compile_options(self, tokenizer):
        """What `compile` is told besides the recipe."""
        return {}

    @property
    @abstractmethod
    def model_class(self):
        """Class of the model."""

    @abstractmethod
    def prepare(self, texts, tokenizer, recipe):
        """The :class:`Prepared` arguments of `fit`."""

    # At the end
    @abstractmethod
    def report(self, folder, model, texts, began):
        """Judge the trained model, write figures and results.json, print the fixed lines.

        Parameters
        ----------
        folder : RunFolder
        model : Trainable
        texts
            What :meth:`load` gave.
        began : float
            ``time.perf_counter()`` when the command began.
        """

    @abstractmethod
    def evaluate(self, folder, model, texts, windows=None):
        """Judge the model of a run again and print it; `windows` is for a classifier."""
