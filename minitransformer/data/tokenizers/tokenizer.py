"""What all tokenizers have in common: special tokens, checks of ids, and one file format."""

import hashlib
import json
import re

import numpy as np

from minitransformer.checks import check_row, check_texts
from minitransformer.storage import read_json, write_text

PADDING, UNKNOWN = 0, 1
"""The id of padding, and the id that replaces words outside the vocabulary.

Every tokenizer built from texts uses them as its `pad_id` and its `unknown_id`, if it has these.
"""
PAD_TOKEN, UNKNOWN_TOKEN, START_TOKEN, END_TOKEN = "<pad>", "<unknown>", "<start>", "<end>"
SPECIAL_TOKENS = (PAD_TOKEN, UNKNOWN_TOKEN, START_TOKEN, END_TOKEN)
FORMAT = "minitransformer tokenizer 1"
REPLACEMENT = "\ufffd"
"""Unicode's replacement character: the text of an unknown character, or of invalid bytes."""
_HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs
MAX_FILE = 1 << 26  # in bytes; GPT-2's 50,257 tokens take 2 MB


class Tokenizer:
    """Converts a text to token ids, and ids to a text. The base class of all tokenizers.

    Attributes
    ----------
    kind : str
        "characters", "words", "bpe", "wordpiece" or "vocabulary".
    tokens : sequence of str
        The token of each id, in printable form.
    pad_id, unknown_id, start_id, end_id : int or None
        The ids of padding, of an unknown word or character, and of the start and the end of a text;
        None if the tokenizer has no such token. :meth:`encode` adds no padding, start or end,
        except for a :class:`ByteLevelBPE` with a `prefix`. :meth:`decode` leaves out padding, start
        and end.
    """

    kind = None
    file_start = None  # the beginning of a file that is not in the JSON format of `save`
    tokens = ()
    pad_id = unknown_id = start_id = end_id = None

    def encode(self, text) -> np.ndarray:
        """The (n,) int64 ids of a text."""
        raise NotImplementedError

    def decode(self, ids) -> str:
        """The text of `ids`, which can be printed; ValueError unless ids lie in 0..len(self) - 1.

        What UTF-8 cannot encode, half of a surrogate pair, becomes U+FFFD.
        """
        raise NotImplementedError

    def encode_all(self, texts) -> list[np.ndarray]:
        """Apply :meth:`encode` to each text of a list."""
        check_texts(texts)
        return [self.encode(text) for text in texts]

    def save(self, path):
        """Write the tokenizer to one file, which :func:`load_tokenizer` reads."""
        content = {"format": FORMAT, "kind": self.kind, **self._content()}
        content["sha256"] = _checksum(content)
        # ASCII only: a character may be half of a surrogate pair, which UTF-8 cannot encode
        write_text(path, json.dumps(content, indent=0, ensure_ascii=True) + "\n")

    @classmethod
    def load(cls, path):
        """Read what :meth:`save` wrote; ValueError if it is not a tokenizer of this kind."""
        found = load_tokenizer(path)
        if not isinstance(found, cls):
            raise ValueError(
                f"{path} contains a tokenizer of the kind {found.kind!r}, not "
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

    def _text_ids(self, ids):
        """Check `ids`, and return them as a list without padding, start and end."""
        left_out = {self.pad_id, self.start_id, self.end_id}
        return [i for i in check_row(ids, len(self)).tolist() if i not in left_out]

    def _content(self) -> dict:
        """The content of the file, apart from its format and kind."""
        raise NotImplementedError

    @classmethod
    def _from_content(cls, content: dict):
        """The inverse of :meth:`_content`; the values in `content` have not been checked."""
        raise NotImplementedError


def load_tokenizer(path):
    """Open a saved tokenizer of any kind.

    Parameters
    ----------
    path : path-like
        A file that :meth:`Tokenizer.save` wrote.

    Returns
    -------
    CharacterTokenizer, WordTokenizer, ByteLevelBPE, WordPiece or Vocabulary

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is not a tokenizer, or was changed after it was written.
    """
    classes = list(_subclasses(Tokenizer))
    for cls in classes:
        if cls.file_start is not None and _starts_with(path, cls.file_start):
            return cls.load(path)
    try:
        content = read_json(path, MAX_FILE)
    except ValueError as error:
        raise ValueError(f"{path} is not a tokenizer: {error}") from None
    if content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a tokenizer: its 'format' must be {FORMAT!r}")
    known = {cls.kind: cls for cls in classes if cls.file_start is None}
    if content.get("kind") not in list(known):
        raise ValueError(
            f"{path}: kind must be one of {', '.join(sorted(known))}, got {content.get('kind')!r}"
        )
    if content.pop("sha256", None) != _checksum(content):
        raise ValueError(f"{path} is damaged or was changed: its checksum does not match")
    try:
        return known[content["kind"]]._from_content(content)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is not a tokenizer: {reason}") from None


def _subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _starts_with(path, start: bytes):
    with open(path, "rb") as file:
        return file.read(len(start)) == start


def _checksum(content):
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def encodable(text: str) -> str:
    """`text` with U+FFFD for each half of a surrogate pair, which UTF-8 cannot encode."""
    return _HALVES.sub(REPLACEMENT, text)


def printable(text: str) -> str:
    r"""`text` with unprintable characters escaped as in source code, a newline as ``\n``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
