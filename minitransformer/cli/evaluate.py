"""`evaluate`: how well a trained run does on the test texts."""

from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.runs.run_folder import RunFolder


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder that train wrote.", show_default=False)],
    data_dir: Annotated[Path | None, typer.Option(help="Where the data set lies.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="The file with your own texts, where it has moved.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option(help="The file with their translations, where it has moved.")
    ] = None,
    windows: Annotated[
        bool | None,
        typer.Option(
            "--windows/--no-windows",
            help="Read long texts whole, in overlapping windows. By default as in training.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="cpu, gpu, or auto: the GPU where one can be used.")
    ] = "cpu",
):
    """Judge a run on what training never saw: loss and accuracy, exact strings, or BLEU."""
    folder = RunFolder.open(run)
    if windows is not None and "windows" not in folder.task.options:
        raise ValueError(f"--windows is no option of the task {folder.task.name}")
    source = folder.task.checked(folder.config.source.moved(data, target))
    model = folder.load_model().to(choose_device(device))
    texts = folder.task.read(source, folder.config.recipe, data_dir)
    folder.check_classes(texts)
    folder.task.evaluate(folder, model, texts, windows)
