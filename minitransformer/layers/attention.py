"""Multi-head attention: of a sequence to itself, and of one sequence to another."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module, draw_seed
from minitransformer.functional import check_probability
from minitransformer.layers.base import Layer, Parameter, generator
from minitransformer.layers.simple import Linear, LinearCache, glorot_uniform

ATTENTIONS = ("full", "tiled")


class AttentionCache(NamedTuple):
    """Every intermediate value of a call; for self-attention `memory` is None and S = T.

    x (B, T, D), memory (B, S, D), Q and O (B, H, T, E), K and V (B, H, S, E), P (B, H, T, S), the
    weights before dropout, keep of P's shape, or None; output is the cache of the last linear map.
    """

    x: Any
    memory: Any
    Q: Any
    K: Any
    V: Any
    keep: Any
    P: Any
    O: Any
    output: Any


class TiledAttentionCache(NamedTuple):
    """Every value that is kept of a call in blocks of queries; P is not one of them.

    x (B, T, D), memory (B, S, D) or None, Q and O (B, H, T, E), K and V (B, H, S, E), the mask,
    dropout and the seed it is drawn from (0 and None without), logsumexp (B, H, T); output is the
    cache of the last linear map.
    """

    x: Any
    memory: Any
    Q: Any
    K: Any
    V: Any
    mask: Any
    dropout: float
    seed: int | None
    O: Any
    logsumexp: Any
    output: Any

    @property
    def P(self):
        """The weights before dropout, (B, H, T, S), computed again whenever they are asked for.

        They take the memory that the cache does without: ask for one text at a time.
        """
        return functional.attention(self.Q, self.K, self.V, self.mask)[1]


def _check_heads(d_model, n_heads):
    if n_heads < 1 or d_model < 1 or d_model % n_heads:
        raise ValueError(f"n_heads must divide d_model = {d_model}, got {n_heads}")


class _Attention(Layer):
    """What both kinds share: heads, scaled dot-product attention, the output projection."""

    def __init__(self, d_model, n_heads, dropout, attention, ops):
        _check_heads(d_model, n_heads)
        check_probability("dropout", dropout)
        if attention not in ATTENTIONS:
            raise ValueError(f"attention must be 'full' or 'tiled', got {attention!r}")
        self.n_heads = n_heads
        self.dropout = dropout
        self.attention = attention
        self.ops = ops

    def _attend(self, x, memory, projected, mask, rng):
        """From Q, K, V, each (B, ., D), to the layer's result and cache."""
        Q, K, V = (self.ops.split_heads(projection, self.n_heads) for projection in projected)
        drops = rng is not None and self.dropout > 0
        if self.attention == "tiled":
            return self._attend_tiled(x, memory, Q, K, V, mask, rng if drops else None)
        keep = None
        if drops:
            shape = (*Q.shape[:3], K.shape[2])  # (B, H, T, S)
            keep = self.ops.dropout_mask(rng, shape, self.dropout, Q.dtype)
        O, P = self.ops.attention(Q, K, V, mask, keep=keep)
        y, output = self.W_o.forward(self.ops.merge_heads(O))
        return y, AttentionCache(x, memory, Q, K, V, keep, P, O, output)

    def _attend_tiled(self, x, memory, Q, K, V, mask, rng):
        """:meth:`_attend` without P; what dropout drops is decided by a seed drawn from `rng`."""
        dropout, seed = 0.0, None
        if rng is not None:
            dropout, seed = self.dropout, draw_seed(rng)
        O, logsumexp = self.ops.tiled_attention(Q, K, V, mask, dropout=dropout, seed=seed)
        y, output = self.W_o.forward(self.ops.merge_heads(O))
        return y, TiledAttentionCache(
            x, memory, Q, K, V, mask, dropout, seed, O, logsumexp, output
        )

    def _attend_backward(self, dy, cache):
        """Gradients of the projections, dQ, dK, dV, each (B, ., D)."""
        dO = self.ops.merge_heads_backward(self.W_o.backward(dy, cache.output), self.n_heads)
        if self.attention == "tiled":
            gradients = self.ops.tiled_attention_backward(
                dO, cache.Q, cache.K, cache.V, cache.O, cache.logsumexp, cache.mask,
                dropout=cache.dropout, seed=cache.seed,
            )
        else:
            gradients = self.ops.attention_backward(
                dO, cache.Q, cache.K, cache.V, cache.P, keep=cache.keep
            )
        return tuple(self.ops.split_heads_backward(gradient) for gradient in gradients)


