"""Batches that a generator or another iterable gives to `fit`, read one at a time."""

import itertools

import numpy as np

from minitransformer.checks import check_count
from minitransformer.training.example_kinds import LabelledSequences, SequencePairs


def is_stream(x):
    """Whether `x` gives batches, and is not itself a list, an array or a table."""
    known = isinstance(x, list | tuple | str | bytes | dict | set | np.ndarray)
    if known or any(hasattr(x, name) for name in ("__array__", "to_numpy", "detach")):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


class Stream:
    """Batches from a generator, an iterable, or an object with ``len(x)`` and ``x[i]``.

    It takes the place of the examples and of the plan of a run. An iterable that ends is read again
    from the beginning; a generator that ends, ends training.

    Parameters
    ----------
    source : iterable, or object with a length and items
        Each item is ``(x, y)`` or ``(x, y, sample_weight)``, and `x` alone for a language model.
    model : Trainable
        The model that reads them.
    steps_per_epoch : int, optional
        By default the length of `source`.
    first_epoch : int
        The epoch, from 0, of the first batch.

    Attributes
    ----------
    first : examples
        Those of the first batch, which has been read in advance.

    Raises
    ------
    ValueError
        If the number of steps is not known.
    """

    def __init__(self, source, model, steps_per_epoch, first_epoch):
        self._source, self._model, self._first_epoch = source, model, first_epoch
        if steps_per_epoch is None:
            if not hasattr(source, "__len__"):
                raise ValueError(
                    "steps_per_epoch must be given for a generator, whose length is not known"
                )
            steps_per_epoch = len(source)
            if steps_per_epoch == 0:
                raise ValueError("x is empty: there is no batch")
        self.per_epoch = steps_per_epoch
        self._indexed = hasattr(source, "__getitem__") and hasattr(source, "__len__")
        self._iterator, self._taken, self._next = None, 0, None

    def plan(self, epochs):
        """This object as the plan of a run of so many epochs."""
        self.epochs, self.steps = epochs, epochs * self.per_epoch
        return self

    def config(self):
        """As :meth:`Epochs.config`."""
        return {"steps_per_epoch": self.per_epoch}

    def fingerprint(self):
        """None: batches that have not been read yet cannot be compared."""

    def batches(self, epoch):
        """The batches of an epoch, which are read when they are asked for."""
        if epoch > self._first_epoch and hasattr(self._source, "on_epoch_end"):
            self._source.on_epoch_end()
        return _Epoch(self, (epoch - self._first_epoch) * self.per_epoch)

    def read_first(self):
        """Read the first batch, so that errors in it are found before training begins."""
        self.first = self._next = self._read(0)

    def batch(self, step):
        """The examples of `step`, from 0; None if there are no more.

        Steps that a resumed run has already taken are skipped.
        """
        first, self._next = self._next, None
        if first is not None and step == 0:
            return first
        return self._read(step)

    def _read(self, step):
        if self._indexed:
            return self._examples(self._source[step % len(self._source)], step)
        while True:
            item = self._following()
            if item is None or self._taken > step:
                return None if item is None else self._examples(item, step)

    def _following(self):
        """The next item of an iterable, or None at the end of a generator."""
        if self._iterator is None:
            self._iterator = iter(self._source)
        item = next(self._iterator, None)
        if item is None and self._iterator is not self._source:
            self._iterator = iter(self._source)
            item = next(self._iterator, None)
        self._taken += item is not None
        return item

    def _examples(self, item, step):
        return read_batch(self._model, item, f"batch {step} of x")


class _Epoch:
    """The batches of one epoch, as a sequence."""

    def __init__(self, stream, first):
        self._stream, self._first = stream, first

    def __len__(self):
        return self._stream.per_epoch

    def __getitem__(self, batch):
        return self._stream.batch(self._first + batch)


def read_batch(model, item, name):
    """Check one batch that the user's iterable gave; return its examples.

    Raises
    ------
    TypeError, ValueError
        The message begins with the `name` of the batch.
    """
    kind, parts = model.learns_from, (item,)
    if isinstance(kind, LabelledSequences | SequencePairs):
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            raise TypeError(
                f"{name} must be (x, y) or (x, y, sample_weight), got {type(item).__name__}"
            )
        parts = item
    x, y, sample_weight = (*parts, None, None)[:3]
    try:
        return model.read_examples(x, y, None, model.recipe.loss, sample_weight)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def read_all(model, source, steps):
    """The batches of `source` as one set of examples, for validation: they are read once and kept.

    Parameters
    ----------
    model : Trainable
        The model that reads them.
    source : iterable, or object with a length and items
        Its items are as for :class:`Stream`.
    steps : int, optional
        The number of batches to read; by default the length of `source`.

    Raises
    ------
    TypeError, ValueError
        If the number is not known, there are fewer batches, or a batch is wrong.
    """
    if steps is None:
        if not hasattr(source, "__len__"):
            raise ValueError(
                "validation_steps must be given if validation_data is a generator, whose length "
                "is not known: so many batches are read once and kept"
            )
        steps = len(source)
    else:
        check_count("validation_steps", steps)
    items = source if hasattr(source, "__iter__") else (source[i] for i in range(len(source)))
    parts = [
        read_batch(model, item, f"batch {i} of validation_data")
        for i, item in enumerate(itertools.islice(items, steps))
    ]
    if not parts or len(parts) < steps:
        raise ValueError(
            f"validation_data must have {steps or 'some'} batches, got {len(parts)}: "
            "give a generator anew for each fit"
        )
    return type(parts[0]).joined(parts)
