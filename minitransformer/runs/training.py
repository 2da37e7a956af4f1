"""A run, from its settings to its trained model: start it, then train it."""

from contextlib import nullcontext
from pathlib import Path

from minitransformer.checks import check_count, lookup
from minitransformer.runs.figures import check_drawing
from minitransformer.runs.progress import silent
from minitransformer.runs.run_folder import Config, RunFolder
from minitransformer.runs.run_place import check_free
from minitransformer.runs.tasks import TASKS
from minitransformer.runs.text_record import TextRecord
from minitransformer.training import Checkpoint, TrainingDiverged
from minitransformer.training.parallel.workers import default_workers


def start(
    task=None,
    *,
    dataset=None,
    data=None,
    target=None,
    text_column=None,
    label_column=None,
    validation_data=None,
    test_data=None,
    table=None,
    data_dir=None,
    recipe=None,
    out=None,
    seed=0,
    windows=None,
    workers=None,
    processes=None,
    on_progress=silent,
    **settings,
):
    """Begin a new run: check its settings, load its data, and write its folder.

    Parameters
    ----------
    task : str, optional
        A name in :data:`~minitransformer.runs.tasks.TASKS`; by default "classification".
    dataset : str, optional
        The name of a data set of the task; by default its first.
    data, target : path-like, optional
        Your own file, in place of a data set; for translation, also the file of the translations.
    text_column, label_column : str, optional
        The columns of a table of texts and labels.
    validation_data, test_data : path-like, optional
        Tables like `data` whose texts are validated and tested on, in place of a part of `data`.
    table : dict, optional
        How a table is written: fields of :class:`~minitransformer.data.TableOptions`.
    data_dir : path-like, optional
        Location of a published data set: an archive, file or folder. By default it is downloaded.
    recipe : str, optional
        The name of a recipe of the data set; by default the first.
    out : path-like, optional
        The folder of the run; by default ``runs/<data>-<seed>``.
    seed : int
        Determines all random numbers.
    windows : bool, optional
        Whether a classifier is evaluated on long texts in overlapping windows.
    workers : int, optional
        Number of workers that train; by default one per core, at most 8.
    processes : Processes, optional
        The processes that train together; only the first writes the folder.
    on_progress : function of str
        Receives lines of text that say what is being done.
    **settings
        Settings of the recipe to change, such as ``epochs=3``.

    Returns
    -------
    folder : RunFolder
    texts
        The data, as the task loads them.

    Raises
    ------
    TypeError, ValueError
        If an argument or setting is not possible. In that case, nothing has been written.
    OSError
        If data cannot be read, or the folder cannot be written.
    """
    task = lookup("task", task or next(iter(TASKS)), TASKS)
    if data is not None and dataset is not None:
        raise ValueError("data and dataset exclude each other: give one of them")
    where = {
        "dataset": dataset, "data": data, "target": target, "text_column": text_column,
        "label_column": label_column, "windows": windows, "validation_data": validation_data,
        "test_data": test_data, "table": table,
    }  # fmt: skip
    source = task.source(where)
    recipe = task.recipe(source, recipe).changed(settings, task.name)
    if out is not None:
        check_free(Path(out))
    recipe.check(workers)
    check_drawing()
    workers, seed = _workers(workers, processes), check_count("seed", seed, 0)
    texts = load(task, source, recipe, data_dir, processes, on_progress)
    tokenizer = task.build_tokenizer(texts, recipe)
    names, parts = task.class_names(texts), task.parts_of(texts)
    config = Config(task.name, source, recipe, seed, workers, names, bool(windows))
    if not leads(processes):
        return RunFolder(out or "", config, tokenizer), texts
    record = TextRecord.of(source, parts) if parts else None
    return RunFolder.create(out, config, tokenizer, record), texts


def train(
    folder, texts, *, resume=False, device="numpy", processes=None, verbose=0, on_progress=silent
):
    """Train the model of a run, and save its best weights and its history in the folder.

    Parameters
    ----------
    folder : RunFolder
    texts
        Both as :func:`start` or :func:`~minitransformer.runs.resume` returned them.
    resume : bool
        Whether to continue from the folder's checkpoint.
    device : {"numpy", "cupy"}
        Where to train. The device is not part of the run's configuration.
    processes, on_progress
        As in :func:`start`.
    verbose : {0, 1, 2}
        How `fit` shows its progress; 0 shows nothing.

    Returns
    -------
    model : Trainable
        The trained model, on `device`.
    history : History
        The history of the run; ``history.interrupted`` is True if Ctrl-C ended training early.

    Raises
    ------
    TrainingDiverged
        If a number is not finite. By then, the best weights so far have been saved.
    """
    recipe = folder.config.recipe
    prepared = folder.task.prepare(texts, folder.tokenizer, recipe)
    model = folder.new_model().to(device)
    on_progress(prepared.summary)
    on_progress(f"{len(folder.tokenizer):,} tokens, {model.flat.values.size:,} parameters")
    on_progress(f"run folder: {folder.path}")
    keepers = recipe.callbacks()
    try:
        history = model.fit(
            *prepared.examples,
            validation_data=prepared.validation,
            **folder.config.length(),
            batch_size=recipe.batch_size,
            callbacks=[*keepers, *([Checkpoint(folder.checkpoint)] if leads(processes) else [])],
            resume=folder.checkpoint if resume else None,
            processes=processes,
            verbose=verbose,
        )
    except TrainingDiverged as error:
        for callback in keepers:
            callback.on_train_end()  # restores the best weights so far, if an epoch was finished
        if leads(processes):
            _save(folder, model, error.history)
        raise
    for keeper in keepers:
        if keeper.best_epoch is not None:
            best = f"{keeper.monitor} {keeper.best:.4f}"
            on_progress(f"kept the weights of epoch {keeper.best_epoch + 1}: {best}")
    if leads(processes):
        _save(folder, model, history)
    return model, history


def leads(processes):
    """Whether this process writes files: the only one, or process 0 of several."""
    return processes is None or processes.rank == 0


def _workers(workers, processes):
    """The number of workers that train."""
    if processes is None:
        return default_workers() if workers is None else workers
    if workers not in (None, processes.size):
        raise ValueError(f"workers must be {processes.size}, one per process, got {workers}")
    return processes.size


def load(task, source, recipe, data_dir, processes, on_progress):
    """The data of a run; of several processes, one after the other reads them."""
    on_progress(f"loading {source.file or source.dataset} ...")
    with nullcontext() if processes is None else processes.in_turn():
        return task.read(source, recipe, data_dir, on_progress)


def _save(folder, model, history):
    model.save(folder.weights)
    if len(history):
        history.save_csv(folder.history)
