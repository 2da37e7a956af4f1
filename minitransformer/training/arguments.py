"""Checks on the arguments of `fit`, except for checks on the examples themselves."""

from typing import NamedTuple

import numpy as np

from minitransformer.checks import check_count, check_flag, check_number
from minitransformer.training.plans import Counted, Epochs


class FitArguments(NamedTuple):
    """The arguments of `fit` that the loop needs."""

    epochs: int
    steps: int | None
    steps_per_epoch: int | None
    batch_size: int
    shuffle: bool
    initial_epoch: int
    class_weights: np.ndarray | None

    def plan(self, examples, seed):
        """The plan that assigns the `examples` to the steps of the run."""
        order = self.batch_size, self.shuffle, seed
        if self.steps is None:
            return Epochs(examples, self.epochs, *order)
        return Counted(examples, self.steps, self.steps_per_epoch, *order)


def read_fit_arguments(
    epochs, steps, steps_per_epoch, batch_size, shuffle, initial_epoch, class_weight, n_classes
):
    """Check these arguments of `fit` and return them as :class:`FitArguments`.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, or two arguments contradict each other.
    """
    if steps is not None and epochs is not None:
        raise ValueError(f"give epochs or steps, not both: epochs={epochs}, steps={steps}")
    if steps is None and steps_per_epoch is not None:
        raise ValueError("steps_per_epoch requires steps, the total number of steps")
    return FitArguments(
        check_count("epochs", 1 if epochs is None else epochs),
        steps if steps is None else check_count("steps", steps),
        steps_per_epoch
        if steps_per_epoch is None
        else check_count("steps_per_epoch", steps_per_epoch),
        check_count("batch_size", batch_size),
        check_flag("shuffle", shuffle),
        check_count("initial_epoch", initial_epoch, 0),
        read_class_weights(class_weight, n_classes),
    )


def read_class_weights(class_weight, n_classes):
    """Class weights as an (n_classes,) float64 array, or None.

    Parameters
    ----------
    class_weight : dict of int to float, sequence of n_classes floats, or None
        A class that is missing from a dict has weight 1.

    Raises
    ------
    ValueError
        If a class is out of range, the length is wrong, or a weight is negative or not finite.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, dict):
        bad = [c for c in class_weight if c not in range(n_classes)]
        if bad:
            raise ValueError(
                f"class_weight names class {bad[0]!r}, but only 0..{n_classes - 1} are allowed"
            )
        class_weight = [class_weight.get(c, 1.0) for c in range(n_classes)]
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
    """x, y and mask of `validation_data`.

    Raises
    ------
    TypeError
        If `data` is neither a pair (x, y) nor a triple (x, y, mask).
    """
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise TypeError(
            f"validation_data must be (x, y) or (x, y, mask), got {type(data).__name__}"
            + (f" of length {len(data)}" if hasattr(data, "__len__") else "")
        )
    x, y, *mask = data
    return x, y, mask[0] if mask else None
