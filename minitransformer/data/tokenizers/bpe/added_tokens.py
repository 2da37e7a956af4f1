"""Tokens added to a byte-level table: special tokens, and tokens that represent their own text."""

from collections.abc import Iterator, Mapping, Sequence

import regex

from minitransformer.checks import check_tokens
from minitransformer.data.tokenizers.bpe.byte_symbols import from_symbols
from minitransformer.data.tokenizers.bpe.merges import id_of


class AddedTokens:
    """The tokens of a vocabulary that are written literally, not in byte symbols.

    Parameters
    ----------
    vocabulary : mapping of str to int
        All tokens and their ids.
    specials : sequence of str
        Tokens that represent no text.
    added : sequence of str
        Tokens that represent their own text.
    prefix : str or None
        The special token that comes before every text.

    Attributes
    ----------
    specials, added : dict of str to int
        Names and ids.
    prefix : list of int
        The id of `prefix`, in a list; empty if there is none.

    Raises
    ------
    TypeError, ValueError
        If a token is not a string, is missing from the vocabulary, or is in both `specials` and
        `added`.
    """

    def __init__(
        self, vocabulary: Mapping[str, int], specials: Sequence[str], added: Sequence[str], prefix
    ):
        self.specials = {name: id_of(vocabulary, name) for name in check_tokens(specials)}
        self.added = {name: id_of(vocabulary, name) for name in check_tokens(added)}
        if both := sorted(self.added.keys() & self.specials):
            raise ValueError(f"{both[0]!r} is both in specials and in added")
        self.prefix = [] if prefix is None else [id_of(self.specials, prefix)]
        longest_first = sorted(self.added, key=len, reverse=True)
        self._any = regex.compile("|".join(map(regex.escape, longest_first)))

    def parts(self, text: str) -> Iterator[str]:
        """Yield the text before, between and after added tokens, alternating with these tokens."""
        end = 0
        for found in self._any.finditer(text) if self.added else ():
            yield text[end : found.start()]
            yield found[0]
            end = found.end()
        yield text[end:]

    def bytes_of(self, name: str) -> bytes:
        """The bytes that a token represents; none for a special token."""
        if name in self.added:
            return name.encode("utf-8", "surrogatepass")
        return b"" if name in self.specials else from_symbols(name)

    def content(self) -> dict:
        """The arguments of this class, for a file."""
        names = {i: name for name, i in self.specials.items()}
        content = {"specials": list(self.specials)}
        if self.added:
            content["added"] = list(self.added)
        if self.prefix:
            content["prefix"] = names[self.prefix[0]]
        return content
