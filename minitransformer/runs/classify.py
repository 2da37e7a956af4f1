"""From texts to probabilities and scores."""

from dataclasses import dataclass

import numpy as np

from minitransformer.data import windows as overlapping
from minitransformer.data.corpora.markup import without_html
from minitransformer.training import confusion_matrix


def encode(vocabulary, texts, recipe):
    """The ids of every text, truncated to the recipe's length."""
    return vocabulary.encode_all(texts, recipe.max_len, recipe.truncate)


def cleaned(source, text):
    """A text without HTML, if the texts of the run's own table were cleaned in the same way.

    Parameters
    ----------
    source : Source
        Where the data of the run come from.
    text : str
    """
    if source.table is None or source.table.clean == "none":
        return text
    return without_html(text) or text  # a text of nothing but tags is read as it is


def pieces_of(vocabulary, text, recipe, windows):
    """What the model reads of a text.

    Parameters
    ----------
    vocabulary : Vocabulary
    text : str
    recipe : Recipe
    windows : bool
        Whether to read all of a long text, in windows that overlap by half, or to truncate it.

    Returns
    -------
    ids : (T,) int array
    places : list of int arrays
        For each piece that the model reads, its positions in `ids`.
    """
    if not windows:
        ids = vocabulary.encode(text, recipe.max_len, recipe.truncate)
        return ids, [np.arange(len(ids))]
    ids = vocabulary.encode(text)
    return ids, overlapping(np.arange(len(ids)), recipe.max_len, max(1, recipe.max_len // 2))


def probabilities(model, vocabulary, texts, recipe, windows=False):
    """Class probabilities of each text, (n, C); with `windows`, the means over its windows.

    Raises
    ------
    ValueError
        If a probability is not finite, because the model's activations overflow.
    """
    pieces = [pieces_of(vocabulary, text, recipe, windows) for text in texts]
    owner = np.repeat(np.arange(len(pieces)), [len(places) for _, places in pieces])
    p = model.predict([ids[place] for ids, places in pieces for place in places])
    if not np.isfinite(p).all():
        raise ValueError("the model's probabilities are not finite: its weights are too large")
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    return np.add.reduceat(p, starts, axis=0) / np.bincount(owner)[:, None]


@dataclass(frozen=True)
class Score:
    """How well labels are predicted: loss in nats, accuracy, confusion matrix (C, C)."""

    loss: float
    accuracy: float
    confusion: np.ndarray

    @classmethod
    def of(cls, p, labels):
        """The score of probabilities (n, C) for labels (n,)."""
        right = p[np.arange(len(labels)), labels].astype(np.float64)
        matrix = confusion_matrix(labels, p.argmax(axis=1), p.shape[1])
        loss = -np.log(np.maximum(right, np.finfo(p.dtype).tiny)).mean()
        return cls(float(loss), float(np.trace(matrix) / len(labels)), matrix)


def score(model, vocabulary, split, recipe, windows=False):
    """The :class:`Score` of a model on a Split, one part of a data set."""
    p = probabilities(model, vocabulary, split.texts, recipe, windows)
    return Score.of(p, split.labels)
