"""Several processes, started by ``mpiexec``, that train one model together.

Every process runs the whole program on the same data, from the same seed. The micro-batches of a
batch are assigned to processes as
:class:`~minitransformer.training.parallel.workers.WorkerPool` assigns them to threads. The
gradients are added up in the order of the processes, and all of them take the same step. MPI does
not fix the order of its own sums, so they are not used: n processes give the same bits as one
process with n workers.
"""

import os
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from time import monotonic, sleep

import numpy as np

from minitransformer.backend import array_module
from minitransformer.training.parallel.allocator import freed_memory_kept
from minitransformer.training.parallel.blas import one_blas_thread
from minitransformer.training.parallel.workers import assign

# How MPICH (and what is made from it), Open MPI and MVAPICH tell a process how many there are.
SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


def join():
    """The processes that ``mpiexec`` started with this one, or None where it is alone.

    Returns
    -------
    Processes or None

    Raises
    ------
    ValueError
        If there are several, and mpi4py is missing or belongs to another MPI than `mpiexec`.
    """
    told = [os.environ.get(name, "") for name in SIZE_VARIABLES]
    size = max((int(number) for number in told if number.isdecimal()), default=1)
    if size == 1:
        return None
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the latter: it finds no MPI library
        raise ValueError(
            f"{size} processes were started, which takes mpi4py and an MPI library ({error}): "
            "python -m pip install 'minitransformer[mpi]'"
        ) from error
    if MPI.COMM_WORLD.size != size:
        raise ValueError(
            f"{size} processes were started, but mpi4py sees {MPI.COMM_WORLD.size}: "
            "it uses another MPI library than mpiexec"
        )
    return Processes(MPI.COMM_WORLD)


class Processes:
    """The processes of a run. What all of them must call together, says so.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm

    Attributes
    ----------
    rank : int
        Number of this process, from 0.
    size : int
        How many there are.
    """

    def __init__(self, communicator):
        self._all, self.rank, self.size = communicator, communicator.rank, communicator.size
        # A channel of its own, so that the end of one is not taken for another's next word.
        self._ends = communicator.Dup()

    def exchange(self, value):
        """What every process gives, in their order; all call it together."""
        return self._all.allgather(value)

    def check_same(self, what, content):
        """Make sure that bytes are the same in all processes; all call it together.

        Raises
        ------
        RuntimeError
            In all of them, if they differ.
        """
        digests = self.exchange(sha256(content).digest())
        other = [rank for rank, digest in enumerate(digests) if digest != digests[0]]
        if other:
            raise RuntimeError(f"process {other[0]} has other {what} than process 0")

    def add_up(self, array, used):
        """Replace `array`, (n,), by the sum of those of the first `used` processes, in order.

        Every process adds up one part for all; all call it together.
        """
        edges = [array.size * k // self.size for k in range(self.size + 1)]
        counts = np.diff(edges)
        parts = np.empty((self.size, counts[self.rank]), array.dtype)
        self._all.Alltoallv((array, counts), (parts, [parts.shape[1]] * self.size))
        total = parts[0]
        # NaN and inf are looked for once a step; a warning would name no parameter.
        with np.errstate(over="ignore", invalid="ignore"):
            for part in parts[1:used]:
                total += part
        self._all.Allgatherv(total, (array, counts))

    @contextmanager
    def in_turn(self):
        """Process 0 does something first, such as downloading; the others wait, and do it then."""
        if self.rank:
            _arrived(self._all.Ibarrier())
        try:
            yield
        finally:
            if not self.rank:
                _arrived(self._all.Ibarrier())

    def end(self, failed, grace):
        """Wait for the end of all others; all call it together, as the last thing.

        Parameters
        ----------
        failed : bool
            Whether this process has failed.
        grace : float
            Seconds to wait after a failure. Without one the wait has no limit.

        Returns
        -------
        list of bool, or None
            Whether each has failed; None if they have not come.
        """
        if not _arrived(self._ends.Ibarrier(), grace if failed else None):
            return None
        return self._ends.allgather(failed)

    def abort(self, status):
        """End all processes at once."""
        self._all.Abort(status)


def _arrived(everybody, seconds=None):
    """Wait until all are at a barrier, at most so long, and leave the processor to others."""
    began = monotonic()
    while not everybody.Test():
        if seconds is not None and monotonic() - began > seconds:
            return False
        sleep(0.01)
    return True


class ProcessPool:
    """One worker in each process; to be used as a :class:`WorkerPool`, by all alike.

    Parameters
    ----------
    model : object with ``flat``
        On the host, with the same values in every process.
    processes : Processes
    """

    def __init__(self, model, processes):
        if array_module(model.flat.values) is not np:
            raise ValueError("processes: several of them train on the host only, not on a GPU")
        self.model, self.processes, self.size = model, processes, processes.size
        self._stack = ExitStack()

    def __enter__(self):
        self._stack.enter_context(freed_memory_kept())
        self._stack.enter_context(one_blas_thread())
        return self

    def __exit__(self, *error):
        self._stack.close()

    def map(self, task, jobs, costs):
        """``task(model, job)`` for every job, each in one process.

        Returns
        -------
        list
            Results of all jobs, in the order of `jobs`, in every process.

        Raises
        ------
        RuntimeError
            If another process failed. Where a task raises, its error comes in its own process.
        """
        share, results, error = assign(costs, self.size)[self.processes.rank], [], None
        try:
            results = [(job, task(self.model, jobs[job])) for job in share]
        except Exception as raised:
            error = raised
        told = None if error is None else f"{type(error).__name__}: {error}"
        everybody = self.processes.exchange((results, told))
        if error is not None:
            raise error
        for rank, (_, told) in enumerate(everybody):
            if told is not None:
                raise RuntimeError(f"process {rank} failed: {told}")
        found = dict(pair for results, _ in everybody for pair in results)
        return [found[job] for job in range(len(jobs))]

    def add_gradients(self, task, jobs, costs):
        """:meth:`map`; the gradients of all jobs end up in ``model.flat.grads``, everywhere."""
        self.model.flat.zero_grad()
        results = self.map(task, jobs, costs)
        self.processes.add_up(self.model.flat.grads, min(self.size, len(jobs)))
        return results

    def share_out(self, size, work):
        """``work(slice)`` on 0..`size`, all of it in every process."""
        work(slice(0, size))
