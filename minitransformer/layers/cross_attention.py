"""Multi-head cross-attention: from one sequence to another."""

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module
from minitransformer.layers.attention import Attention, value_of
from minitransformer.layers.base import generator
from minitransformer.layers.kv_cache import KVCache
from minitransformer.layers.linear import Linear, LinearCache, glorot_uniform
from minitransformer.layers.parameters import Parameter


class MultiHeadCrossAttention(Attention):
    r"""Cross-attention: queries from one sequence, keys and values from another (the memory).

    .. math:: O_h = \mathrm{Attention}(x W^Q_h, \, m W^K_h, \, m W^V_h)

    Parameters
    ----------
    d_model, n_heads, dropout, attention, bias, rng, dtype, ops
        As for :class:`MultiHeadAttention`.

    W_q (D, D) projects the queries. W_kv (D, 2D) projects keys and values, in that order.

    Source: Vaswani et al. 2017, section 3.2.3.
    """

    def __init__(
        self,
        d_model,
        n_heads,
        *,
        dropout=0.0,
        attention="full",
        bias=True,
        rng=0,
        dtype="float32",
        ops=functional,
    ):
        super().__init__(d_model, n_heads, n_heads, dropout, attention, ops)
        rng = generator(rng)
        self.W_q = Linear(d_model, d_model, bias=bias, rng=rng, dtype=dtype, ops=ops)
        self.W_kv = Parameter(glorot_uniform(rng, d_model, d_model, dtype, width=2 * d_model))
        self.b_kv = Parameter(np.zeros(2 * d_model, dtype)) if bias else None
        self.W_o = Linear(d_model, d_model, bias=bias, rng=rng, dtype=dtype, ops=ops)

    def forward(self, x, memory, *, mask=None, rng=None):
        """x (B, T, D), memory (B, S, D) -> y (B, T, D) and a cache, as in self-attention.

        The mask broadcasts to (B, H, T, S); True means that the query may attend
        to the key. A generator turns dropout on.
        """
        projected = self.W_q(x), *self._project_memory(memory)
        return self._attend(x, memory, projected, mask, rng)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D), dmemory (B, S, D)."""
        dQ, dK, dV = self._attend_backward(dy, cache)
        dkv = array_module(dK=dK, dV=dV).concatenate([dK, dV], axis=-1)
        dmemory, dW, db = self.ops.linear_backward(dkv, cache.memory, self.W_kv.value)
        self.W_kv.grad += dW
        if self.b_kv is not None:
            self.b_kv.grad += db
        return self.W_q.backward(dQ, LinearCache(cache.x)), dmemory

    def keys_values(self, memory):
        """memory (B, S, D) -> :class:`KVCache` of its keys and values, for :meth:`extend`."""
        keys, values = self._project_memory(memory)
        K = self.ops.split_heads(keys, self.n_heads)  # (B, H, S, E)
        V = self.ops.split_heads(values, self.n_heads)  # (B, H, S, E)
        kv_cache = KVCache(memory.shape[1])
        kv_cache.append(K, V)
        return kv_cache

    def extend(self, x, kv_cache, *, mask=None):
        """x (B, T, D), the next tokens -> y (B, T, D); `kv_cache` is from :meth:`keys_values`."""
        Q = self.ops.split_heads(self.W_q(x), self.n_heads)  # (B, H, T, E)
        return self._attend_without_cache(Q, *kv_cache.so_far(), mask)

    def _project_memory(self, memory):
        """memory (B, S, D) -> keys and values, each (B, S, D)."""
        kv = self.ops.linear(memory, self.W_kv.value, value_of(self.b_kv))
        D = kv.shape[-1] // 2
        return kv[..., :D], kv[..., D:]
