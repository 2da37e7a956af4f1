"""Evaluation of a trained run: on data that training never saw, or on another file."""

from dataclasses import replace
from pathlib import Path

from minitransformer.data import TableOptions
from minitransformer.data.corpora.table_options import OLD
from minitransformer.runs.progress import silent
from minitransformer.runs.source import Source
from minitransformer.runs.tasks.options import refuse_option
from minitransformer.runs.text_record import UNKNOWN


def evaluate(
    folder, *, data=None, target=None, text_column=None, label_column=None, table=None,
    data_dir=None, windows=None, device="numpy", on_progress=silent,
):  # fmt: skip
    """Evaluate a trained run on data that training never saw, or on another file.

    The run's own test texts are found by their hashes, even if the file has changed since training.
    A file given as `data` is scored whole, unless it is the run's own file in a new place.

    Parameters
    ----------
    folder : RunFolder
    data, target : path-like, optional
        Another file, and the file of its translations; or the new places of the run's own files.
    text_column, label_column : str, optional
        The columns of `data`; by default as in training.
    table : dict, optional
        How `data` is written: fields of :class:`~minitransformer.data.TableOptions`. What is not
        given is found by the content, or else as in training.
    data_dir : path-like, optional
        Location of a published data set; by default it is downloaded.
    windows : bool, optional
        For a classifier: whether long texts are read in overlapping windows. The default is the
        run's setting.
    device : {"numpy", "cupy"}
        Where the model runs.
    on_progress : function of str
        Receives the report, line by line.

    Returns
    -------
    dict of str to number or text
        Loss and accuracy, the number of exactly right strings, or BLEU, depending on the task.
        For another file also "texts", the number of its texts, and "trained on", the number of
        those that the model has seen, unless that is not known.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If the classes of the data are not those of the run, test texts are missing, or an argument
        does not fit the task.
    """
    task = folder.task
    if windows is not None and "windows" not in task.options:
        refuse_option(task.name, "windows")
    columns = {"text_column": text_column, "label_column": label_column}
    given = {name: value for name, value in columns.items() if value is not None}
    source = _source(folder, data, target, given, table or {})
    model, record = folder.load_model().to(device), folder.record()
    files = [n for n, path in {"file": data, "target": target}.items() if path is not None]
    if files and not (record is not None and record.is_copy(source, *files)):
        source = task.of_another_file(source, folder.config.source, table or {}, on_progress)
        return _evaluate_file(folder, model, source, record, windows, on_progress)
    source.check_files()
    texts = task.read(source, folder.config.recipe, data_dir, on_progress)
    texts = _as_recorded(task, texts, record, source, on_progress)
    folder.check_classes(texts)
    return task.evaluate(folder, model, texts, windows, on_progress)


def _source(folder, data, target, columns, table):
    """Where the data to be judged come from."""
    task, own = folder.task, folder.config.source
    options = {"data": data, "target": target, **columns}
    for name, value in {**options, "table": table or None}.items():
        if value is not None and name not in task.options:
            refuse_option(task.name, *(table if name == "table" else [name]))
    if data is None and own.file is None and (given := [*columns, *table]):
        raise ValueError(f"{' and '.join(given)} can be given only with data, a file of yours")
    if own.file is None and data is not None:
        return task.checked(Source.of_file(data, target, table=TableOptions(**table), **columns))
    source = replace(own.moved(data=data, target=target), **columns)
    if table:
        source = replace(source, table=replace(source.table or OLD, **table))
    return task.checked(source)


def _as_recorded(task, texts, record, source, on_progress):
    """The data with the parts that they had when the run began."""
    parts = task.parts_of(texts)
    if record is None:
        if source.file is not None:
            on_progress(f"{UNKNOWN} whether {source.file} has changed since training")
        return texts
    judged = [name for name in parts if name not in ("train", "validation")]
    if record.changed(parts, judged) is None:
        return texts
    return task.restored(texts, record, on_progress)


def _evaluate_file(folder, model, source, record, windows, on_progress):
    """Judge the model on all of a file, and say how much of it the model has seen."""
    part, texts = folder.task.load_file(folder, source, on_progress)
    what = "lines of text" if isinstance(part, str) else "texts"
    on_progress(f"all of {Path(source.file).name} is scored: {len(texts):,} {what}")
    counts, seen = {"texts": len(texts)}, None
    if record is None:
        on_progress(f"{UNKNOWN} how many of them the model was trained on")
    else:
        trained, validated = (record.has(name, texts) for name in ("train", "validation"))
        seen = trained | validated
        counts["trained on"] = int(trained.sum())
        line = f"{trained.sum():,} of them were trained on"
        on_progress(line + (f", {validated.sum():,} validated on" if validated.any() else ""))
    results = folder.task.evaluate_file(folder, model, part, seen, windows, on_progress)
    return counts | results
