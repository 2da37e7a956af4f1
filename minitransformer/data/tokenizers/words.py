"""The tokenizer of words: that of the film reviews, with a start and an end."""

from collections.abc import Iterable, Sequence

import numpy as np

from minitransformer.checks import check_count, check_texts, check_tokens
from minitransformer.data.tokenizers.tokenizer import END, PAD, START, UNKNOWN, Tokenizer
from minitransformer.data.tokenizers.vocabulary import SPECIAL, Vocabulary
from minitransformer.data.tokenizers.word_split import join, tokenize

SPECIALS = (PAD, UNKNOWN, START, END)


class WordTokenizer(Tokenizer):
    """Each word and each punctuation mark is a token, in lower case.

    Decoding gives the words back, not the text: capitals, spaces and repeated marks are gone, as
    :func:`minitransformer.data.tokenize` says.

    Parameters
    ----------
    words : sequence of str
        With ids from 4; ``<pad>``, ``<unknown>``, ``<start>`` and ``<end>`` have 0 to 3.

    Examples
    --------
    >>> words = WordTokenizer.build(["a fine film", "a fine cast"])
    >>> words.encode("A dull film!")
    array([4, 1, 7, 1])
    >>> words.decode([2, 4, 5, 7, 3])
    'a fine film'
    """

    kind = "words"
    pad_id, unknown_id, start_id, end_id = range(len(SPECIALS))

    def __init__(self, words: Sequence[str]):
        self.tokens = check_tokens([*SPECIALS, *check_tokens(words)])
        self._ids = {token: i for i, token in enumerate(self.tokens)}

    @classmethod
    def build(cls, texts: Iterable[str], max_size: int = 20_000, min_count: int = 1):
        """The tokenizer of the most frequent words; among equals, in alphabetical order.

        Parameters
        ----------
        texts : iterable of str
        max_size : int
            Most ids in all, the four special ones among them.
        min_count : int
            Words that occur less often are left out.
        """
        check_texts(texts)
        check_count("max_size", max_size, len(SPECIALS) + 1)
        found = Vocabulary.build(texts, max_size - len(SPECIALS) + len(SPECIAL), min_count)
        return cls(found.tokens[len(SPECIAL) :])

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text's words; ``unknown_id`` for those that are not known."""
        unknown = self.unknown_id
        return np.array([self._ids.get(word, unknown) for word in tokenize(text)], dtype=np.int64)

    def decode(self, ids) -> str:
        """The words of `ids`, punctuation attached; unknown is ``<unknown>``."""
        return join(self.tokens[i] for i in self._kept(ids))

    def _content(self):
        return {"words": self.tokens[len(SPECIALS) :]}

    @classmethod
    def _from_content(cls, content):
        return cls(content["words"])
