"""The rows of a table that are used: those with a text and a label, without HTML."""

from minitransformer.data.corpora.columns import check_columns
from minitransformer.data.corpora.markup import has_html, without_html
from minitransformer.data.corpora.missing import note_missing, words_for_missing
from minitransformer.data.corpora.table_rows import read_rows
from minitransformer.data.tokenizers.word_split import tokenize


def usable_rows(path, text_column, label_column, options, on_note, class_names=()):
    """The rows of a table that have a text and a label, without HTML if it is to be removed.

    Parameters
    ----------
    path : Path
    text_column, label_column, options, on_note
        As in :func:`~minitransformer.data.load_table`.
    class_names : sequence of str
        Labels that are known to be meant, though they may say that the label is missing.

    Returns
    -------
    list of Row

    Raises
    ------
    FileNotFoundError
    TypeError, ValueError
        As :func:`~minitransformer.data.load_table`, but for labels that are not classes.
    """
    text_column = check_columns("text_column", text_column)
    label_column = check_columns("label_column", label_column, several=False)
    if str(label_column) == str(text_column):
        raise ValueError(f"text_column and label_column must differ, got {label_column!r} twice")
    rows = read_rows(path, text_column, label_column, options, on_note)
    if not rows:
        raise ValueError(f"{path} has no rows")
    rows = cleaned(path, rows, options.clean, on_note)
    used = _full(path, rows, text_column, label_column, options, on_note)
    note_missing(path.name, used, class_names, options.skip_empty, on_note)
    if options.skip_empty:
        used = [row for row in used if not words_for_missing(row, class_names)]
    if not used:
        raise ValueError(f"{path} has no row with a text and a label")
    return used


def _full(path, rows, text_column, label_column, options, on_note):
    """The rows with a text and a label. Others are an error, unless they are to be left out."""
    full = []
    for row in rows:
        fault = _fault(row, text_column, label_column)
        if fault is None:
            full.append(row)
        elif not options.skip_empty:
            raise ValueError(f"{row.where}: {fault}; to leave such rows out, use --skip-empty")
    if len(full) < len(rows):
        on_note(f"{path.name}: rows left out, without a text or a label: {len(rows) - len(full):,}")
    return full


def cleaned(path, rows, clean, on_note):
    """The rows of a table without HTML, if it is to be removed.

    Parameters
    ----------
    path : Path
    rows : list of Row
    clean : {"html", "none"} or None
        As in TableOptions.
    on_note : function of str
        As in :func:`~minitransformer.data.load_table`.
    """
    if clean == "none":
        return rows
    first = next((row for row in rows if row.text and has_html(row.text)), None)
    if first is None:
        return rows
    if clean is None:
        line = first.where.removeprefix(f"{path}, ")
        on_note(
            f"{path.name}: HTML tags and entities are removed (the first is in {line}); "
            "--clean none keeps them"
        )
    return [row._replace(text=row.text and without_html(row.text)) for row in rows]


def _fault(row, text_column, label_column):
    """What is missing in a row, or None."""
    if row.text is None or row.label is None:
        column = label_column if row.text is not None else text_column
        return f"the column {column!r} is empty"
    if not tokenize(row.text):
        return (
            f"the column {text_column!r} must contain a word or a punctuation mark, "
            f"got {row.text[:20]!r}"
        )
    return None
