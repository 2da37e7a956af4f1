"""Texts as sets of features: distinct words, and distinct pairs of adjacent words."""

import itertools
from typing import NamedTuple

import numpy as np

from minitransformer.data import tokenize


class Bags(NamedTuple):
    """The features of n texts, one text after the other.

    Attributes
    ----------
    ids : (M,) int array
        The numbers of the features.
    counts : (n,) int array
        Number of features of each text.
    """

    ids: np.ndarray
    counts: np.ndarray

    def take(self, texts):
        """The bags of some of the texts, given by their indices."""
        counts = self.counts[texts]
        # where text i starts in ids, minus where it starts in the result
        shift = np.cumsum(self.counts)[texts] - np.cumsum(counts)
        return Bags(self.ids[np.repeat(shift, counts) + np.arange(counts.sum())], counts)


class Features:
    """The words and pairs that are features, and their numbers.

    Each of the n words has a number. The key of word a is a; the key of the pair a, b is n + n a +
    b. The features are the keys that were kept, in ascending order.
    """

    def __init__(self, words, keys, pairs):
        self._words, self._keys, self.pairs = words, keys, pairs

    @classmethod
    def build(cls, texts, pairs=False, min_count=1, max_features=None):
        """The features of training texts, and their bags.

        Parameters
        ----------
        texts : list of str or of lists of str
            The texts, or their tokens.
        pairs : bool
            Whether pairs of adjacent words are features as well.
        min_count : int
            Minimum number of texts in which a feature occurs.
        max_features : int or None
            Maximum number of features. The features that occur in the most texts are kept.

        Returns
        -------
        features : Features
        bags : Bags
        """
        tokens = _tokens(texts)
        words = {word: i for i, word in enumerate(dict.fromkeys(w for row in tokens for w in row))}
        features = cls(words, None, pairs)
        owners, found = features._found(tokens)
        keys, n_texts = np.unique(found, return_counts=True)
        ranked = np.lexsort((keys, -n_texts))[:max_features]
        features._keys = np.sort(keys[ranked[n_texts[ranked] >= min_count]])
        if len(features) == 0:
            raise ValueError(f"no word occurs in at least min_count = {min_count} texts")
        return features, features._numbered(owners, found, len(texts))

    def __len__(self):
        return len(self._keys)

    def names(self):
        """The features as strings, in order: words, and pairs joined by a space."""
        words, n = list(self._words), len(self._words)
        return [
            words[key] if key < n else f"{words[(key - n) // n]} {words[(key - n) % n]}"
            for key in self._keys.tolist()
        ]

    def bags(self, texts):
        """The features of each text; everything else is left out."""
        return self._numbered(*self._found(_tokens(texts)), len(texts))

    def _numbered(self, owners, found, n_texts):
        ids = np.searchsorted(self._keys, found)
        known = self._keys[np.minimum(ids, len(self) - 1)] == found
        return Bags(ids[known], np.bincount(owners[known], minlength=n_texts))

    def _found(self, tokens):
        """Text and key of every distinct word and pair, text by text."""
        n, lengths = len(self._words), [len(row) for row in tokens]
        number = self._words.get
        every = itertools.chain.from_iterable(tokens)
        words = np.fromiter(map(number, every, itertools.repeat(-1)), np.int64, sum(lengths))
        owners = np.repeat(np.arange(len(tokens)), lengths)
        keys, of_text = [words], [owners]
        if self.pairs:
            a, b = words[:-1], words[1:]
            inside = (owners[:-1] == owners[1:]) & (a >= 0) & (b >= 0)
            keys.append(np.where(inside, n + n * a + b, -1))
            of_text.append(owners[:-1])
        keys, of_text = np.concatenate(keys), np.concatenate(of_text)
        real = keys >= 0
        n_keys = n + n * n
        return np.divmod(_distinct(of_text[real] * n_keys + keys[real]), n_keys)


def _distinct(x):
    """The distinct values of x (M,), ascending; for large M, ten times as fast as ``np.unique``."""
    x = np.sort(x)
    return x[np.concatenate([[True], x[1:] != x[:-1]])[: x.size]]


def _tokens(texts):
    """Texts as lists of tokens. A text that is already a list is not changed."""
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, not one string")
    tokens = []
    for i, text in enumerate(texts):
        row = tokenize(text) if isinstance(text, str) else text
        if not isinstance(row, list | tuple) or set(map(type, row)) - {str}:
            raise TypeError(f"texts[{i}] must be a string or a list of strings, got {text!r:.40}")
        if not row:
            raise ValueError(f"texts[{i}] is empty: every text needs at least one word")
        tokens.append(row)
    if not tokens:
        raise ValueError("texts is empty: at least one text is needed")
    return tokens
