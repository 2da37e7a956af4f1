"""Tokens that a byte-level table got besides its own: special ones, and ones that are text."""

from collections.abc import Iterator, Mapping, Sequence

import regex

from minitransformer.checks import check_tokens
from minitransformer.data.tokenizers.bpe.byte_symbols import from_symbols
from minitransformer.data.tokenizers.bpe.merges import id_of


class AddedTokens:
    """Which tokens of a vocabulary are written as they are, and not in symbols for bytes.

    Parameters
    ----------
    vocabulary : mapping of str to int
    specials : sequence of str
        Tokens that stand for no text.
    added : sequence of str
        Tokens that stand for their own text.
    prefix : str or None
        The special one that comes before every text.

    Attributes
    ----------
    specials, added : dict of str to int
    prefix : list of int
        Empty, or one id.

    Raises
    ------
    TypeError, ValueError
        If one is no string, is missing from the vocabulary, or is in both.
    """

    def __init__(
        self, vocabulary: Mapping[str, int], specials: Sequence[str], added: Sequence[str], prefix
    ):
        self.specials = {name: id_of(vocabulary, name) for name in check_tokens(specials)}
        self.added = {name: id_of(vocabulary, name) for name in check_tokens(added)}
        if both := sorted(self.added.keys() & self.specials):
            raise ValueError(f"{both[0]!r} stands both in specials and in added")
        self.prefix = [] if prefix is None else [id_of(self.specials, prefix)]
        longest_first = sorted(self.added, key=len, reverse=True)
        self._any = regex.compile("|".join(map(regex.escape, longest_first)))

    def parts(self, text: str) -> Iterator[str]:
        """What stands between the added tokens of a text, and these themselves, in turn."""
        end = 0
        for found in self._any.finditer(text) if self.added else ():
            yield text[end : found.start()]
            yield found[0]
            end = found.end()
        yield text[end:]

    def bytes_of(self, name: str) -> bytes:
        """The bytes that a token of the vocabulary stands for; none for a special one."""
        if name in self.added:
            return name.encode("utf-8", "surrogatepass")
        return b"" if name in self.specials else from_symbols(name)

    def content(self) -> dict:
        """The arguments of this class that a file has to hold."""
        first = {i: name for name, i in self.specials.items()}
        content = {"specials": list(self.specials)}
        if self.added:
            content["added"] = list(self.added)
        if self.prefix:
            content["prefix"] = first[self.prefix[0]]
        return content
