"""Tokens added to a byte-level table: special tokens, and tokens that represent their own text."""

from collections.abc import Iterator, Mapping, Sequence

import regex

from minitransformer.checks import check_tokens
from minitransformer.data.tokenizers.bpe.byte_symbols import from_symbols
from minitransformer.data.tokenizers.bpe.merges import id_of
from minitransformer.data.tokenizers.bpe.pieces import normalizer


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
    normalized : sequence of str
        Those of `added` that are found in the normalized text; the others are found before.
    prefix : str or None
        The special token that comes before every text.
    normalization : str or None
        The normal form of texts, for :func:`~pieces.normalizer`.

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
        self,
        vocabulary: Mapping[str, int],
        specials: Sequence[str],
        added: Sequence[str],
        *,
        normalized: Sequence[str] = (),
        prefix=None,
        normalization=None,
    ):
        self.specials = {name: id_of(vocabulary, name) for name in check_tokens(specials)}
        self.added = {name: id_of(vocabulary, name) for name in check_tokens(added)}
        if both := sorted(self.added.keys() & self.specials):
            raise ValueError(f"{both[0]!r} is both in specials and in added")
        self.prefix = [] if prefix is None else [id_of(self.specials, prefix)]
        self.normalization, self._normalize = normalization, normalizer(normalization)
        self.normalized = {name: id_of(self.added, name) for name in check_tokens(normalized)}
        self._raw = _Finder({n: i for n, i in self.added.items() if n not in self.normalized})
        self._late = _Finder({self._normalize(n): i for n, i in self.normalized.items()})

    def parts(self, text: str) -> Iterator[str | int]:
        """Yield the normalized text between added tokens, and the ids of these tokens."""
        for part in self._raw.parts(text):
            if isinstance(part, int):
                yield part
            else:
                yield from self._late.parts(self._normalize(part))

    def bytes_of(self, name: str) -> bytes:
        """The bytes that a token represents; none for a special token."""
        if name in self.added:
            return name.encode("utf-8", "surrogatepass")
        return b"" if name in self.specials else from_symbols(name)

    def content(self) -> dict:
        """The arguments of this class, for a file."""
        names = {i: name for name, i in self.specials.items()}
        optional = {
            "added": list(self.added),
            "normalized": list(self.normalized),
            "prefix": names[self.prefix[0]] if self.prefix else None,
            "normalization": self.normalization,
        }
        set_ones = {key: value for key, value in optional.items() if value}
        return {"specials": list(self.specials), **set_ones}


class _Finder:
    """Finds tokens in a text, the longest first."""

    def __init__(self, ids):
        self.ids = ids
        self.any = regex.compile("|".join(map(regex.escape, sorted(ids, key=len, reverse=True))))

    def parts(self, text):
        end = 0
        for found in self.any.finditer(text) if self.ids else ():
            yield text[end : found.start()]
            yield self.ids[found[0]]
            end = found.end()
        yield text[end:]
