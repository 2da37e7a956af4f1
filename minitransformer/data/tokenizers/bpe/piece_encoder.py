"""The ids of a piece of text: its bytes, merged."""

import warnings
from functools import lru_cache

from minitransformer.checks import check_flag
from minitransformer.data.tokenizers.bpe.byte_symbols import SYMBOLS
from minitransformer.data.tokenizers.bpe.merges import id_of, merge_pairs, ranked

CACHED_PIECES = 1 << 16
MAX_CACHED = 64  # in bytes, for one piece; with CACHED_PIECES, this limits the size of the cache


class PieceEncoder:
    """A function from the bytes of a piece to a tuple of ids.

    Parameters
    ----------
    vocabulary : mapping of str to int
    merges : list of (str, str)
    whole : dict of bytes to int
        Pieces that are tokens and are not merged, and their ids.
    partial : bool
        Whether bytes may be missing from `vocabulary`.
    unknown_id : int or None
        The id of a missing byte, which is left out, with one warning, if this is None.
    fuse_unknown : bool
        Whether missing bytes side by side become one unknown token.
    """

    def __init__(self, vocabulary, merges, whole, partial, unknown_id, fuse_unknown):
        find = vocabulary.get if check_flag("partial", partial) else lambda s: id_of(vocabulary, s)
        self.byte_ids = [find(symbol) for symbol in SYMBOLS]
        self.unknown_id, self.fuse = unknown_id, check_flag("fuse_unknown", fuse_unknown)
        self.warned = False
        self.ranks, self.results = ranked(merges, vocabulary)
        self.whole = whole
        self.cached = lru_cache(CACHED_PIECES)(self._merged)

    def __call__(self, piece: bytes) -> tuple[int, ...]:
        return (self.cached if len(piece) <= MAX_CACHED else self._merged)(piece)

    def _merged(self, piece):
        if piece in self.whole:
            return (self.whole[piece],)
        symbols = [self.byte_ids[byte] for byte in piece]
        if None in symbols:
            symbols = self._replaced(symbols, piece)
        return tuple(merge_pairs(symbols, self.ranks, self.results))

    def _replaced(self, symbols, piece):
        """The symbols, without None for missing bytes."""
        if self.unknown_id is not None:
            before = [-1, *symbols]  # None twice in a row is one unknown token, if they are fused
            pairs = zip(before, symbols, strict=False)
            kept = [i for b, i in pairs if not (self.fuse and b is None and i is None)]
            return [self.unknown_id if i is None else i for i in kept]
        if not self.warned:
            self.warned = True
            warnings.warn(
                f"the tokenizer has no token for the byte 0x{piece[symbols.index(None)]:02x}, as "
                f"in {piece.decode('utf-8', 'replace')!r:.40}: such bytes are left out, as in the "
                "tokenizers library",
                stacklevel=5,
            )
        return [i for i in symbols if i is not None]
