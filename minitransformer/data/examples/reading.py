"""Checks of inputs from the user; the errors name the place of a fault."""

import numpy as np

from minitransformer.data.examples.examples import Examples
from minitransformer.data.examples.foreign_arrays import host_array, whole_numbers


def read_sequences(x, mask, vocab_size, max_len):
    """Check the inputs of a model that reads id sequences.

    Parameters
    ----------
    x : list of id sequences, or (n, T) int array
        In a list, every id is a token. In an array, zeros before and after the tokens are padding,
        unless `mask` says otherwise. A tensor of another library or a pandas DataFrame is an array.
        Ids may be stored as floats.
    mask : like `x`, of bool or of 0 and 1, or None
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
    x = host_array(x)
    if isinstance(x, np.ndarray) and x.ndim == 2:
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
    if len(x) == 0:
        raise ValueError("x is empty: there is no example")
    x = whole_numbers("x", x)
    if mask is None:
        inside = x != 0
        starts = inside.argmax(axis=1) if inside.size else np.zeros(len(x), int)
    else:
        inside = _boolean("mask", host_array(mask))
        starts = np.zeros(len(x), int)
        if inside.shape != x.shape:
            raise ValueError(f"mask must have the shape of x, {x.shape}, got {inside.shape}")
    places = np.arange(1, x.shape[1] + 1)
    ends = (inside * places).max(axis=1, initial=0)
    parts = [slice(a, b) for a, b in zip(starts, ends, strict=True)]
    return [(row[part], keep[part]) for row, keep, part in zip(x, inside, parts, strict=True)]


def _rows_of_list(x, mask):
    check_rows("x", x)
    rows = [id_sequence(f"x[{i}]", row) for i, row in enumerate(x)]
    if mask is None:
        return [(row, None) for row in rows]
    mask = host_array(mask)
    if not hasattr(mask, "__len__") or len(mask) != len(rows):
        raise ValueError(f"mask must be a list of {len(rows)} boolean sequences, like x")
    keeps = [_boolean(f"mask[{i}]", host_array(keep)) for i, keep in enumerate(mask)]
    result = []
    for i, (row, keep) in enumerate(zip(rows, keeps, strict=True)):
        if keep.shape != row.shape:
            raise ValueError(f"mask[{i}] must have shape {row.shape} like x[{i}], got {keep.shape}")
        end = int(keep.nonzero()[0][-1]) + 1 if keep.any() else 0
        result.append((row[:end], keep[:end]))
    return result


def check_rows(name, x):
    """Refuse an `x` that is not a list of sequences: a text, a dict, a single sequence of ids.

    Raises
    ------
    TypeError, ValueError
        The message says what to give instead; it calls the argument `name`.
    """
    kind = type(x).__name__
    if isinstance(x, str | bytes):
        raise TypeError(
            f"{name} must be a list of id sequences, got {kind}: turn the text into ids first, "
            "for instance [vocabulary.encode(text)]"
        )
    if hasattr(x, "keys"):
        keys = ", ".join(repr(key) for key in list(x)[:5])
        raise TypeError(
            f"{name} must be a list of id sequences, got {kind} with the keys {keys}: "
            "give only the ids"
        )
    if not hasattr(x, "__len__") or getattr(x, "ndim", 1) == 0:
        raise TypeError(
            f"{name} must be a list of id sequences or an (n, T) array of ids, got {kind}"
        )
    if len(x) == 0:
        raise ValueError(f"{name} is empty: there is no example")
    first = next(iter(x))
    if isinstance(first, int | float | np.number) or getattr(first, "ndim", None) == 0:
        raise ValueError(
            f"{name} must be a list of id sequences, got a flat list of ids: "
            f"give [{name}] if it is one sequence"
        )


def check_unpadded(name, x):
    """Refuse an array that looks padded, for a model in whose inputs every id is a token.

    It looks padded if rows begin or end with zeros, and no zero is between other ids: where 0 is an
    ordinary token, zeros are everywhere.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    x : list of id sequences, or array
        Only an (n, T) array can be padded; in a list, every id is a token.

    Raises
    ------
    ValueError
        The message names the first such row.
    """
    if not isinstance(x, np.ndarray) or x.ndim != 2 or x.shape[1] < 2:
        return
    inside = x != 0
    begun = np.logical_or.accumulate(inside, axis=1)
    to_come = np.logical_or.accumulate(inside[:, ::-1], axis=1)[:, ::-1]
    between = begun & to_come
    if (between & ~inside).any():
        return
    for i in np.flatnonzero(~between.all(axis=1))[:1]:
        raise ValueError(
            f"{name} must not be padded, but {name}[{i}] begins or ends with zeros: give a list of "
            f"id sequences, [row[row != 0] for row in {name}], or list({name}) if id 0 is a token"
        )


def id_sequence(name, row):
    """`row` as an (n,) array of integers; errors call it `name`."""
    if isinstance(row, str):
        raise TypeError(f"{name} is text: turn it into ids first (Vocabulary.encode)")
    try:
        row = np.asarray(host_array(row))
    except ValueError:
        raise TypeError(f"{name} must be a flat list of integer ids, got nested lists") from None
    if row.ndim != 1:
        raise ValueError(f"{name} must be a flat list of ids, got shape {row.shape}")
    return whole_numbers(name, row) if row.size else row.astype(np.int64)


def _boolean(name, mask):
    """`mask` as a bool array; 0 and 1, as in the masks of other libraries, are allowed."""
    mask = np.asarray(mask)
    if mask.dtype != bool and mask.size and not np.isin(mask, (0, 1)).all():
        raise TypeError(f"{name} must be boolean (True = a real token), got {mask.dtype}")
    return mask.astype(bool)