class MultiHeadAttention(_Attention):
    r"""Self-attention: queries, keys and values come from the same sequence.

    .. math:: \mathrm{MultiHead}(x) = \mathrm{Concat}(O_1, \dots, O_H) \, W^O,
        \qquad O_h = \mathrm{Attention}(x W^Q_h, x W^K_h, x W^V_h)

    One matrix W_qkv (D, 3D) holds all three projections of all heads side by side.

    Parameters
    ----------
    d_model, n_heads : int
        The number of heads must divide d_model.
    dropout : float
        Of the attention weights.
    attention : {"full", "tiled"}
        "tiled" computes block by block and keeps no weights for the backward pass: the same
        numbers, memory in proportion to T instead of its square, and a little slower.
    rng : Generator or int
        Draws the initial weights.
    dtype : dtype
    ops : module

    Source: Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(
        self,
        d_model,
        n_heads,
        *,
        dropout=0.0,
        attention="full",
        rng=0,
        dtype="float32",
        ops=functional,
    ):
        super().__init__(d_model, n_heads, dropout, attention, ops)
        rng = generator(rng)
        self.W_qkv = Parameter(glorot_uniform(rng, d_model, d_model, dtype, width=3 * d_model))
        self.b_qkv = Parameter(np.zeros(3 * d_model, dtype))
        self.W_o = Linear(d_model, d_model, rng=rng, dtype=dtype, ops=ops)

    def forward(self, x, *, mask=None, rng=None):
        """x (B, T, D), mask (B, 1 or H, 1 or T, T) -> y (B, T, D), a cache."""
        projected = self.ops.qkv_projection(x, self.W_qkv.value, self.b_qkv.value)
        return self._attend(x, None, projected, mask, rng)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D)."""
        dQ, dK, dV = self._attend_backward(dy, cache)
        dx, dW, db = self.ops.qkv_projection_backward(dQ, dK, dV, cache.x, self.W_qkv.value)
        self.W_qkv.grad += dW
        self.b_qkv.grad += db
        return dx


class MultiHeadCrossAttention(_Attention):
    r"""Cross-attention: queries from one sequence, keys and values from another, the memory.

    .. math:: O_h = \mathrm{Attention}(x W^Q_h, \, m W^K_h, \, m W^V_h)

    Parameters
    ----------
    d_model, n_heads, dropout, attention, rng, dtype, ops
        As for :class:`MultiHeadAttention`. W_q is (D, D); W_kv (D, 2D) holds keys and values.

    Source: Vaswani et al. 2017, section 3.2.3.
    """

    def __init__(
        self,
        d_model,
        n_heads,
        *,
        dropout=0.0,
        attention="full",
        rng=0,
        dtype="float32",
        ops=functional,
    ):
        super().__init__(d_model, n_heads, dropout, attention, ops)
        rng = generator(rng)
        self.W_q = Linear(d_model, d_model, rng=rng, dtype=dtype, ops=ops)
        self.W_kv = Parameter(glorot_uniform(rng, d_model, d_model, dtype, width=2 * d_model))
        self.b_kv = Parameter(np.zeros(2 * d_model, dtype))
        self.W_o = Linear(d_model, d_model, rng=rng, dtype=dtype, ops=ops)

    def forward(self, x, memory, *, mask=None, rng=None):
        """x (B, T, D), memory (B, S, D) -> y (B, T, D), a cache."""
        Q, _ = self.W_q.forward(x)
        kv = self.ops.linear(memory, self.W_kv.value, self.b_kv.value)
        D = Q.shape[-1]
        return self._attend(x, memory, (Q, kv[..., :D], kv[..., D:]), mask, rng)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D), dmemory (B, S, D)."""
        dQ, dK, dV = self._attend_backward(dy, cache)
        dkv = array_module(dK=dK, dV=dV).concatenate([dK, dV], axis=-1)
        dmemory, dW, db = self.ops.linear_backward(dkv, cache.memory, self.W_kv.value)
        self.W_kv.grad += dW
        self.b_kv.grad += db
        return self.W_q.backward(dQ, LinearCache(cache.x)), dmemory
