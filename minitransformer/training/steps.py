"""Steps whose numbers are read together: on a device, reading each would wait for each.

The host only asks a device for work. It may be many steps ahead, as long as it asks for no result.
So losses and norms stay there, and are read every few steps. Where one is not finite by then, the
steps are taken again from where they began, one by one, each with all its checks: everything
random depends on the seed, the step and the micro-batch alone, so the same happens again, and the
check that fails names the step and the parameter.
"""

import math

from minitransformer.backend import is_cupy, read_numbers
from minitransformer.training.step import take_step

READ_EVERY = 16
"""Steps between two readings on a device. Not measured on a GPU yet."""


class Steps:
    """Takes the steps of a run; on the host one at a time, on a device several ahead.

    Parameters
    ----------
    train_step : callable
        :func:`~minitransformer.training.step.train_step`: a step with all its checks.
    model : Trainable
        Its ``read_every`` is the number of steps between two readings on a device; more than 1
        costs a copy of the parameters and of the optimiser's state.
    recipe : Recipe
    pool : WorkerPool
    examples : Examples
    """

    def __init__(self, train_step, model, recipe, pool, examples):
        self.train_step, self.model, self.recipe = train_step, model, recipe
        self.pool, self.examples = pool, examples
        self.every = model.read_every if is_cupy(model.flat.values) else 1
        self._ahead, self._start = [], None

    def take(self, running, indices, multiplier=1.0):
        """Take a step; its numbers are added to the RunningMeans `running`, now or later.

        Raises
        ------
        TrainingDiverged
            When this step, or one whose numbers were not read yet, is not finite.
        """
        step = self.model, self.recipe, self.pool, self.examples, indices, multiplier
        if self.every == 1:
            running.add(*self.train_step(*step))
            return
        if not self._ahead:
            self._start = Snapshot(self.model, self.recipe)
        rate = self.recipe.optimizer.learning_rate  # a callback may change it between steps
        self._ahead.append((running, step, rate, take_step(*step, checked=False)))
        if len(self._ahead) >= self.every:
            self.read()

    def read(self):
        """Read the numbers of all steps taken; the only moment that waits for the device."""
        ahead, self._ahead = self._ahead, []
        if not ahead:
            return
        results = read_numbers([outcome for *_, outcome in ahead])
        numbers = [x for (loss, *_), norms in results for x in (loss, *norms)]
        if all(map(math.isfinite, numbers)):
            for (running, *_), (result, _) in zip(ahead, results, strict=True):
                running.add(*result)
            return
        self._start.restore()
        for running, step, rate, _ in ahead:
            self.recipe.optimizer.learning_rate = rate
            running.add(*self.train_step(*step))


class Snapshot:
    """Parameters and the state of training at one moment, to go back to."""

    def __init__(self, model, recipe):
        self._model, self._recipe = model, recipe
        self._values = model.flat.values.copy()
        self._optimizer = _copied(recipe.optimizer.state())
        self._averages = recipe.averages and _copied(recipe.averages.state())
        self._mixed = recipe.mixed and recipe.mixed.state()

    def restore(self):
        """Put everything back."""
        self._model.flat.values[...] = self._values
        self._recipe.optimizer.load_state(self._optimizer)
        if self._averages is not None:
            self._recipe.averages.load_state(self._averages)
        if self._mixed is not None:
            self._recipe.mixed.load_state(self._mixed)


def _copied(state):
    return {name: x.copy() if hasattr(x, "copy") else x for name, x in state.items()}
