"""Checks of the arguments of `fit` that are not the examples themselves."""

from typing import NamedTuple

import numpy as np

from minitransformer.checks import check_count, check_number
from minitransformer.training.plans import Counted, Epochs


class Settings(NamedTuple):
    """Arguments of `fit` that the loop needs."""

    epochs: int
    steps: int | None
    steps_per_epoch: int | None
    batch_size: int
    shuffle: bool
    initial_epoch: int
    class_weights: np.ndarray | None

    def plan(self, examples, seed):
        """Which of the `examples` make up which step."""
        how = self.batch_size, self.shuffle, seed
        if self.steps is None:
            return Epochs(examples, self.epochs, *how)
        return Counted(examples, self.steps, self.steps_per_epoch, *how)


def read_settings(
    epochs, steps, steps_per_epoch, batch_size, shuffle, initial_epoch, class_weight, n_classes
):
    """The arguments of `fit` as :class:`Settings`.

    Raises
    ------
    TypeError, ValueError
        When one is wrong, or two do not go together.
    """
    if steps is not None and epochs is not None:
        raise ValueError(f"give epochs or steps, not both: epochs={epochs}, steps={steps}")
    if steps is None and steps_per_epoch is not None:
        raise ValueError("steps_per_epoch needs steps, the number of all steps")
    return Settings(
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


def check_flag(name, value):
    """`value`, when it is a boolean.

    Raises
    ------
    TypeError
        For anything else.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def read_class_weights(class_weight, n_classes):
    """Class weights as an (n_classes,) float64 array, or None.

    Parameters
    ----------
    class_weight : dict of int to float, sequence of n_classes floats, or None
        A dict gives weight 1 to the classes that it leaves out.

    Raises
    ------
    ValueError
        For classes out of range, a wrong length, or weights that are negative or not finite.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, dict):
        bad = [c for c in class_weight if c not in range(n_classes)]
        if bad:
            raise ValueError(f"class_weight names class {bad[0]!r}, allowed are 0..{n_classes - 1}")
        class_weight = [class_weight.get(c, 1.0) for c in range(n_classes)]
    if len(class_weight) != n_classes:
        raise ValueError(
            f"class_weight must give {n_classes} weights, one a class, got {len(class_weight)}"
        )
    return np.array([check_number("class_weight", w, 0) for w in class_weight])


def check_not_one_class(targets, n_classes):
    """Refuse training labels that are all the same: there is nothing to learn.

    Raises
    ------
    ValueError
    """
    if n_classes > 1 and (targets == targets.flat[0]).all():
        raise ValueError(
            f"all {targets.size} labels in y are class {targets.flat[0]}: "
            "training needs examples of at least two classes"
        )


def split_off(examples, share):
    """All but the last part of the examples, and the last part.

    Parameters
    ----------
    examples : Examples
    share : float
        Of the last part, above 0 and below 1; at least one example goes to each side.

    Raises
    ------
    ValueError
        When `share` is out of range or there is only one example.
    """
    share = check_number("validation_split", share, above=0, below=1)
    n = len(examples)
    if n < 2:
        raise ValueError("validation_split needs at least 2 examples, got 1")
    cut = min(max(round(n * (1 - share)), 1), n - 1)
    return examples.part(0, cut), examples.part(cut, n)


def validation_parts(data):
    """x, y and mask of `validation_data`.

    Raises
    ------
    TypeError
        When it is no pair (x, y) nor triple (x, y, mask).
    """
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise TypeError(
            f"validation_data must be (x, y) or (x, y, mask), got {type(data).__name__}"
            + (f" of length {len(data)}" if hasattr(data, "__len__") else "")
        )
    x, y, *mask = data
    return x, y, mask[0] if mask else None
