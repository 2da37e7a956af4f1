"""One step of training, and the passes over data that only read: evaluate and predict."""

import numpy as np

from minitransformer.backend import generator, is_cupy, read_numbers, to_device, to_host
from minitransformer.functional import softmax
from minitransformer.training.divergence import check_finite, check_update
from minitransformer.training.recipe import UNKNOWN_ID
from minitransformer.training.regularisation import (
    add_penalty,
    clip_by_global_norm,
    global_norm,
    word_dropout,
)


class RunningMeans:
    """Running means of loss, penalty and metrics over the batches of an epoch.

    Parameters
    ----------
    metrics : list of Metric
    sums : dict, optional
        The :attr:`sums` of an earlier part of the epoch, to go on from.
    """

    def __init__(self, metrics, sums=None):
        self._finish = {metric.name: metric.finish for metric in metrics}
        self.sums = sums or {name: [0.0, 0.0] for name in ["loss", *self._finish, "penalty"]}

    def add(self, loss, weight, measures, penalty=0.0):
        """Add a batch: its mean loss, the weight of that mean, (sum, count) of each metric."""
        parts = [(loss * weight, weight), *measures, (penalty * weight, weight)]
        for name, (total, count) in zip(self.sums, parts, strict=True):
            self.sums[name][0] += total
            self.sums[name][1] += count

    def means(self, penalty=False):
        """Means by name; the penalty only when asked for."""
        means = {
            name: total / count if count else 0.0
            for name, (total, count) in self.sums.items()
            if penalty or name != "penalty"
        }
        return means | {name: finish(means[name]) for name, finish in self._finish.items()}


def jobs_of(model, examples, indices, max_tokens):
    """Cut examples into micro-batches of at most `max_tokens` tokens; None: what suits the model.

    Returns
    -------
    jobs : list of (int, int array)
        Number of the micro-batch, and its examples.
    costs : list of float
    """
    parts = examples.cut(indices, model.micro_batch(max_tokens, examples.tokens(indices)))
    costs = [model.cost(len(rows), *lengths) for rows, lengths in parts]
    return list(enumerate(rows for rows, _ in parts)), costs


def _device(array):
    return "cupy" if is_cupy(array) else "numpy"


def _measure(recipe, logits, targets):
    ignore = recipe.loss.ignore_index
    return [metric.measure(logits, targets, ignore) for metric in recipe.metrics]


def _sum_up(results, n_metrics):
    """Loss, and (sum, count) of each metric, over the micro-batches, in their order."""
    loss = sum(value for value, _ in results)
    measures = [
        (sum(m[k][0] for _, m in results), sum(m[k][1] for _, m in results))
        for k in range(n_metrics)
    ]
    return loss, measures


def train_step(model, recipe, pool, examples, indices, multiplier=1.0):
    r"""One step on the examples `indices`.

    Gradients of the micro-batches add up to :math:`\partial L / \partial\theta` of the batch,
    penalties are added, the norm is clipped, the optimiser steps, the average follows.

    Parameters
    ----------
    model : Trainable
    recipe : Recipe
    pool : WorkerPool
        Of `model`; entered.
    examples : Examples
        With targets.
    indices : (B,) int array
    multiplier : float
        Of the learning rate.

    Returns
    -------
    loss : float
        Mean over what counts in the batch, without the penalty.
    weight : float
        What it is a mean over.
    measures : list of (float, int)
        Sum and count of each metric.
    penalty : float

    Raises
    ------
    TrainingDiverged
        When the loss or a gradient is not finite; parameters and optimiser are as before. Or when
        the update overflows; the parameters are as before. In mixed precision a gradient that
        overflows only leaves the step out, while the scale of the loss can be halved.
    """
    return read_numbers(take_step(model, recipe, pool, examples, indices, multiplier)[0])


