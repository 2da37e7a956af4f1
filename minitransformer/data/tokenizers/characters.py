"""The tokenizer of characters."""

from collections.abc import Iterable

import numpy as np

from minitransformer.checks import check_text, check_texts, check_tokens
from minitransformer.data.tokenizers.tokenizer import END, PAD, START, UNKNOWN, Tokenizer, printable

SPECIALS = (PAD, UNKNOWN, START, END)
MISSING = "\ufffd"  # what an unknown character decodes to: Unicode's replacement character


class CharacterTokenizer(Tokenizer):
    """Each character is a token.

    Parameters
    ----------
    characters : sequence of str
        Of one character each, no one twice.
    specials : bool
        Begin with ``<pad>``, ``<unknown>``, ``<start>`` and ``<end>``, ids 0 to 3. Without them a
        character that is not in `characters` is an error.

    Examples
    --------
    >>> letters = CharacterTokenizer.build(["reverse", "copy"])
    >>> letters.encode("very")
    array([10,  5,  8, 11])
    >>> letters.decode([2, 10, 5, 8, 11, 3, 0])
    'very'
    """

    kind = "characters"

    def __init__(self, characters: Iterable[str], specials: bool = True):
        self._characters = check_tokens(list(characters))  # list: one string is allowed too
        for character in self._characters:
            if len(character) != 1:
                raise ValueError(f"a character must be one character, not {character!r}")
        if not isinstance(specials, bool):
            raise TypeError(f"specials must be True or False, not {specials!r}")
        self.specials = specials
        if specials:
            self.pad_id, self.unknown_id, self.start_id, self.end_id = range(len(SPECIALS))
        first = list(SPECIALS) if specials else []
        self.tokens = first + [printable(c) for c in self._characters]
        self._ids = {c: i for i, c in enumerate(self._characters, start=len(first))}
        self._texts = ["", MISSING, "", ""][: len(first)] + self._characters

    @classmethod
    def build(cls, texts: Iterable[str], specials: bool = True):
        """The tokenizer of all characters of `texts`, in the order of their code points.

        Raises
        ------
        ValueError
            If there is no character.
        """
        check_texts(texts)
        found = set()
        for text in texts:
            check_text(text)
            found.update(text)
        if not found:
            raise ValueError("texts must hold at least one character")
        return cls(sorted(found), specials)

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text's characters.

        Raises
        ------
        ValueError
            Without special tokens: for a character that is not known.
        """
        check_text(text)
        if self.specials:
            ids = [self._ids.get(c, self.unknown_id) for c in text]
        else:
            try:
                ids = [self._ids[c] for c in text]
            except KeyError as error:
                character = error.args[0]
                raise ValueError(
                    f"the character {character!r} at position {text.index(character)} is not "
                    f"one of the {len(self)} that this tokenizer knows"
                ) from None
        return np.array(ids, dtype=np.int64)

    def decode(self, ids) -> str:
        """The text of `ids`; an unknown character is U+FFFD."""
        return "".join(self._texts[i] for i in self._kept(ids))

    def _content(self):
        return {"specials": self.specials, "characters": self._characters}

    @classmethod
    def _from_content(cls, content):
        return cls(content["characters"], content["specials"])
