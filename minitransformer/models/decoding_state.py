"""Decoding piece by piece: what is kept between two pieces, and what the next one may see."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module, to_device, to_host
from minitransformer.checks import check_count
from minitransformer.layers import KVCache, Layer, rows_at


class TokenPositions(NamedTuple):
    """Where tokens stand: positions of the queries (T,) or (B, T), of the keys (S,) or (B, S).

    first is the first query's position where all sequences agree, else the queries' positions;
    real (B, S) says which keys are no padding, None where all are real.
    """

    first: Any
    queries: Any
    keys: Any
    real: Any


def from_the_start(T, xp):
    """The positions of T tokens of which nothing was kept, as arrays of the library `xp`."""
    return TokenPositions(0, xp.arange(T), xp.arange(T), None)


class AttentionInputs(Layer):
    r"""What a decoder's attention takes besides Q, K and V, worked out once for all blocks.

    A query sees the keys at its own position and before, with a window only the last ones of
    these (:func:`~minitransformer.functional.position_mask`). How far away a key is reaches the
    scores by a bias (ALiBi) or by turning queries and keys (rotary positions), if at all.

    Parameters
    ----------
    config : GPTConfig or TransformerConfig
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
        """Keyword arguments of the blocks: ``mask``, and ``bias`` or ``rotary`` where used."""
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
        """(T, S), (B, 1, T, S), or None where everything may be seen."""
        if positions.queries.ndim == 1 and positions.queries.size == 1 and self.window is None:
            return None  # one token that comes last
        mask = functional.position_mask(positions.queries, positions.keys, self.window)
        if positions.real is not None:
            mask &= positions.real[:, None, :]
        return to_device(mask if mask.ndim == 2 else mask[:, None], xp.__name__)


class DecodingState:
    """What is kept of sequences that are decoded piece by piece.

    Made by a model's ``start``, taken forward by its ``extend``.

    Attributes
    ----------
    capacity : int
        Most tokens, padding on the left included.
    length : int
        Tokens so far, padding included.
    kv_caches : list of KVCache
        Of the masked self-attention, for each block.
    cross : list of KVCache
        Of the cross-attention, for each block; none without an encoder.
    memory_mask : (B, 1, 1, S) bool array or None
        Which tokens of the source are real.

    Raises
    ------
    TypeError, ValueError
        If the number of sequences is no whole number of at least 0.
    """

    def __init__(self, n_rows, n_blocks, capacity, cross=(), memory_mask=None):
        check_count("n_rows", n_rows, 0)
        self.capacity, self.length = capacity, 0
        self.kv_caches = [KVCache(capacity) for _ in range(n_blocks)]
        self.cross, self.memory_mask = list(cross), memory_mask
        self._real = None  # (B, length) as soon as anything was padding
        self._origins = np.arange(n_rows)  # which source each row belongs to

    @property
    def n_rows(self):
        """Number of sequences."""
        return len(self._origins)

    def advance(self, n_rows, T, mask=None, last=False):
        """Make room for the next T tokens of each sequence; returns their :class:`TokenPositions`.

        Raises
        ------
        ValueError
            If the number of sequences differs from those started, there is no room, or the `last`
            of no tokens is asked for.
        """
        if last and T == 0:
            raise ValueError("ids must hold at least one token a row where last=True, got none")
        if n_rows != self.n_rows:
            raise ValueError(f"ids must have a row for each of {self.n_rows} sequences: {n_rows}")
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
        # Positions count real tokens; padding stands where nothing has been counted yet, or with
        # the token before it: nobody sees it there.
        keys = np.maximum(np.cumsum(self._real, axis=1) - 1, 0)
        return TokenPositions(keys[:, start:], keys[:, start:], keys, self._real)

    def select(self, rows):
        """Keep these sequences, in this order; one may be kept several times.

        Parameters
        ----------
        rows : (n,) int array
        """
        rows = to_host(rows)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise TypeError(f"rows must be a list of whole numbers, (n,), got {rows!r}")
        if rows.size and not 0 <= rows.min() <= rows.max() < self.n_rows:
            raise ValueError(f"rows must lie in 0 .. {self.n_rows - 1}, got {rows}")
        if np.array_equal(rows, np.arange(self.n_rows)):
            return
        for keys_values in self.kv_caches:
            keys_values.select(_beside(rows, keys_values.K))
        if self._real is not None:
            self._real = self._real[rows]
        before, self._origins = self._origins, self._origins[rows]
        if not np.array_equal(before, self._origins):  # beams of one source share its memory
            for keys_values in self.cross:
                keys_values.select(_beside(rows, keys_values.K))
            if self.memory_mask is not None:
                self.memory_mask = self.memory_mask[_beside(rows, self.memory_mask)]


def _beside(rows, array):
    """`rows` on the device of an array."""
    return rows if array is None else to_device(rows, array_module(array).__name__)
