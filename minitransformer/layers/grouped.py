"""Grouped-query attention: several query heads share one head of keys and values."""

from minitransformer import functional
from minitransformer.backend import array_module
from minitransformer.layers.attention import Attention, MultiHeadAttention, value_of
from minitransformer.layers.base import generator


class GroupedQueryAttention(MultiHeadAttention):
    r"""Self-attention with fewer heads of keys and values than of queries.

    .. math:: O_h = \mathrm{Attention}(x W^Q_h, \, x W^K_{g(h)}, \, x W^V_{g(h)}), \qquad
        g(h) = \lfloor h \, G / H \rfloor

    The key-value cache that decoding needs therefore shrinks from H to G heads. G = 1 is
    multi-query attention, and G = H is multi-head attention. One matrix W_qkv (D, D + 2 G E) holds
    all projections side by side, queries first.

    Parameters
    ----------
    d_model, n_heads : int
        As for :class:`MultiHeadAttention`.
    n_kv_heads : int
        G, the number of heads of keys and values. It must divide the number of heads.
    dropout, attention, bias, rng, dtype, ops
        As for :class:`MultiHeadAttention`.

    Source: Ainslie et al. 2023, section 2.2. G = 1: Shazeer 2019.
    """

    def __init__(
        self,
        d_model,
        n_heads,
        n_kv_heads,
        *,
        dropout=0.0,
        attention="full",
        bias=True,
        rng=0,
        dtype="float32",
        ops=functional,
    ):
        # The parent's __init__ is skipped: it makes as many heads of keys and values as of queries.
        Attention.__init__(self, d_model, n_heads, n_kv_heads, dropout, attention, ops)
        self._make_parameters(d_model, bias, generator(rng), dtype)

    def _project(self, x):
        """x (B, T, D) -> queries (B, T, D), keys and values (B, T, G E)."""
        qkv = self.ops.linear(x, self.W_qkv.value, value_of(self.b_qkv))
        D = x.shape[-1]
        width = D // self.n_heads * self.n_kv_heads
        return qkv[..., :D], qkv[..., D : D + width], qkv[..., D + width :]

    def _project_backward(self, dQ, dK, dV, x):
        xp = array_module(dQ=dQ, dK=dK, dV=dV)
        return self.ops.linear_backward(xp.concatenate([dQ, dK, dV], axis=-1), x, self.W_qkv.value)


def make_self_attention(d_model, n_heads, n_kv_heads=None, **options):
    """A :class:`GroupedQueryAttention` if `n_kv_heads` is smaller, else multi-head attention."""
    if n_kv_heads in (None, n_heads):
        return MultiHeadAttention(d_model, n_heads, **options)
    return GroupedQueryAttention(d_model, n_heads, n_kv_heads, **options)
