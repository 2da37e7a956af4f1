"""A progress bar that appears only if the work takes a long time."""

import sys
import time
from contextlib import contextmanager


@contextmanager
def late_bar(description, total=None, *, shown=True, in_bytes=True, delay=2.0):
    """A progress bar on standard error that appears after `delay` seconds.

    Nothing is drawn if standard error is not a terminal or a notebook.

    Parameters
    ----------
    description : str
        Text before the bar.
    total : int, optional
        The total amount of work; None if unknown.
    shown : bool
        Whether the bar may be drawn at all.
    in_bytes : bool
        Whether to show amounts of work in bytes, with the rate.
    delay : float
        Seconds before the bar appears.

    Yields
    ------
    update : callable
        ``update(done)`` reports the amount of work done so far.
    """
    start = time.monotonic()
    bar = None

    def update(done):
        nonlocal bar
        if bar is None and shown and time.monotonic() - start >= delay:
            bar = _bar(in_bytes)
            bar.add_task(description, total=total)
            bar.start()
        if bar is not None:
            bar.update(bar.task_ids[0], completed=done)

    try:
        yield update
    finally:
        if bar is not None:
            bar.stop()


def _bar(in_bytes):
    from rich import progress
    from rich.console import Console

    console = Console(file=sys.stderr)
    amount = (
        [progress.DownloadColumn(), progress.TransferSpeedColumn()]
        if in_bytes
        else [progress.MofNCompleteColumn()]
    )
    columns = [
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        *amount,
        progress.TimeRemainingColumn(),
    ]
    return progress.Progress(*columns, console=console, transient=True)
