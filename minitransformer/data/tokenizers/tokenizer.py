"""What all tokenizers have in common: checks of ids, and one file format for every kind."""

import hashlib
import json

import numpy as np

from minitransformer.checks import check_row
from minitransformer.storage import read_json, write_text

FORMAT = "minitransformer tokenizer 1"
PAD, UNKNOWN, START, END = "<pad>", "<unknown>", "<start>", "<end>"
MAX_FILE = 1 << 26  # bytes; GPT-2's 50,257 tokens take 2 MB


class Tokenizer:
    """From a text to ids and back; what the kinds inherit.

    Attributes
    ----------
    kind : str
        "characters", "words", "bpe" or "wordpiece".
    tokens : list of str
        What each id stands for, printable.
    pad_id, unknown_id, start_id, end_id : int or None
        None where the tokenizer has no such token. :meth:`encode` adds none of them, unless a
        :class:`ByteLevelBPE` was given a `prefix`; :meth:`decode` leaves padding, start and end
        out.
    """

    kind = None
    tokens = ()
    pad_id = unknown_id = start_id = end_id = None

    def encode(self, text) -> np.ndarray:
        """The (n,) int64 ids of a text."""
        raise NotImplementedError

    def decode(self, ids) -> str:
        """The text of `ids`; ValueError if one is not in 0..len - 1."""
        raise NotImplementedError

    def encode_all(self, texts) -> list[np.ndarray]:
        """:meth:`encode` for each of a list of texts."""
        if isinstance(texts, str | bytes):
            raise TypeError("texts must be a list of strings, not one string")
        return [self.encode(text) for text in texts]

    def save(self, path):
        """Write the tokenizer to one JSON file; :func:`load_tokenizer` reads it."""
        content = {"format": FORMAT, "kind": self.kind, **self._content()}
        content["sha256"] = _checksum(content)
        # ASCII only: half of a surrogate pair is a character too, but not UTF-8
        write_text(path, json.dumps(content, indent=0, ensure_ascii=True) + "\n")

    @classmethod
    def load(cls, path):
        """Read what :meth:`save` wrote; ValueError if it is not a tokenizer of this kind."""
        found = load_tokenizer(path)
        if not isinstance(found, cls):
            raise ValueError(
                f"{path} holds a tokenizer of the kind {found.kind!r}, not "
                f"{cls.kind!r}; load_tokenizer opens every kind"
            )
        return found

    def __len__(self):
        return len(self.tokens)

    def __eq__(self, other):
        return type(other) is type(self) and self._content() == other._content()

    __hash__ = None

    def __repr__(self):
        return f"{type(self).__name__}({len(self)} tokens)"

    def _kept(self, ids):
        """`ids` as a list, checked, without padding, start and end."""
        left_out = {self.pad_id, self.start_id, self.end_id}
        return [i for i in check_row(ids, len(self)).tolist() if i not in left_out]

    def _content(self) -> dict:
        """What the file holds besides its format and kind."""
        raise NotImplementedError

    @classmethod
    def _from_content(cls, content: dict):
        """The inverse of :meth:`_content`; anything may stand in `content`."""
        raise NotImplementedError


def load_tokenizer(path):
    """Open a saved tokenizer of any kind.

    Parameters
    ----------
    path : path-like
        A file that :meth:`Tokenizer.save` wrote.

    Returns
    -------
    CharacterTokenizer, WordTokenizer, ByteLevelBPE or WordPiece

    Raises
    ------
    FileNotFoundError
    ValueError
        If it is no such file, or was changed since it was written.
    """
    try:
        content = read_json(path, MAX_FILE)
    except ValueError as error:
        raise ValueError(f"{path} is not a tokenizer: {error}") from None
    if content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a tokenizer: its 'format' must be {FORMAT!r}")
    known = {cls.kind: cls for cls in _subclasses(Tokenizer)}
    if content.get("kind") not in list(known):
        raise ValueError(
            f"{path}: the kind {content.get('kind')!r} is not known; allowed are "
            f"{', '.join(sorted(known))}"
        )
    if content.pop("sha256", None) != _checksum(content):
        raise ValueError(f"{path} is damaged, or was changed: its checksum is wrong")
    try:
        return known[content["kind"]]._from_content(content)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is not a tokenizer: {reason}") from None


def _subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _checksum(content):
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def printable(text: str) -> str:
    r"""`text` with what cannot be printed written as in source code, a newline as ``\n``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
