"""Multi-head attention: the base class of all attention layers, and self-attention."""

import numpy as np

from minitransformer import functional
from minitransformer.backend import draw_seed
from minitransformer.checks import check_choice
from minitransformer.functional import check_probability
from minitransformer.layers.attention_caches import AttentionCache, TiledAttentionCache
from minitransformer.layers.base import Layer, generator
from minitransformer.layers.linear import Linear, glorot_uniform
from minitransformer.layers.parameters import Parameter

ATTENTIONS = ("full", "tiled")


def _check_heads(d_model, n_heads, n_kv_heads):
    if n_heads < 1 or d_model < 1 or d_model % n_heads:
        raise ValueError(f"n_heads must divide d_model = {d_model}, got {n_heads}")
    if n_kv_heads < 1 or n_heads % n_kv_heads:
        raise ValueError(f"n_kv_heads must divide n_heads = {n_heads}, got {n_kv_heads}")


class Attention(Layer):
    """Base class of the attention layers: the heads, and every step from Q, K and V to the output.

    The projections that make Q, K and V belong to the subclasses. In the shapes, T is the number of
    queries, S the number of keys, H the number of heads, and E = D / H. G is the number of heads of
    keys and values; it is H unless the heads are grouped.
    """

    def __init__(self, d_model, n_heads, n_kv_heads, dropout, attention, ops):
        _check_heads(d_model, n_heads, n_kv_heads)
        check_probability("dropout", dropout)
        check_choice("attention", attention, ATTENTIONS)
        self.n_heads, self.n_kv_heads = n_heads, n_kv_heads
        self.dropout = dropout
        self.attention = attention
        self.ops = ops

    def _heads(self, projected, rotary=None):
        """Split the projections of queries, keys and values into heads; rotate Q and K."""
        queries, keys, values = projected  # (B, T, D), (B, S, G E), (B, S, G E)
        Q = self.ops.split_heads(queries, self.n_heads)  # (B, H, T, E)
        K = self.ops.split_heads(keys, self.n_kv_heads)  # (B, G, S, E)
        V = self.ops.split_heads(values, self.n_kv_heads)  # (B, G, S, E)
        if rotary is not None:
            Q, K = self.ops.rotary(Q, *rotary), self.ops.rotary(K, *rotary)
        return Q, K, V

    def _attend(self, x, memory, projected, mask, rng, bias=None, rotary=None):
        """Compute the layer's output and cache from the projections."""
        Q, K, V = self._heads(projected, rotary)
        drops = rng is not None and self.dropout > 0
        if self.attention == "tiled":
            p, seed = (self.dropout, draw_seed(rng)) if drops else (0.0, None)
            O, logsumexp = self.ops.tiled_attention(  # (B, H, T, E), (B, H, T)
                Q, K, V, mask, dropout=p, seed=seed, bias=bias
            )
            y, output = self.W_o.forward(self.ops.merge_heads(O))  # (B, T, D)
            return y, TiledAttentionCache(
                x, memory, Q, K, V, mask, p, seed, O, logsumexp, output, bias, rotary
            )
        keep = None
        if drops:
            shape = (*Q.shape[:3], K.shape[2])  # (B, H, T, S)
            keep = self.ops.dropout_mask(rng, shape, self.dropout, Q.dtype)
        O, P = self.ops.attention(Q, K, V, mask, keep=keep, bias=bias)  # (B, H, T, E), (B, H, T, S)
        y, output = self.W_o.forward(self.ops.merge_heads(O))  # (B, T, D)
        return y, AttentionCache(x, memory, Q, K, V, keep, P, O, output, rotary)

    def _attend_backward(self, dy, cache):
        """Gradients of the projections: (B, T, D), (B, S, G E), (B, S, G E)."""
        dO = self.ops.merge_heads_backward(self.W_o.backward(dy, cache.output), self.n_heads)
        if self.attention == "tiled":
            dQ, dK, dV = self.ops.tiled_attention_backward(
                dO,
                cache.Q,
                cache.K,
                cache.V,
                cache.O,
                cache.logsumexp,
                cache.mask,
                dropout=cache.dropout,
                seed=cache.seed,
                bias=cache.bias,
            )
        else:
            dQ, dK, dV = self.ops.attention_backward(
                dO, cache.Q, cache.K, cache.V, cache.P, keep=cache.keep
            )
        if cache.rotary is not None:
            dQ = self.ops.rotary_backward(dQ, *cache.rotary)
            dK = self.ops.rotary_backward(dK, *cache.rotary)
        return tuple(self.ops.split_heads_backward(gradient) for gradient in (dQ, dK, dV))

    def _attend_without_cache(self, Q, K, V, mask, bias=None):
        """Q (B, H, T, E), K and V (B, G, S, E) -> y (B, T, D)."""
        O, _ = self.ops.attention(Q, K, V, mask, bias=bias)  # (B, H, T, E)
        return self.W_o(self.ops.merge_heads(O))


