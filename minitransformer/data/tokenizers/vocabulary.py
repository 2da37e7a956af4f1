"""Words as integers, and back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from minitransformer.checks import check_count, check_row, check_texts, check_tokens
from minitransformer.data.tokenizers.word_split import join, tokenize
from minitransformer.storage.atomic import write_text

PADDING, UNKNOWN = 0, 1
SPECIAL = ("<pad>", "<unk>")
"""Tokens 0 and 1. The tokenizer never returns them: it splits at "<"."""


class Vocabulary:
    """Tokens and their ids: 0 is padding, 1 stands for every word that is not in the vocabulary.

    Parameters
    ----------
    tokens : sequence of str
        The tokens with ids 2, 3, ...; no token twice.

    Examples
    --------
    >>> vocabulary = Vocabulary.build(["a fine film", "a fine cast"])
    >>> vocabulary.encode("a dull film")
    array([2, 1, 5])
    >>> vocabulary.decode([2, 3, 5])
    'a fine film'
    """

    def __init__(self, tokens: Sequence[str]):
        self.tokens = (*SPECIAL, *check_tokens(tokens))
        for token in check_tokens(self.tokens)[len(SPECIAL) :]:
            if any(character.isspace() for character in token):
                raise ValueError(f"a token may not hold a space, but one is {token!r}")
        self._ids = {token: i for i, token in enumerate(self.tokens)}

    @classmethod
    def build(cls, texts: Iterable[str], max_size: int = 20_000, min_count: int = 1):
        """The vocabulary of the most frequent tokens; among equals, in alphabetical order.

        Parameters
        ----------
        texts : iterable of str
        max_size : int
            Most ids in all, padding and unknown among them.
        min_count : int
            Tokens that occur less often are left out.

        Raises
        ------
        ValueError
            If there is no text, no token, or `max_size` leaves no room for one.
        """
        check_texts(texts)
        check_count("max_size", max_size, len(SPECIAL) + 1)
        check_count("min_count", min_count, 1)
        counts = Counter()
        for text in texts:
            counts.update(tokenize(text))
        if not counts:
            raise ValueError("texts must hold at least one word: there is nothing to build from")
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return cls([t for t, count in ranked if count >= min_count][: max_size - len(SPECIAL)])

    def encode(self, text: str, max_len: int | None = None, truncate: str = "end") -> np.ndarray:
        """The ids of a text's tokens.

        Parameters
        ----------
        text : str
        max_len : int or None
            Most ids to return; None for all.
        truncate : {"end", "ends"}
            What a longer text keeps: "end" cuts its end off and keeps the first `max_len` tokens;
            "ends" keeps both ends, the first and the last `max_len` / 2 (reviews conclude last).

        Returns
        -------
        ids : (T,) int64 array
            At least one.

        Raises
        ------
        ValueError
            If the text has no token, or `max_len` or `truncate` is not as above.
        """
        if max_len is not None:
            check_count("max_len", max_len, 1)
        if truncate not in ("end", "ends"):
            raise ValueError(f'truncate must be "end" or "ends", not {truncate!r}')
        tokens = tokenize(text)
        if not tokens:
            raise ValueError(f"the text {text[:40]!r} is empty: it has no word to encode")
        if max_len is not None and len(tokens) > max_len:
            last = max_len // 2 if truncate == "ends" else 0
            tokens = tokens[: max_len - last] + tokens[len(tokens) - last :]
        return np.array([self._ids.get(token, UNKNOWN) for token in tokens], dtype=np.int64)

    def encode_all(self, texts, max_len=None, truncate="end") -> list[np.ndarray]:
        """:meth:`encode` for each of a list of texts."""
        check_texts(texts)
        return [self.encode(text, max_len, truncate) for text in texts]

    def decode(self, ids) -> str:
        """The text of `ids`, punctuation attached; padding is left out, unknown is "<unk>".

        Raises
        ------
        ValueError
            If an id is not in 0..len - 1.
        """
        ids = check_row(ids, len(self))
        return join(self.tokens[i] for i in ids.tolist() if i != PADDING)

    def save(self, path):
        """Write the tokens to a text file (UTF-8), one a line; line 1 is id 0."""
        write_text(path, "".join(f"{token}\n" for token in self.tokens))

    @classmethod
    def load(cls, path):
        """Read what :meth:`save` wrote; ValueError if the file is not a vocabulary."""
        try:
            lines = Path(path).read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path} is not a vocabulary: it is not UTF-8 text ({error})"
            ) from None
        if tuple(lines[:2]) != SPECIAL or lines[-1] != "":
            raise ValueError(
                f"{path} is not a whole vocabulary: its first lines must be {SPECIAL[0]} and "
                f"{SPECIAL[1]}, and its last line must end"
            )
        try:
            return cls(lines[2:-1])
        except ValueError as error:
            raise ValueError(f"{path} is not a vocabulary: {error}") from None

    def __len__(self):
        return len(self.tokens)

    def __contains__(self, token):
        return token in self._ids

    def __eq__(self, other):
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    __hash__ = None

    def __repr__(self):
        return f"Vocabulary({len(self)} tokens)"
