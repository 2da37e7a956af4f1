"""Your own texts, from a table with a column of texts and one of labels."""

import warnings
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from minitransformer.checks import check_count, check_instance, near_names
from minitransformer.data.corpora.columns import check_columns
from minitransformer.data.corpora.dataset import Dataset, Split
from minitransformer.data.corpora.labels import (
    check_classes,
    classes,
    note_contradictions,
    numbers_of,
)
from minitransformer.data.corpora.missing import MISSING, note_missing, words_for_missing
from minitransformer.data.corpora.splits import split_off
from minitransformer.data.corpora.table_options import TableOptions
from minitransformer.data.corpora.table_rows import read_rows
from minitransformer.data.corpora.usable_rows import cleaned, usable_rows


def load_table(
    path, text_column, label_column, *, validation=0.1, test=0.1, seed=0,
    validation_data=None, test_data=None, options=None, on_note=None, **changes,
):  # fmt: skip
    """Load labelled texts from a file and split them into train, validation and test.

    The split is stratified and deterministic, and copies of a text stay in one part.

    Parameters
    ----------
    path : path-like
        ``.csv``, ``.tsv`` or ``.txt`` with one row per text and a header line; ``.jsonl`` or
        ``.ndjson`` with one object per line; or ``.json`` with an array of objects. All of them
        may be compressed (``.gz``).
    text_column : str or sequence of str
        Name of the column of texts. Several names, also in one string with commas between them,
        mean that the text is made of these columns, in this order.
    label_column : str
        Name of the column of labels: words or numbers; there may be any number of classes.
    validation, test : float or int
        Fraction or number of the rows that go into each part; 0 for none.
    seed : int
        Determines which rows are in which part.
    validation_data, test_data : path-like, optional
        Files of the same kind that are the validation part or the test part. Then no rows of
        `path` go into this part.
    options : TableOptions, optional
        How the file is written, if its name and its content do not say it.
    on_note : function of str, optional
        Receives a line about each thing that was decided by the content of the file, for instance
        that columns are separated by semicolons. By default the lines are given as warnings.
    **changes
        Fields of `options`, such as ``delimiter=";"``.

    Returns
    -------
    Dataset
        The data set, named after the file. `class_names` are the sorted labels: numbers by value,
        other labels alphabetically. Labels that are the same number, such as 1 and 1.0, are one
        class.

    Raises
    ------
    FileNotFoundError
    TypeError
        If a column is neither a name nor a number, or an option does not exist.
    ValueError
        If the format is unknown, the file is in another encoding or not well formed, a column is
        missing, a text or label is empty, a text has neither a word nor a punctuation mark, there
        is only one class, the labels are not classes, a class has too few rows, or a column is
        given twice, for instance as a text and as the label.
    """
    options, on_note = _options(options, changes), on_note or _warn
    path, seed = Path(path), check_count("seed", seed, 0)
    rows = usable_rows(path, text_column, label_column, options, on_note)
    texts = [row.text for row in rows]
    names, numbers = classes(path.name, [row.label for row in rows], on_note)
    check_classes(path, label_column, names, numbers)
    note_contradictions(path.name, texts, numbers, names, on_note)
    given, sizes = {}, {}
    for part, file, size in (
        ("validation", validation_data, validation), ("test", test_data, test),
    ):  # fmt: skip
        if file is None:
            sizes[part] = size
        else:
            given[part] = load_labelled(
                file, text_column, label_column, names, options=options, on_note=on_note
            )
    labels = np.array(numbers)
    parts = split_off(texts, labels, names, sizes, np.random.default_rng(seed))
    train, *rest = (Split([texts[i] for i in part], labels[part]) for part in parts)
    found = dict(zip(sizes, rest, strict=True)) | given
    _note_copies(found, given, train, on_note)
    name = path.name[: -len(".gz")] if path.suffix.lower() == ".gz" else path.name
    return Dataset(Path(name).stem, train, found["validation"], found["test"], names)


def load_labelled(
    path, text_column, label_column, class_names, *, options=None, on_note=None, **changes
):
    """Load all labelled texts of a file, whose classes are known.

    Parameters
    ----------
    path, text_column, label_column, options, on_note, **changes
        As in :func:`load_table`.
    class_names : sequence of str
        The names of the classes. Labels that are numbers are compared by value.

    Returns
    -------
    Split

    Raises
    ------
    FileNotFoundError
    ValueError
        As :func:`load_table`, and if a label is not one of the classes.
    """
    options, on_note = _options(options, changes), on_note or _warn
    path = Path(path)
    rows = usable_rows(path, text_column, label_column, options, on_note, class_names)
    numbers = numbers_of([row.label for row in rows], class_names)
    for (where, _, label), number in zip(rows, numbers, strict=True):
        if number is None:
            shown = ", ".join(map(repr, class_names[:10]))
            more = f" and {len(class_names) - 10:,} more" if len(class_names) > 10 else ""
            hint = ""
            if label in MISSING:
                hint = "; if that means that the label is missing, use --skip-empty"
            elif not options.header and where == rows[0].where:
                hint = (
                    "; if this line has the names of the columns, use --header, and name them with "
                    "--text-column and --label-column"
                )
            raise ValueError(
                f"{where}: the label {str(label)[:40]!r} is not one of the classes "
                f"{shown}{more}{hint}"
            )
    texts = [row.text for row in rows]
    note_contradictions(path.name, texts, numbers, class_names, on_note)
    return Split(texts, np.array(numbers))


def read_texts(path, text_column, options=None, on_note=None):
    """The texts of a table, without those that are empty; labels are not needed.

    Parameters
    ----------
    path, text_column, options, on_note
        As in :func:`load_table`.

    Returns
    -------
    list of str
    """
    path, options, on_note = Path(path), options or TableOptions(), on_note or _warn
    text_column = check_columns("text_column", text_column)
    rows = read_rows(path, text_column, None, options, on_note)
    rows = [row for row in cleaned(path, rows, options.clean, on_note) if row.text]
    note_missing(path.name, rows, (), options.skip_empty, on_note)
    texts = [row.text for row in rows if not (options.skip_empty and words_for_missing(row))]
    if not texts:
        raise ValueError(f"{path} has no text in the column {text_column!r}")
    return texts


def _options(options, changes):
    """The options of a table, with the fields in `changes` changed."""
    options = (
        TableOptions() if options is None else check_instance("options", options, TableOptions)
    )
    for name in changes:
        if name not in (known := [field.name for field in fields(TableOptions)]):
            raise TypeError(f"unknown option {name!r}; {near_names(name, known)}")
    return replace(options, **changes)


def _note_copies(parts, given, train, on_note):
    """Say how many texts of the files of their own are also trained on."""
    known = set(train.texts)
    for part in given:
        copies = sum(text in known for text in parts[part].texts)
        if copies:
            on_note(
                f"{copies:,} of the {len(parts[part]):,} texts of the {part} file are also in the "
                "training texts"
            )


def _warn(line):
    warnings.warn(line, stacklevel=3)
