"""The encoder block: self-attention and feed-forward network, each with a residual and a norm."""

from typing import Any, NamedTuple

from minitransformer import functional
from minitransformer.layers.attention import MultiHeadAttention
from minitransformer.layers.base import Layer, generator
from minitransformer.layers.simple import Dropout, LayerNorm, Linear

ACTIVATIONS = ("relu", "gelu", "gelu_tanh")


class FeedForwardCache(NamedTuple):
    """hidden and activated are (B, T, F), before and after the activation."""

    linear1: Any
    hidden: Any
    activated: Any
    linear2: Any


class FeedForward(Layer):
    r"""Two linear maps with an activation between them, applied to each token alike.

    .. math:: \mathrm{FFN}(x) = f(x W_1 + b_1) \, W_2 + b_2

    Parameters
    ----------
    d_model, d_ff : int
    activation : {"relu", "gelu", "gelu_tanh"}
    rng : Generator or int
        Draws the initial weights.
    dtype : dtype
    ops : module

    Source: Vaswani et al. 2017, section 3.3, equation (2).
    """

    def __init__(
        self, d_model, d_ff, *, activation="relu", rng=0, dtype="float32", ops=functional
    ):
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}"
            )
        rng = generator(rng)
        self.linear1 = Linear(d_model, d_ff, rng=rng, dtype=dtype, ops=ops)
        self.linear2 = Linear(d_ff, d_model, rng=rng, dtype=dtype, ops=ops)
        self.activation = activation
        self.ops = ops

    def forward(self, x, *, mask=None, rng=None):
        """x (B, T, D) -> y (B, T, D), :class:`FeedForwardCache`."""
        hidden, cache1 = self.linear1.forward(x)
        if self.activation == "relu":
            activated = self.ops.relu(hidden)
        else:
            activated = self.ops.gelu(hidden, self._approximate())
        y, cache2 = self.linear2.forward(activated)
        return y, FeedForwardCache(cache1, hidden, activated, cache2)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D)."""
        dactivated = self.linear2.backward(dy, cache.linear2)
        if self.activation == "relu":
            dhidden = self.ops.relu_backward(dactivated, cache.activated)
        else:
            dhidden = self.ops.gelu_backward(dactivated, cache.hidden, self._approximate())
        return self.linear1.backward(dhidden, cache.linear1)

    def _approximate(self):
        return "tanh" if self.activation == "gelu_tanh" else "none"


NORMS = ("pre", "post")


class EncoderBlockCache(NamedTuple):
    """A block's call: the residual stream, (B, T, D), before, between and after the sublayers."""

    x: Any
    norm1: Any
    attention: Any
    dropout1: Any
    after_attention: Any
    norm2: Any
    feed_forward: Any
    dropout2: Any
    output: Any


class EncoderBlock(Layer):
    r"""Self-attention, then the feed-forward network, each inside a residual connection.

    .. math::
        \text{post (as published):} \quad & x \leftarrow \mathrm{LN}(x + f(x)) \\
        \text{pre:} \quad & x \leftarrow x + f(\mathrm{LN}(x))

    With the norm before, the residual path runs from the loss to the first layer untouched, which
    is why deep stacks train without a warm-up.

    Parameters
    ----------
    d_model, n_heads, d_ff : int
    dropout : float
        Of the attention weights, and of what each sublayer adds to the residual.
    norm : {"pre", "post"}
    activation : {"relu", "gelu", "gelu_tanh"}
    attention : {"full", "tiled"}
        As for :class:`MultiHeadAttention`.
    rng : Generator or int
        Draws the initial weights.
    dtype : dtype
    ops : module

    Source: Vaswani et al. 2017, section 3.1; norm before: Xiong et al. 2020, table 1.
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
        rng=0,
        dtype="float32",
        ops=functional,
    ):
        if norm not in NORMS:
            raise ValueError(f"norm must be 'pre' or 'post', got {norm!r}")
        rng = generator(rng)
        self.norm = norm
        norm1, norm2 = (LayerNorm(d_model, dtype=dtype, ops=ops) for _ in range(2))
        attention = MultiHeadAttention(
            d_model, n_heads, dropout=dropout, attention=attention, rng=rng, dtype=dtype, ops=ops
        )
        feed_forward = FeedForward(
            d_model, d_ff, activation=activation, rng=rng, dtype=dtype, ops=ops
        )
        # In the order of the forward pass: the one whose gradient went wrong first is looked for
        # by walking the parameters backwards.
        if norm == "pre":
            self.norm1, self.attention = norm1, attention
            self.norm2, self.feed_forward = norm2, feed_forward
        else:
            self.attention, self.norm1 = attention, norm1
            self.feed_forward, self.norm2 = feed_forward, norm2
        self.dropout1, self.dropout2 = Dropout(dropout, ops=ops), Dropout(dropout, ops=ops)

    def forward(self, x, *, mask=None, rng=None):
        """x (B, T, D), mask (B, 1, 1, T) -> y (B, T, D), :class:`EncoderBlockCache`."""
        middle, n1, a, d1 = self._sublayer_forward(
            x, self.norm1, self.attention, self.dropout1, mask, rng
        )
        y, n2, f, d2 = self._sublayer_forward(
            middle, self.norm2, self.feed_forward, self.dropout2, None, rng
        )
        return y, EncoderBlockCache(x, n1, a, d1, middle, n2, f, d2, y)

    def _sublayer_forward(self, x, norm, sublayer, dropout, mask, rng):
        if self.norm == "pre":
            normed, norm_cache = norm.forward(x)
            branch, cache = sublayer.forward(normed, mask=mask, rng=rng)
            dropped, dropout_cache = dropout.forward(branch, rng=rng)
            return x + dropped, norm_cache, cache, dropout_cache
        branch, cache = sublayer.forward(x, mask=mask, rng=rng)
        dropped, dropout_cache = dropout.forward(branch, rng=rng)
        y, norm_cache = norm.forward(x + dropped)
        return y, norm_cache, cache, dropout_cache

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D)."""
        dx = self._sublayer_backward(
            dy, self.norm2, self.feed_forward, self.dropout2,
            (cache.norm2, cache.feed_forward, cache.dropout2),
        )
        return self._sublayer_backward(
            dx, self.norm1, self.attention, self.dropout1,
            (cache.norm1, cache.attention, cache.dropout1),
        )

    def _sublayer_backward(self, dy, norm, sublayer, dropout, caches):
        norm_cache, cache, dropout_cache = caches
        if self.norm == "pre":
            # y = x + dropout(f(LN(x))): the residual passes the gradient on as it is
            dbranch = sublayer.backward(dropout.backward(dy, dropout_cache), cache)
            return dy + norm.backward(dbranch, norm_cache)
        # y = LN(x + dropout(f(x))): both paths start behind the norm
        dsum = norm.backward(dy, norm_cache)
        return dsum + sublayer.backward(dropout.backward(dsum, dropout_cache), cache)
