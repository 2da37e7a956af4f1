"""A command that several processes run together: one speaks, and one that fails ends all."""

import os
import signal
import sys
from contextlib import contextmanager, nullcontext, redirect_stdout

from minitransformer.cli.options import FAILED, describe
from minitransformer.training.parallel.mpi import join

GRACE = 5.0
"""Seconds in which the others fail alike, as with a wrong option; else one failed alone."""


def leads(processes):
    """Whether this process writes files: the only one, or process 0 of several."""
    return processes is None or processes.rank == 0


@contextmanager
def together():
    """Gives the :class:`Processes` that ``mpiexec`` started, or None where there is only one.

    Only process 0 prints. An error that all processes have is process 0's to report; one that has
    failed alone ends the others, which would wait for it for ever.
    """
    processes = join()
    if processes is None:
        yield None
        return
    error = None
    with _silence() if processes.rank else nullcontext():
        try:
            yield processes
        except BaseException as raised:
            error = raised
    _end(processes, error)


@contextmanager
def _silence():
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def _end(processes, error):
    """Wait for the others, and raise `error` where it is to be reported."""
    if processes.rank:  # Ctrl-C is sent to all; while process 0 works on, it is for that one
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    failed = processes.end(error is not None, GRACE)
    if failed is None:
        where = f"process {processes.rank} of {processes.size}"
        print(f"error: {where} failed alone: {describe(error)}", file=sys.stderr, flush=True)
        processes.abort(FAILED)
    if error is not None:
        raise SystemExit(0) if processes.rank and failed[0] else error
