"""From texts to probabilities and scores."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minitransformer.data import tokenize
from minitransformer.data import windows as overlapping
from minitransformer.data.corpora.markup import without_html
from minitransformer.functional import log_softmax, softmax
from minitransformer.training import confusion_matrix
from minitransformer.training.passes import predict


def encode(vocabulary, texts, recipe):
    """The ids of every text, truncated to the recipe's length."""
    return vocabulary.encode_all(texts, recipe.max_len, recipe.truncate)


def cut_texts(vocabulary, texts, ids, recipe, what, way_out):
    """Say how many texts are longer than what the model reads of them.

    Parameters
    ----------
    vocabulary : Vocabulary
    texts : list of n str
    ids : list of n int arrays
        The result of :func:`encode`.
    recipe : Recipe
    what : str
        The texts, in words.
    way_out : str
        What to do about it.

    Returns
    -------
    str
        A line, with the line end before it; or nothing.
    """
    full = [text for text, row in zip(texts, ids, strict=True) if len(row) == recipe.max_len]
    lengths = [len(tokenize(text, vocabulary.version)) for text in full]
    cut = sum(length > recipe.max_len for length in lengths)
    if not cut:
        return ""
    return (
        f"\n{cut:,} of the {len(texts):,} {what} have more than {recipe.max_len:,} tokens, and are "
        f"cut (the longest has {max(lengths):,}); {way_out}"
    )


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


class Predicted(NamedTuple):
    """Class probabilities of each text, (n, C), and their logarithms, (n, C) in float64.

    The logarithms come from the model's scores: a probability may be too small for its dtype.
    """

    p: np.ndarray
    log_p: np.ndarray

    def of(self, rows):
        """The part for these texts, a bool array (n,)."""
        return Predicted(self.p[rows], self.log_p[rows])


def probabilities(model, vocabulary, texts, recipe, windows=False):
    """Class probabilities of each text, (n, C); with `windows`, the means over its windows.

    The errors are those of :func:`predictions`.
    """
    return predictions(model, vocabulary, texts, recipe, windows).p


def predictions(model, vocabulary, texts, recipe, windows=False):
    """The :class:`Predicted` of each text; with `windows`, the means over its windows.

    Raises
    ------
    ValueError
        If a probability is not finite, because the model's activations overflow.
    """
    pieces = [pieces_of(vocabulary, text, recipe, windows) for text in texts]
    owner = np.repeat(np.arange(len(pieces)), [len(places) for _, places in pieces])
    rows = [ids[place] for ids, places in pieces for place in places]
    scores = predict(model, rows, function=lambda scores: scores)
    if not np.isfinite(scores).all():
        raise ValueError("the model's probabilities are not finite: its weights are too large")
    p, log_p = softmax(scores), log_softmax(scores.astype(np.float64))
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    counts = np.bincount(owner)[:, None]
    # log of the mean over windows of exp(log_p), without leaving the range of float64
    highest = np.maximum.reduceat(log_p, starts, axis=0)
    sums = np.add.reduceat(np.exp(log_p - highest[owner]), starts, axis=0)
    return Predicted(np.add.reduceat(p, starts, axis=0) / counts, highest + np.log(sums / counts))


@dataclass(frozen=True)
class Score:
    """How well labels are predicted: loss in nats, accuracy, confusion matrix (C, C)."""

    loss: float
    accuracy: float
    confusion: np.ndarray

    @classmethod
    def of(cls, predicted, labels):
        """The score of a :class:`Predicted` for labels (n,)."""
        p, log_p = predicted
        matrix = confusion_matrix(labels, p.argmax(axis=1), p.shape[1])
        loss = -log_p[np.arange(len(labels)), labels].mean()
        return cls(float(loss), float(np.trace(matrix) / len(labels)), matrix)


def score(model, vocabulary, split, recipe, windows=False):
    """The :class:`Score` of a model on a Split, one part of a data set."""
    predicted = predictions(model, vocabulary, split.texts, recipe, windows)
    return Score.of(predicted, split.labels)
