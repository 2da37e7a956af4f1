"""Cutting a text into pieces before byte-pair merging; no merge crosses the edge of a piece."""

import unicodedata

import regex

from minitransformer.checks import check_choice, check_flag

# Only known patterns are allowed: a pattern from a file could take forever to match. They need
# \p{L} and \p{N}, which Python's `re` does not have. Each of them cuts without leaving anything out
PATTERNS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
STEPS = PATTERNS | {
    "digits": r"\p{N}|\P{N}+",
    "numbers": r"\p{N}+|\P{N}+",
    "whole": r"(?s:.+)",
}
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
_MANY_MARKS = regex.compile(r"\p{M}{30,}")


def piece_finder(pattern, prefix_space=False):
    """A function from a text to a list of its pieces.

    Parameters
    ----------
    pattern : str or sequence of str
        A key of :data:`STEPS`, or several, each of which cuts the pieces of the one before it.
    prefix_space : bool
        Whether a space is put before each text that the last pattern cuts, if it has none.
    """
    names = pattern if isinstance(pattern, list | tuple) and pattern else [pattern]
    *first, last = (regex.compile(STEPS[check_choice("pattern", n, STEPS)]) for n in names)
    if not check_flag("prefix_space", prefix_space) and not first:
        return last.findall

    def find(text):
        parts = [text] if text else []
        for step in first:
            parts = [piece for part in parts for piece in step.findall(part)]
        if prefix_space:
            parts = [part if part.startswith(" ") else f" {part}" for part in parts]
        return [piece for part in parts for piece in last.findall(part)]

    return find


def normalizer(form):
    """A function that brings a text into one of Unicode's normal forms.

    Parameters
    ----------
    form : {"NFC", "NFD", "NFKC", "NFKD"} or None
        None leaves the text as it is.
    """
    if form is None:
        return lambda text: text
    check_choice("normalization", form, FORMS)
    return lambda text: unicodedata.normalize(form, _MANY_MARKS.sub(_in_order, text))


def _in_order(marks):
    """The marks in the order that a normal form gives them.

    Python's normalization takes quadratic time to bring very many marks into order.
    """
    ordered, run = [], []
    for mark in marks[0]:
        if unicodedata.combining(mark):
            run.append(mark)
        else:  # nothing moves across it
            ordered += [*sorted(run, key=unicodedata.combining), mark]
            run = []
    return "".join(ordered + sorted(run, key=unicodedata.combining))
