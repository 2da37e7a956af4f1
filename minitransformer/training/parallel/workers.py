"""Parallel workers: the micro-batches of a batch, assigned to threads, or to forked processes.

NumPy releases Python's lock inside its loops and products, so threads that each compute whole
micro-batches keep all cores busy with everything, elementwise work included; BLAS is held to one
thread in each. Where gradients are wanted for many steps, processes do better (forked.py). Every
worker has a replica of the model, which shares the values and owns its gradients. The gradients are
added up in the order of the workers, never in the order in which they finish, so that the result is
the same bits whenever the number of workers is the same.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np

from minitransformer.backend import array_module, is_cupy
from minitransformer.checks import check_count
from minitransformer.training.parallel.allocator import freed_memory_kept
from minitransformer.training.parallel.blas import one_blas_thread
from minitransformer.training.parallel.forked import ForkedWorker, can_fork, shared_zeros

# More cores than this gain nothing on a batch of the usual size: it has no more micro-batches.
MAX_WORKERS = 8


def usable_cores():
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_workers(values=None):
    """Number of workers where none is asked for: one a core, up to 8; one for a GPU's arrays."""
    if values is not None and array_module(values) is not np:
        return 1
    return min(usable_cores(), MAX_WORKERS)


def assign(costs, workers):
    """Share jobs out so that every worker has about the same cost.

    The costliest job first, each to the worker with least so far (Graham, "Bounds on
    multiprocessing timing anomalies", 1969). It depends on nothing but its arguments.

    Parameters
    ----------
    costs : sequence of float
    workers : int

    Returns
    -------
    list of `workers` lists of int
        Job numbers, in ascending order.
    """
    shares, loads = [[] for _ in range(workers)], [0.0] * workers
    for job in sorted(range(len(costs)), key=lambda i: (-costs[i], i)):
        least = loads.index(min(loads))
        shares[least].append(job)
        loads[least] += costs[job]
    return [sorted(share) for share in shares]


