"""From the file of a table to the texts and labels of its rows."""

from pathlib import Path
from typing import NamedTuple

from minitransformer.data.corpora.columns import find_groups
from minitransformer.data.corpora.delimited_rows import delimited_rows
from minitransformer.data.corpora.json_rows import json_cell, json_rows
from minitransformer.storage.text_files import decode, read_bytes

MAX_TABLE = 1 << 30  # in bytes
DELIMITERS = {".csv": ",;\t|", ".tsv": "\t,;|", ".tab": "\t,;|", ".txt": "\t;|,"}
"""Suffixes of tables with delimiters, and the delimiters to look for, the most usual one first."""
JSON = {".jsonl": False, ".ndjson": False, ".json": True}
"""Suffixes of tables of JSON objects, and whether the file may be an array."""
FOREIGN = {
    ".xlsx": "save the sheet as CSV (UTF-8) first",
    ".xls": "save the sheet as CSV (UTF-8) first",
    ".ods": "save the sheet as CSV (UTF-8) first",
    ".parquet": "in pandas: read_parquet(...).to_json(..., orient='records', lines=True)",
    ".pkl": "in pandas: to_json(..., orient='records', lines=True)",
    ".zip": "unpack it first",
}
"""What to do about a file in another format."""
ENCODING = "save the file as UTF-8 first, or name its encoding: on Windows often --encoding cp1252"


class Row(NamedTuple):
    """A row: its place in the file, its text and its label; None if empty.

    The label of a JSON object may also be a number, True or False.
    """

    where: str
    text: str | None
    label: object


def suffix_of(path):
    """The suffix of a file's name in lower case, without ``.gz``."""
    path = Path(path)
    return Path(path.stem if path.suffix.lower() == ".gz" else path).suffix.lower()


def is_table(path):
    """Whether a file is a table by its name. A ``.txt`` file may be one, but does not count."""
    suffix = suffix_of(path)
    return suffix != ".txt" and (suffix in DELIMITERS or suffix in JSON)


def read_rows(path, text_columns, label_column, options, on_note):
    """The rows of a table, in the order of the file; blank rows are left out.

    Parameters
    ----------
    path : path-like
        The file.
    text_columns : str or sequence of str
        The column of the texts; or several, whose texts are joined by a line end.
    label_column : str or None
        The column of the labels; None for a table without any.
    options : TableOptions
    on_note : function of str
        Receives a line about each thing that was decided by the content of the file.

    Returns
    -------
    list of Row

    Raises
    ------
    FileNotFoundError
    ValueError
        If the format is unknown, the file is damaged, or a column is missing.
    """
    path, suffix = Path(path), suffix_of(path)
    if suffix not in DELIMITERS and suffix not in JSON:
        known = ", ".join([*DELIMITERS, *JSON])
        hint = f"; {FOREIGN[suffix]}" if suffix in FOREIGN else ""
        raise ValueError(
            f"{path}: the suffix must be one of {known} (also with .gz), got {suffix!r}{hint}"
        )
    content = _content(path, options.encoding, on_note)
    wanted = [text_columns] if label_column is None else [text_columns, [label_column]]
    if suffix not in JSON:
        found = delimited_rows(path, content, DELIMITERS[suffix], wanted, options, on_note)
        return [
            Row(where, _joined(texts), labels[0][0] or None if labels else None)
            for where, (texts, *labels) in found
        ]
    for name, default in (("delimiter", None), ("quoting", None), ("header", True)):
        if getattr(options, name) != default:
            raise ValueError(f"{name} is not for {suffix} files, but {path} is one")
    return _from_json(path, content, wanted, options.skip_empty)


def _content(path, encoding, on_note):
    data = read_bytes(path, MAX_TABLE)
    content = decode(path, data, encoding, hint=ENCODING)
    if encoding is not None and not content.isascii() and _is_utf8(data, content):
        on_note(
            f"{path.name} is read as {encoding}, as given, but it looks like UTF-8: its "
            "accents may be wrong"
        )
    if "\0" in content:
        line = content.count("\n", 0, content.index("\0")) + 1
        raise ValueError(
            f"{path}, line {line}: a NUL character; the file is not a text file, or it is UTF-16 "
            "without a byte-order mark: --encoding utf-16-le"
        )
    if not content.strip():
        raise ValueError(f"{path} is empty")
    return content


def _is_utf8(data, content):
    """Whether bytes are UTF-8 text, though they were read as something else."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not text.isascii() and text.removeprefix("\ufeff") != content


def _from_json(path, content, wanted, skip_empty):
    found = json_rows(path, content, JSON[suffix_of(path)])
    known = list(dict.fromkeys(name for _, row in found for name in row)) if skip_empty else None
    rows = []
    for where, row in found:
        names = known or list(row)
        texts, *labels = [
            [json_cell(row.get(names[i]), where, names[i]) for i in group]
            for group in find_groups(names, wanted, where, header=None)
        ]
        rows.append(Row(where, _joined(texts), labels[0][0] if labels else None))
    return rows


def _joined(cells):
    """The text of a row from the cells of its text columns; None if all of them are empty."""
    texts = [str(cell).strip() for cell in cells if cell is not None]
    return "\n".join(filter(None, texts)) or None
