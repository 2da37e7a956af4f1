"""The decoder block: masked self-attention, cross-attention, feed-forward network."""

from typing import Any, NamedTuple

from minitransformer import functional
from minitransformer.layers.attention import MultiHeadAttention
from minitransformer.layers.base import generator
from minitransformer.layers.cross_attention import MultiHeadCrossAttention
from minitransformer.layers.dropout import Dropout
from minitransformer.layers.feed_forward import make_feed_forward
from minitransformer.layers.norms import make_norm
from minitransformer.layers.residual import ResidualBlock, check_norm


class DecoderBlockCache(NamedTuple):
    """A block's call: the residual stream, (B, T, D), before, between and after the sublayers."""

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

    Each stands inside a residual connection with a norm, as in :class:`EncoderBlock`. The causal
    mask is an argument of the call: a model makes it once for all of its blocks.

    Parameters
    ----------
    d_model, n_heads, d_ff, dropout, norm, activation, attention, norm_kind, norm_eps, bias
        As for :class:`EncoderBlock`.
    rng : Generator or int
        Draws the initial weights.
    dtype : dtype
    ops : module

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
        check_norm(norm)
        self.norm = norm
        draws = {"rng": generator(rng), "dtype": dtype, "ops": ops}
        options = {"dropout": dropout, "attention": attention, "bias": bias, **draws}
        sublayers = {
            "self_attention": MultiHeadAttention(d_model, n_heads, **options),
            "cross_attention": MultiHeadCrossAttention(d_model, n_heads, **options),
            "feed_forward": make_feed_forward(activation, d_model, d_ff, bias=bias, **draws),
        }
        # In the order of the forward pass, as in the encoder's block.
        for i, (name, sublayer) in enumerate(sublayers.items(), start=1):
            members = [
                (f"norm{i}", make_norm(norm_kind, d_model, eps=norm_eps, dtype=dtype, ops=ops)),
                (name, sublayer),
            ]
            for member_name, member in members if norm == "pre" else reversed(members):
                setattr(self, member_name, member)
        self.dropout1, self.dropout2, self.dropout3 = (Dropout(dropout, ops=ops) for _ in range(3))

    def forward(self, x, memory, *, mask=None, memory_mask=None, rng=None):
        """Decode x against the encoder's result.

        Parameters
        ----------
        x : (B, T, D) array
        memory : (B, S, D) array
        mask : bool array that broadcasts to (B, H, T, T), optional
            Of the self-attention: causal.
        memory_mask : bool array that broadcasts to (B, H, T, S), optional
            Of the cross-attention: padding of the source.
        rng : Generator, optional
            Turns dropout on.

        Returns
        -------
        y : (B, T, D) array
        cache : DecoderBlockCache
        """
        middle, (n1, a1, d1) = self._sublayer_forward(
            x, self.norm1, self.self_attention, self.dropout1, rng, mask=mask
        )
        after, (n2, a2, d2) = self._sublayer_forward(
            middle,
            self.norm2,
            self.cross_attention,
            self.dropout2,
            rng,
            (memory,),
            mask=memory_mask,
        )
        y, (n3, f, d3) = self._sublayer_forward(
            after, self.norm3, self.feed_forward, self.dropout3, rng
        )
        return y, DecoderBlockCache(x, n1, a1, d1, middle, n2, a2, d2, after, n3, f, d3, y)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D), dmemory (B, S, D)."""
        dx, _ = self._sublayer_backward(
            dy,
            self.norm3,
            self.feed_forward,
            self.dropout3,
            (cache.norm3, cache.feed_forward, cache.dropout3),
        )
        dx, (dmemory,) = self._sublayer_backward(
            dx,
            self.norm2,
            self.cross_attention,
            self.dropout2,
            (cache.norm2, cache.cross_attention, cache.dropout2),
        )
        dx, _ = self._sublayer_backward(
            dx,
            self.norm1,
            self.self_attention,
            self.dropout1,
            (cache.norm1, cache.self_attention, cache.dropout1),
        )
        return dx, dmemory

    def extend(self, x, kv_cache, memory, *, mask=None, memory_mask=None):
        """x (B, T, D), the next tokens -> y (B, T, D).

        `kv_cache` holds the keys and values of the tokens so far, which theirs join; `memory` is
        what ``cross_attention.keys_values`` gave for the source.
        """
        x = self._sublayer_extend(
            x, self.norm1, lambda h: self.self_attention.extend(h, kv_cache, mask=mask)
        )
        x = self._sublayer_extend(
            x, self.norm2, lambda h: self.cross_attention.extend(h, memory, mask=memory_mask)
        )
        return self._sublayer_extend(x, self.norm3, self.feed_forward)
