"""`bench`: the speed and memory of training and generation, compared with PyTorch."""

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from minitransformer.backend import choose_device
from minitransformer.bench import devices, figures, report, run, twins
from minitransformer.bench.worker_process import WorkerError
from minitransformer.bench.workloads import WORKLOADS
from minitransformer.checks import check_count
from minitransformer.cli.options import FAILED, Stop
from minitransformer.runs.figures import check_place, save_figure
from minitransformer.storage import write_json
from minitransformer.training.parallel.workers import usable_cores

WIDTH = 80  # of the tables, in a file or a pipe


def bench(
    workload: Annotated[
        str, typer.Argument(help=f"{', '.join(WORKLOADS)}, fused, or devices.")
    ] = "classifier",
    *,
    against: Annotated[
        str | None,
        typer.Option(help="torch: compare with PyTorch on the same work.", show_default=False),
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Also compare with torch.compile.")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu, gpu or auto.")] = "cpu",
    dropout: Annotated[
        float | None, typer.Option(help="Measure with this dropout only.", show_default=False)
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="Number of timed steps per side.", show_default=False)
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="Number of threads per side; by default one per core.", show_default=False
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this .json file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the figures into this .png file.")] = None,
):
    """Measure the time, memory and fraction of peak speed of a training step, or of generation.

    The sides, minitransformer and PyTorch, run in separate processes and take turns, step by step.
    Close other programs first.
    """
    if workload == "fused":
        given = (against, compiled, dropout, threads, json, plot)
        if any(option not in (None, False) for option in given):
            raise ValueError("bench fused takes no options but --device and --repeats")
        _twins(choose_device(device), repeats)
        return
    for path, suffix in ((json, ".json"), (plot, ".png")):
        if path is not None:
            check_place(path, suffix)
    if workload == "devices":
        if any(option not in (None, False) for option in (against, compiled, dropout, plot)):
            raise ValueError("bench devices takes no options but --repeats, --threads and --json")
        _devices(repeats, threads, json)
        return
    try:
        with _progress() as on_progress:
            found = run.bench(
                workload, against=against, compiled=compiled, device=device, dropout=dropout,
                repeats=repeats, threads=threads, on_progress=on_progress,
            )  # fmt: skip
    except WorkerError as error:
        raise Stop(f"error: {error}", FAILED) from None
    _show(found)
    if json is not None:
        write_json(json, report.as_dict(found))
    if plot is not None:
        save_figure(figures.draw(found), plot)
    if found.failures:
        raise Stop(f"error: {found.failures[0]}", FAILED)


def _twins(device, repeats):
    rounds = twins.ROUNDS if repeats is None else check_count("repeats", repeats)
    with _progress() as on_progress:
        found = twins.gains(device, rounds, on_progress)
    _console().print(twins.table(found))


def _devices(repeats, threads, path):
    choose_device("gpu")  # raises an error with the reason if there is none
    rounds = devices.ROUNDS if repeats is None else check_count("repeats", repeats)
    threads = usable_cores() if threads is None else check_count("threads", threads)
    with _progress() as on_progress:
        found = devices.places(threads, rounds, on_progress)
    _console().print(devices.table(found))
    if path is not None:
        write_json(path, [place._asdict() for place in found])


def _console():
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def _show(found):
    console = _console()
    console.print(report.table(found))
    for line in report.lines(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _progress():
    """Yield on_progress(text, done, total), which shows a bar on a terminal, or else lines."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield _lines()
        return
    columns = [BarColumn(bar_width=24), TimeElapsedColumn(), TextColumn("{task.description}")]
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda text, done, total: bar.update(
            task, description=text, completed=done, total=total
        )


def _lines():
    """Return an on_progress(text, done, total) that prints every text once."""
    shown = set()

    def on_progress(text, done, total):
        if text not in shown:
            shown.add(text)
            print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)

    return on_progress
