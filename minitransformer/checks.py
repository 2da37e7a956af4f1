"""Looking things up by name, with an error that helps when the name is wrong."""

import difflib


def near_names(name, known):
    """Sentence part naming what `name` may have meant, and everything that is allowed.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What exists.

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
    """Entry of `table` under `name`, ignoring case.

    Parameters
    ----------
    kind : str
        What the names stand for ("optimizer"), for the message.
    name : str
        Name that was given.
    table : dict
        Lower-case name to entry.

    Raises
    ------
    TypeError
        When `name` is not a string.
    ValueError
        When there is no such entry; the message names the near ones.
    """
    if not isinstance(name, str):
        raise TypeError(f"{kind} must be a name or an object, got {type(name).__name__}: {name!r}")
    if name.lower() not in table:
        raise ValueError(f"unknown {kind} {name!r}; {near_names(name, table)}")
    return table[name.lower()]


def check_number(name, value, low=None, high=None, *, above=None, below=None):
    """`value` as a Python float, after a check of its range.

    A Python float matters: NumPy 2 lets a NumPy float64 scalar turn a float32 array into float64.

    Parameters
    ----------
    name : str
        Argument that is checked, for the message.
    value : float
        What was given.
    low, high : float, optional
        Bounds that are themselves allowed.
    above, below : float, optional
        Bounds that are not themselves allowed.

    Raises
    ------
    TypeError
        When `value` is not a number.
    ValueError
        When it is not finite or out of range.
    """
    try:
        # a Decimal would convert too, and mix with no float later; NumPy's numbers have a dtype
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
    """`value` as an int of at least `low`; a bool or a fraction is refused.

    Raises
    ------
    TypeError
        When `value` is not a whole number.
    ValueError
        When it is below `low`.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a whole number >= {low}, got {value!r}")
    if int(value) < low:
        raise ValueError(f"{name} must be >= {low}, got {value}")
    return int(value)