class MultiHeadAttention(Attention):
    r"""Self-attention: queries, keys and values come from the same sequence.

    .. math:: \mathrm{MultiHead}(x) = \mathrm{Concat}(O_1, \dots, O_H) \, W^O,
        \qquad O_h = \mathrm{Attention}(x W^Q_h, x W^K_h, x W^V_h)

    One matrix W_qkv (D, 3D) holds all three projections of all heads side by side.

    Parameters
    ----------
    d_model, n_heads : int
        Number of features per token, and of heads. n_heads must divide d_model.
    dropout : float
        Dropout probability of the attention weights.
    attention : {"full", "tiled"}
        "full" stores the attention weights for the backward pass. "tiled" processes the queries in
        blocks and does not store the weights. It gives the same results, uses memory proportional
        to T instead of T squared, and is a little slower.
    bias : bool
        Whether the projections and the output have biases.
    rng : Generator or int
        Draws the initial weights.
    dtype : dtype
        The dtype of the parameters.
    ops : module
        The module of the equations: ``functional`` or ``fused``.

    Source: Vaswani et al. 2017, section 3.2.2.
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
        self._make_parameters(d_model, bias, generator(rng), dtype)

    def _make_parameters(self, d_model, bias, rng, dtype):
        E = d_model // self.n_heads
        width = d_model + 2 * self.n_kv_heads * E  # queries, keys and values
        self.W_qkv = Parameter(glorot_uniform(rng, d_model, d_model, dtype, width=width))
        self.b_qkv = Parameter(np.zeros(width, dtype)) if bias else None
        self.W_o = Linear(d_model, d_model, bias=bias, rng=rng, dtype=dtype, ops=self.ops)

    def forward(self, x, *, mask=None, bias=None, rotary=None, rng=None):
        """Attend from every token to all tokens that it may see.

        Parameters
        ----------
        x : (B, T, D) array
        mask : bool array that broadcasts to (B, H, T, T), optional
            True = may attend. A causal mask makes this the decoder's masked self-attention.
        bias : array that broadcasts to (B, H, T, T), optional
            Added to the scores, as in ALiBi. It gets no gradient.
        rotary : (cos, sin), optional
            Tables of :func:`~minitransformer.functional.rotary_tables` at the tokens' positions,
            (T, E/2) or (B, 1, T, E/2). They rotate the queries and keys.
        rng : Generator, optional
            Turns dropout on.

        Returns
        -------
        y : (B, T, D) array
        cache : AttentionCache or TiledAttentionCache
        """
        return self._attend(x, None, self._project(x), mask, rng, bias, rotary)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D)."""
        dx, dW, db = self._project_backward(*self._attend_backward(dy, cache), cache.x)
        self.W_qkv.grad += dW
        if self.b_qkv is not None:
            self.b_qkv.grad += db
        return dx

    def extend(self, x, kv_cache, *, mask=None, bias=None, rotary=None):
        """The output for the next tokens of sequences whose keys and values are cached.

        Parameters
        ----------
        x : (B, T, D) array
            The next T tokens.
        kv_cache : KVCache
            Keys and values of the tokens before x. The keys and values of x are appended to it.
        mask, bias : arrays that broadcast to (B, H, T, S), optional
            S is the number of all tokens, the earlier ones and those of x.
        rotary : (cos, sin), optional
            Tables at the positions of the T tokens.

        Returns
        -------
        y : (B, T, D) array
        """
        Q, K, V = self._heads(self._project(x), rotary)
        return self._attend_without_cache(Q, *kv_cache.append(K, V), mask, bias)

    def _project(self, x):
        """x (B, T, D) -> queries, keys and values, each (B, T, D)."""
        return self.ops.qkv_projection(x, self.W_qkv.value, value_of(self.b_qkv))

    def _project_backward(self, dQ, dK, dV, x):
        return self.ops.qkv_projection_backward(dQ, dK, dV, x, self.W_qkv.value)


def value_of(parameter):
    """The value of a parameter, or None if there is no parameter."""
    return None if parameter is None else parameter.value
