"""A command run by several processes together: one of them prints, and an error ends them all."""

import os
import signal
import sys
from contextlib import contextmanager, nullcontext, redirect_stdout

from minitransformer.cli.options import FAILED, describe
from minitransformer.training.parallel.mpi import join

GRACE = 5.0
"""Seconds to wait, after a process has failed, for the other processes to fail too.

A wrong option makes all processes fail at about the same time. If the others do not fail within
this time, the process has failed alone.
"""


@contextmanager
def together():
    """Yield the :class:`Processes` that ``mpiexec`` started, or None if there is only one.

    Only process 0 prints. It also reports an error that occurs in all processes. A process that
    fails alone ends the others, which would otherwise wait for it forever.
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
    """Wait for the other processes, and raise `error` if it is to be reported here."""
    if processes.rank:  # Ctrl-C reaches all of them, but only process 0 may still be working
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    failed = processes.end(error is not None, GRACE)
    if failed is None:
        where = f"process {processes.rank} of {processes.size}"
        print(f"error: {where} failed alone: {describe(error)}", file=sys.stderr, flush=True)
        processes.abort(FAILED)
    if error is not None:
        raise SystemExit(0) if processes.rank and failed[0] else error
