"""Decoding piece by piece: the state between two pieces, and the mask of the next piece."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module, to_device, to_host
from minitransformer.checks import check_count
from minitransformer.layers import KVCache, Layer, rows_at


class TokenPositions(NamedTuple):
    """Positions of the queries, (T,) or (B, T), and of the keys, (S,) or (B, S).

    `first` is the first query's position if it is the same in all sequences; if not, the positions
    of all queries. `real` (B, S) is False at keys that are padding, or is None if all keys are real
    tokens.
    """

    first: Any
    queries: Any
    keys: Any
    real: Any


def from_the_start(T, xp):
    """The positions of T tokens at the start of a sequence, as arrays of the library `xp`."""
    return TokenPositions(0, xp.arange(T), xp.arange(T), None)


class AttentionInputs(Layer):
    r"""The inputs of a decoder's attention in addition to Q, K and V, computed once for all blocks.

    A query sees the keys at its own position and before it, or with a window only the last of them
    (:func:`~minitransformer.functional.position_mask`). The distance to a key enters the scores
    through a bias (ALiBi), through rotations of queries and keys (rotary positions), or not at all.

    Parameters
    ----------
    config : GPTConfig or TransformerConfig
        The config determines the positional encoding, and the window if there is one.
    """

    def __init__(self, config):
        self.n_heads, self.dtype = config.n_heads, config.dtype
        self.kind, self.window = config.positions, getattr(config, "window", None)
        if self.kind == "rotary":
            E = config.d_model // config.n_heads
            self.cos, self.sin = functional.rotary_tables(
                config.max_len, E, config.rotary_base, config.dtype
            )

    def of(self, positions, xp):
        """Keyword arguments of the blocks: ``mask``, and ``bias`` or ``rotary`` if used."""
        inputs = {"mask": self._mask(positions, xp)}
        T = positions.queries.shape[-1]
        if self.kind == "rotary":
            tables = (rows_at(table, positions.first, T) for table in (self.cos, self.sin))
            if positions.queries.ndim == 2:
                tables = (table[:, None] for table in tables)
            inputs["rotary"] = tuple(tables)
        elif self.kind == "alibi":
            bias = functional.alibi_bias(
                self.n_heads, positions.queries, positions.keys, self.dtype
            )
            inputs["bias"] = to_device(bias, xp.__name__)
        return inputs

    def _mask(self, positions, xp):
        """(T, S), (B, 1, T, S), or None if every query sees every key."""
        if positions.queries.ndim == 1 and positions.queries.size == 1 and self.window is None:
            return None  # the last token sees everything
        mask = functional.position_mask(positions.queries, positions.keys, self.window)
        if positions.real is not None:
            mask &= positions.real[:, None, :]
        return to_device(mask if mask.ndim == 2 else mask[:, None], xp.__name__)


class DecodingState:
    """The state of sequences that are decoded piece by piece.

    A model's ``start`` creates it, and the model's ``extend`` updates it.

    Attributes
    ----------
    capacity : int
        Maximum number of tokens, including padding on the left.
    length : int
        Number of tokens so far, including padding.
    kv_caches : list of KVCache
        One per block, for the masked self-attention.
    cross : list of KVCache
        One per block, for the cross-attention; empty if there is no encoder.
    memory_mask : (B, 1, 1, S) bool array or None
        True at the real tokens of the source.

    Raises
    ------
    TypeError, ValueError
        If `n_rows` is not a whole number >= 0.
    """

    def __init__(self, n_rows, n_blocks, capacity, cross=(), memory_mask=None):
        check_count("n_rows", n_rows, 0)
        self.capacity, self.length = capacity, 0
        self.kv_caches = [KVCache(capacity) for _ in range(n_blocks)]
        self.cross, self.memory_mask = list(cross), memory_mask
        self._real = None  # (B, length) as soon as there is any padding
        self._origins = np.arange(n_rows)  # index of each row's source

    @property
    def n_rows(self):
        """Number of sequences."""
        return len(self._origins)

    def advance(self, n_rows, T, mask=None, last=False):
        """Add the next T tokens of each sequence; return their :class:`TokenPositions`.

        Raises
        ------
        ValueError
            If the number of sequences is not the number at the start, if the tokens exceed the
            capacity, or if `last` is set and there are no tokens.
        """
        if last and T == 0:
            raise ValueError("ids must contain at least one token per row if last=True, got none")
        if n_rows != self.n_rows:
            raise ValueError(f"ids must have {self.n_rows} rows, one per sequence, got {n_rows}")
        if self.length + T > self.capacity:
            raise ValueError(
                f"{self.length} tokens and {T} more do not fit the capacity of {self.capacity}"
            )
        start, self.length = self.length, self.length + T
        if self._real is None and (mask is None or to_host(mask).all()):
            return TokenPositions(start, np.arange(start, start + T), np.arange(start + T), None)
        before = np.ones((n_rows, start), bool) if self._real is None else self._real
        new = np.ones((n_rows, T), bool) if mask is None else to_host(mask)
        self._real = np.concatenate([before, new], axis=1)
        # Positions count real tokens. Padding gets position 0, or the position of the token before
        # it, but no token sees the padding.
        keys = np.maximum(np.cumsum(self._real, axis=1) - 1, 0)
        return TokenPositions(keys[:, start:], keys[:, start:], keys, self._real)

    def select(self, rows):
        """Keep only these sequences, in this order; a sequence may appear several times.

        Parameters
        ----------
        rows : (n,) int array
            Indices of the sequences to keep.
        """
        rows = to_host(rows)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise TypeError(f"rows must be a list of whole numbers, (n,), got {rows!r}")
        if rows.size and not 0 <= rows.min() <= rows.max() < self.n_rows:
            raise ValueError(f"rows must lie in 0 .. {self.n_rows - 1}, got {rows}")
        if np.array_equal(rows, np.arange(self.n_rows)):
            return
        for kv_cache in self.kv_caches:
            kv_cache.select(_on_device_of(rows, kv_cache.K))
        if self._real is not None:
            self._real = self._real[rows]
        before, self._origins = self._origins, self._origins[rows]
        if not np.array_equal(before, self._origins):  # beams of the same source share its memory
            for kv_cache in self.cross:
                kv_cache.select(_on_device_of(rows, kv_cache.K))
            if self.memory_mask is not None:
                self.memory_mask = self.memory_mask[_on_device_of(rows, self.memory_mask)]


def _on_device_of(rows, array):
    """`rows` on the device of `array`."""
    return rows if array is None else to_device(rows, array_module(array).__name__)