def take_step(model, recipe, pool, examples, indices, multiplier=1.0, checked=True):
    """:func:`train_step`, whose numbers stay on the device where the model lies on one.

    Returns
    -------
    result : tuple
        What :func:`train_step` returns.
    norms : tuple
        Norms of the gradients and of the new parameters where they have not been `checked`:
        unless all are finite, and the loss too, the step should not have been taken.
    """
    optimizer, flat, step = recipe.optimizer, model.flat, recipe.optimizer.t + 1
    total = examples.weight(recipe.loss, indices)
    task = _gradient_task(recipe, examples, total, [model.seed, step])
    mixed = recipe.mixed
    flat.zero_grad()
    if mixed is not None:
        mixed.begin_step(flat.values)
    jobs, costs = jobs_of(model, examples, indices, recipe.micro_batch_tokens)
    results = pool.add_gradients(task, jobs, costs)
    loss, measures = _sum_up(results, len(recipe.metrics))

    # Overflow shows in the norms, which are checked before and after the optimiser writes.
    with np.errstate(over="ignore", invalid="ignore"):
        if mixed is not None:
            mixed.unscale(flat.grads)
        decay = model.decay_mask()
        penalty = add_penalty(flat.values, flat.grads, recipe.l1, recipe.l2, decay)
        norm, norms = global_norm(flat.grads), ()
        if checked:
            numbers = read_numbers([loss, norm])
            if mixed is not None and mixed.overflowed(model, *numbers, step):
                return (loss, total, measures, penalty), norms
            check_finite(model, *numbers, step)
        if recipe.clip is not None:
            clip_by_global_norm(flat.grads, recipe.clip, norm)
        rate = optimizer.learning_rate * multiplier
        before = flat.values.copy() if checked else None
        optimizer.step(flat.values, flat.grads, rate, decay, pool.share_out)
        if checked:
            check_update(model, before, step)
        else:
            norms = norm, global_norm(flat.values)
        if recipe.averages is not None:
            recipe.averages.update(flat.values)
        if mixed is not None:
            mixed.end_step()
    return (loss, total, measures, penalty), norms


def _gradient_task(recipe, examples, total, seed_and_step):
    """The forward and backward pass of one micro-batch, as a function (replica, job)."""

    def task(replica, job):
        number, rows = job
        rng = np.random.default_rng([*seed_and_step, number])
        batch = examples.batch(rows)
        if recipe.word_dropout:
            ids = word_dropout(batch.ids, recipe.word_dropout, UNKNOWN_ID, rng, batch.mask)
            batch = batch._replace(ids=ids)
        # NaN and inf are looked for once a step; a warning would name no parameter.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if is_cupy(replica.flat.values):  # dropout masks are drawn where they are used
                rng = generator([*seed_and_step, number], like=replica.flat.values)
            if recipe.mixed is not None:
                replica = recipe.mixed.half(replica)
            logits, cache = replica.run(batch, rng)
            targets = to_device(batch.targets, _device(logits))
            value, saved = recipe.loss.forward(logits, targets, total)
            replica.backward(recipe.loss.backward(saved), cache)
            return value, _measure(recipe, logits, targets)

    return task


def evaluate(model, recipe, pool, examples):
    """Loss and metrics over all `examples`, dropout off.

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
            targets = to_device(batch.targets, _device(logits))
            value, _ = recipe.loss.forward(logits, targets, total)
            return value, _measure(recipe, logits, targets)

    everything = np.arange(len(examples))
    jobs, costs = jobs_of(model, examples, everything, recipe.micro_batch_tokens)
    results = pool.map(task, jobs, costs)
    loss, measures = _sum_up(results, len(recipe.metrics))
    running = RunningMeans(recipe.metrics)
    running.add(*read_numbers([loss, total, measures]))
    return running.means()


def predict(model, pool, examples, max_tokens):
    """Softmax of the scores of all `examples`, in their order, (n, C), on the host."""
    jobs, costs = jobs_of(model, examples, np.arange(len(examples)), max_tokens)

    def task(model, job):
        return to_host(softmax(model.scores(examples.batch(job[1]))))

    parts = pool.map(task, jobs, costs)
    result = np.empty((len(examples), *parts[0].shape[1:]), parts[0].dtype)
    for (_, rows), part in zip(jobs, parts, strict=True):
        result[rows] = part
    return result
