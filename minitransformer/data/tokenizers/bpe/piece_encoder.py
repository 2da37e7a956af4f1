"""The ids of a piece of text: its bytes, merged."""

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
        The id of a missing byte, which is left out if this is None.
    """

    def __init__(self, vocabulary, merges, whole, partial, unknown_id):
        find = vocabulary.get if check_flag("partial", partial) else lambda s: id_of(vocabulary, s)
        self.byte_ids = [find(symbol) for symbol in SYMBOLS]
        self.byte_ids = [unknown_id if i is None else i for i in self.byte_ids]
        self.ranks, self.results = ranked(merges, vocabulary)
        self.whole = whole
        self.cached = lru_cache(CACHED_PIECES)(self._merged)

    def __call__(self, piece: bytes) -> tuple[int, ...]:
        return (self.cached if len(piece) <= MAX_CACHED else self._merged)(piece)

    def _merged(self, piece):
        if piece in self.whole:
            return (self.whole[piece],)
        symbols = [i for byte in piece if (i := self.byte_ids[byte]) is not None]
        return tuple(merge_pairs(symbols, self.ranks, self.results))
