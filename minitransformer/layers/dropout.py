"""Dropout, which is on exactly when a generator is passed."""

from typing import Any, NamedTuple

from minitransformer import functional
from minitransformer.functional import check_probability
from minitransformer.layers.base import Layer
from minitransformer.layers.shown import by_shape


@by_shape
class DropoutCache(NamedTuple):
    """keep is the dropout mask, of the shape of the input, or None if dropout was off."""

    keep: Any


class Dropout(Layer):
    """Dropout, on exactly when a generator is passed.

    Parameters
    ----------
    p : float
        Probability of dropping an entry, 0 <= p < 1.
    ops : module
        The module of the equations: ``functional`` or ``fused``.

    Raises
    ------
    TypeError
        If p is not a number.
    ValueError
        If p is outside [0, 1).
    """

    def __init__(self, p, *, ops=functional):
        check_probability("p", p)
        self.p = p
        self.ops = ops

    def forward(self, x, *, mask=None, rng=None):
        """x (...) -> y (...), :class:`DropoutCache`; without a generator, y is x itself."""
        if rng is None or self.p == 0:
            return x, DropoutCache(None)
        keep = self.ops.dropout_mask(rng, x.shape, self.p, x.dtype)
        return self.ops.dropout(x, keep), DropoutCache(keep)

    def backward(self, dy, cache):
        """dy (...) -> dx (...)."""
        return dy if cache.keep is None else self.ops.dropout_backward(dy, cache.keep)
