"""BERT's tokenizer, which cuts words into the longest pieces in a vocabulary.

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", NAACL 2019, section
3; Wu et al., "Google's Neural Machine Translation System", 2016, section 4.1.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np

from minitransformer.checks import check_flag, check_text, check_tokens
from minitransformer.data.tokenizers.tokenizer import Tokenizer
from minitransformer.data.tokenizers.word_split import join, without_long_marks
from minitransformer.storage.text_files import find, read_text

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
CONTINUED = "##"  # precedes a piece that does not begin a word
MAX_WORD = 100  # in characters; a longer word is unknown
# Blocks of Chinese characters, each of which is a word of its own (Hangul and Kana form words)
CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
# Control, format, private-use and surrogate characters; unassigned characters (Cn) are kept
REMOVED = ("Cc", "Cf", "Co", "Cs")


class WordPiece(Tokenizer):
    """A tokenizer of words and pieces of words.

    Decoding returns the words but not the exact text: capitals, accents and spaces are lost.

    Parameters
    ----------
    vocabulary : sequence of str
        The tokens by id. ``[UNK]`` must be one of them. ``[PAD]``, ``[CLS]`` (the start), ``[SEP]``
        (the end) and ``[MASK]`` are optional.
    lower_case : bool
        Whether to convert to lower case and remove accents, as the "uncased" models do.

    Examples
    --------
    >>> pieces = WordPiece(["[UNK]", "un", "##believ", "##able", "!"])
    >>> pieces.encode("Unbelievable! Really?")
    array([1, 2, 3, 4, 0, 0])
    >>> pieces.decode([1, 2, 3, 4])
    'unbelievable!'
    """

    kind = "wordpiece"

    def __init__(self, vocabulary: Sequence[str], lower_case: bool = True):
        self.tokens = check_tokens(vocabulary)
        self.lower_case = check_flag("lower_case", lower_case)
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if UNK not in self._ids:
            raise ValueError(f"vocabulary must contain {UNK}, got {len(self)} tokens without it")
        self.unknown_id = self._ids[UNK]
        self.pad_id, self.start_id, self.end_id, self.mask_id = (
            self._ids.get(name) for name in (PAD, CLS, SEP, MASK)
        )

    @classmethod
    def from_file(cls, path=None, lower_case=True):
        """Read a vocabulary with one token per line; line 1 is id 0.

        Parameters
        ----------
        path : path-like, optional
            The file, or a folder with ``vocab.txt``. By default, BERT's uncased vocabulary is
            looked for in the folder ``MINITRANSFORMER_DATA``, or downloaded.
        lower_case : bool
            As for the class.

        Raises
        ------
        FileNotFoundError, ValueError
            If the file does not exist, or is not a vocabulary.
        """
        path = find("bert/vocab.txt", path, ("vocab.txt",))
        lines = read_text(path).split("\n")
        if lines[-1] == "":
            lines.pop()
        try:
            return cls(lines, lower_case)
        except ValueError as error:
            raise ValueError(f"{path} is not a vocabulary: {error}") from None

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text's pieces; ``unknown_id`` for a word that cannot be cut into pieces."""
        check_text(text)
        ids = []
        for word in split_words(text, self.lower_case):
            ids += self._pieces(word)
        return np.array(ids, dtype=np.int64)

    def decode(self, ids) -> str:
        """The words of `ids`, with punctuation attached; unknown is ``[UNK]``."""
        words = []
        for i in self._text_ids(ids):
            token = self.tokens[i]
            if words and token.startswith(CONTINUED):
                words[-1] += token[len(CONTINUED) :]
            else:
                words.append(token)
        return join(words)

    def _pieces(self, word):
        """Ids of a word's pieces: at each place, from the start, the longest known piece."""
        if len(word) > MAX_WORD:
            return [self.unknown_id]
        ids, start = [], 0
        while start < len(word):
            prefix = CONTINUED if start else ""
            for end in range(len(word), start, -1):
                found = self._ids.get(prefix + word[start:end])
                if found is not None:
                    break
            else:
                return [self.unknown_id]
            ids.append(found)
            start = end
        return ids

    def _content(self):
        return {"lower_case": self.lower_case, "vocabulary": self.tokens}

    @classmethod
    def _from_content(cls, content):
        return cls(content["vocabulary"], content["lower_case"])


def split_words(text: str, lower_case: bool = True) -> list[str]:
    """Words, punctuation marks and Chinese characters, as in BERT's "basic tokenizer"."""
    if not text.isascii() or not text.isprintable():
        text = "".join(map(_cleaned, text))
    if lower_case:
        text = _without_accents(text.lower())
    return "".join(f" {c} " if _is_punctuation(c) else c for c in text).split()


def _cleaned(character):
    """The character, or "" if it is to be removed; a Chinese character gets spaces around it."""
    code = ord(character)
    if character in "\t\n\r" or unicodedata.category(character) == "Zs":
        return " "
    if code == 0xFFFD or unicodedata.category(character) in REMOVED:
        return ""
    if any(first <= code <= last for first, last in CHINESE):
        return f" {character} "
    return character


def _without_accents(text):
    if text.isascii():
        return text
    text = unicodedata.normalize("NFD", without_long_marks(text))
    return "".join(c for c in text if unicodedata.category(c) != "Mn")


def _is_punctuation(character):
    # Unicode counts some ASCII marks, such as $ and +, as symbols
    if character < "\x80":
        return not character.isalnum() and not character.isspace()
    return unicodedata.category(character).startswith("P")
