"""A progress bar that appears only where something takes long."""

import sys
import time
from contextlib import contextmanager


@contextmanager
def late_bar(description, total=None, *, shown=True, in_bytes=True, delay=2.0):
    """A progress bar on standard error that appears after `delay` seconds.

    Nothing is drawn where standard error is not a terminal or notebook.

    Parameters
    ----------
    description : str
    total : int, optional
        What counts as finished; None where it is not known.
    shown : bool
        False never draws anything.
    in_bytes : bool
        Show amounts as bytes, with the rate.
    delay : float
        In seconds.

    Yields
    ------
    update : callable
        ``update(done)`` reports how much is finished so far.
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
