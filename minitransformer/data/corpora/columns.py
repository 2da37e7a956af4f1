"""Finding the columns of a table by name or number."""

import difflib
from collections.abc import Iterable, Mapping, Set
from numbers import Integral

OPTIONS = ("--text-column", "--label-column")
MAX_SHOWN, MAX_NAME = 10, 30  # columns in an error message, and characters of a name in it
MAX_COMPARED = 1000  # columns among which a misspelt name is looked for


def check_columns(name, wanted, several=True):
    """The names or numbers of columns that an argument gives.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    wanted : str, int or sequence of these
        What was given.
    several : bool
        Whether there may be more than one column.

    Returns
    -------
    str, int or list of these

    Raises
    ------
    TypeError
        If `wanted` is of another type, None for instance, or is empty.
    """
    if _is_column(wanted):
        return wanted
    members = wanted
    if several and isinstance(wanted, Iterable) and not isinstance(wanted, bytes | Mapping | Set):
        members = list(wanted)
        if members and all(_is_column(member) for member in members):
            return members
    what = "a column's name or number" + (", or a list of these" if several else "")
    raise TypeError(f"{name} must be {what}, got {members!r}")


def _is_column(wanted):
    return isinstance(wanted, str | Integral) and not isinstance(wanted, bool)


def positions(columns, wanted):
    """Where the wanted columns are.

    Parameters
    ----------
    columns : sequence of str
        The names of a table's columns.
    wanted : str, int or sequence of these
        One name, or the number of a column without a name; or several, as a sequence or, in a
        string, separated by commas.

    Returns
    -------
    list of int or None
        The position of each wanted column; None if one is missing.
    """
    names = _names(columns, wanted)
    return [columns.index(name) for name in names] if set(names) <= set(columns) else None


def _names(columns, wanted):
    if not isinstance(wanted, str):
        numbered = [wanted] if isinstance(wanted, Integral) else wanted
        return [str(name) for name in numbered]
    several = "," in wanted and wanted not in columns
    return [name.strip() for name in wanted.split(",")] if several else [wanted]


def find(columns, wanted, where, header=True, option=OPTIONS[0]):
    """As :func:`positions`, but a missing or ambiguous column is an error.

    Parameters
    ----------
    columns, wanted
        As in :func:`positions`.
    where : str
        The place of the header in the file, for error messages.
    header : bool or None
        Whether the file has a header line. If not, the columns are numbered. None for objects,
        whose keys are the names.
    option : str
        The option that names these columns.

    Raises
    ------
    ValueError
        If a column is missing, or two columns have its name.
    """
    found = positions(columns, wanted)
    if found is None:
        raise ValueError(f"{where}: {_missing(columns, wanted, header, option)}")
    for i in found:
        if columns.count(columns[i]) > 1:
            raise ValueError(
                f"{where}: the header names {columns[i]!r} more than once; "
                "rename the column that is not meant"
            )
    return found


def find_groups(columns, groups, where, header=True):
    """As :func:`find` for the columns of the text, and those of the label if it is needed.

    No column may occur twice among them.

    A label that is a part of the text would make every result look good.
    """
    found = [
        find(columns, wanted, where, header, option)
        for wanted, option in zip(groups, OPTIONS, strict=False)
    ]
    every = [i for group in found for i in group]
    for i in every:
        if every.count(i) > 1:
            raise ValueError(
                f"{where}: each column must be given once, got {columns[i]!r} more than once "
                "among the columns of the text and the label"
            )
    return found


def _missing(columns, wanted, header, option):
    absent = next(name for name in _names(columns, wanted) if name not in columns)
    if header is False:
        return (
            f"no column {absent!r}; without a header, the columns are numbered "
            f"from 1 to {len(columns)}: give one of these with {option}"
        )
    named = [name for name in columns if name]
    shown = ", ".join(repr(name[:MAX_NAME]) for name in named[:MAX_SHOWN])
    rest = f" and {len(named) - MAX_SHOWN:,} more" if len(named) > MAX_SHOWN else ""
    if near := _near(named, absent):
        hint = f"did you mean {near!r}?"
    else:
        hint = _way_out(columns, header, option)
    return f"no column {absent!r}; the columns are {shown}{rest}; {hint}"


def _way_out(columns, header, option):
    """What to do about a missing column."""
    delimiter = "name the character that separates the columns with --delimiter"
    if header and len(columns) == 1 and option == OPTIONS[0]:
        return delimiter
    hint = f"name it with {option}"
    if option == OPTIONS[1]:
        hint += "; texts without labels are for predict"
    if header and len(columns) == 1:  # the texts were found
        return f"{hint}; if there are other columns, {delimiter}"
    if header:
        hint += "; if this line is not a header, use --no-header and the columns' numbers"
    return hint


def _near(columns, wanted):
    """The name of a column that is like the wanted one, or None."""
    folded = {name.casefold(): name for name in reversed(columns[:MAX_COMPARED])}
    near = difflib.get_close_matches(str(wanted)[:MAX_NAME].casefold(), folded, n=1)
    return folded[near[0]] if near else None
