"""Workers that are separate processes, forked from this one.

Threads pass Python's lock to each other before and after every call into NumPy. When a call takes
ten microseconds, as in a small model, passing the lock costs more than the call. A forked process
has its own lock. It is a copy of this process at the moment of the fork, including the model, and
writes its gradients into shared memory. Micro-batches are sent to it through a pipe, and it sends
back losses and metrics.
"""

import gc
import mmap
import os
import signal
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from multiprocessing import current_process, get_context

import numpy as np

# Only one fork at a time. Otherwise a process would inherit the child's end of another worker's
# pipe and keep it open, so that nobody would notice if that worker ended.
_forking = threading.Lock()


def can_fork():
    """Whether this process may fork: only on Linux, because macOS's libraries do not support it."""
    enabled = os.environ.get("MINITRANSFORMER_FORK") != "0"
    return enabled and sys.platform.startswith("linux") and not current_process().daemon


def shared_zeros(like):
    """Zeros with the shape and dtype of `like`, (n,), in memory shared with forked processes."""
    return np.frombuffer(mmap.mmap(-1, max(like.nbytes, 1)), like.dtype, like.size)


class WorkerEnded(RuntimeError):
    """A worker process ended before it had answered, for instance because memory ran out."""


class ForkedWorker:
    """A process that does jobs on a replica of the model.

    Parameters
    ----------
    replica : object with ``flat``
        The replica, whose values and gradients must be in shared memory.
    """

    def __init__(self, replica):
        context = get_context("fork")
        with _forking, warnings.catch_warnings():
            # Python 3.12 warns of forking with threads. Our threads hold no lock that _serve takes.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pipe, childs_end = context.Pipe()
            self._process = context.Process(
                target=_serve, args=(replica, childs_end, self._pipe), daemon=True
            )
            self._process.start()
            childs_end.close()

    def send(self, task, jobs):
        """Start ``task(replica, job)`` for every job; :meth:`receive` waits for the results."""
        with suppress(BrokenPipeError):  # the process has ended, which receive() reports
            self._pipe.send((task, jobs))

    def receive(self):
        """Return the results of the jobs, in order, and None; or None and the error of a job."""
        try:
            received = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            return None, self._lost()
        if isinstance(received, list):
            return received, None
        try:
            error = self._pipe.recv()
        except Exception:  # the error cannot be unpickled
            error = None
        return None, error or RuntimeError(received)

    def _lost(self):
        self._process.join()
        status = self._process.exitcode or 0  # None if other code has already reaped the process
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return WorkerEnded(
            f"a worker process {how}; is there enough memory? "
            "Set MINITRANSFORMER_FORK=0 to use threads as workers"
        )

    def close(self):
        """End the process at once; its results are no longer needed."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(replica, pipe, parents_end):
    """Do the tasks that arrive through the pipe until the parent closes it or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parents_end.close()
    gc.freeze()  # otherwise the parent's garbage would be finalised here a second time
    try:
        while True:
            try:
                task, jobs = pipe.recv()
            except (EOFError, OSError):
                break
            try:
                pipe.send([task(replica, job) for job in jobs])
            except Exception as error:
                _send_error(pipe, error)
    finally:
        os._exit(0)  # so that no file of the parent is closed, flushed or removed a second time


def _send_error(pipe, error):
    """Send the message of `error`, then the error itself, or None if it cannot be pickled."""
    pipe.send(f"{type(error).__name__}: {error}")
    error.add_note("In a worker process:\n" + traceback.format_exc())
    try:
        pipe.send(error)
    except Exception:
        pipe.send(None)
