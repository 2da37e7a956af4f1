"""The parent's end of a worker process."""

import json
import os
import subprocess
import sys
import tempfile
from typing import NamedTuple

from minitransformer.training.parallel import allocator

# The libraries read these variables when they are loaded, so the variables must be set first.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip


class WorkerError(RuntimeError):
    """A worker could not do what was requested; the message is one line."""


class Side(NamedTuple):
    """One implementation to be measured.

    Attributes
    ----------
    key : str
        Name of the side in results.
    label : str
        Name of the side in tables and figures.
    module : {"ours", "torch"}
        The module that implements the side.
    options : dict
        Further arguments for the module's ``steps``.
    optional : bool
        Whether the comparison still succeeds if this side fails.
    """

    key: str
    label: str
    module: str
    options: dict
    optional: bool = False


def environment(side, threads):
    """Environment variables for a worker, with `threads` threads for the library that computes.

    Our side tells the allocator to keep freed memory while it trains. The other side gets the same
    policy from the environment, because it speeds up any program that frees and allocates arrays of
    the same sizes again and again.
    """
    variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
    if side.module == "torch":
        variables["OPENBLAS_NUM_THREADS"] = "1"  # for NumPy, which only creates the data
        variables |= allocator.VARIABLES
    return {**os.environ, **variables}


class Worker:
    """A worker process; use it as a context manager.

    Parameters
    ----------
    side : Side
        The implementation to start.
    threads : int
        Number of threads for the library that computes.
    command : list of str, optional
        A command to start instead of the side's worker.
    """

    def __init__(self, side, threads, command=None):
        own = [sys.executable, "-m", "minitransformer.bench.worker", side.module]
        self.side, self._errors = side, tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command or own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            env=environment(side, threads), encoding="utf-8",
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def ask(self, do, **arguments):
        """Send a request and wait for its answer.

        Parameters
        ----------
        do : str
            The request; see :mod:`~minitransformer.bench.worker`.
        **arguments
            The arguments of the request, which JSON must be able to store.

        Returns
        -------
        dict

        Raises
        ------
        WorkerError
            If the worker reports an error or ends.
        """
        try:
            print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        try:
            answer = json.loads(line)
        except ValueError:
            raise WorkerError(f"{self.side.label}: {self._last_words(line)}") from None
        if "error" in answer:
            raise WorkerError(f"{self.side.label}: {answer['error']}")
        return answer

    def _last_words(self, line):
        """Why there is no answer, in one line."""
        if line.strip():
            self.close()
            return f"printed {line.strip()!r:.80}, which is not an answer"
        status = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if status < 0:
            return f"its process was ended by signal {-status}; is there enough memory?"
        return f"its process ended with status {status}" + (f": {last}" if last else "")

    def close(self):
        """End the process."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass  # the process has ended and no longer reads
        self._errors.close()
