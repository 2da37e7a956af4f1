"""Tables of positions that are added to the embeddings."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module, to_device
from minitransformer.layers.base import Layer, Parameter, generator

POSITIONS = ("sinusoidal", "learned", "scalar", "none", "sinusoidal_halves")


class PositionsCache(NamedTuple):
    """table (T, D), what was added to every sequence."""

    table: Any


class PositionalEncoding(Layer):
    r"""Add a table of positions to the embeddings, :math:`y_t = x_t + P_t`.

    Parameters
    ----------
    kind : {"sinusoidal", "learned", "scalar", "none", "sinusoidal_halves"}
        "none" adds nothing: the network then sees a bag of tokens. "sinusoidal_halves" has all
        sines first and then all cosines, as Marian has them: the same table, features permuted.
    max_len, d_model : int
    rng : Generator or int
        Draws the learned table: normal with standard deviation 0.02.
    dtype : dtype

    Raises
    ------
    ValueError
        If `kind` is unknown, or a sequence is longer than `max_len`.
    """

    def __init__(self, kind, max_len, d_model, *, rng=0, dtype="float32"):
        if kind not in POSITIONS:
            raise ValueError(f"positions must be one of {', '.join(POSITIONS)}, got {kind!r}")
        self.kind = kind
        self.max_len = max_len
        if kind == "learned":
            table = generator(rng).standard_normal((max_len, d_model)) * 0.02
            self.P = Parameter(table.astype(dtype))
        elif kind == "none":
            self.table = np.zeros((max_len, d_model), dtype)
        elif kind == "sinusoidal_halves":
            table = functional.sinusoidal_positions(max_len, d_model, dtype)
            self.table = np.concatenate([table[:, 0::2], table[:, 1::2]], axis=1)
        else:
            self.table = getattr(functional, f"{kind}_positions")(max_len, d_model, dtype)

    def forward(self, x, *, mask=None, rng=None):
        """x (B, T, D) -> y (B, T, D), :class:`PositionsCache`."""
        T = x.shape[1]
        if T > self.max_len:
            raise ValueError(f"the sequence has {T} tokens, more than max_len = {self.max_len}")
        table = (self.P.value if self.kind == "learned" else self.table)[:T]
        return x + table, PositionsCache(table)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D), which is dy itself."""
        if self.kind == "learned":
            P_grad = self.P.grad[: dy.shape[1]]
            # float16 sums would stay float16; gradients may be added up in float32.
            P_grad += dy.sum(axis=0, dtype=np.result_type(dy.dtype, P_grad.dtype))
        return dy

    def extend(self, x, positions):
        """x (B, T, D) -> y (B, T, D): tokens at given places, for decoding piece by piece.

        Parameters
        ----------
        x : (B, T, D) array
        positions : int or (B, T) int array
            Where each token stands; an int is the first one's place in every sequence.
        """
        table = self.P.value if self.kind == "learned" else self.table
        return x + rows_at(table, positions, x.shape[1])


def rows_at(table, positions, T):
    """Rows of a table for T places that begin at an int, (T, D), or at an array's, (B, T, D)."""
    if isinstance(positions, int):
        return table[positions : positions + T]
    return table[to_device(positions, array_module(table).__name__)]
