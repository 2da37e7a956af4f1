"""Position tables, which are added to the embeddings."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module, to_device
from minitransformer.checks import check_choice
from minitransformer.layers.base import Layer, generator
from minitransformer.layers.parameters import Parameter
from minitransformer.layers.shown import by_shape

POSITIONS = ("sinusoidal", "learned", "scalar", "none", "sinusoidal_halves")


@by_shape
class PositionsCache(NamedTuple):
    """table (T, D) was added to every sequence."""

    table: Any


class PositionalEncoding(Layer):
    r"""Add a table of position vectors to the embeddings, :math:`y_t = x_t + P_t`.

    Parameters
    ----------
    kind : {"sinusoidal", "learned", "scalar", "none", "sinusoidal_halves"}
        "none" adds nothing, so the network sees a bag of tokens. "sinusoidal_halves" is the
        sinusoidal table with its features permuted: all sines first, then all cosines, as in
        Marian.
    max_len, d_model : int
        Number of positions, and number of features of each.
    rng : Generator or int
        Draws the learned table: normal with standard deviation 0.02.
    dtype : dtype
        The dtype of the table.

    Raises
    ------
    ValueError
        If `kind` is unknown, or a sequence is longer than `max_len`.
    """

    def __init__(self, kind, max_len, d_model, *, rng=0, dtype="float32"):
        check_choice("positions", kind, POSITIONS)
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
            # The sum of a float16 array is float16, but the gradients may have to be added up in
            # float32.
            P_grad += dy.sum(axis=0, dtype=np.result_type(dy.dtype, P_grad.dtype))
        return dy

    def extend(self, x, positions):
        """x (B, T, D) -> y (B, T, D): tokens at given positions, for decoding piece by piece.

        Parameters
        ----------
        x : (B, T, D) array
        positions : int or (B, T) int array
            The position of each token. An int is the position of the first token of every sequence.
        """
        table = self.P.value if self.kind == "learned" else self.table
        return x + rows_at(table, positions, x.shape[1])


def rows_at(table, positions, T):
    """Rows of a table: (T, D) if `positions` is the first of T positions, (B, T, D) if an array."""
    if isinstance(positions, int):
        return table[positions : positions + T]
    return table[to_device(positions, array_module(table).__name__)]
