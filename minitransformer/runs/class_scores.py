"""Scores per class, and tables of them and of confusions that fit into 80 columns."""

import numpy as np
from rich.cells import cell_len, set_cell_size

WIDTH, MAX_NAME, MAX_PAIRS = 80, 30, 10
MEASURES = ("precision", "recall", "F1")
CORNER = "true \\ predicted"


def class_scores(matrix, class_names):
    r"""Precision, recall and F1 of each class, and their means over the classes.

    .. math:: P_k = \frac{M_{kk}}{\sum_i M_{ik}}, \qquad R_k = \frac{M_{kk}}{\sum_j M_{kj}},
        \qquad F_k = \frac{2 M_{kk}}{\sum_i M_{ik} + \sum_j M_{kj}}

    A quotient of zeros counts as 0. The macro means leave out classes that neither occur nor are
    predicted. (scikit-learn does the same.)

    Parameters
    ----------
    matrix : (C, C) int array
        M, the confusion matrix: rows are true classes, columns are predicted classes.
    class_names : sequence of C str

    Returns
    -------
    classes : dict of str to (dict of str to number)
        For each class "precision", "recall", "F1", and "texts", the number of its texts.
    macro : dict of str to number
        The same for the means and all texts.
    """
    right, true, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    columns = {
        "precision": right / np.maximum(predicted, 1),
        "recall": right / np.maximum(true, 1),
        "F1": 2 * right / np.maximum(predicted + true, 1),
    }
    occurs = (predicted + true) > 0
    found = {
        name: {**{m: float(columns[m][k]) for m in MEASURES}, "texts": int(true[k])}
        for k, name in enumerate(class_names)
    }
    means = {m: float(columns[m][occurs].mean()) if occurs.any() else 0.0 for m in MEASURES}
    return found, {**means, "texts": int(true.sum())}


def score_table(classes, macro):
    """The results of :func:`class_scores` as lines of text, in one string."""
    rows = [["class", *MEASURES, "texts"]]
    for name, values in [*classes.items(), ("macro", macro)]:
        numbers = [f"{values[m]:.3f}" for m in MEASURES]
        rows.append([_short(name), *numbers, f"{values['texts']:,}"])
    return _table(rows)


def confusion_table(matrix, class_names):
    """The confusion matrix as lines of text.

    If the names of the classes do not fit into 80 columns, the columns are numbered. If there are
    too many classes for that too, the most frequent confusions are listed.
    """
    names = list(map(_short, class_names))
    numbers = [list(map(str, row)) for row in matrix]
    numbered = [f"{k} {name}" for k, name in enumerate(names, start=1)]
    for head, first in ((names, names), (map(str, range(1, len(names) + 1)), numbered)):
        rows = [[CORNER, *head]]
        rows += [[name, *row] for name, row in zip(first, numbers, strict=True)]
        table = _table(rows)
        if max(map(cell_len, table.split("\n"))) <= WIDTH:
            return table
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MAX_PAIRS]
    pairs = [divmod(int(place), len(names)) for place in order if wrong.flat[place]]
    lines = [f"  {wrong[i, j]:,}  {names[i]} taken for {names[j]}" for i, j in pairs]
    return "\n".join(["the most frequent confusions:", *(lines or ["  none"])])


def _short(name):
    """A name of at most 30 columns."""
    return name if cell_len(name) <= MAX_NAME else set_cell_size(name, MAX_NAME - 3) + "..."


def _table(rows):
    """Rows of cells as lines: the first column on the left, the others on the right."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = [first + " " * (widths[0] - cell_len(first))]
        cells += [
            " " * (width - cell_len(cell)) + cell
            for cell, width in zip(rest, widths[1:], strict=True)
        ]
        lines.append("  ".join(cells))
    return "\n".join(lines)
