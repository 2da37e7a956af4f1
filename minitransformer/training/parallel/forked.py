"""Workers that are processes of their own, forked from this one.

Threads hand Python's lock to each other before and after every call into NumPy. Where a call takes
ten microseconds, as in a small model, that costs more than the call. A forked process has a lock of
its own. It is a copy of this process at that moment, model included, and writes its gradients into
memory that both see; a micro-batch goes to it through a pipe, and loss and metrics come back.
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

# One at a time: a process would keep another one's end of a pipe open, and its loss unnoticed.
_forking = threading.Lock()


def can_fork():
    """Whether this process may fork: on Linux; on a Mac, system libraries do not stand it."""
    wanted = os.environ.get("MINITRANSFORMER_FORK") != "0"
    return wanted and sys.platform.startswith("linux") and not current_process().daemon


def shared_zeros(like):
    """Zeros of shape and dtype of `like`, (n,), that forked processes see and write too."""
    return np.frombuffer(mmap.mmap(-1, max(like.nbytes, 1)), like.dtype, like.size)


class ForkedWorker:
    """A process that does jobs on a replica of the model.

    Parameters
    ----------
    replica : object with ``flat``
        Its values and gradients lie in shared memory.
    """

    def __init__(self, replica):
        context = get_context("fork")
        with _forking, warnings.catch_warnings():
            # Python 3.12 warns of threads at a fork. Those here hold no lock that _serve takes.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(
                target=_serve, args=(replica, theirs, self._pipe), daemon=True
            )
            self._process.start()
            theirs.close()

    def begin(self, task, jobs):
        """Have ``task(replica, job)`` done for every job; :meth:`answer` waits for it."""
        with suppress(BrokenPipeError):  # it is lost, which answer() says
            self._pipe.send((task, jobs))

    def answer(self):
        """What the jobs returned, in their order, and None; or None, and the error of one."""
        try:
            found = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            return None, self._lost()
        if isinstance(found, list):
            return found, None
        try:
            error = self._pipe.recv()
        except Exception:  # it cannot be put together again
            error = None
        return None, error or RuntimeError(found)

    def _lost(self):
        self._process.join()
        status = self._process.exitcode or 0  # None where someone else has asked the system
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return RuntimeError(
            f"a worker process {how}; is there enough memory? "
            "MINITRANSFORMER_FORK=0 makes workers threads"
        )

    def close(self):
        """End the process, whatever it is doing: nobody wants what it would answer."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(replica, pipe, parents_end):
    """Do what comes through the pipe until the parent closes it, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends this
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parents_end.close()
    gc.freeze()  # what the parent has thrown away would be finished off here a second time
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
        os._exit(0)  # nothing of the parent's is to be closed, flushed or removed twice


def _send_error(pipe, error):
    """What it says, then the error itself, if it can be taken apart; else None."""
    pipe.send(f"{type(error).__name__}: {error}")
    error.add_note("In a worker process:\n" + traceback.format_exc())
    try:
        pipe.send(error)
    except Exception:
        pipe.send(None)
