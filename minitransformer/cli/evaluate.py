"""`evaluate`: how well a trained run does on the test texts."""

from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.cli.run_folder import RunFolder
from minitransformer.cli.sources import Source
from minitransformer.cli.texts import confusion_table, score
from minitransformer.data import UNLABELLED


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder that train wrote.", show_default=False)],
    data_dir: Annotated[Path | None, typer.Option(help="Where IMDB lies.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="The file with your own texts, where it has moved.")
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
    """Show loss, accuracy and confusion matrix on the test texts."""
    folder = RunFolder.open(run)
    config, model = folder.config, folder.load_model().to(choose_device(device))
    texts = _source(config.source, data).load(data_dir)
    if texts.class_names != config.class_names:
        raise ValueError(
            f"{run} was trained on the classes {', '.join(config.class_names)}, but the data "
            f"have {', '.join(texts.class_names)}"
        )
    windows = config.windows if windows is None else windows
    test = score(model, folder.vocabulary, texts.test, config.recipe, windows)
    print(f"test loss: {test.loss:.4f}")
    print(f"test accuracy: {test.accuracy:.3f}")
    for name, part in texts.extra.items():
        if len(part) and (part.labels != UNLABELLED).all():
            result = score(model, folder.vocabulary, part, config.recipe, windows)
            print(f"{name}: {result.accuracy:.3f}")
    print(f"\n{confusion_table(test.confusion, texts.class_names)}")


def _source(source, data):
    if data is None:
        return source
    if source.file is None:
        raise ValueError(f"--data is for runs on your own texts; this one is on {source.dataset}")
    return Source.of_file(data, source.text_column, source.label_column)
