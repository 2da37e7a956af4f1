"""What a run needs from its task: recipes, data, a model, and an evaluation of the model."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from minitransformer import data
from minitransformer.checks import lookup, near_names
from minitransformer.runs.progress import silent
from minitransformer.runs.source import Source
from minitransformer.runs.tasks.options import refuse_option
from minitransformer.runs.tasks.texts import TaskTexts

COLUMNS = ("text_column", "label_column", "target", "validation_data", "test_data")
"""Options that describe your own files. Only some tasks have them, and only some have "table"."""


class Prepared(NamedTuple):
    """The data that `fit` is given.

    Attributes
    ----------
    examples : tuple
        The positional arguments of `fit`.
    validation : tuple or None
        ``validation_data``.
    summary : str
        The amount of training data, in words.
    """

    examples: tuple
    validation: tuple | None
    summary: str


class Task(TaskTexts, ABC):
    """A task, from the data to the report. It has no state, so there is one object of each class.

    Attributes
    ----------
    name : str
        The name of the task, as in ``--task``.
    recipes : dict of (str or None) to dict of str to Recipe
        The recipes for each data set. The outer key is the name of the data set, or None for your
        own data. The inner key is the name of the recipe; the default comes first.
    recipe_class : type
        Subclass of :class:`~minitransformer.runs.recipes.Recipe`.
    published : tuple of str
        The data sets that are read from a folder or downloaded. The others are part of this
        package.
    options : tuple of str
        The options of `train` that this task has and some other tasks lack.
    tokenizer_file : str
        Name of the tokenizer's file in the run folder.
    """

    name = None
    recipes = {}
    recipe_class = None
    published = ()
    options = ("data",)
    tokenizer_file = "tokenizer.json"

    # The data
    def source(self, options):
        """The Source that is selected by the options of a run.

        Parameters
        ----------
        options : dict of str
            "dataset", "data", "windows", and the names in ``COLUMNS``; None if not given. And
            "table", a dict of fields of :class:`TableOptions`.

        Raises
        ------
        ValueError
            If the task does not have one of the given options, or the given data set.
        """
        for name in ("data", "windows", *COLUMNS):
            if options[name] is not None and name not in self.options:
                refuse_option(self.name, name)
        more = {name: options[name] for name in COLUMNS if options[name] is not None}
        table = options["table"] or {}
        if table and "table" not in self.options:
            refuse_option(self.name, *table)
        if options["data"] is None:
            if given := [*more, *table]:
                raise ValueError(f"{' and '.join(given)}: only with data, a file of your own")
            return self.checked(Source(options["dataset"] or next(iter(self.recipes))))
        if "table" in self.options:
            more["table"] = data.TableOptions(**table)
        return self.checked(Source.of_file(options["data"], **more))

    def checked(self, source):
        """The `source`, after a check: ValueError if it is not one of this task."""
        key = None if source.file is not None else source.dataset
        if key not in self.recipes:
            names = [name for name in self.recipes if name is not None]
            raise ValueError(f"unknown data set {key!r}; {near_names(str(key), names)}")
        return source

    def recipe(self, source, name=None):
        """The recipe called `name`; by default the first for the data of `source`."""
        found = self.recipes[None if source.file else source.dataset]
        return lookup("recipe", name, found) if name else next(iter(found.values()))

    def read(self, source, recipe, data_dir=None, on_progress=silent):
        """The data of a run, as `load` returns them, after a check of `data_dir`.

        Parameters
        ----------
        source, recipe, data_dir
            As in :meth:`load`.
        on_progress : function of str
            Receives a line about each thing that a reader of the data should know.

        Raises
        ------
        ValueError
            If `data_dir` is given, but nothing is read from there.
        """
        if data_dir is not None and source.dataset not in self.published:
            what = f"the file {source.file}" if source.file else f"made here: {source.name}"
            raise ValueError(f"data_dir is only for published data sets, but the data are {what}")
        return self.load(source, recipe, data_dir, on_progress)

    @abstractmethod
    def load(self, source, recipe, data_dir=None, on_progress=silent):
        """The data of a run.

        Parameters
        ----------
        source : Source
        recipe : Recipe
        data_dir : path-like, optional
            Location of a published data set; by default it is downloaded.
        on_progress : function of str
            As in :meth:`read`.
        """

    def class_names(self, texts):
        """Names of the classes in the data; () if there are none."""
        return ()

    # Tokenizer and model
    @abstractmethod
    def build_tokenizer(self, texts, recipe):
        """The tokenizer of a new run."""

    def load_tokenizer(self, path):
        """The tokenizer of a run, from the file `path` in its folder."""
        return data.load_tokenizer(path)

    def compile_options(self, tokenizer):
        """Arguments of the model's `compile` that do not come from the recipe."""
        return {}

    @abstractmethod
    def prepare(self, texts, tokenizer, recipe):
        """The :class:`Prepared` arguments of `fit`."""

    # At the end
    @abstractmethod
    def report(self, folder, model, texts, began, on_progress=silent):
        """Evaluate the trained model, write figures and results.json, and report the results.

        Parameters
        ----------
        folder : RunFolder
        model : Trainable
            The trained model, on the host.
        texts
            What :meth:`load` returned.
        began : float
            ``time.perf_counter()`` when the run began.
        on_progress : function of str
            Receives the report, line by line.

        Returns
        -------
        dict of str to number or text
            The results, as written to results.json.
        """

    @abstractmethod
    def evaluate(self, folder, model, texts, windows=None, on_progress=silent):
        """Evaluate the model of a run again.

        Parameters
        ----------
        folder, model, texts, on_progress
            As in :meth:`report`.
        windows : bool, optional
            For a classifier: whether to read long texts in overlapping windows. The default is the
            run's setting.

        Returns
        -------
        dict of str to number or text
        """
