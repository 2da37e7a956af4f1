"""Reading tables of JSON objects: one per line, or all in one array."""

import math

from minitransformer.storage import strict_json

PANDAS = "in pandas: to_json('FILE.jsonl', orient='records', lines=True)"
ROWS = f"write one object per row ({PANDAS})"
"""What to do about a file in another of pandas' layouts."""


def json_rows(path, content, array_allowed):
    """The objects of a JSON table.

    Parameters
    ----------
    path : Path
        For error messages.
    content : str
        The text of the file: one object per line, or an array of objects.
    array_allowed : bool
        Whether the file may be an array, as its name says.

    Returns
    -------
    list of (str, dict)
        The place of each object in the file, and the object.

    Raises
    ------
    ValueError
        If the text is not JSON, or holds anything but objects.
    """
    if array_allowed and content.lstrip()[:1] == "[":
        values = [(f"{path}, item {i}", v) for i, v in enumerate(_array(path, content), start=1)]
    else:
        values = list(_lines(path, content, array_allowed))
    for where, value in values:
        if not isinstance(value, dict):
            hint = f"; {ROWS}" if isinstance(value, list) else ""
            raise ValueError(f"{where}: must be a JSON object, got {type(value).__name__}{hint}")
    if len(values) == 1 and _whole_table(values[0][1]):
        raise ValueError(f"{path}: the only object contains the whole table; {ROWS}")
    return values


def _whole_table(value):
    """Whether an object has all the columns or rows of a table, and not one row of it."""
    return bool(value) and all(isinstance(v, dict | list) for v in value.values())


def _array(path, content):
    try:
        return strict_json(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _lines(path, content, array_allowed):
    # not splitlines: JSON texts may contain Unicode's other line separators
    for number, line in enumerate(content.split("\n"), start=1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            yield where, strict_json(line)
        except ValueError as error:
            raise ValueError(f"{where}: {error}{_hint(content, array_allowed)}") from error


def _hint(content, array_allowed):
    """What else a file may be that is not one JSON object per line."""
    start = content.lstrip()[:1]
    if array_allowed:
        hint = "; the file must be an array of objects, or have one object per line"
        return f"{hint} ({PANDAS})" if start == "{" else hint
    if start == "[":
        return "; a JSON array of objects belongs in a .json file: rename it"
    return ""


def json_cell(value, where, column):
    """A value as it goes into the table: None if it is empty.

    Raises
    ------
    ValueError
        If it is an array or an object.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str | int | float):
        return value.strip() or None if isinstance(value, str) else value
    raise ValueError(
        f"{where}: the column {column!r} must contain a text, got {type(value).__name__}"
    )
