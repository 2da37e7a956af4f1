"""Evaluation and prediction, which do not change the model, and functions shared with training."""

import numpy as np

from minitransformer.backend import is_cupy, read_numbers, to_device, to_host
from minitransformer.checks import check_count, check_flag
from minitransformer.functional import softmax
from minitransformer.training.parallel.workers import WorkerPool, default_workers
from minitransformer.training.progress import check_verbose


class RunningMeans:
    """Running means of loss, penalty and metrics over the batches of an epoch.

    Parameters
    ----------
    metrics : list of Metric
        What is averaged in addition to the loss and the penalty.
    sums : dict, optional
        The :attr:`sums` of the earlier part of an epoch, from which to continue.
    """

    def __init__(self, metrics, sums=None):
        self._finish = {metric.name: metric.finish for metric in metrics}
        self.sums = {name: [0.0, 0.0] for name in ["loss", *self._finish, "penalty"]}
        for name, (total, count) in (sums or {}).items():
            self.sums[name] = [np.array(total) if isinstance(total, list) else total, count]

    def add(self, loss, weight, measures, penalty=0.0):
        """Add a batch: its mean loss, the weight of that mean, and (sum, count) of each metric."""
        parts = [(loss * weight, weight), *measures, (penalty * weight, weight)]
        for name, (total, count) in zip(self.sums, parts, strict=True):
            self.sums[name][0] = self.sums[name][0] + total  # which may be an array
            self.sums[name][1] += count

    def means(self, penalty=False):
        """Means by name; the penalty is included only if `penalty` is true."""
        means = {
            name: total / count if count else 0.0
            for name, (total, count) in self.sums.items()
            if penalty or name != "penalty"
        }
        return means | {name: finish(means[name]) for name, finish in self._finish.items()}


DEVICE_TOKENS = 16_384
"""Maximum number of tokens in a micro-batch on a device.

It is large because the time to launch a kernel does not depend on the number of tokens.
"""


def jobs_of(model, examples, indices, max_tokens):
    """Cut examples into micro-batches of at most `max_tokens` tokens.

    If `max_tokens` is None, the model chooses the maximum on the host. On a device the maximum is
    then ``DEVICE_TOKENS``.

    Returns
    -------
    jobs : list of (int, int array)
        For each micro-batch, its number in the batch and the indices of its examples.
    costs : list of float
        Estimated cost of each micro-batch, in arbitrary units.
    """
    fill = max_tokens is None and is_cupy(model.flat.values)
    data, limit = model.learns_from, max_tokens
    if limit is None:
        tokens = examples.tokens(indices)
        limit = DEVICE_TOKENS if fill else data.micro_batch_tokens(model, tokens)
    parts = examples.cut(indices, limit, fill)
    costs = [data.cost(len(rows), *lengths) for rows, lengths in parts]
    return list(enumerate(rows for rows, _ in parts)), costs


def device_of(array):
    """Name of an array's device, as `to_device` takes it."""
    return "cupy" if is_cupy(array) else "numpy"


def loss_of(loss, batch, logits, total, ops):
    """The `loss` of a micro-batch: the targets on the device, the value, and what is saved."""
    device = device_of(logits)
    targets = to_device(batch.targets, device)
    weights = getattr(batch, "weights", None)
    if weights is None:
        return targets, *loss.forward(logits, targets, total, ops)
    return targets, *loss.forward(logits, targets, total, ops, weights=to_device(weights, device))


def measure(recipe, logits, targets, saved):
    """Sum and count of each metric; `saved` is what the loss saved for its backward pass."""
    return [metric.measure_with(recipe.loss, logits, targets, saved) for metric in recipe.metrics]


def sum_up(results, metrics):
    """Loss, and (sum, count) of each metric, added up over the micro-batches in their order."""
    loss = sum(value for value, _ in results)
    measures = [m.add_up([found[k] for _, found in results]) for k, m in enumerate(metrics)]
    return loss, measures


def evaluate(model, recipe, pool, examples):
    """Loss and metrics over all `examples`, without dropout.

    Returns
    -------
    dict of str to float
        ``loss`` and each metric by name.
    """
    total = examples.weight(recipe.loss)

    def task(model, job):
        batch = examples.batch(job[1])
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            logits, _ = model.run(batch, None)
            targets, value, saved = loss_of(recipe.loss, batch, logits, total, model.ops)
            return value, measure(recipe, logits, targets, saved)

    everything = np.arange(len(examples))
    jobs, costs = jobs_of(model, examples, everything, recipe.micro_batch_tokens)
    results = pool.map(task, jobs, costs)
    loss, measures = sum_up(results, recipe.metrics)
    running = RunningMeans(recipe.metrics)
    running.add(*read_numbers([loss, total, measures]))
    return running.means()


def as_result(means, return_dict):
    """Means by name as Keras returns them: a list, the loss alone, or the dict itself."""
    if check_flag("return_dict", return_dict):
        return means
    return list(means.values()) if len(means) > 1 else means["loss"]


def check_showing(batch_size, verbose):
    """Check two arguments of `evaluate` and `predict`; return whether to print the result."""
    if batch_size is not None:
        check_count("batch_size", batch_size)
    return check_verbose(verbose) > 0 and verbose != "auto"


def predict(model, x, mask=None, function=softmax):
    """What `function` makes of the scores of all examples, (n, C), in the order of `x`.

    Parameters
    ----------
    model : Trainable
    x, mask
        As for :meth:`Trainable.predict`.
    function : callable
        Gets the scores (B, C) of a micro-batch.
    """
    examples = model.learns_from.read_inputs(model, x, mask)
    recipe, tokens, workers = model.recipe, None, None
    if recipe is not None:
        tokens, workers = recipe.micro_batch_tokens, recipe.workers
    jobs, costs = jobs_of(model, examples, np.arange(len(examples)), tokens)

    def task(model, job):
        return to_host(function(model.learns_from.scores(model, examples.batch(job[1]))))

    workers = workers or default_workers(model.flat.values)
    with WorkerPool(model, min(workers, len(examples))) as pool:
        parts = pool.map(task, jobs, costs)
    result = np.empty((len(examples), *parts[0].shape[1:]), parts[0].dtype)
    for (_, rows), part in zip(jobs, parts, strict=True):
        result[rows] = part
    return result
