"""Recurrent layers: one direction, and both directions side by side."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module
from minitransformer.checks import check_choice
from minitransformer.layers.base import Layer, generator
from minitransformer.layers.linear import glorot_uniform
from minitransformer.layers.parameters import Parameter
from minitransformer.layers.shown import by_shape

CELLS = {"rnn": 1, "lstm": 4, "gru": 3}
"""The cells, and the number of blocks in their matrices."""


def orthogonal(rng, size, dtype):
    """A random orthogonal matrix: a product with it changes no length.

    Source: Saxe et al. 2014, section 3; Keras draws recurrent weights in this way.
    """
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return (q * np.sign(np.diag(r))).astype(dtype)


@by_shape
class RecurrentCache(NamedTuple):
    """The values of a call. `y` (B, T, E) are the outputs.

    For an LSTM, `gates` (B, T, 4E) and `cells` (B, T, E); for a GRU, `gates` (B, T, 4E).
    """

    x: Any
    mask: Any
    y: Any
    gates: Any = None
    cells: Any = None


class Recurrent(Layer):
    r"""A recurrent layer that reads a text in one direction.

    The initial state is zero. The equations are those of
    :func:`~minitransformer.functional.rnn`, :func:`~minitransformer.functional.lstm` and
    :func:`~minitransformer.functional.gru`.

    Parameters
    ----------
    cell : {"rnn", "lstm", "gru"}
        The recurrence.
    d_in, d_state : int
        D and E: the number of features of a token, and the width of the state.
    reverse : bool
        Whether the text is read from its end.
    rng : Generator or int
        Draws the initial weights as in Keras: Glorot uniform for W, and an orthogonal matrix for
        each block of U. Biases start at 0, except for the forget gate of an LSTM, which starts at
        1.
    dtype : dtype
        The dtype of the parameters.
    ops : module
        The module of the equations: ``functional`` or ``fused``.

    Raises
    ------
    ValueError
        If the cell is unknown.
    """

    def __init__(
        self, cell, d_in, d_state, *, reverse=False, rng=0, dtype="float32", ops=functional
    ):
        check_choice("cell", cell, tuple(CELLS))
        rng, blocks = generator(rng), CELLS[cell]
        self.cell, self.reverse, self.ops = cell, reverse, ops
        self.W = Parameter(glorot_uniform(rng, d_in, d_state, dtype, width=blocks * d_state))
        U = np.concatenate([orthogonal(rng, d_state, dtype) for _ in range(blocks)], axis=1)
        self.U = Parameter(U)
        self.b = Parameter(np.zeros(blocks * d_state, dtype))
        if cell == "lstm":
            self.b.value[d_state : 2 * d_state] = 1
        self.d = Parameter(np.zeros(blocks * d_state, dtype)) if cell == "gru" else None

    def forward(self, x, *, mask=None, rng=None):
        """x (B, T, D), mask (B, T) -> y (B, T, E), :class:`RecurrentCache`."""
        biases = [self.b.value] if self.d is None else [self.b.value, self.d.value]
        step = getattr(self.ops, self.cell)
        y, *rest = step(x, self.W.value, self.U.value, *biases, mask=mask, reverse=self.reverse)
        saved = rest[2:] if self.cell == "lstm" else rest[1:]
        return y, RecurrentCache(x, mask, y, *saved)

    def backward(self, dy, cache):
        """dy (B, T, E) -> dx (B, T, D)."""
        xp = array_module(dy)
        nothing = xp.zeros((len(dy), dy.shape[2]), dy.dtype)  # of the last state: it is in y
        lasts = [nothing] * (2 if self.cell == "lstm" else 1)
        saved = [part for part in (cache.gates, cache.cells) if part is not None]
        back = getattr(self.ops, f"{self.cell}_backward")
        dx, dW, dU, *more = back(
            dy, *lasts, cache.x, self.W.value, self.U.value, cache.y, *saved, mask=cache.mask,
            reverse=self.reverse,
        )  # fmt: skip
        self.W.grad += dW
        self.U.grad += dU
        self.b.grad += more[0]
        if self.d is not None:
            self.d.grad += more[1]
        return dx


@by_shape
class BidirectionalCache(NamedTuple):
    """The caches of the two directions."""

    forwards: Any
    backwards: Any


class Bidirectional(Layer):
    """Two recurrent layers, one from each end; their outputs stand side by side, (B, T, 2E).

    Parameters
    ----------
    cell, d_in, d_state, rng, dtype, ops
        As in :class:`Recurrent`.
    """

    def __init__(self, cell, d_in, d_state, *, rng=0, dtype="float32", ops=functional):
        shared = {"rng": generator(rng), "dtype": dtype, "ops": ops}
        self.forwards = Recurrent(cell, d_in, d_state, **shared)
        self.backwards = Recurrent(cell, d_in, d_state, reverse=True, **shared)

    def forward(self, x, *, mask=None, rng=None):
        """x (B, T, D), mask (B, T) -> y (B, T, 2E), :class:`BidirectionalCache`."""
        one, first = self.forwards.forward(x, mask=mask)
        two, second = self.backwards.forward(x, mask=mask)
        return array_module(x).concatenate([one, two], axis=2), BidirectionalCache(first, second)

    def backward(self, dy, cache):
        """dy (B, T, 2E) -> dx (B, T, D)."""
        one, two = array_module(dy).split(dy, 2, axis=2)
        dx = self.forwards.backward(one, cache.forwards)
        return dx + self.backwards.backward(two, cache.backwards)
