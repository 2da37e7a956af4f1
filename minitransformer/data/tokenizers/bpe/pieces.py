"""Cutting a text into pieces before byte-pair merging; no merge crosses the edge of a piece."""

import regex

from minitransformer.checks import check_choice

# Only known patterns are allowed: a pattern from a file could take forever to match. They need
# \p{L} and \p{N}, which Python's `re` does not have.
PATTERNS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}


def piece_finder(pattern):
    """A function from a text to its pieces, for one of :data:`PATTERNS`."""
    return regex.compile(PATTERNS[check_choice("pattern", pattern, PATTERNS)]).findall
