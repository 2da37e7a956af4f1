"""The tokenizer of characters."""

from collections.abc import Iterable

import numpy as np

from minitransformer.checks import check_flag, check_text, check_texts, check_tokens
from minitransformer.data.tokenizers.tokenizer import (
    REPLACEMENT,
    SPECIAL_TOKENS,
    Tokenizer,
    encodable,
    printable,
)


class CharacterTokenizer(Tokenizer):
    """Each character is a token.

    Parameters
    ----------
    characters : sequence of str
        Strings of one character each, all different.
    specials : bool
        Whether the first tokens are ``<pad>``, ``<unknown>``, ``<start>`` and ``<end>``, with ids 0
        to 3. Without these, encoding a character that is not in `characters` is an error.

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
        self._characters = check_tokens(list(characters))  # list: a string is allowed too
        for character in self._characters:
            if len(character) != 1:
                raise ValueError(f"characters must be single characters, got {character!r}")
        self.specials = check_flag("specials", specials)
        if specials:
            self.pad_id, self.unknown_id, self.start_id, self.end_id = range(len(SPECIAL_TOKENS))
        first = list(SPECIAL_TOKENS) if specials else []
        self.tokens = first + [printable(c) for c in self._characters]
        self._ids = {c: i for i, c in enumerate(self._characters, start=len(first))}
        self._texts = ["", REPLACEMENT, "", ""][: len(first)]
        self._texts += map(encodable, self._characters)

    @classmethod
    def build(cls, texts: Iterable[str], specials: bool = True):
        """The tokenizer of all characters of `texts`, in the order of their code points.

        Parameters
        ----------
        texts : iterable of str
            The texts whose characters become tokens.
        specials : bool
            As for the class.

        Raises
        ------
        ValueError
            If the texts contain no character.
        """
        check_texts(texts)
        found = set()
        for text in texts:
            check_text(text)
            found.update(text)
        if not found:
            raise ValueError("texts must contain at least one character, got none")
        return cls(sorted(found), specials)

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text's characters.

        Raises
        ------
        ValueError
            If a character is unknown and there are no special tokens.
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
                    f"one of the {len(self)} characters of this tokenizer"
                ) from None
        return np.array(ids, dtype=np.int64)

    def decode(self, ids) -> str:
        """The text of `ids`; an unknown character and half of a surrogate pair are U+FFFD."""
        return "".join(self._texts[i] for i in self._text_ids(ids))

    def _content(self):
        return {"specials": self.specials, "characters": self._characters}

    @classmethod
    def _from_content(cls, content):
        return cls(content["characters"], content["specials"])
