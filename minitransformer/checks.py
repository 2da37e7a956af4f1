"""Argument checks. Every message has the form "NAME must be WHAT, got VALUE"."""

import difflib
from collections.abc import Iterable

import numpy as np

from minitransformer.backend import check_ids


def near_names(name, known):
    """The part of an error message that suggests close matches and lists the allowed names.

    Parameters
    ----------
    name : str
        The name that was given.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        For instance ``did you mean 'adam'? allowed: 'adagrad', 'adam', 'sgd'``.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name.lower(), known, n=2, cutoff=0.5)
    question = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return question + "allowed: " + ", ".join(map(repr, known))


def lookup(kind, name, table):
    """The entry of `table` under `name`, ignoring case.

    Parameters
    ----------
    kind : str
        What the names refer to ("optimizer"), for the message.
    name : str
        The name that was given.
    table : dict
        Maps lower-case names to entries.

    Raises
    ------
    TypeError
        If `name` is not a string.
    ValueError
        If there is no such entry; the message suggests close matches.
    """
    if not isinstance(name, str):
        raise TypeError(f"{kind} must be a name or an object, got {type(name).__name__}: {name!r}")
    if name.lower() not in table:
        raise ValueError(f"unknown {kind} {name!r}; {near_names(name, table)}")
    return table[name.lower()]


def check_number(name, value, low=None, high=None, *, above=None, below=None):
    """`value` as a Python float, after its range has been checked.

    It has to be a Python float: in NumPy 2, a float64 scalar turns a float32 array into float64.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : float
        The value to check.
    low, high : float, optional
        Inclusive bounds.
    above, below : float, optional
        Exclusive bounds.

    Raises
    ------
    TypeError
        If `value` is not a number.
    ValueError
        If it is infinite, NaN or out of range.
    """
    try:
        # A Decimal could be converted too, but it does not mix with floats. NumPy's numbers are
        # recognised by their dtype.
        known = isinstance(value, int | float) or hasattr(value, "dtype")
        number = float(value if known else None)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    fits = (
        number - number == 0.0  # false for infinities and NaN
        and (low is None or number >= low)
        and (high is None or number <= high)
        and (above is None or number > above)
        and (below is None or number < below)
    )
    if not fits:
        limits = {">=": low, ">": above, "<=": high, "<": below}
        allowed = " and ".join(f"{sign} {n}" for sign, n in limits.items() if n is not None)
        raise ValueError(
            f"{name} must be finite{' and ' + allowed if allowed else ''}, got {value}"
        )
    return number


def check_count(name, value, low=1):
    """`value` as an int of at least `low`. A bool or a fraction is refused.

    Raises
    ------
    TypeError
        If `value` is not a whole number.
    ValueError
        If it is below `low`.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a whole number >= {low}, got {value!r}")
    if int(value) < low:
        raise ValueError(f"{name} must be >= {low}, got {value}")
    return int(value)


def check_flag(name, value):
    """`value` as a bool; TypeError if it is anything but True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_choice(name, value, choices):
    """`value`; ValueError if it is not one of `choices`."""
    if value not in list(choices):  # a list: `value` need not be hashable
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, got {value!r}")
    return value


def check_instance(name, value, kind):
    """`value`; TypeError if it is not an instance of the class `kind`."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOaeio" else "a"
        raise TypeError(f"{name} must be {article} {kind.__name__}, got {type(value).__name__}")
    return value


def check_row(ids, n) -> np.ndarray:
    """`ids` as an array; an error if they are not a flat sequence of integers in 0..n - 1."""
    ids = np.asarray(ids)
    if ids.ndim != 1:
        raise ValueError(f"ids must be a flat sequence, got shape {ids.shape}")
    if ids.size:  # NumPy turns an empty list into an array of floats
        check_ids(ids, n)
    return ids


def check_text(text, name="text"):
    """`text`; TypeError if it is not a string."""
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a string, got {type(text).__name__}")
    return text


def check_texts(texts):
    """TypeError if `texts` is a single string, or cannot be iterated over."""
    if isinstance(texts, str | bytes):
        raise TypeError("texts must be a list of strings, got one string")
    if not isinstance(texts, Iterable):
        raise TypeError(f"texts must be a list of strings, got {type(texts).__name__}")


def check_tokens(tokens) -> list[str]:
    """`tokens` as a list; an error if they are not unique non-empty strings."""
    if isinstance(tokens, str):
        raise TypeError("tokens must be a sequence of strings, got one string")
    if not isinstance(tokens, Iterable):
        raise TypeError(f"tokens must be a sequence of strings, got {type(tokens).__name__}")
    tokens = list(tokens)
    seen = set()
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"tokens must be strings, got {type(token).__name__}")
        if not token:
            raise ValueError("tokens must be non-empty, got ''")
        if token in seen:
            raise ValueError(f"tokens must be unique, got {token!r} twice")
        seen.add(token)
    return tokens
