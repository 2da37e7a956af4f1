"""Checks on the arguments of `fit`, except for checks on the examples themselves."""

from typing import NamedTuple

import numpy as np

from minitransformer.checks import check_choice, check_count, check_flag, check_number
from minitransformer.training.plans import Counted, Epochs


class FitArguments(NamedTuple):
    """The arguments of `fit` that the loop needs."""

    epochs: int
    steps: int | None
    steps_per_epoch: int | None
    batch_size: int
    shuffle: bool
    initial_epoch: int
    validation_epochs: object = None
    class_weights: np.ndarray | None = None

    def plan(self, examples, seed):
        """The plan that assigns the `examples` to the steps of the run."""
        if hasattr(examples, "plan"):  # a Stream
            return examples.plan(self.epochs)
        order = self.batch_size, self.shuffle, seed
        if self.steps is None:
            return Epochs(examples, self.epochs, *order)
        return Counted(examples, self.steps, self.steps_per_epoch, *order)

    def validates(self, epoch):
        """Whether to validate after `epoch`, counted from 1."""
        which = self.validation_epochs
        return which is None or (epoch in which if isinstance(which, set) else epoch % which == 0)


def read_fit_arguments(
    epochs, steps, steps_per_epoch, batch_size, shuffle, initial_epoch, validation_freq
):  # fmt: skip
    """Check these arguments of `fit` and return them as :class:`FitArguments`.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, or two arguments contradict each other.
    """
    if steps is not None and epochs is not None:
        raise ValueError(f"give epochs or steps, not both: epochs={epochs}, steps={steps}")
    epochs = check_count("epochs", 1 if epochs is None else epochs)
    if steps_per_epoch is not None:
        check_count("steps_per_epoch", steps_per_epoch)
        steps = epochs * steps_per_epoch if steps is None else steps
    return FitArguments(
        epochs,
        steps if steps is None else check_count("steps", steps),
        steps_per_epoch,
        32 if batch_size is None else check_count("batch_size", batch_size),
        check_flag("shuffle", shuffle),
        check_count("initial_epoch", initial_epoch, 0),
        _validation_epochs(validation_freq),
    )


def _validation_epochs(freq):
    """None (every epoch), a number n (every n epochs), or the set of epochs, from 1."""
    if isinstance(freq, list | tuple | set):
        return {check_count("validation_freq", epoch) for epoch in freq}
    return None if check_count("validation_freq", freq) == 1 else int(freq)


def read_class_weights(class_weight, n_classes, examples):
    """Class weights as an (n_classes,) float64 array, or None.

    Parameters
    ----------
    class_weight : "balanced", dict of int to float, sequence of n_classes floats, or None
        A class that is missing from a dict has weight 1. "balanced" gives class c the weight
        n / (C n_c), where n_c is the number of its examples, so that all classes weigh the same.
    n_classes : int
        C, the number of classes.
    examples : Examples or Stream
        The training data. The classes of a stream, which is read later, cannot be counted.

    Raises
    ------
    TypeError, ValueError
        If a class is out of range, the length is wrong, a weight is negative or not finite, or all
        examples would have the weight 0.
    """
    if class_weight is None:
        return None
    known = getattr(examples, "first", examples)
    targets = getattr(known, "targets", None)
    if not isinstance(targets, np.ndarray):
        raise ValueError("class_weight must be None for models of sequences: tokens count alike")
    if known is not examples and isinstance(class_weight, str):
        raise ValueError(
            "class_weight must be a dict or a list if x gives batches, whose classes cannot be "
            f"counted in advance, got {class_weight!r}"
        )
    weights = _class_weights(class_weight, n_classes, targets)
    counting = weights
    if known is examples:
        counting = weights[targets] * (1.0 if examples.weights is None else examples.weights)
    if not counting.any():
        raise ValueError(
            f"class_weight gives every example the weight 0, got {class_weight}: none would count"
        )
    return weights


def _class_weights(class_weight, n_classes, targets):
    if isinstance(class_weight, str):
        check_choice("class_weight", class_weight, ("balanced",))
        counts = np.bincount(targets, minlength=n_classes)
        return np.where(counts, len(targets) / (n_classes * np.maximum(counts, 1)), 1.0)
    if isinstance(class_weight, dict):
        bad = [c for c in class_weight if c not in range(n_classes)]
        if bad:
            text = ", a text" if isinstance(bad[0], str) else ""
            raise ValueError(
                f"class_weight must have class numbers, 0..{n_classes - 1}, as keys, "
                f"got {bad[0]!r}{text}"
            )
        class_weight = [class_weight.get(c, 1.0) for c in range(n_classes)]
    if not hasattr(class_weight, "__len__"):
        raise TypeError(
            f"class_weight must be 'balanced', a dict, or {n_classes} weights, got {class_weight!r}"
        )
    if len(class_weight) != n_classes:
        raise ValueError(
            f"class_weight must give {n_classes} weights, one per class, got {len(class_weight)}"
        )
    return np.array([check_number("class_weight", w, 0) for w in class_weight])


def check_not_one_class(targets, n_classes):
    """Refuse training labels that are all the same, because nothing can be learned from them.

    Raises
    ------
    ValueError
    """
    if n_classes > 1 and (targets == targets.flat[0]).all():
        raise ValueError(
            f"all {targets.size} labels in y are class {targets.flat[0]}: "
            "training needs examples of at least two classes"
        )


def split_off(examples, fraction):
    """Split the examples in two; return the first part and the last part.

    Parameters
    ----------
    examples : Examples
    fraction : float
        Fraction of the examples that goes into the last part, above 0 and below 1. Each part gets
        at least one example.

    Raises
    ------
    ValueError
        If `fraction` is out of range or there is only one example.
    """
    fraction = check_number("validation_split", fraction, above=0, below=1)
    n = len(examples)
    if n < 2:
        raise ValueError("validation_split needs at least 2 examples, got 1")
    cut = min(max(round(n * (1 - fraction)), 1), n - 1)
    return examples.part(0, cut), examples.part(cut, n)


def validation_parts(data):
    """x, y, mask and sample_weight of `validation_data`.

    The third of three parts is a mask if it is two-dimensional or holds booleans, and else the
    weights of the examples. Of four parts, the third is the mask and the last the weights.

    Raises
    ------
    TypeError
        If `data` is not a tuple or list of two, three or four parts.
    """
    if not isinstance(data, tuple | list) or len(data) not in (2, 3, 4):
        raise TypeError(
            f"validation_data must be (x, y), (x, y, mask) or (x, y, sample_weight), "
            f"got {type(data).__name__}"
            + (f" of length {len(data)}" if hasattr(data, "__len__") else "")
        )
    x, y, *rest = data
    if len(rest) == 1:
        return (x, y, None, rest[0]) if _is_flat(rest[0]) else (x, y, rest[0], None)
    mask, sample_weight = rest or (None, None)
    return x, y, mask, sample_weight


def _is_flat(values):
    """Whether `values` are numbers, one per example, and not sequences of booleans."""
    try:
        values = np.asarray(values)
    except ValueError:  # lists of different lengths
        return False
    return values.ndim == 1 and values.dtype.kind in "fiu"
