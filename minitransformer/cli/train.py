"""`train`: load data, train, judge, draw, and say what to do next."""

import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.checks import lookup
from minitransformer.cli.options import INTERRUPTED, Stop
from minitransformer.cli.together import leads, together
from minitransformer.runs.run_folder import Config, RunFolder, check_free
from minitransformer.runs.tasks import TASKS
from minitransformer.training import Checkpoint, TrainingDiverged
from minitransformer.training.parallel.workers import default_workers

DATA, RUN = "The data", "The run"


def _option(panel, text, *names, **more):
    return typer.Option(*names, help=text, rich_help_panel=panel, **more)


def train(
    *,
    task: Annotated[
        str | None,
        _option(DATA, f"{', '.join(TASKS)}; by default the first."),
    ] = None,
    dataset: Annotated[
        str | None,
        _option(DATA, "reviews, imdb; shakespeare; multi30k: the first of its task by default."),
    ] = None,
    data: Annotated[
        Path | None,
        _option(
            DATA,
            "Your own: a .csv, .tsv or .jsonl of texts with classes; for a language model a text "
            "file; for translation the file of the sources, a sentence a line.",
        ),
    ] = None,
    target: Annotated[
        Path | None, _option(DATA, "The translations of the lines of --data.")
    ] = None,
    text_column: Annotated[str | None, _option(DATA, "Column of the texts in --data.")] = None,
    label_column: Annotated[str | None, _option(DATA, "Column of the labels in --data.")] = None,
    data_dir: Annotated[
        Path | None,
        _option(DATA, "Where a data set lies: archive, file or folder; else it is downloaded."),
    ] = None,
    recipe: Annotated[
        str | None, _option(RUN, "Settings by name; shakespeare has nanogpt and ours.")
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
    """Train a transformer: to classify the embedded film reviews, unless told otherwise.

    Settings that are not given are those that suit the data set; the run's config.json shows them.
    """
    began, device = time.perf_counter(), choose_device(device)
    changes = {name: value for name, value in changes.items() if value is not None}
    options = {
        "task": task, "dataset": dataset, "data": data, "target": target,
        "text_column": text_column, "label_column": label_column, "recipe": recipe, "out": out,
        "seed": seed, "windows": windows, "workers": workers,
    }  # fmt: skip
    with together() as processes:
        if resume is not None:
            _refuse(options | changes)
            folder, texts = _resumed(resume, data_dir, processes)
        else:
            folder, texts = _new(options, changes, data_dir, processes)
        try:
            model = _fit(folder, texts, resume is not None, device, processes)
            if leads(processes):
                folder.task.report(folder, model.to("numpy"), texts, began)
        except KeyboardInterrupt:
            raise Stop(_where_it_stands(folder), INTERRUPTED) from None
        finally:
            folder.discard()  # keeps everything from the first checkpoint on


def _refuse(options):
    given = [name for name, value in options.items() if value is not None]
    if given:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise ValueError(
            f"a run is resumed with the settings it was started with: leave out {names}"
        )


def _new(options, changes, data_dir, processes):
    """The folder of a new run, and its data."""
    task, source, recipe = _what(options, changes)
    if options["out"] is not None:
        check_free(options["out"])
    recipe.check(options["workers"])
    workers, seed = _workers(options["workers"], processes), options["seed"] or 0
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    texts = _load(task, source, recipe, data_dir, processes)
    tokenizer = task.build_tokenizer(texts, recipe)
    config = Config(
        task.name, source, recipe, seed, workers, task.class_names(texts), bool(options["windows"])
    )
    if not leads(processes):
        return RunFolder(options["out"] or "", config, tokenizer), texts
    return RunFolder.create(options["out"], config, tokenizer), texts


def _what(options, changes):
    """The task, the source and the recipe that the options ask for."""
    task = lookup("task", options["task"] or next(iter(TASKS)), TASKS)
    if options["data"] is not None and options["dataset"] is not None:
        raise ValueError("--data and --dataset exclude each other: give one of them")
    source = task.source(options)
    recipe = task.recipe(source, options["recipe"])
    recipe.check_names(changes, task.name)
    return task, source, replace(recipe, **changes)


def _workers(workers, processes):
    """How many workers train."""
    if processes is None:
        return default_workers() if workers is None else workers
    if workers not in (None, processes.size):
        raise ValueError(f"--workers must be {processes.size}, one in each process, got {workers}")
    return processes.size


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
    config = folder.config
    texts = _load(folder.task, config.source, config.recipe, data_dir, processes)
    folder.check_classes(texts)
    return folder, texts


def _load(task, source, recipe, data_dir, processes):
    _say(f"loading {source.file or source.dataset} ...")
    with nullcontext() if processes is None else processes.in_turn():
        return task.read(source, recipe, data_dir)


def _fit(folder, texts, resume, device, processes):
    """Train; process 0 saves the best weights and the history; returns the model."""
    recipe = folder.config.recipe
    prepared = folder.task.prepare(texts, folder.tokenizer, recipe)
    model = folder.new_model().to(device)
    _say(f"{prepared.words}, {model.flat.values.size:,} parameters; run folder: {folder.path}")
    keepers = recipe.callbacks()
    try:
        history = model.fit(
            *prepared.examples,
            validation_data=prepared.validation,
            **recipe.length(),
            batch_size=recipe.batch_size,
            callbacks=[*keepers, *([Checkpoint(folder.checkpoint)] if leads(processes) else [])],
            resume=folder.checkpoint if resume else None,
            processes=processes,
        )
    except TrainingDiverged as error:
        for callback in keepers:
            callback.on_train_end()  # the best weights so far, where an epoch was finished
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
