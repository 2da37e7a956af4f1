"""Splitting a text into words and punctuation marks, and joining them again."""

import re
import unicodedata
from collections.abc import Iterable

from minitransformer.checks import check_text

_TYPOGRAPHIC = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "--", "\u2014": "--"}
)
_WORD = r"[\w\u0300-\u036f]"
_CLITIC = re.compile(rf"(?:n't|'(?:s|re|ve|ll|d|m))(?!{_WORD})")
_DASH = re.compile(rf"-(?:-+|(?!{_WORD})|(?<!{_WORD}-))")
_DOTS = re.compile(r"\.(?:\s*\.)+")
_REPEATED = re.compile(r"([^\w\s.-])\1+")
_TOKEN = re.compile(
    rf"""
      {_WORD}+ (?:(?: ' | (?<=\d)[.,/](?=\d)) {_WORD}+)*  # a word, o'clock, 7.5, 1,000, 8/10
    | '(?:s|re|ve|ll|d|m)(?!{_WORD})                      # a clitic
    | \.\.\. | --
    | [^\w\s\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]
    """,
    re.VERBOSE,
)


def tokenize(text: str) -> list[str]:
    """Split a text into lower-case words and punctuation marks.

    "n't" and the clitics 's, 're, 've, 'll, 'd, 'm are tokens of their own, so that "isn't" and
    "doesn't" share the token of negation. A repeated mark ("!!!") becomes a single token, and two
    or more full stops become "...". A dash between spaces becomes "--", a hyphen within a word "-",
    and an underscore a space. Texts are split at spaces and punctuation, so this suits only
    languages that use these.

    Parameters
    ----------
    text : str
        The text to split.

    Returns
    -------
    tokens : list of str
        The tokens, none of which contains a space or a control character.

    Raises
    ------
    TypeError
        If `text` is not a string.

    Examples
    --------
    >>> tokenize("It isn't a well-made film... 3/10!!")
    ['it', 'is', "n't", 'a', 'well', '-', 'made', 'film', '...', '3/10', '!']
    """
    check_text(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHIC)
    text = text.lower().replace("_", " ")
    if "'" in text:
        text = _CLITIC.sub(r" \g<0>", text)
    if "-" in text:
        text = _DASH.sub(" -- ", text)
    if ".." in text or ". ." in text:
        text = _DOTS.sub("...", text)
    return _TOKEN.findall(_REPEATED.sub(r"\1", text))


_NO_SPACE_BEFORE = frozenset(
    [".", ",", ";", ":", "!", "?", ")", "]", "}", "...", "%", "'", "n't", "-"]
    + ["'s", "'re", "'ve", "'ll", "'d", "'m"]
)
_NO_SPACE_AFTER = frozenset(["(", "[", "{", "$", "#", "-"])


def join(tokens: Iterable[str]) -> str:
    """The inverse of :func:`tokenize`, as far as possible: punctuation is attached to its word.

    Straight double quotes are alternately treated as opening and closing quotes.
    """
    pieces, glue, quoted = [], True, False
    for token in tokens:
        opens = token == '"' and not quoted
        closes = token == '"' and quoted
        if not (glue or closes or token in _NO_SPACE_BEFORE):
            pieces.append(" ")
        pieces.append(token)
        quoted ^= token == '"'
        glue = opens or token in _NO_SPACE_AFTER
    return "".join(pieces)
