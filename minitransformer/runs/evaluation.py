"""Evaluation of a trained run on data that training never saw."""

from minitransformer.runs.progress import silent


def evaluate(
    folder, *, data=None, target=None, data_dir=None, windows=None, device="numpy",
    on_progress=silent,
):  # fmt: skip
    """Evaluate a trained run on data that training never saw.

    Parameters
    ----------
    folder : RunFolder
    data, target : path-like, optional
        The run's own data file, and the file of the translations, if they have been moved.
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

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If the classes of the data are not those of the run, or an argument does not fit the task.
    """
    task = folder.task
    if windows is not None and "windows" not in task.options:
        raise ValueError(f"windows is not an option of the task {task.name}")
    source = task.checked(folder.config.source.moved(data, target))
    model = folder.load_model().to(device)
    texts = task.read(source, folder.config.recipe, data_dir, on_progress)
    folder.check_classes(texts)
    return task.evaluate(folder, model, texts, windows, on_progress)
