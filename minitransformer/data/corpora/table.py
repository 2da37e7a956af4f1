"""Your own texts, from a CSV, TSV or JSON-lines file with a column of texts and one of labels."""

import csv
import difflib
import io
import math
from pathlib import Path

import numpy as np

from minitransformer.data.corpora.dataset import Dataset, Split
from minitransformer.data.corpora.splits import split_off
from minitransformer.data.tokenizers.word_split import tokenize
from minitransformer.storage import strict_json

FORMATS = {".csv": ",", ".tsv": "\t", ".jsonl": None}
MAX_FIELD = 1 << 24  # maximum characters in a field; the csv module allows 131,072 by default


def load_table(path, text_column, label_column, *, validation=0.1, test=0.1, seed=0):
    """Load labelled texts from a file and split them into train, validation and test.

    The split is stratified and deterministic, and copies of a text stay in one part.

    Parameters
    ----------
    path : path-like
        ``.csv`` or ``.tsv`` with a header line, or ``.jsonl`` with one object per line; UTF-8.
    text_column, label_column : str
        Names of the two columns. Labels may be words or numbers; there may be any number of
        classes.
    validation, test : float or int
        Fraction or number of the rows that go into each part; 0 for none.
    seed : int
        Determines which rows are in which part.

    Returns
    -------
    Dataset
        The data set, named after the file. `class_names` are the sorted labels: numbers by value,
        other labels alphabetically.

    Raises
    ------
    FileNotFoundError
    ValueError
        If the format is unknown, the file is not UTF-8 or not well formed, a column is missing, a
        text or label is empty, a text has neither a word nor a punctuation mark, there is only one
        class, or a class has too few rows.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(
            f"{path}: the suffix must be one of {', '.join(FORMATS)}, got {path.suffix!r}"
        )
    content = _decoded(path)
    delimiter = FORMATS[path.suffix.lower()]
    read = (
        _read_json_lines(path, content)
        if delimiter is None
        else _read_csv(path, content, delimiter)
    )
    rows = [
        (where, _text(row, text_column, where), _text(row, label_column, where))
        for where, row in list(read)
    ]
    if not rows:
        raise ValueError(f"{path} has no rows")
    for where, text, label in rows:
        if not text or not label:
            column = label_column if text else text_column
            raise ValueError(f"{where}: the column {column!r} is empty")
        if not tokenize(text):
            raise ValueError(
                f"{where}: the column {text_column!r} must contain a word or a punctuation mark, "
                f"got {text[:20]!r}"
            )
    return _dataset(
        path,
        [row[1] for row in rows],
        [row[2] for row in rows],
        {"validation": validation, "test": test},
        seed,
    )


def _dataset(path, texts, names, sizes, seed):
    class_names = sorted(set(names), key=_sort_key(set(names)))
    if len(class_names) < 2:
        raise ValueError(
            f"{path}: every label is {class_names[0]!r}; at least two classes are needed"
        )
    index = {name: k for k, name in enumerate(class_names)}
    labels = np.array([index[name] for name in names])
    parts = split_off(texts, labels, class_names, sizes, np.random.default_rng(seed))
    train, validation, test = (Split([texts[i] for i in part], labels[part]) for part in parts)
    return Dataset(path.stem, train, validation, test, class_names)


def _sort_key(names):
    """The key that sorts `names`: numbers by value ("9" before "10"), others alphabetically."""
    try:
        values = {name: float(name) for name in names}
        if not all(map(math.isfinite, values.values())):
            return str
    except ValueError:
        return str
    return lambda name: (values[name], name)


def _decoded(path):
    """The file as text, or a ValueError that names the line at fault."""
    data = path.read_bytes()
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: not UTF-8 ({error.reason}); save the file as UTF-8 first"
        ) from error
    if "\0" in content:
        line = content.count("\n", 0, content.index("\0")) + 1
        raise ValueError(
            f"{path}, line {line}: a NUL character; the file is not a text file, or it is "
            "UTF-16: save it as UTF-8 first"
        )
    if not content.strip():
        raise ValueError(f"{path} is empty")
    return content


def _read_csv(path, content, delimiter):
    """Yield the place of each row in the file, and its fields by column."""
    before = csv.field_size_limit(MAX_FIELD)
    try:
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
        header = _checked_header(path, [name.strip() for name in next(reader)])
        for fields in reader:
            where = f"{path}, line {reader.line_num}"
            if not fields:
                continue  # a blank line
            if len(fields) != len(header):
                raise ValueError(f"{where}: {len(fields)} fields, but the header has {len(header)}")
            yield where, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from error
    finally:
        csv.field_size_limit(before)


def _checked_header(path, header):
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{path}: the header names {', '.join(map(repr, repeated))} more than once"
        )
    return header


def _read_json_lines(path, content):
    """Yield the place of each object in the file, and the object."""
    # not splitlines: JSON texts may contain Unicode's other line separators
    for number, line in enumerate(content.split("\n"), start=1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            row = strict_json(line)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"{where}: must be a JSON object, got {type(row).__name__}")
        yield where, row


def _text(row, column, where):
    """The value in a column as text; numbers and true/false are converted to text."""
    if column not in row:
        near = difflib.get_close_matches(str(column), row, n=1)
        raise ValueError(
            f"{where}: no column {column!r}; the columns are "
            f"{', '.join(map(repr, row))}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    value = row[column]
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise ValueError(
        f"{where}: the column {column!r} must contain a text, got {type(value).__name__}"
    )
