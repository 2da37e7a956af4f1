"""One step of training."""

import numpy as np

from minitransformer.backend import array_module, generator, is_cupy, read_numbers, to_device
from minitransformer.training.divergence import check_finite, check_update
from minitransformer.training.optim.regularisation import (
    add_penalty,
    clip_by_global_norm,
    global_norm,
    word_dropout,
)
from minitransformer.training.passes import device_of, jobs_of, measure, sum_up
from minitransformer.training.recipe import UNKNOWN_ID


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
    task = GradientTask(recipe, total, [model.seed, step])
    mixed = recipe.mixed
    if mixed is not None:
        mixed.begin_step(flat.values)
    jobs, costs = jobs_of(model, examples, indices, recipe.micro_batch_tokens)
    jobs = [(number, examples.batch(rows)) for number, rows in jobs]
    results = pool.add_gradients(task, jobs, costs)
    loss, measures = sum_up(results, len(recipe.metrics))

    # Overflow shows in the norms, which are checked before and after the optimiser writes.
    with np.errstate(over="ignore", invalid="ignore"):
        if mixed is not None:
            mixed.unscale(flat.grads)
        decay = model.decay_mask()
        penalty = add_penalty(flat.values, flat.grads, recipe.l1, recipe.l2, decay)
        norm, norms = global_norm(flat.grads, pool.share_out), ()
        if checked:
            numbers = read_numbers([loss, norm])
            if mixed is not None and mixed.overflowed(model, *numbers, step):
                return (loss, total, measures, penalty), norms
            check_finite(model, *numbers, step)
        if recipe.clip is not None:
            clip_by_global_norm(flat.grads, recipe.clip, norm)
        before = _copy(flat.values, pool.share_out) if checked else None
        rate = optimizer.learning_rate * multiplier
        optimizer.step(flat.values, flat.grads, rate, decay, pool.share_out, model.ops)
        if checked:
            check_update(model, before, step, pool.share_out)
        else:
            norms = norm, global_norm(flat.values)
        if recipe.averages is not None:
            recipe.averages.update(flat.values)
        if mixed is not None:
            mixed.end_step()
    return (loss, total, measures, penalty), norms


def _copy(values, share_out):
    """A copy of the parameters, made by all workers."""
    copy = array_module(values).empty_like(values)

    def work(here):
        copy[here] = values[here]

    share_out(values.size, work)
    return copy


class GradientTask:
    """The forward and backward pass of one micro-batch, as a function (replica, job).

    It holds nothing of the data, so that it can be sent to another process.

    Parameters
    ----------
    recipe : Recipe
    total : float
        What the loss of the whole batch is a mean over.
    seed_and_step : list of int
    """

    def __init__(self, recipe, total, seed_and_step):
        self.loss, self.metrics, self.mixed = recipe.loss, recipe.metrics, recipe.mixed
        self.word_dropout = recipe.word_dropout
        self.total, self.seed_and_step = total, seed_and_step

    def __call__(self, replica, job):
        number, batch = job
        seed = [*self.seed_and_step, number]
        rng = np.random.default_rng(seed)
        if self.word_dropout:
            ids = word_dropout(batch.ids, self.word_dropout, UNKNOWN_ID, rng, batch.mask)
            batch = batch._replace(ids=ids)
        # NaN and inf are looked for once a step; a warning would name no parameter.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if is_cupy(replica.flat.values):  # dropout masks are drawn where they are used
                rng = generator(seed, like=replica.flat.values)
            if self.mixed is not None:
                replica = self.mixed.half(replica)
            logits, cache = replica.run(batch, rng)
            targets = to_device(batch.targets, device_of(logits))
            value, saved = self.loss.forward(logits, targets, self.total, replica.ops)
            measures = measure(self, logits, targets, saved)
            dlogits = self.loss.backward(saved, replica.ops)
            del logits, saved  # as large as all activations where the vocabulary is large
            replica.backward(dlogits, cache)
            return value, measures
