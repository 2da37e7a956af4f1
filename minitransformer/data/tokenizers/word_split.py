"""Splitting a text into words and punctuation marks, and joining them again."""

import re
import unicodedata
from collections.abc import Iterable

import regex

from minitransformer.checks import check_choice, check_text
from minitransformer.data.tokenizers.tokenizer import encodable

_TYPOGRAPHIC = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "--", "\u2014": "--"}
)
_CONTROL = r"\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
_CLITICS = r"s|re|ve|ll|d|m"
_DOTS = re.compile(r"\.(?:\s*\.)+")
# Nothing that is read has more marks on a letter (Unicode's stream-safe format, UAX 15), and
# normalisation takes quadratic time to bring very many into order.
_LONG_MARKS = regex.compile(r"(\p{M}{30})\p{M}+")
_SELECTORS = regex.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # of a form of an emoji
# The scripts that are written without spaces between words, and their mark for long vowels
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\u30fc\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_UNSPACED_START = regex.compile(_UNSPACED)
_NEEDS_VERSION_2 = regex.compile(rf"(?![\u0300-\u036f])\p{{M}}|[\u200c\u200d]|{_UNSPACED}")
VERSION = 2
"""The newest version of :func:`tokenize`."""


class _Rules:
    """Regular expressions that split a text, for one idea of what a word is.

    Parameters
    ----------
    engine : module
        ``re`` or ``regex``.
    inner : str
        A character inside a word.
    outer : str
        A character that counts once if it is repeated.
    word : str
        A word without apostrophes.
    mark : str
        A punctuation mark or symbol.
    more : str
        What is looked for before words.
    """

    def __init__(self, engine, inner, outer, word, mark, more=""):
        self.clitic = engine.compile(rf"(?:n't|'(?:{_CLITICS}))(?!{inner})")
        self.dash = engine.compile(rf"-(?:-+|(?!{inner})|(?<!{inner}-))")
        self.repeated = engine.compile(rf"({outer})\1+")
        self.token = engine.compile(
            rf"""
              {more}
              {word} (?:(?: ' | (?<=\d)[.,/](?=\d)) {word})*  # a word, o'clock, 7.5, 1,000, 8/10
            | '(?:{_CLITICS})(?!{inner})                      # a clitic
            | \.\.\. | --
            | {mark}
            """,
            engine.VERBOSE,
        )

    def split(self, text):
        """The tokens of a text in lower case."""
        if "'" in text:
            text = self.clitic.sub(r" \g<0>", text)
        if "-" in text:
            text = self.dash.sub(" -- ", text)
        if ".." in text or ". ." in text:
            text = _DOTS.sub("...", text)
        return self.token.findall(self.repeated.sub(r"\1", text))


_PLAIN = _Rules(
    re,
    inner=r"[\w\u0300-\u036f]",
    outer=r"[^\w\s.-]",
    word=r"[\w\u0300-\u036f]+",
    mark=rf"[^\w\s{_CONTROL}]",
)
# As in version 1, U+0300 to U+036F count as letters: NFKC turns a lone accent into a space and one
_LETTER = rf"(?!{_UNSPACED})[\p{{L}}\p{{N}}\u0300-\u036f]"
_WITH_MARKS = _Rules(
    regex,
    inner=r"[\p{L}\p{N}\p{M}_]",
    outer=r"[^\p{L}\p{N}\p{M}_\s.-]",
    # The two joiners keep the parts of a word together, in Persian or Hindi for instance
    word=rf"{_LETTER}(?:{_LETTER}|\p{{M}}|[\u200c\u200d]+(?={_LETTER}))*",
    mark=rf"[^\p{{L}}\p{{N}}_\s{_CONTROL}]\p{{M}}*",
    more=rf"{_UNSPACED}\p{{M}}* |",
)


def without_long_marks(text):
    """`text` with at most 30 marks in a row; more are never read, and slow to bring into order."""
    return _LONG_MARKS.sub(r"\1", text)


def tokenize(text: str, version: int = VERSION) -> list[str]:
    """Split a text into lower-case words and punctuation marks.

    "n't" and the clitics 's, 're, 've, 'll, 'd, 'm are tokens of their own, so that "isn't" and
    "doesn't" share the token of negation. A repeated mark ("!!!") becomes a single token, and two
    or more full stops become "...". A dash between spaces becomes "--", a hyphen within a word "-",
    and an underscore a space. Vowel signs and accents belong to their letter. Chinese, Japanese,
    Thai, Lao, Khmer and Burmese have no spaces between words, so each of their characters is a
    token.

    Parameters
    ----------
    text : str
        The text to split.
    version : {1, 2}
        Saved tokenizers go on splitting as they did. Version 1 splits words at most vowel signs,
        and only at spaces and punctuation. For texts without such signs and scripts, both are
        the same.

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
    check_choice("version", version, (1, VERSION))
    if not text.isascii():
        text = unicodedata.normalize("NFKC", without_long_marks(text)).translate(_TYPOGRAPHIC)
    text = text.lower().replace("_", " ")
    if version == 1 or text.isascii() or not _NEEDS_VERSION_2.search(text):
        return _PLAIN.split(text)
    return _WITH_MARKS.split(_SELECTORS.sub("", text))


_NO_SPACE_BEFORE = frozenset(
    [".", ",", ";", ":", "!", "?", ")", "]", "}", "...", "%", "'", "n't", "-"]
    + ["'s", "'re", "'ve", "'ll", "'d", "'m"]
    + list("\u3001\u3002\u300d\u300f\u300b\u0964\u0965\u060c\u061b\u061f")  # CJK, Hindi, Arabic
)
_NO_SPACE_AFTER = frozenset(["(", "[", "{", "$", "#", "-"] + list("\u3001\u3002\u300c\u300e\u300a"))


def join(tokens: Iterable[str]) -> str:
    """The inverse of :func:`tokenize`, as far as possible: punctuation is attached to its word.

    Straight double quotes are alternately treated as opening and closing quotes. There is no space
    between two characters of a script without spaces.
    """
    pieces, glue, quoted, unspaced = [], True, False, False
    for token in tokens:
        opens = token == '"' and not quoted
        closes = token == '"' and quoted
        before, unspaced = unspaced, _UNSPACED_START.match(token) is not None
        if not (glue or closes or token in _NO_SPACE_BEFORE or (before and unspaced)):
            pieces.append(" ")
        pieces.append(token)
        quoted ^= token == '"'
        glue = opens or token in _NO_SPACE_AFTER
    return encodable("".join(pieces))
