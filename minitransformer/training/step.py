"""One step of training."""

import numpy as np

from minitransformer.backend import array_module, generator, is_cupy, read_numbers
from minitransformer.training.compiled_training import UNKNOWN_ID
from minitransformer.training.divergence import check_finite, check_update
from minitransformer.training.optim.regularisation import (
    add_penalty,
    clip_by_global_norm,
    global_norm,
    word_dropout,
)
from minitransformer.training.passes import jobs_of, loss_of, measure, sum_up


def train_step(model, recipe, pool, examples, indices, multiplier=1.0):
    r"""Take one step on the examples at `indices`.

    The gradients of the micro-batches add up to :math:`\partial L / \partial\theta` of the batch.
    Then the penalties are added, the norm is clipped, the optimiser takes its step, and the
    averages are updated.

    Parameters
    ----------
    model : Trainable
        The model; its parameters are overwritten.
    recipe : CompiledTraining
        What `compile` fixed.
    pool : WorkerPool
        The workers of `model`; the pool's context must have been entered.
    examples : Examples
        Examples with targets.
    indices : (B,) int array
        Indices of the examples of this batch.
    multiplier : float
        Factor of the learning rate.

    Returns
    -------
    loss : float
        Mean loss over everything that counts in the batch, without the penalty.
    weight : float
        The total weight over which the mean is taken.
    measures : list of (float, int)
        Sum and count of each metric.
    penalty : float
        Sum of the penalties.

    Raises
    ------
    TrainingDiverged
        If the loss or a gradient is not finite (the parameters and the optimiser are then
        unchanged), or if the update overflows (the parameters are unchanged). In mixed precision, a
        gradient that overflows only causes the step to be skipped, as long as the scale of the loss
        can be halved.
    """
    return read_numbers(take_step(model, recipe, pool, examples, indices, multiplier)[0])


def take_step(model, recipe, pool, examples, indices, multiplier=1.0, checked=True):
    """:func:`train_step` without reading its results, so those of a device stay there.

    Parameters
    ----------
    model, recipe, pool, examples, indices, multiplier
        As for :func:`train_step`.
    checked : bool
        Whether to check for numbers that are not finite. The check waits for the device.

    Returns
    -------
    result : tuple
        What :func:`train_step` returns.
    norms : tuple
        Norms of the gradients and of the new parameters, if `checked` is False. The step is valid
        only if these norms and the loss are finite.
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
    loss, measures = sum_up(results, recipe.metrics)

    # An overflow makes a norm non-finite; norms are checked before and after the optimiser's step.
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
    """A copy of the parameters, made by all workers together."""
    copy = array_module(values).empty_like(values)

    def work(part):
        copy[part] = values[part]

    share_out(values.size, work)
    return copy


class GradientTask:
    """The forward and backward passes of one micro-batch, as a function ``task(replica, job)``.

    It contains no data, so that it can be sent to another process.

    Parameters
    ----------
    recipe : CompiledTraining
        What `compile` fixed.
    total : float
        Weight of the whole batch, by which its loss is divided.
    seed_and_step : list of int
        The run's seed and the number of the step, for the random generators.
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
        # NaN and inf are checked for once per step; a warning would not name the parameter.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if is_cupy(replica.flat.values):  # dropout masks are drawn on the device that uses them
                rng = generator(seed, like=replica.flat.values)
            if self.mixed is not None:
                replica = self.mixed.float16_replica(replica)
            logits, cache = replica.run(batch, rng)
            targets, value, saved = loss_of(self.loss, batch, logits, self.total, replica.ops)
            measures = measure(self, logits, targets, saved)
            dlogits = self.loss.backward(saved, replica.ops)
            # With a large vocabulary, these two are as large as all activations together.
            del logits, saved
            replica.backward(dlogits, cache)
            return value, measures
