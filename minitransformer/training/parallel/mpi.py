"""MPI processes, started by ``mpiexec``, that train one model together.

Every process runs the whole program on the same data, from the same seed. The micro-batches of a
batch are assigned to processes as :class:`~minitransformer.training.parallel.workers.WorkerPool`
assigns them to threads. The gradients are added up in the order of the processes, and all processes
take the same step. MPI's own sums are not used, because their order is not fixed. So n processes
give the same bits as one process with n workers.
"""

import os
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from time import monotonic, sleep

import numpy as np

from minitransformer.backend import array_module
from minitransformer.training.parallel.allocator import freed_memory_kept
from minitransformer.training.parallel.assign import assign
from minitransformer.training.parallel.blas import one_blas_thread

# Where MPICH (and its derivatives), Open MPI and MVAPICH store the number of processes.
SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


def join():
    """Join the processes that ``mpiexec`` started together with this one; None if it is alone.

    Returns
    -------
    Processes or None

    Raises
    ------
    ValueError
        If there are several processes, but mpi4py is missing or uses a different MPI library from
        `mpiexec`.
    """
    sizes = [os.environ.get(name, "") for name in SIZE_VARIABLES]
    size = max((int(number) for number in sizes if number.isdecimal()), default=1)
    if size == 1:
        return None
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py finds no MPI library
        raise ValueError(
            f"{size} processes were started, which needs mpi4py and an MPI library ({error}): "
            "python -m pip install 'minitransformer[mpi]'"
        ) from error
    if MPI.COMM_WORLD.size != size:
        raise ValueError(
            f"{size} processes were started, but mpi4py sees {MPI.COMM_WORLD.size}: "
            "it uses a different MPI library from mpiexec"
        )
    return Processes(MPI.COMM_WORLD)


class Processes:
    """The MPI processes of a run. All must call a method together if its docstring says so.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm
        The communicator of all processes.

    Attributes
    ----------
    rank : int
        Number of this process, from 0.
    size : int
        Number of processes.
    """

    def __init__(self, communicator):
        self._all, self.rank, self.size = communicator, communicator.rank, communicator.size
        # A separate channel, so that one process's end is not mistaken for its next message.
        self._ends = communicator.Dup()

    def exchange(self, value):
        """Return every process's `value`, in the order of the processes; all call it together."""
        return self._all.allgather(value)

    def check_same(self, what, content):
        """Check that the bytes `content` are the same in all processes; all call it together.

        Parameters
        ----------
        what : str
            What the bytes are ("weights"), for the message.
        content : bytes
            The bytes to compare.

        Raises
        ------
        RuntimeError
            In every process, if the bytes differ between any two processes.
        """
        digests = self.exchange(sha256(content).digest())
        different = [rank for rank, digest in enumerate(digests) if digest != digests[0]]
        if different:
            raise RuntimeError(f"process {different[0]} has different {what} from process 0")

    def add_up(self, array, used):
        """Replace `array`, (n,), with the sum of the first `used` processes' arrays, in order.

        Each process adds up one part of the array for all processes. All call it together.
        """
        edges = [array.size * k // self.size for k in range(self.size + 1)]
        counts = np.diff(edges)
        parts = np.empty((self.size, counts[self.rank]), array.dtype)
        self._all.Alltoallv((array, counts), (parts, [parts.shape[1]] * self.size))
        total = parts[0]
        # NaN and inf are checked for once per step; a warning would not name the parameter.
        with np.errstate(over="ignore", invalid="ignore"):
            for part in parts[1:used]:
                total += part
        self._all.Allgatherv(total, (array, counts))

    @contextmanager
    def in_turn(self):
        """Context for work that process 0 does before the others do it too, such as a download."""
        if self.rank:
            _arrived(self._all.Ibarrier())
        try:
            yield
        finally:
            if not self.rank:
                _arrived(self._all.Ibarrier())

    def end(self, failed, grace):
        """Wait until all processes end; all call it together, as their last call.

        Parameters
        ----------
        failed : bool
            Whether this process has failed.
        grace : float
            Seconds to wait if this process has failed. If it has not, there is no limit.

        Returns
        -------
        list of bool, or None
            Whether each process has failed, or None if the others have not arrived in time.
        """
        if not _arrived(self._ends.Ibarrier(), grace if failed else None):
            return None
        return self._ends.allgather(failed)

    def abort(self, status):
        """End all processes at once."""
        self._all.Abort(status)


def _arrived(barrier, seconds=None):
    """Whether all processes reach a barrier within `seconds`; sleeps during the wait."""
    start = monotonic()
    while not barrier.Test():
        if seconds is not None and monotonic() - start > seconds:
            return False
        sleep(0.01)
    return True


class ProcessPool:
    """A pool with one worker per process; every process uses it like a :class:`WorkerPool`.

    Parameters
    ----------
    model : object with ``flat``
        A model on the host, with the same values in every process.
    processes : Processes
        The processes that train it.
    """

    def __init__(self, model, processes):
        if array_module(model.flat.values) is not np:
            raise ValueError("model must be on the host to be trained by several processes")
        self.model, self.processes, self.size = model, processes, processes.size
        self._stack = ExitStack()

    def __enter__(self):
        self._stack.enter_context(freed_memory_kept())
        self._stack.enter_context(one_blas_thread())
        return self

    def __exit__(self, *error):
        self._stack.close()

    def map(self, task, jobs, costs):
        """Call ``task(model, job)`` for every job, each in one process.

        Parameters
        ----------
        task, jobs, costs
            As for :meth:`WorkerPool.map`.

        Returns
        -------
        list
            Results of all jobs, in the order of `jobs`, in every process.

        Raises
        ------
        RuntimeError
            If a task failed in another process. The process of the task raises its error.
        """
        own_jobs, results, error = assign(costs, self.size)[self.processes.rank], [], None
        try:
            results = [(job, task(self.model, jobs[job])) for job in own_jobs]
        except Exception as raised:
            error = raised
        message = None if error is None else f"{type(error).__name__}: {error}"
        outcomes = self.processes.exchange((results, message))
        if error is not None:
            raise error
        for rank, (_, message) in enumerate(outcomes):
            if message is not None:
                raise RuntimeError(f"process {rank} failed: {message}")
        by_job = dict(pair for results, _ in outcomes for pair in results)
        return [by_job[job] for job in range(len(jobs))]

    def add_gradients(self, task, jobs, costs):
        """:meth:`map`; in every process, the sum of all gradients is in ``model.flat.grads``."""
        self.model.flat.zero_grad()
        results = self.map(task, jobs, costs)
        self.processes.add_up(self.model.flat.grads, min(self.size, len(jobs)))
        return results

    def share_out(self, size, work):
        """Call ``work(slice)`` on all of 0..`size`; every process does all of the work."""
        work(slice(0, size))
