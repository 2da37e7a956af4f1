"""`train`: load texts, train, judge, draw, and say what to do next."""

import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.cli.options import INTERRUPTED, Stop
from minitransformer.cli.report import report
from minitransformer.cli.run_folder import Config, RunFolder, check_free
from minitransformer.cli.sources import Source
from minitransformer.cli.texts import encode
from minitransformer.cli.together import leads, together
from minitransformer.data import Vocabulary
from minitransformer.training import Checkpoint, TrainingDiverged
from minitransformer.training.workers import default_workers

DATA, RUN = "The data", "The run"


def _option(panel, text, *names, **more):
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


def train(
    *,
    dataset: Annotated[
        str | None, _option(DATA, "reviews (embedded, the default) or imdb.")
    ] = None,
    data: Annotated[Path | None, _option(DATA, "Your own texts: a .csv, .tsv or .jsonl.")] = None,
    text_column: Annotated[str | None, _option(DATA, "Column of the texts in --data.")] = None,
    label_column: Annotated[str | None, _option(DATA, "Column of the labels in --data.")] = None,
    data_dir: Annotated[
        Path | None, _option(DATA, "Where IMDB lies: archive or folder; else it is downloaded.")
    ] = None,
    out: Annotated[
        Path | None, _option(RUN, "Folder of the run; by default runs/DATA-SEED.")
    ] = None,
    resume: Annotated[
        Path | None, _option(RUN, "Go on with this run, to the end it would have had.")
    ] = None,
    seed: Annotated[int | None, _option(RUN, "Decides everything random; 0 by default.")] = None,
    windows: Annotated[
        bool | None,
        _option(RUN, "Judge long texts in overlapping windows.", "--windows/--no-windows"),
    ] = None,
    workers: Annotated[int | None, _option(RUN, "Threads; by default one a core.")] = None,
    device: Annotated[
        str, _option(RUN, "cpu, gpu, or auto: the GPU where there is one. Not part of the run.")
    ] = "cpu",
    **changes,
):
    """Train a transformer to classify texts, on the embedded film reviews unless told otherwise.

    Settings that are not given are those that suit the data set; the run's config.json shows them.
    """
    began, device = time.perf_counter(), choose_device(device)
    changes = {name: value for name, value in changes.items() if value is not None}
    fixed = {
        "dataset": dataset, "data": data, "text_column": text_column,
        "label_column": label_column, "out": out, "seed": seed, "windows": windows,
        "workers": workers,
    }  # fmt: skip
    with together() as processes:
        if resume is not None:
            _refuse(fixed | changes)
            folder, texts = _resumed(resume, data_dir, processes)
        else:
            _check_data_options(**{k: fixed[k] for k in list(fixed)[:4]})
            if data is None:
                source = Source(dataset or "reviews")
            else:
                source = Source.of_file(data, text_column, label_column)
            folder, texts = _new(source, data_dir, out, fixed, changes, processes)
        try:
            model = _fit(folder, texts, resume is not None, device, processes)
            if leads(processes):
                report(folder, model.to("numpy"), texts, began)
        except KeyboardInterrupt:
            raise Stop(_where_it_stands(folder), INTERRUPTED) from None
        finally:
            folder.discard()  # keeps everything from the first checkpoint on


def _check_data_options(dataset, data, text_column, label_column):
    if data is None and (text_column or label_column):
        raise ValueError("--text-column and --label-column belong to --data FILE, which is missing")
    if data is not None and dataset is not None:
        raise ValueError("--data and --dataset exclude each other: give one of them")


def _refuse(options):
    given = [name for name, value in options.items() if value is not None]
    if given:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise ValueError(
            f"a run is resumed with the settings it was started with: leave out {names}"
        )


def _new(source, data_dir, out, options, changes, processes):
    """The folder of a new run, and its data set."""
    if out is not None:
        check_free(out)
    recipe = replace(source.recipe, **changes)
    seed, workers = options["seed"] or 0, options["workers"]
    recipe.check(workers)
    if processes is not None:
        if workers not in (None, processes.size):
            raise ValueError(
                f"--workers must be {processes.size}, one in each process, got {workers}"
            )
        workers = processes.size
    workers = default_workers() if workers is None else workers
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    texts = _load(source, data_dir, processes)
    vocabulary = Vocabulary.build(texts.train.texts, recipe.vocab_size, recipe.min_count)
    config = Config(source, texts.class_names, recipe, seed, bool(options["windows"]), workers)
    if not leads(processes):
        return RunFolder(out or "", config, vocabulary), texts
    return RunFolder.create(out, config, vocabulary), texts


def _resumed(path, data_dir, processes):
    """The folder of the run to go on with, and its data set."""
    folder = RunFolder.open(path)
    if not folder.checkpoint.exists():
        raise FileNotFoundError(f"{path} holds no checkpoint.safetensors to go on from")
    workers = folder.config.workers
    if processes is not None and workers != processes.size:
        raise ValueError(
            f"{path} was trained by {workers} workers: go on with as many processes, or with one"
        )
    texts = _load(folder.config.source, data_dir, processes)
    if texts.class_names != folder.config.class_names:
        raise ValueError(
            f"{path} was trained on the classes {', '.join(folder.config.class_names)}, but the "
            f"data now have {', '.join(texts.class_names)}"
        )
    return folder, texts


def _load(source, data_dir, processes):
    _say(f"loading {source.file or source.dataset} ...")
    with nullcontext() if processes is None else processes.in_turn():
        return source.load(data_dir)


def _fit(folder, texts, resume, device, processes):
    """Train; process 0 saves the best weights and the history; returns the model."""
    config, vocabulary = folder.config, folder.vocabulary
    x, val_x = (
        encode(vocabulary, part.texts, config.recipe) for part in (texts.train, texts.validation)
    )
    model = folder.new_model().to(device)
    _say(
        f"{len(x):,} texts to train on, {len(val_x):,} to validate on, {len(vocabulary):,} words, "
        f"{model.flat.values.size:,} parameters; run folder: {folder.path}"
    )
    stopping = config.recipe.early_stopping()
    try:
        history = model.fit(
            x,
            texts.train.labels,
            validation_data=(val_x, texts.validation.labels),
            epochs=config.recipe.epochs,
            batch_size=config.recipe.batch_size,
            callbacks=[stopping, *([Checkpoint(folder.checkpoint)] if leads(processes) else [])],
            resume=folder.checkpoint if resume else None,
            processes=processes,
        )
    except TrainingDiverged as error:
        stopping.on_train_end()  # the best weights so far, where an epoch was finished
        if leads(processes):
            _save(folder, model, error.history)
        raise
    if leads(processes):
        _save(folder, model, history)
    if history.interrupted:
        raise Stop(
            f"interrupted: the best weights so far are in {folder.path}, which can be used as it "
            f"is; to go on: python -m minitransformer train --resume {folder.path}",
            INTERRUPTED,
        )
    return model


def _where_it_stands(folder):
    """What to say of a run that Ctrl-C ended at once."""
    if folder.weights.exists():
        return f"interrupted; the trained model is in {folder.path}"
    if folder.checkpoint.exists():
        return f"interrupted at once; to go on from the last epoch: train --resume {folder.path}"
    return "interrupted before there was anything to keep"


def _save(folder, model, history):
    model.save(folder.weights)
    if len(history):
        history.save_csv(folder.history)


def _say(text):
    print(text, flush=True)
