"""Checks of class labels from the user; the errors name the place of a fault."""

import numpy as np

from minitransformer.data.examples.foreign_arrays import host_array


def read_labels(y, n, n_classes, one_hot):
    """Check class labels.

    Parameters
    ----------
    y : (n,) or (n, 1) whole numbers or bools, or (n, n_classes) one-hot rows
        The labels.
    n : int
        Number of examples.
    n_classes : int
        Labels are 0 to `n_classes` - 1.
    one_hot : bool
        Whether one-hot rows are allowed.

    Returns
    -------
    (n,) int64 array

    Raises
    ------
    TypeError, ValueError
        The message gives the place of the first fault.
    """
    if y is None:
        raise TypeError("y must be given: one class number for each example of x")
    y = _numbers(y, n_classes)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and one_hot:
        y = _from_one_hot(y, n_classes)
    if y.ndim != 1:
        allowed = f"({n},)" + (f" or one-hot ({n}, {n_classes})" if one_hot else "")
        hint = "" if one_hot else "; for one-hot rows, the loss is 'categorical_crossentropy'"
        raise ValueError(f"y must be class numbers of shape {allowed}, got shape {y.shape}{hint}")
    if len(y) != n:
        raise ValueError(f"y must hold one label for each of the {n} examples of x, got {len(y)}")
    y = _whole(y, n_classes)
    for i in np.flatnonzero((y < 0) | (y >= n_classes))[:1]:
        hint, found = "", set(y.tolist())
        if found <= _from_one(n_classes):
            hint = "; classes are counted from 0: give y - 1"
        elif len(found) <= n_classes:
            hint = "; y = np.unique(y, return_inverse=True)[1] numbers the classes that occur"
        raise ValueError(f"y[{i}] is class {y[i]}, allowed are 0..{n_classes - 1}{hint}")
    return y.astype(np.int64)


def _from_one(n_classes):
    return set(range(1, n_classes + 1))


def _numbers(y, n_classes):
    """`y` as an array of numbers; refuses texts, missing labels and ragged rows."""
    if np.ma.is_masked(y):
        raise ValueError("y must have a label for every example, but some are masked")
    y = host_array(y)
    try:
        y = np.asarray(y.tolist() if getattr(y, "dtype", "") == np.dtype(object) else y)
    except ValueError:
        raise TypeError(
            "y must be class numbers, one per example, got lists of different lengths"
        ) from None
    if y.dtype.kind in "US" or any(isinstance(v, str) for v in y.flat if y.dtype == object):
        text = next(v for v in y.flat if isinstance(v, str | bytes))
        raise TypeError(
            f"y must be class numbers 0..{n_classes - 1}, got the text {str(text)!r}: "
            "names, y = np.unique(y, return_inverse=True) numbers the classes"
        )
    if y.dtype == object and any(v is None for v in y.flat):
        raise TypeError("y must have a label for every example, got None: leave these examples out")
    if y.dtype.kind not in "biuf":
        raise TypeError(f"y must be whole class numbers 0..{n_classes - 1}, got {y.dtype}")
    return y.astype(np.int64) if y.dtype == bool else y


def _whole(y, n_classes):
    """`y` (n,) as integers; refuses fractions, which are values or probabilities."""
    if y.dtype.kind != "f":
        return y
    for i in np.flatnonzero(np.isnan(y))[:1]:
        raise ValueError(
            f"y[{i}] must be a class number 0..{n_classes - 1}, got nan: leave out the examples "
            "without a label, for instance x[~np.isnan(y)]"
        )
    for i in np.flatnonzero(~((np.abs(y) < 2.0**53) & (y == np.floor(y))))[:1]:
        raise ValueError(
            f"y[{i}] must be a class number 0..{n_classes - 1}, got {y[i]}: models learn classes, "
            "neither values (regression) nor probabilities; np.digitize turns values into classes"
        )
    return y.astype(np.int64)


def _from_one_hot(y, n_classes):
    if y.shape[1] != n_classes:
        raise ValueError(f"one-hot y must have {n_classes} columns, got {y.shape[1]}")
    labels = y.argmax(axis=1)
    wrong = np.flatnonzero((y != np.eye(n_classes)[labels]).any(axis=1))
    for i in wrong[:1]:
        row = y[i].tolist()
        raise ValueError(f"y[{i}] = {row} is not one-hot: one 1, else 0{_way_out(y[i])}")
    return labels


def _way_out(row):
    """What to do with a row (n_classes,) of targets that is not one-hot."""
    if np.isin(row, (0, 1)).all() and row.sum() > 1:
        return (
            ". An example has one class; for several labels per example, train one model of two "
            "classes for each column of y"
        )
    if (row >= 0).all() and abs(row.sum() - 1) < 1e-3:
        return (
            ". Targets cannot be probabilities: give y.argmax(axis=1), and "
            "CategoricalCrossentropy(label_smoothing=...) for smoothed targets"
        )
    return ""
