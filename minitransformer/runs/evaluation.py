"""Judging a trained run again, on data that training never saw."""

from minitransformer.runs.progress import silent


def evaluate(
    folder, *, data=None, target=None, data_dir=None, windows=None, device="numpy",
    on_progress=silent,
):  # fmt: skip
    """Judge a trained run on what training never saw.

    Parameters
    ----------
    folder : RunFolder
    data, target : path-like, optional
        The run's own file, and that of its translations, if they have moved.
    data_dir : path-like, optional
        Where a published data set is; by default it is downloaded.
    windows : bool, optional
        For a classifier: whether long texts are read in overlapping windows. By default as in
        training.
    device : {"numpy", "cupy"}
        Where the model runs.
    on_progress : function of str
        Receives the report, line by line.

    Returns
    -------
    dict of str to number or text
        Loss and accuracy, the number of exact strings, or BLEU, depending on the task.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If the data have other classes than the run, or an argument does not fit its task.
    """
    task = folder.task
    if windows is not None and "windows" not in task.options:
        raise ValueError(f"windows is not an option of the task {task.name}")
    source = task.checked(folder.config.source.moved(data, target))
    model = folder.load_model().to(device)
    texts = task.read(source, folder.config.recipe, data_dir, on_progress)
    folder.check_classes(texts)
    return task.evaluate(folder, model, texts, windows, on_progress)
