"""`train`: load data, train, evaluate, draw, and print what to run next."""

import time
from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.cli.options import DEVICE_HELP, INTERRUPTED, Stop, refuse, say
from minitransformer.cli.table_options import (
    Clean,
    Delimiter,
    Encoding,
    Header,
    Quoting,
    SkipEmpty,
    given_options,
)
from minitransformer.cli.together import together
from minitransformer.runs import TASKS, resume, start
from minitransformer.runs import train as train_run
from minitransformer.runs.resuming import LONGER
from minitransformer.runs.source import FIELDS
from minitransformer.runs.training import leads

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
        _option(DATA, "reviews, imdb; shakespeare; multi30k; by default the first of the task."),
    ] = None,
    data: Annotated[
        Path | None,
        _option(
            DATA,
            "Your own file: a table of texts with classes (.csv, .tsv, .txt, .json, .jsonl, also "
            ".gz); for a language model a text file, or a table with --text-column; for "
            "translation the source sentences, one per line.",
        ),
    ] = None,
    target: Annotated[
        Path | None, _option(DATA, "The translations of --data, line by line.")
    ] = None,
    text_column: Annotated[
        str | None,
        _option(DATA, "The column of --data with the texts; several, with commas, are joined."),
    ] = None,
    label_column: Annotated[
        str | None, _option(DATA, "The column of --data with the labels.")
    ] = None,
    validation_data: Annotated[
        Path | None,
        _option(DATA, "A table like --data to validate on, in place of a tenth of --data."),
    ] = None,
    test_data: Annotated[
        Path | None, _option(DATA, "A table like --data to test on, in place of a tenth of --data.")
    ] = None,
    delimiter: Delimiter = None,
    quoting: Quoting = None,
    encoding: Encoding = None,
    header: Header = None,
    skip_empty: SkipEmpty = None,
    clean: Clean = None,
    data_dir: Annotated[
        Path | None,
        _option(
            DATA, "Location of a data set: archive, file or folder. By default it is downloaded."
        ),
    ] = None,
    recipe: Annotated[
        str | None, _option(RUN, "A named set of settings; for shakespeare, nanogpt or ours.")
    ] = None,
    out: Annotated[
        Path | None, _option(RUN, "Folder of the run; by default runs/DATA-SEED.")
    ] = None,
    resume_from: Annotated[
        Path | None,
        _option(
            RUN,
            "Resume this run; it ends exactly as the uninterrupted run would have. With --data, "
            "its file is in a new place; with more --epochs or --steps, or a longer --patience, it "
            "is trained for longer.",
            "--resume",
        ),
    ] = None,
    seed: Annotated[
        int | None, _option(RUN, "Determines all random numbers; by default 0.")
    ] = None,
    windows: Annotated[
        bool | None,
        _option(RUN, "Evaluate long texts in overlapping windows.", "--windows/--no-windows"),
    ] = None,
    workers: Annotated[
        int | None,
        _option(
            RUN,
            "Worker processes (threads where they cannot be forked); by default one per core, at "
            "most 8.",
        ),
    ] = None,
    device: Annotated[str, _option(RUN, f"{DEVICE_HELP} It is not part of the run.")] = "cpu",
    **changes,
):
    """Train a transformer: by default a classifier on the bundled film reviews.

    Settings that are not given have defaults that suit the data set; the run's config.json lists
    them.
    """
    table = given_options(
        delimiter=delimiter, quoting=quoting, encoding=encoding, header=header,
        skip_empty=skip_empty, clean=clean,
    )  # fmt: skip
    began, device = time.perf_counter(), choose_device(device)
    options = {
        "task": task, "dataset": dataset, "data": data, "target": target,
        "text_column": text_column, "label_column": label_column, "recipe": recipe, "out": out,
        "seed": seed, "windows": windows, "workers": workers,
        "validation_data": validation_data, "test_data": test_data, "table": table,
        **changes,
    }  # fmt: skip
    options = {name: value for name, value in options.items() if value is not None}
    with together() as processes:
        common = {"data_dir": data_dir, "processes": processes, "on_progress": say}
        if resume_from is None:
            folder, texts = start(**options, **common)
        else:
            places = {name: options.pop(name) for name in FIELDS if name in options}
            longer = {name: options.pop(name) for name in LONGER if name in options}
            given = [name for name in options if name != "table"] + list(table or ())
            refuse("a run is resumed with the settings it was started with", given)
            folder, texts = resume(resume_from, places=places, longer=longer, **common)
        try:
            model, history = train_run(
                folder, texts, resume=resume_from is not None, device=device, processes=processes,
                verbose=1, on_progress=say,
            )  # fmt: skip
            if history.interrupted:
                raise Stop(_how_to_resume(folder), INTERRUPTED)
            if leads(processes):
                folder.task.report(folder, model.to("numpy"), texts, began, say)
        except KeyboardInterrupt:
            raise Stop(_what_is_left(folder), INTERRUPTED) from None
        except Exception as error:
            if folder.checkpoint.exists():
                error.add_note(f"to resume: python -m minitransformer train --resume {folder.path}")
            raise
        finally:
            folder.discard()  # does nothing once there is a checkpoint


def _how_to_resume(folder):
    """The message for a run that Ctrl-C ended after a step."""
    return (
        f"interrupted: the best weights so far are in {folder.path}, which can be used as it is; "
        f"to resume: python -m minitransformer train --resume {folder.path}"
    )


def _what_is_left(folder):
    """The message for a run that Ctrl-C ended at once."""
    if folder.weights.exists():
        return f"interrupted; the trained model is in {folder.path}"
    if folder.checkpoint.exists():
        return f"interrupted at once; to resume from the last epoch: train --resume {folder.path}"
    return "interrupted before there was anything to keep"
