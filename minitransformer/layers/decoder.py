"""The decoder block: masked self-attention, cross-attention, then a feed-forward network."""

from typing import Any, NamedTuple

from minitransformer import functional
from minitransformer.checks import check_choice
from minitransformer.layers.attention import MultiHeadAttention
from minitransformer.layers.base import generator
from minitransformer.layers.cross_attention import MultiHeadCrossAttention
from minitransformer.layers.dropout import Dropout
from minitransformer.layers.feed_forward import make_feed_forward
from minitransformer.layers.norms import make_norm
from minitransformer.layers.residual import NORMS, ResidualBlock
from minitransformer.layers.shown import by_shape


@by_shape
class DecoderBlockCache(NamedTuple):
    """Every intermediate value of a call.

    x, after_self_attention, after_cross_attention and output are the residual stream (B, T, D):
    before, between and after the sublayers. The other fields are the caches of the block's layers.
    """

    x: Any
    norm1: Any
    self_attention: Any
    dropout1: Any
    after_self_attention: Any
    norm2: Any
    cross_attention: Any
    dropout2: Any
    after_cross_attention: Any
    norm3: Any
    feed_forward: Any
    dropout3: Any
    output: Any


class DecoderBlock(ResidualBlock):
    r"""Masked self-attention, cross-attention to a memory, then the feed-forward network.

    Each sublayer has a norm and a residual connection, as in :class:`EncoderBlock`. The causal mask
    is an argument of the call, because a model makes it once for all of its blocks.

    Parameters
    ----------
    d_model, n_heads, d_ff, dropout, norm, activation, attention, norm_kind, norm_eps, bias
        As for :class:`EncoderBlock`.
    rng, dtype, ops
        As for :class:`EncoderBlock`.

    Source: Vaswani et al. 2017, section 3.1 and the right half of figure 1.
    """

    def __init__(
        self,
        d_model,
        n_heads,
        d_ff,
        *,
        dropout=0.0,
        norm="post",
        activation="relu",
        attention="full",
        norm_kind="layer",
        norm_eps=1e-5,
        bias=True,
        rng=0,
        dtype="float32",
        ops=functional,
    ):
        self.norm = check_choice("norm", norm, NORMS)
        draws = {"rng": generator(rng), "dtype": dtype, "ops": ops}
        options = {"dropout": dropout, "attention": attention, "bias": bias, **draws}
        self_attention = MultiHeadAttention(d_model, n_heads, **options)
        cross_attention = MultiHeadCrossAttention(d_model, n_heads, **options)
        feed_forward = make_feed_forward(activation, d_model, d_ff, bias=bias, **draws)
        norm1, norm2, norm3 = (
            make_norm(norm_kind, d_model, eps=norm_eps, dtype=dtype, ops=ops) for _ in range(3)
        )
        # The layers are in the order of the forward pass, as in the encoder block.
        if norm == "pre":
            self.norm1, self.self_attention = norm1, self_attention
            self.norm2, self.cross_attention = norm2, cross_attention
            self.norm3, self.feed_forward = norm3, feed_forward
        else:
            self.self_attention, self.norm1 = self_attention, norm1
            self.cross_attention, self.norm2 = cross_attention, norm2
            self.feed_forward, self.norm3 = feed_forward, norm3
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout, ops=ops) for _ in range(3))

    def _sublayers(self):
        return (
            (self.norm1, self.self_attention, self.dropout1),
            (self.norm2, self.cross_attention, self.dropout2),
            (self.norm3, self.feed_forward, self.dropout3),
        )

    def forward(self, x, memory, *, mask=None, memory_mask=None, rng=None):
        """Decode x, with attention to the encoder's output.

        Parameters
        ----------
        x : (B, T, D) array
        memory : (B, S, D) array
            The encoder's output.
        mask : bool array that broadcasts to (B, H, T, T), optional
            Mask of the self-attention, usually causal.
        memory_mask : bool array that broadcasts to (B, H, T, S), optional
            Mask of the cross-attention: False at the padding of the source.
        rng : Generator, optional
            Turns dropout on.

        Returns
        -------
        y : (B, T, D) array
        cache : DecoderBlockCache
        """
        after_self, first = self._residual(1, x, rng, mask=mask)
        after_cross, second = self._residual(2, after_self, rng, memory, mask=memory_mask)
        y, third = self._residual(3, after_cross, rng)
        return y, DecoderBlockCache(x, *first, after_self, *second, after_cross, *third, y)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D), dmemory (B, S, D)."""
        first = cache.norm1, cache.self_attention, cache.dropout1
        second = cache.norm2, cache.cross_attention, cache.dropout2
        third = cache.norm3, cache.feed_forward, cache.dropout3
        dx, _ = self._residual_backward(3, dy, third)
        dx, dmemory = self._residual_backward(2, dx, second)
        dx, _ = self._residual_backward(1, dx, first)
        return dx, dmemory

    def extend(self, x, kv_cache, memory, *, mask=None, memory_mask=None):
        """x (B, T, D), the next tokens -> y (B, T, D).

        `kv_cache` holds the keys and values of the tokens so far. Those of x are appended to it.
        `memory` is the result of ``cross_attention.keys_values`` for the source.
        """
        x = self._residual_extend(1, x, self.self_attention.extend, kv_cache, mask=mask)
        x = self._residual_extend(2, x, self.cross_attention.extend, memory, mask=memory_mask)
        return self._residual_extend(3, x, self.feed_forward)
