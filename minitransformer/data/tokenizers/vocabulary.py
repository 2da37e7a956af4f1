"""The vocabulary of a classifier, which maps words to ids and is saved as a text file."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from minitransformer.checks import check_choice, check_count, check_texts, check_tokens
from minitransformer.data.tokenizers.tokenizer import PAD_TOKEN, PADDING, UNKNOWN, Tokenizer
from minitransformer.data.tokenizers.word_split import VERSION, join, tokenize
from minitransformer.storage import write_text

SPECIAL_TOKENS = (PAD_TOKEN, "<unk>")
"""Tokens 0 and 1. They cannot occur in a text, because :func:`tokenize` splits at "<"."""
_LAST_LINE = "<split {}>"  # of a file; it has a space, so it is not a token


class Vocabulary(Tokenizer):
    """Words and punctuation marks as tokens, without a start or an end.

    Id 0 is padding, and id 1 replaces every word that is not in the vocabulary.

    Parameters
    ----------
    tokens : sequence of str
        The tokens with ids 2, 3, ..., all different.
    version : {1, 2}
        The version of :func:`tokenize` that splits texts.

    Examples
    --------
    >>> vocabulary = Vocabulary.build(["a fine film", "a fine cast"])
    >>> vocabulary.encode("a dull film")
    array([2, 1, 5])
    >>> vocabulary.decode([2, 3, 5])
    'a fine film'
    """

    kind = "vocabulary"
    file_start = "\n".join((*SPECIAL_TOKENS, "")).encode()
    pad_id, unknown_id = PADDING, UNKNOWN

    def __init__(self, tokens: Sequence[str], version: int = VERSION):
        self.version = check_choice("version", version, (1, VERSION))
        self.tokens = (*SPECIAL_TOKENS, *check_tokens(tokens))
        for token in check_tokens(self.tokens)[len(SPECIAL_TOKENS) :]:
            if any(character.isspace() for character in token):
                raise ValueError(f"tokens must not contain spaces, got {token!r}")
        self._ids = {token: i for i, token in enumerate(self.tokens)}

    @classmethod
    def build(cls, texts: Iterable[str], max_size: int = 20_000, min_count: int = 1):
        """Build the vocabulary of the most frequent tokens; ties are in alphabetical order.

        Parameters
        ----------
        texts : iterable of str
            The texts whose words are counted.
        max_size : int
            Maximum number of ids, including padding and unknown.
        min_count : int
            Tokens that occur less often are left out.

        Raises
        ------
        ValueError
            If there is no text or no token, or `max_size` leaves no room for a token.
        """
        check_texts(texts)
        check_count("max_size", max_size, len(SPECIAL_TOKENS) + 1)
        return cls(frequent_words(texts, max_size - len(SPECIAL_TOKENS), min_count))

    def encode(self, text: str, max_len: int | None = None, truncate: str = "end") -> np.ndarray:
        """The ids of a text's tokens.

        Parameters
        ----------
        text : str
            The text to encode.
        max_len : int or None
            Maximum number of ids to return; None for all.
        truncate : {"end", "ends"}
            How a longer text is truncated. "end" keeps the first `max_len` tokens. "ends" keeps the
            first and the last `max_len` / 2 tokens, because a review's verdict often comes last.

        Returns
        -------
        ids : (T,) int64 array
            The ids, of which there is at least one.

        Raises
        ------
        ValueError
            If the text has no token, or `max_len` or `truncate` is not valid.
        """
        if max_len is not None:
            check_count("max_len", max_len, 1)
        check_choice("truncate", truncate, ("end", "ends"))
        tokens = tokenize(text, self.version)
        if not tokens:
            raise ValueError(f"text must contain at least one word, got {text[:40]!r}")
        if max_len is not None and len(tokens) > max_len:
            last = max_len // 2 if truncate == "ends" else 0
            tokens = tokens[: max_len - last] + tokens[len(tokens) - last :]
        return np.array([self._ids.get(token, UNKNOWN) for token in tokens], dtype=np.int64)

    def encode_all(self, texts, max_len=None, truncate="end") -> list[np.ndarray]:
        """Apply :meth:`encode` to each text of a list."""
        check_texts(texts)
        return [self.encode(text, max_len, truncate) for text in texts]

    def decode(self, ids) -> str:
        """The text of `ids`, with punctuation attached, without padding; unknown is "<unk>".

        Raises
        ------
        ValueError
            If an id is not in 0..len(self) - 1.
        """
        return join(self.tokens[i] for i in self._text_ids(ids))

    def save(self, path):
        """Write the tokens to a text file (UTF-8), one per line; line 1 is id 0.

        The last line, such as ``<split 2>``, is not a token: it is the version of the splitting.
        """
        last = [] if self.version == 1 else [_LAST_LINE.format(self.version)]
        write_text(path, "".join(f"{token}\n" for token in (*self.tokens, *last)))

    @classmethod
    def load(cls, path):
        """Read what :meth:`save` wrote; ValueError if the file is not a vocabulary."""
        try:
            lines = Path(path).read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path} is not a vocabulary: it is not UTF-8 text ({error})"
            ) from None
        if tuple(lines[:2]) != SPECIAL_TOKENS or lines[-1] != "":
            raise ValueError(
                f"{path} is not a complete vocabulary: its first lines must be "
                f"{' and '.join(SPECIAL_TOKENS)}, and its last line must end with a line break"
            )
        tokens, version = lines[2:-1], 1
        if tokens and tokens[-1] == _LAST_LINE.format(VERSION):
            version = VERSION
            tokens.pop()
        try:
            return cls(tokens, version)
        except ValueError as error:
            raise ValueError(f"{path} is not a vocabulary: {error}") from None

    def __contains__(self, token):
        return token in self._ids

    def _content(self):
        return {"words": self.tokens[len(SPECIAL_TOKENS) :], "version": self.version}


def frequent_words(texts: Iterable[str], max_words: int, min_count: int) -> list[str]:
    """The most frequent words and punctuation marks of `texts`; ties are in alphabetical order.

    Parameters
    ----------
    texts : iterable of str
        The texts whose words are counted.
    max_words : int
        Maximum number of words to return.
    min_count : int
        Words that occur less often are left out.

    Raises
    ------
    ValueError
        If there is no word.
    """
    check_count("min_count", min_count, 1)
    counts = Counter()
    for text in texts:
        counts.update(tokenize(text))
    if not counts:
        raise ValueError("texts must contain at least one word, got none")
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, count in ranked if count >= min_count][:max_words]