class WorkerPool:
    """Workers on one model; use it as a context manager.

    With one worker there is no thread, no replica, and BLAS keeps its own threads. A model on a
    GPU has one worker, whatever is asked for: threads would share the one device.

    Parameters
    ----------
    model : object with ``flat`` and ``replica()``
    workers : int, optional
        See :func:`default_workers`.
    keep_memory : bool
        Whether another pool will soon do the same: part of the memory is kept for it.
    fork : bool
        Whether gradients are computed by processes, where the system can: it pays for many steps,
        not for one. They are forked when the first gradients are wanted, and see nothing of the
        model that changes afterwards but its values.
    """

    def __init__(self, model, workers=None, keep_memory=False, fork=False):
        most = default_workers(model.flat.values)
        self.size = most if workers is None else check_count("workers", workers)
        if is_cupy(model.flat.values):
            self.size = most
        self.model, self.keep_memory = model, keep_memory
        self._fork = fork and self.size > 1 and can_fork()
        self._replicas, self._forked = [model], []
        self._pool = None
        self._stack = ExitStack()

    def __enter__(self):
        self._stack.enter_context(freed_memory_kept(give_back=not self.keep_memory))
        if self.size > 1:
            self._stack.enter_context(one_blas_thread())
            self._pool = ThreadPoolExecutor(self.size - 1, thread_name_prefix="worker")
            self._stack.enter_context(self._pool)
        return self

    def __exit__(self, *error):
        self._stack.close()
        self._pool = None
        self._replicas, self._forked = [self.model], []

    def map(self, task, jobs, costs):
        """``task(model, job)`` for every job, without gradients.

        Parameters
        ----------
        task : callable
        jobs : list
        costs : list of float
            Of each job, in any unit.

        Returns
        -------
        list
            Results in the order of `jobs`.
        """
        return self._run(lambda worker, job: task(self.model, job), jobs, costs)

    def add_gradients(self, task, jobs, costs):
        """``task(replica, job)`` for every job; their gradients end up in ``model.flat.grads``.

        The task calls ``backward``, which adds to its replica's gradients. What was in the model's
        before is lost.

        Returns
        -------
        list
            Results in the order of `jobs`.

        Raises
        ------
        RuntimeError
            If `model` has been given another array of parameters since the first call, or if a
            process has ended.
        """
        if any(r.flat.values is not self.model.flat.values for r in self._replicas):
            raise RuntimeError(
                "the model has another array of parameters than its workers: while they are at "
                "work, write into model.flat.values, model.flat.values[...] = new, for example"
            )
        if self._fork and not self._forked:
            self._fork_workers()  # first: what is written later would be held twice
        clear(self.model.flat.grads, self.share_out)
        if self._forked:
            results = self._run_forked(task, jobs, costs)
        else:
            while len(self._replicas) < self.size:
                self._replicas.append(self.model.replica())
            results = self._run(lambda worker, job: task(self._replicas[worker], job), jobs, costs)
        self._add_up(min(self.size, len(jobs)))
        return results

    def _fork_workers(self):
        """One process for each worker but this one, on values that all of them share."""
        own = self.model.flat.values
        self._stack.callback(lambda: self.model.flat.use_values(own))
        try:
            self.model.flat.use_values(shared_zeros(own))
            for _ in range(self.size - 1):
                replica = self.model.replica()
                replica.flat.use_grads(shared_zeros(own))
                self._forked.append(ForkedWorker(replica))
                self._stack.callback(self._forked[-1].close)
                self._replicas.append(replica)
        except OSError:  # no memory, or too many processes: threads do the same
            self._fork, self._forked, self._replicas = False, [], [self.model]

    def _run_forked(self, task, jobs, costs):
        shares, results = assign(costs, self.size), {}
        busy = [pair for pair in zip(self._forked, shares[1:], strict=True) if pair[1]]
        for worker, share in busy:
            worker.begin(task, [jobs[job] for job in share])
        try:
            results |= {job: task(self.model, jobs[job]) for job in shares[0]}
        finally:
            # Wait for all even after an error, as below.
            answers = [worker.answer() for worker, _ in busy]
        for (_, share), (found, error) in zip(busy, answers, strict=True):
            if error is not None:
                raise error
            results |= zip(share, found, strict=True)
        return [results[job] for job in range(len(jobs))]

    def _run(self, task, jobs, costs):
        results = [None] * len(jobs)

        def work(worker, share):
            for job in share:
                results[job] = task(worker, jobs[job])

        shares = assign(costs, self.size)
        self._each(work, shares)
        return results

    def _each(self, work, shares):
        """``work(worker, share)`` on every worker at once; the calling thread is worker 0."""
        others = [
            self._pool.submit(work, worker, share)
            for worker, share in enumerate(shares[1:], start=1)
            if share
        ]
        try:
            work(0, shares[0])
        finally:
            # Wait for all even after an error: nobody may still write when the caller goes on.
            errors = [future.exception() for future in others]
        for error in errors:
            if error is not None:
                raise error

    def share_out(self, size, work):
        """``work(slice)`` on every worker at once, each with its part of 0..`size`."""
        edges = [size * k // self.size for k in range(self.size + 1)]
        parts = [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]

        def quietly(worker, part):
            # NaN and inf are looked for once a step; a warning would name no parameter.
            with np.errstate(over="ignore", invalid="ignore"):
                work(part)

        self._each(quietly, parts)

    def _add_up(self, used):
        """Add the replicas' gradients to the model's, in the order of the workers; clear them."""
        total, parts = self.model.flat.grads, [r.flat.grads for r in self._replicas[1:used]]

        def work(here):
            for grads in parts:
                total[here] += grads[here]
                grads[here] = 0

        if parts:
            self.share_out(total.size, work)


def clear(array, share_out):
    """Set `array` (n,) to zero."""

    def work(here):
        array[here] = 0

    share_out(array.size, work)
