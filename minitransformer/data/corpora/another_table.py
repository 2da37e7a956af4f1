"""How another table than a run's own is written, found by its content."""

from dataclasses import replace
from pathlib import Path

from minitransformer.data.corpora.columns import check_columns
from minitransformer.data.corpora.table_options import DEFAULT
from minitransformer.data.corpora.table_rows import JSON, MAX_TABLE, read_rows, suffix_of
from minitransformer.storage.text_files import MARKS, read_bytes

DIALECT = ("delimiter", "quoting", "encoding", "header")
"""The options that describe a file. The others say what is done with its rows."""


def options_for(path, text_column, label_column, own, given, on_note):
    """The options for a table that may be written differently from the one they were made for.

    The content decides, as if no options had been given. `own` is used only if the file cannot be
    read that way.

    Parameters
    ----------
    path : path-like
        The table.
    text_column, label_column : str
        Its columns; None as `label_column` if it needs none.
    own : TableOptions
        How the first table is written.
    given : dict
        Fields of TableOptions that were given for this table; they are not changed.
    on_note : function of str
        Receives a line about an encoding that is not the first table's, or not UTF-8.

    Returns
    -------
    TableOptions

    Raises
    ------
    FileNotFoundError
    TypeError, ValueError
        If a column or a given option is not possible.
    """
    path = Path(path)
    known = {name: getattr(own, name) for name in DIALECT if name not in given}
    own = replace(own, **given)
    if all(value == getattr(DEFAULT, name) for name, value in known.items()):
        return own
    if "encoding" in known:
        own = replace(own, encoding=_encoding(path, own.encoding, on_note))
    text_column = check_columns("text_column", text_column)
    fresh = {name: getattr(DEFAULT, name) for name in ("delimiter", "quoting", "header")}
    fresh = replace(own, **{name: value for name, value in fresh.items() if name not in given})
    if suffix_of(path) in JSON:
        return fresh
    for options in dict.fromkeys((fresh, same_header := replace(fresh, header=own.header), own)):
        try:
            read_rows(path, text_column, label_column, options, on_note=lambda line: None)
        except ValueError:
            continue
        return options
    return same_header  # reading the table raises the error


def _encoding(path, own, on_note):
    """None, for UTF-8 or what a byte-order mark says; or `own` if the file is in neither."""
    data = read_bytes(path, MAX_TABLE)
    if own is None or any(data.startswith(mark) for mark, _ in MARKS):
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    if text is None or "\0" in text or "\x1b" in text:  # of UTF-16 and of ISO-2022
        on_note(f"{path.name}: the encoding is not UTF-8, so it is read as {own}, as in training")
        return own
    if not text.isascii():
        on_note(f"{path.name}: the encoding is UTF-8 (in training, it was {own})")
    return None
