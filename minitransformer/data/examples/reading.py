"""Checks of inputs and labels from the user; the errors name the place of a fault."""

import numpy as np

from minitransformer.backend import is_cupy, to_host
from minitransformer.data.examples.examples import Examples


def read_sequences(x, mask, vocab_size, max_len):
    """Check the inputs of a model that reads id sequences.

    Parameters
    ----------
    x : list of id sequences, or (n, T) int array
        In a list, every id is a token. In an array, trailing zeros are padding, unless `mask` says
        otherwise.
    mask : like `x`, of bool, or None
        True for tokens, False for padding.
    vocab_size, max_len : int
        Ids are 0 to `vocab_size` - 1, lengths 1 to `max_len`.

    Returns
    -------
    Examples
        The sequences, without targets.

    Raises
    ------
    TypeError, ValueError
        The message gives the place of the first fault: ``x[3][17] is id 20000, ...``.
    """
    x = to_host(x) if is_cupy(x) else x
    if isinstance(x, np.ndarray) and x.ndim == 2 and x.dtype != object:
        rows = _rows_of_array(x, mask)
    else:
        rows = _rows_of_list(x, mask)
    ids, lengths = [row for row, _ in rows], np.array([len(row) for row, _ in rows])
    for i in np.flatnonzero(lengths == 0)[:1]:
        raise ValueError(f"x[{i}] is empty: every sequence needs at least one token")
    for i in np.flatnonzero(lengths > max_len)[:1]:
        raise ValueError(
            f"x[{i}] has {lengths[i]} tokens, but max_len is {max_len}: "
            f"truncate it (Vocabulary.encode(text, max_len={max_len}) does)"
        )
    ids = np.concatenate(ids)
    check_range("x", ids, lengths, vocab_size)
    inside = None if mask is None else np.concatenate([keep for _, keep in rows])
    return Examples(ids.astype(np.int64), lengths, inside)


def check_range(name, ids, lengths, vocab_size):
    """Refuse ids that are not in the vocabulary.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    ids : (N,) int array
        All sequences, one after the other.
    lengths : (n,) int array, or None
        Length of each sequence; None if `ids` is a single sequence.
    vocab_size : int
        Ids are 0 to `vocab_size` - 1.

    Raises
    ------
    ValueError
        The message gives the place of the first such id.
    """
    bad = np.flatnonzero((ids < 0) | (ids >= vocab_size))
    if bad.size:
        place = f"[{bad[0]}]" if lengths is None else "[{}][{}]".format(*_place(bad[0], lengths))
        raise ValueError(
            f"{name}{place} is id {ids[bad[0]]}, allowed are 0..{vocab_size - 1} "
            f"(vocab_size={vocab_size})"
        )


def _place(position, lengths):
    """The sequence to which a position in the concatenated ids belongs, and the place in it."""
    ends = np.cumsum(lengths)
    i = int(np.searchsorted(ends, position, side="right"))
    return i, int(position - (ends[i] - lengths[i]))


def _rows_of_array(x, mask):
    if x.dtype.kind not in "iu":
        raise TypeError(f"x must hold integer ids, got an array of {x.dtype}")
    if len(x) == 0:
        raise ValueError("x is empty: there is no example")
    if mask is None:
        inside = x != 0
    else:
        inside = _boolean("mask", to_host(mask))
        if inside.shape != x.shape:
            raise ValueError(f"mask must have the shape of x, {x.shape}, got {inside.shape}")
    places = np.arange(1, x.shape[1] + 1)
    ends = (inside * places).max(axis=1, initial=0)
    return [(row[:end], keep[:end]) for row, keep, end in zip(x, inside, ends, strict=True)]


def _rows_of_list(x, mask):
    if isinstance(x, str | bytes | dict) or not hasattr(x, "__len__"):
        raise TypeError(
            f"x must be a list of id sequences or an (n, T) array of ids, got {type(x).__name__}"
        )
    if len(x) == 0:
        raise ValueError("x is empty: there is no example")
    rows = [id_sequence(f"x[{i}]", row) for i, row in enumerate(x)]
    if mask is None:
        return [(row, None) for row in rows]
    if not hasattr(mask, "__len__") or len(mask) != len(rows):
        raise ValueError(f"mask must be a list of {len(rows)} boolean sequences, like x")
    keeps = [_boolean(f"mask[{i}]", np.asarray(keep)) for i, keep in enumerate(mask)]
    result = []
    for i, (row, keep) in enumerate(zip(rows, keeps, strict=True)):
        if keep.shape != row.shape:
            raise ValueError(f"mask[{i}] must have shape {row.shape} like x[{i}], got {keep.shape}")
        end = int(keep.nonzero()[0][-1]) + 1 if keep.any() else 0
        result.append((row[:end], keep[:end]))
    return result


def id_sequence(name, row):
    """`row` as an (n,) array of integers; errors call it `name`."""
    if isinstance(row, str):
        raise TypeError(f"{name} is text: turn it into ids first (Vocabulary.encode)")
    try:
        row = np.asarray(row)
    except ValueError:
        raise TypeError(f"{name} must be a flat list of integer ids, got nested lists") from None
    if row.ndim != 1:
        raise ValueError(f"{name} must be a flat list of ids, got shape {row.shape}")
    if row.size and row.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integer ids, got {row.dtype}")
    return row if row.size else row.astype(np.int64)


def _boolean(name, mask):
    if mask.dtype != bool and mask.size:
        raise TypeError(f"{name} must be boolean (True = a real token), got {mask.dtype}")
    return mask.astype(bool)


def read_labels(y, n, n_classes, one_hot):
    """Check class labels.

    Parameters
    ----------
    y : (n,) integers, or (n, n_classes) one-hot rows
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
    y = np.asarray(to_host(y) if is_cupy(y) else y)
    if y.ndim == 2 and one_hot:
        y = _from_one_hot(y, n_classes)
    if y.ndim != 1:
        allowed = f"({n},)" + (f" or one-hot ({n}, {n_classes})" if one_hot else "")
        raise ValueError(f"y must be class numbers of shape {allowed}, got shape {y.shape}")
    if len(y) != n:
        raise ValueError(f"y must hold one label for each of the {n} examples of x, got {len(y)}")
    if y.dtype.kind not in "iu":
        raise TypeError(f"y must be whole class numbers 0..{n_classes - 1}, got {y.dtype}")
    for i in np.flatnonzero((y < 0) | (y >= n_classes))[:1]:
        raise ValueError(f"y[{i}] is class {y[i]}, allowed are 0..{n_classes - 1}")
    return y.astype(np.int64)


def _from_one_hot(y, n_classes):
    if y.shape[1] != n_classes:
        raise ValueError(f"one-hot y must have {n_classes} columns, got {y.shape[1]}")
    labels = y.argmax(axis=1)
    wrong = np.flatnonzero((y != np.eye(n_classes)[labels]).any(axis=1))
    if wrong.size:
        raise ValueError(f"y[{wrong[0]}] = {y[wrong[0]].tolist()} is not one-hot: one 1, else 0")
    return labels
