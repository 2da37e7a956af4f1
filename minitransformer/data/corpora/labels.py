"""From the labels in a file to classes. Labels that are the same number are the same class."""

import re
import unicodedata
from collections import Counter
from decimal import Decimal

from minitransformer.data.tokenizers.word_split import without_long_marks

_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
MAX_SHOWN = 5


def key(label):
    """What makes two labels equal: their value if they are numbers, or their spelling.

    Parameters
    ----------
    label : str, int, float or bool
        As in the file; True and False only come from JSON, and count as 1 and 0.
    """
    if isinstance(label, bool):
        return Decimal(int(label))
    text = str(label)
    return Decimal(text) if _NUMBER.fullmatch(text) else text


def classes(name, labels, on_note):
    """The names of the classes, and the class of each label.

    Parameters
    ----------
    name : str
        The name of the file, for messages.
    labels : list of (str, int, float or bool)
        One for each text.
    on_note : function of str
        Receives a line about labels that were taken as one class, and about those that were not
        though they may be meant to be.

    Returns
    -------
    class_names : list of str
        Sorted: by value if all are numbers, otherwise alphabetically.
    numbers : list of int
        For each label, its position in `class_names`.
    """
    groups = {}
    for label in labels:
        groups.setdefault(key(label), Counter())[str(label)] += 1
    names = {k: min(spellings, key=lambda s: (len(s), s)) for k, spellings in groups.items()}
    for k, spellings in groups.items():
        if len(spellings) > 1:
            counts = ", ".join(f"{s!r} ({n:,})" for s, n in sorted(spellings.items())[:MAX_SHOWN])
            on_note(f"{name}: the labels {counts} are the same number, so one class: {names[k]!r}")
    _note_variants(name, names.values(), on_note)
    ordered = sorted(names, key=_order(names))
    index = {k: i for i, k in enumerate(ordered)}
    return [names[k] for k in ordered], [index[key(label)] for label in labels]


def _order(names):
    """The key that sorts the keys of `names`: by value if all are numbers ("9" before "10")."""
    if all(isinstance(k, Decimal) for k in names):
        return lambda k: k
    return lambda k: names[k]


def _note_variants(name, class_names, on_note):
    """Say which classes differ only in capitals, spaces or the form of a character."""
    alike = {}
    for class_name in class_names:
        folded = unicodedata.normalize("NFKC", without_long_marks(class_name)).casefold()
        alike.setdefault(" ".join(folded.split()), []).append(class_name)
    for same in alike.values():
        if len(same) > 1:
            shown = ", ".join(map(repr, sorted(same)[:MAX_SHOWN]))
            on_note(
                f"{name}: {shown} are {len(same)} classes that differ only in how they are "
                "written; if one is meant, write them alike in the file"
            )


def note_contradictions(name, texts, numbers, class_names, on_note):
    """Say how many texts occur several times, with different labels.

    Parameters
    ----------
    name : str
        The name of the file.
    texts : list of n str
    numbers : list of n int
        The class of each text.
    class_names : sequence of str
    on_note : function of str
    """
    found = {}
    for text, number in zip(texts, numbers, strict=True):
        found.setdefault(text, set()).add(number)
    several = {text: labels for text, labels in found.items() if len(labels) > 1}
    if several:
        text, labels = next(iter(several.items()))
        shown = ", ".join(repr(class_names[k]) for k in sorted(labels)[:MAX_SHOWN])
        on_note(
            f"{name}: texts that occur with different labels: {len(several):,}, for instance "
            f"{text[:40]!r} with {shown}"
        )


def numbers_of(labels, class_names):
    """For each label, its position in `class_names`, or None.

    Numbers are compared by value. If that finds nothing, the words true and false are compared
    with 1 and 0, and in any capitals: JSON, Python and spreadsheets write them differently.
    """
    exact, by_key, by_truth = {}, {}, {}
    for i, class_name in enumerate(class_names):
        exact[class_name] = by_key[key(class_name)] = i
        by_truth.setdefault(_truth(class_name), []).append(i)
    numbers = []
    for label in labels:
        number = exact.get(str(label), by_key.get(key(label)))
        alike = by_truth.get(_truth(label), ())
        numbers.append(alike[0] if number is None and len(alike) == 1 else number)
    return numbers


def _truth(label):
    """1 or 0 for true or false, however they are written, and for the numbers; or the label."""
    return {"true": Decimal(1), "false": Decimal(0)}.get(str(label).casefold(), key(label))


def check_classes(where, column, class_names, numbers):
    """Refuse labels that are too many to be classes: amounts, scores, or the texts themselves.

    Parameters
    ----------
    where : str
        The file, for the message.
    column : str
        The column of the labels.
    class_names : list of str
    numbers : list of int
        The class of each row.

    Raises
    ------
    ValueError
        If there is one class; if the labels look like numbers to predict; or if there are more
        than half as many labels as rows.
    """
    if len(class_names) < 2:
        raise ValueError(
            f"{where}: every label is {class_names[0]!r}; at least two classes are needed"
        )
    rows = Counter(numbers)
    rarest = min(rows, key=lambda k: (rows[k], k))
    shown = ", ".join(repr(name[:20]) for name in class_names[:3])
    many = f"the column {column!r} has {len(class_names):,} different labels ({shown}, ...)"
    few = rows[rarest] < 3 and len(class_names) > len(numbers) / 10
    if few and any(map(_is_fraction, class_names)):
        raise ValueError(
            f"{where}: {many}, which look like numbers to predict; there is no regression here: "
            "make classes of them first, such as low, middle and high"
        )
    if len(class_names) > max(2, len(numbers) / 2):
        raise ValueError(
            f"{where}: {many} in {len(numbers):,} rows, so class {class_names[rarest]!r} has "
            f"{rows[rarest]}; labels must be a few classes: is this the right column?"
        )


def _is_fraction(name):
    value = key(name)
    if isinstance(value, Decimal):
        return value != value.to_integral_value()
    return _DECIMAL_COMMA.fullmatch(name) is not None
