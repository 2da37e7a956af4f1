"""The tokenizer of words for generative models: its vocabulary has a start and an end token."""

from collections.abc import Iterable, Sequence

import numpy as np

from minitransformer.checks import check_choice, check_count, check_texts, check_tokens
from minitransformer.data.tokenizers.tokenizer import SPECIAL_TOKENS, Tokenizer
from minitransformer.data.tokenizers.vocabulary import frequent_words
from minitransformer.data.tokenizers.word_split import VERSION, join, tokenize


class WordTokenizer(Tokenizer):
    """Each word and each punctuation mark is a token, in lower case.

    Decoding returns the words but not the exact text: capitals, spaces and repeated marks are lost
    (see :func:`minitransformer.data.tokenize`).

    Parameters
    ----------
    words : sequence of str
        The words, whose ids start at 4; ``<pad>``, ``<unknown>``, ``<start>`` and ``<end>`` have
        the ids 0 to 3.
    version : {1, 2}
        The version of :func:`minitransformer.data.tokenize`.

    Examples
    --------
    >>> words = WordTokenizer.build(["a fine film", "a fine cast"])
    >>> words.encode("A dull film!")
    array([4, 1, 7, 1])
    >>> words.decode([2, 4, 5, 7, 3])
    'a fine film'
    """

    kind = "words"
    pad_id, unknown_id, start_id, end_id = range(len(SPECIAL_TOKENS))

    def __init__(self, words: Sequence[str], version: int = VERSION):
        self.version = check_choice("version", version, (1, VERSION))
        self.tokens = check_tokens([*SPECIAL_TOKENS, *check_tokens(words)])
        self._ids = {token: i for i, token in enumerate(self.tokens)}

    @classmethod
    def build(cls, texts: Iterable[str], max_size: int = 20_000, min_count: int = 1):
        """Build the tokenizer of the most frequent words; ties are in alphabetical order.

        Parameters
        ----------
        texts : iterable of str
            The texts whose words are counted.
        max_size : int
            Maximum number of ids, including the four special ones.
        min_count : int
            Words that occur less often are left out.
        """
        check_texts(texts)
        check_count("max_size", max_size, len(SPECIAL_TOKENS) + 1)
        return cls(frequent_words(texts, max_size - len(SPECIAL_TOKENS), min_count))

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text's words; ``unknown_id`` for unknown words."""
        unknown = self.unknown_id
        words = tokenize(text, self.version)
        return np.array([self._ids.get(word, unknown) for word in words], dtype=np.int64)

    def decode(self, ids) -> str:
        """The words of `ids`, with punctuation attached; unknown is ``<unknown>``."""
        return join(self.tokens[i] for i in self._text_ids(ids))

    def _content(self):
        version = {} if self.version == 1 else {"version": self.version}
        return {"words": self.tokens[len(SPECIAL_TOKENS) :], **version}

    @classmethod
    def _from_content(cls, content):
        return cls(content["words"], content.get("version", 1))
