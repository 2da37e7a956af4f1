"""The assignment of jobs to workers."""


def assign(costs, workers):
    """Assign jobs to workers so that every worker has about the same cost.

    Jobs are assigned in order of decreasing cost, each to the worker with the lowest cost so far
    (Graham, "Bounds on multiprocessing timing anomalies", 1969). The result depends only on the
    arguments.

    Parameters
    ----------
    costs : sequence of float
        Cost of each job, in arbitrary units.
    workers : int
        Number of workers.

    Returns
    -------
    list of `workers` lists of int
        Job numbers of each worker, in ascending order.
    """
    assigned, loads = [[] for _ in range(workers)], [0.0] * workers
    for job in sorted(range(len(costs)), key=lambda i: (-costs[i], i)):
        least = loads.index(min(loads))
        assigned[least].append(job)
        loads[least] += costs[job]
    return [sorted(own_jobs) for own_jobs in assigned]
