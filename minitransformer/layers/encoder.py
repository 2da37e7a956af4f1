"""The encoder block: self-attention, then a feed-forward network."""

from typing import Any, NamedTuple

from minitransformer import functional
from minitransformer.checks import check_choice
from minitransformer.layers.base import generator
from minitransformer.layers.dropout import Dropout
from minitransformer.layers.feed_forward import make_feed_forward
from minitransformer.layers.grouped import make_self_attention
from minitransformer.layers.norms import make_norm
from minitransformer.layers.residual import NORMS, ResidualBlock
from minitransformer.layers.shown import by_shape


@by_shape
class EncoderBlockCache(NamedTuple):
    """Every intermediate value of a call.

    x, after_attention and output are the residual stream (B, T, D): before, between and after the
    sublayers. The other fields are the caches of the block's layers.
    """

    x: Any
    norm1: Any
    attention: Any
    dropout1: Any
    after_attention: Any
    norm2: Any
    feed_forward: Any
    dropout2: Any
    output: Any


class EncoderBlock(ResidualBlock):
    r"""Self-attention, then the feed-forward network, each inside a residual connection.

    With a causal mask, this is the block of a decoder-only model such as GPT.

    Parameters
    ----------
    d_model, n_heads, d_ff : int
        D, the number of features per token; H, the number of attention heads; F, the number of
        hidden features of the feed-forward network.
    dropout : float
        Dropout probability of the attention weights and of each sublayer's output.
    norm : {"pre", "post"}
        "pre" puts the norm before each sublayer; "post", as published, after the addition.
    activation : {"relu", "gelu", "gelu_tanh", "silu", "swiglu"}
        "swiglu" makes the feed-forward network a :class:`SwiGLU`.
    attention : {"full", "tiled"}
        As for :class:`MultiHeadAttention`.
    n_kv_heads : int, optional
        G, the number of heads of keys and values. If it is smaller than H, the attention is a
        :class:`GroupedQueryAttention`.
    norm_kind : {"layer", "rms"}
        :class:`LayerNorm` or :class:`RMSNorm`.
    norm_eps : float
        Added inside the square root of the norms.
    bias : bool
        Whether the linear maps have biases.
    rng : Generator or int
        Draws the initial weights.
    dtype : dtype
        The dtype of the parameters.
    ops : module
        The module of the equations: ``functional`` or ``fused``.

    Source: Vaswani et al. 2017, section 3.1; pre-norm: Xiong et al. 2020, table 1.
    """

    def __init__(
        self,
        d_model,
        n_heads,
        d_ff,
        *,
        dropout=0.0,
        norm="pre",
        activation="relu",
        attention="full",
        n_kv_heads=None,
        norm_kind="layer",
        norm_eps=1e-5,
        bias=True,
        rng=0,
        dtype="float32",
        ops=functional,
    ):
        self.norm = check_choice("norm", norm, NORMS)
        draws = {"rng": generator(rng), "dtype": dtype, "ops": ops}
        norm1, norm2 = (
            make_norm(norm_kind, d_model, eps=norm_eps, dtype=dtype, ops=ops) for _ in range(2)
        )
        attention = make_self_attention(
            d_model, n_heads, n_kv_heads, dropout=dropout, attention=attention, bias=bias, **draws
        )
        feed_forward = make_feed_forward(activation, d_model, d_ff, bias=bias, **draws)
        # Parameters are listed in the order of the forward pass. The search for the first parameter
        # whose gradient went wrong walks this list backwards.
        if norm == "pre":
            self.norm1, self.attention = norm1, attention
            self.norm2, self.feed_forward = norm2, feed_forward
        else:
            self.attention, self.norm1 = attention, norm1
            self.feed_forward, self.norm2 = feed_forward, norm2
        self.dropout1, self.dropout2 = Dropout(dropout, ops=ops), Dropout(dropout, ops=ops)

    def _sublayers(self):
        return (
            (self.norm1, self.attention, self.dropout1),
            (self.norm2, self.feed_forward, self.dropout2),
        )

    def forward(self, x, *, mask=None, bias=None, rotary=None, rng=None):
        """x (B, T, D), mask (B, 1, 1, T) -> y (B, T, D), :class:`EncoderBlockCache`.

        mask, bias and rotary are as for :class:`MultiHeadAttention`.
        """
        middle, first = self._residual(1, x, rng, mask=mask, bias=bias, rotary=rotary)
        y, second = self._residual(2, middle, rng)
        return y, EncoderBlockCache(x, *first, middle, *second, y)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D)."""
        first = cache.norm1, cache.attention, cache.dropout1
        second = cache.norm2, cache.feed_forward, cache.dropout2
        dx, _ = self._residual_backward(2, dy, second)
        dx, _ = self._residual_backward(1, dx, first)
        return dx

    def extend(self, x, kv_cache, **inputs):
        """x (B, T, D), the next tokens -> y (B, T, D); appends keys and values to `kv_cache`."""
        middle = self._residual_extend(1, x, self.attention.extend, kv_cache, **inputs)
        return self._residual_extend(2, middle, self.feed_forward)
