"""A summary of a run in a few rows: its data, settings and results."""

from minitransformer.storage import read_json


def summary(folder):
    """The summary of a run, as pairs of a name and a value.

    Parameters
    ----------
    folder : RunFolder

    Returns
    -------
    list of (str, object)
        The results come last, if training has finished.

    Raises
    ------
    ValueError
        If results.json is truncated or altered.
    """
    config = folder.config
    rows = [("task", config.task), ("data", config.source.file or config.source.dataset)]
    if config.source.target:
        rows += [("target", config.source.target)]
    if config.class_names:
        rows += [("classes", ", ".join(config.class_names))]
    rows += [("tokens", f"{len(folder.tokenizer):,}")]
    rows += [("parameters", f"{folder.new_model().flat.values.size:,}")]
    rows += [("seed", config.seed), ("workers", config.workers)]
    rows += config.recipe.as_dict().items()
    file = folder.path / "results.json"
    if not file.exists():
        state = "none yet" if folder.weights.exists() else "none (training did not finish)"
        return [*rows, ("results", state)]
    try:
        results = read_json(file).items()
        return [*rows, *((name, value) for name, value in results if not isinstance(value, dict))]
    except ValueError as error:
        raise ValueError(f"{file} is truncated or altered: {error}") from None
