"""The plan of a run: which examples are used in which step."""

import numpy as np

# Separate keys, because [seed, number] alone could collide with a micro-batch's [seed, step, 0].
ORDER, WINDOWS = (1,), (2,)


def _generator(seed, number, key):
    return np.random.default_rng(np.random.SeedSequence([seed, number], spawn_key=key))


class Epochs:
    """A run counted in epochs: every example once per epoch.

    Parameters
    ----------
    examples : ExampleSet
        The training data.
    epochs, batch_size : int
        Number of epochs, and number of examples per step.
    shuffle : bool
        Whether batches of examples of similar length are drawn in random order. If False, examples
        are taken in the order given.
    seed : int
        The run's seed.

    Attributes
    ----------
    epochs : int
        Number of epochs.
    per_epoch : int
        Steps per epoch; the last step may have fewer examples.
    steps : int
        Steps of the whole run.
    """

    def __init__(self, examples, epochs, batch_size, shuffle, seed):
        self.examples, self.epochs, self.batch_size = examples, epochs, batch_size
        self.shuffle, self.seed = shuffle, seed
        self.per_epoch = -(-len(examples) // batch_size)
        self.steps = epochs * self.per_epoch

    def batches(self, epoch):
        """For each step of `epoch`, the indices of its examples; the same in every call."""
        if not self.shuffle:
            n, size = len(self.examples), self.batch_size
            return [np.arange(i, min(i + size, n)) for i in range(0, n, size)]
        return self.examples.batches(self.batch_size, _generator(self.seed, epoch, ORDER))

    def config(self):
        """The settings that a resumed run must share with this one, apart from the data."""
        return {}


class Counted:
    """A run counted in steps, regardless of the number of examples.

    Windows of one long sequence are drawn anew for each step; they depend only on the seed and the
    step. Other examples are used in passes, each of which contains every example once. Here an
    "epoch" is a fixed number of steps, after which the model is validated and a row is added to the
    history.

    Parameters
    ----------
    examples : ExampleSet
        The training data.
    steps : int
        Number of steps of the run.
    per_epoch : int or None
        Steps per epoch; a tenth of all steps by default. The last epoch may be shorter.
    batch_size, shuffle, seed
        As for :class:`Epochs`.
    """

    def __init__(self, examples, steps, per_epoch, batch_size, shuffle, seed):
        self.per_epoch = min(per_epoch or -(-steps // 10), steps)
        self.steps, self.epochs = steps, -(-steps // self.per_epoch)
        self.examples, self.batch_size, self.seed = examples, batch_size, seed
        self._passes = Epochs(examples, 0, batch_size, shuffle, seed)
        self._pass = None, []

    def batches(self, epoch):
        """As :meth:`Epochs.batches`."""
        first = epoch * self.per_epoch
        last = min(first + self.per_epoch, self.steps)
        return [self._batch(step) for step in range(first, last)]

    def _batch(self, step):
        """The examples of `step`, counted from 0."""
        if hasattr(self.examples, "draw"):
            return self.examples.draw(self.batch_size, _generator(self.seed, step, WINDOWS))
        number, position = divmod(step, self._passes.per_epoch)
        if self._pass[0] != number:
            self._pass = number, self._passes.batches(number)
        return self._pass[1][position]

    def config(self):
        """As :meth:`Epochs.config`."""
        return {"steps_per_epoch": self.per_epoch}
