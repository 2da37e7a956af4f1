"""Parallel workers: the micro-batches of a batch are assigned to threads or forked processes.

NumPy releases Python's lock inside its loops and matrix products. So threads that each compute
whole micro-batches keep all cores busy, even during elementwise operations. BLAS is limited to one
thread per worker. For the gradients of many steps, processes are faster (forked.py). Every worker
has a replica of the model, which shares the model's values and owns its gradients. The gradients
are added up in the order of the workers, never in the order in which they finish, so the same
number of workers always gives the same bits.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np

from minitransformer.backend import array_module, is_cupy
from minitransformer.checks import check_count
from minitransformer.training.parallel.allocator import freed_memory_kept
from minitransformer.training.parallel.assign import assign
from minitransformer.training.parallel.blas import one_blas_thread
from minitransformer.training.parallel.forked import ForkedWorker, can_fork, shared_zeros

# A batch of the usual size has no more micro-batches than this, so more cores would not help.
MAX_WORKERS = 8


def usable_cores():
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_workers(values=None):
    """Default number of workers: one per core, at most 8; for `values` on a GPU, one."""
    if values is not None and array_module(values) is not np:
        return 1
    return min(usable_cores(), MAX_WORKERS)


class WorkerPool:
    """The workers of one model, used as a context manager.

    With one worker, there is no extra thread and no replica, and BLAS is not limited. A model
    on a GPU always has one worker, because threads would share the one device.

    Parameters
    ----------
    model : object with ``flat``, ``parameters()`` and ``replica()``
        The model whose gradients are computed. A model in which a parameter was replaced, added or
        removed is refused.
    workers : int, optional
        Number of workers; see :func:`default_workers`.
    keep_memory : bool
        Whether to keep part of the freed memory at the end, because another pool will soon need it.
    fork : bool
        Whether forked processes compute the gradients, if the system allows it. Forking pays off
        for many steps, but not for one. The processes are forked at the first call of
        :meth:`add_gradients`. After that, a change to the model reaches them only if it is a change
        of its values.
    """

    def __init__(self, model, workers=None, keep_memory=False, fork=False):
        model.flat.check_parameters(model.parameters())
        default = default_workers(model.flat.values)
        self.size = default if workers is None else check_count("workers", workers)
        if is_cupy(model.flat.values):
            self.size = default
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
        """Call ``task(model, job)`` for every job, without computing gradients.

        Parameters
        ----------
        task : callable
            The function to call for each job.
        jobs : list
            The second argument of each call.
        costs : list of float
            Cost of each job, in arbitrary units.

        Returns
        -------
        list
            Results in the order of `jobs`.
        """
        return self._run(lambda worker, job: task(self.model, job), jobs, costs)

    def add_gradients(self, task, jobs, costs):
        """Call ``task(replica, job)`` for all jobs; sum the gradients in ``model.flat.grads``.

        The task calls ``backward``, which adds to the gradients of the replica. The model's
        previous gradients are overwritten.

        Parameters
        ----------
        task, jobs, costs
            As for :meth:`map`.

        Returns
        -------
        list
            Results in the order of `jobs`.

        Raises
        ------
        RuntimeError
            If the array of the model's parameters was replaced after the first call, or if a worker
            process has ended.
        """
        if any(r.flat.values is not self.model.flat.values for r in self._replicas):
            raise RuntimeError(
                "the model's array of parameters was replaced while workers use it: write into the "
                "existing array, for example model.flat.values[...] = new"
            )
        if self._fork and not self._forked:
            # Fork before the gradients are written: pages written before the fork would be copied.
            self._fork_workers()
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
        """Fork one process per worker except this one, on values that all of them share."""
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
        except OSError:  # not enough memory, or too many processes: use threads instead
            self._fork, self._forked, self._replicas = False, [], [self.model]

    def _run_forked(self, task, jobs, costs):
        assigned, results = assign(costs, self.size), {}
        busy = [pair for pair in zip(self._forked, assigned[1:], strict=True) if pair[1]]
        for worker, its_jobs in busy:
            worker.send(task, [jobs[job] for job in its_jobs])
        try:
            results |= {job: task(self.model, jobs[job]) for job in assigned[0]}
        finally:
            # Wait for all workers, even after an error, as in _each.
            answers = [worker.receive() for worker, _ in busy]
        for (_, its_jobs), (found, error) in zip(busy, answers, strict=True):
            if error is not None:
                raise error
            results |= zip(its_jobs, found, strict=True)
        return [results[job] for job in range(len(jobs))]

    def _run(self, task, jobs, costs):
        results = [None] * len(jobs)

        def work(worker, own_jobs):
            for job in own_jobs:
                results[job] = task(worker, jobs[job])

        self._each(work, assign(costs, self.size))
        return results

    def _each(self, work, parts):
        """``work(worker, part)`` on every worker at once; the calling thread is worker 0."""
        futures = [
            self._pool.submit(work, worker, part)
            for worker, part in enumerate(parts[1:], start=1)
            if part
        ]
        try:
            work(0, parts[0])
        finally:
            # Wait for all workers, even after an error, so that none still writes after the return.
            errors = [future.exception() for future in futures]
        for error in errors:
            if error is not None:
                raise error

    def share_out(self, size, work):
        """Call ``work(slice)`` on all workers at once, each with its own part of 0..`size`."""
        edges = [size * k // self.size for k in range(self.size + 1)]
        parts = [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]

        def quietly(worker, part):
            # NaN and inf are checked for once per step; a warning would not name the parameter.
            with np.errstate(over="ignore", invalid="ignore"):
                work(part)

        self._each(quietly, parts)

    def _add_up(self, used):
        """Add the replicas' gradients to the model's, in the order of the workers; clear them."""
        total, terms = self.model.flat.grads, [r.flat.grads for r in self._replicas[1:used]]

        def work(part):
            for grads in terms:
                total[part] += grads[part]
                grads[part] = 0

        if terms:
            self.share_out(total.size, work)


def clear(array, share_out):
    """Set `array` (n,) to zero."""

    def work(part):
        array[part] = 0

    share_out(array.size, work)
