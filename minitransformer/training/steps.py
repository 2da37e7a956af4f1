"""Take several steps, then read their losses and norms, because a reading waits for the device.

The host only queues work for a device, and can be many steps ahead as long as it needs no result.
So losses and norms stay on the device and are read every few steps. If one of them is not finite,
the state from before these steps is restored, and the steps are taken again one by one with all
checks. All random numbers depend only on the seed, the step and the micro-batch, so the error
occurs again, and the check that fails names the step and the parameter.
"""

import math

import numpy as np

from minitransformer.backend import is_cupy, read_numbers
from minitransformer.data.examples.examples import ExampleSet
from minitransformer.training.step import take_step

READ_EVERY = 16
"""Number of steps between two readings on a device. Not yet tuned by a measurement on a GPU."""


class Steps:
    """Takes the steps of a run: one at a time on the host, several ahead on a device.

    Parameters
    ----------
    train_step : callable
        :func:`~minitransformer.training.step.train_step`, a step with all its checks.
    model : Trainable
        The model. Its ``read_every`` is the number of steps between two readings on a device. A
        value above 1 costs memory for a copy of the parameters and of the optimiser's state.
    recipe, pool, examples
        As for :func:`~minitransformer.training.step.train_step`.
    """

    def __init__(self, train_step, model, recipe, pool, examples):
        self.train_step, self.model, self.recipe = train_step, model, recipe
        self.pool, self.examples = pool, examples
        self.every = model.read_every if is_cupy(model.flat.values) else 1
        self._unread, self._start = [], None

    def take(self, running, indices, multiplier=1.0):
        """Take a step, and add its results to the RunningMeans `running`, now or later.

        The examples of the step are those at `indices`, or `indices` itself is a set of examples.

        Raises
        ------
        TrainingDiverged
            If a number of this step, or of an earlier step not yet read, is not finite.
        """
        examples = self.examples
        if isinstance(indices, ExampleSet):  # a batch from a generator
            examples, indices = indices, np.arange(len(indices))
        step = self.model, self.recipe, self.pool, examples, indices, multiplier
        if self.every == 1:
            running.add(*self.train_step(*step))
            return
        if not self._unread:
            self._start = Snapshot(self.model, self.recipe)
        rate = self.recipe.optimizer.learning_rate  # a callback may change it between steps
        self._unread.append((running, step, rate, take_step(*step, checked=False)))
        if len(self._unread) >= self.every:
            self.read()

    def read(self):
        """Read the results of all unread steps; no other method here waits for the device."""
        unread, self._unread = self._unread, []
        if not unread:
            return
        results = read_numbers([outcome for *_, outcome in unread])
        numbers = [x for (loss, *_), norms in results for x in (loss, *norms)]
        if all(map(math.isfinite, numbers)):
            for (running, *_), (result, _) in zip(unread, results, strict=True):
                running.add(*result)
            return
        self._start.restore()
        for running, step, rate, _ in unread:
            self.recipe.optimizer.learning_rate = rate
            running.add(*self.train_step(*step))


class Snapshot:
    """A copy of the parameters and the state of training, from which they can be restored."""

    def __init__(self, model, recipe):
        self._model, self._recipe = model, recipe
        self._values = model.flat.values.copy()
        self._optimizer = _copied(recipe.optimizer.state())
        self._averages = recipe.averages and _copied(recipe.averages.state())
        self._mixed = recipe.mixed and recipe.mixed.state()

    def restore(self):
        """Restore the parameters and the state of training."""
        self._model.flat.values[...] = self._values
        self._recipe.optimizer.load_state(self._optimizer)
        if self._averages is not None:
            self._recipe.averages.load_state(self._averages)
        if self._mixed is not None:
            self._recipe.mixed.load_state(self._mixed)


def _copied(state):
    return {name: x.copy() if hasattr(x, "copy") else x for name, x in state.items()}
