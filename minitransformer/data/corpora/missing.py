"""Cells that say in words that their value is missing, such as nan or NULL."""

from collections import Counter

MISSING = frozenset(
    "#N/A,#N/A N/A,#NA,-1.#IND,-1.#QNAN,-NaN,-nan,1.#IND,1.#QNAN,<NA>,N/A,NA,NULL,NaN,NaT,None,"
    "n/a,nan,null,\\N".split(",")
)
"""What pandas reads as a missing value, NaT, and MySQL's ``\\N``."""


def words_for_missing(row, class_names=()):
    """The words in place of a row's text and label, as a list.

    Parameters
    ----------
    row : Row
    class_names : sequence of str
        Labels that are known to be meant.
    """
    found = []
    if row.text is not None and all(part in MISSING for part in row.text.split("\n")):
        found.append(("text", row.text.split("\n")[0]))
    if row.label in MISSING and row.label not in class_names:
        found.append(("label", row.label))
    return found


def note_missing(name, rows, class_names, skipped, on_note):
    """Say how many cells have such a word.

    Parameters
    ----------
    name : str
        The name of the file.
    rows : list of Row
        The rows with both a text and a label.
    class_names : sequence of str
        As in :func:`words_for_missing`.
    skipped : bool
        Whether these rows are left out.
    on_note : function of str
    """
    counts = Counter(found for row in rows for found in words_for_missing(row, class_names))
    for what in ("text", "label"):
        words = [f"{word!r} ({n:,})" for (kind, word), n in sorted(counts.items()) if kind == what]
        if not words:
            continue
        shown = ", ".join(words)
        if skipped:
            on_note(f"{name}: left out because the {what} is missing: {shown}")
        elif what == "text" or not class_names:
            use = "they are read as texts" if what == "text" else "each is a class"
            on_note(
                f"{name}: {shown} in place of a {what} may mean that it is missing; "
                f"{use}, but --skip-empty leaves these rows out"
            )
