"""The values that a call of an attention layer stores for its backward pass, and for inspection."""

from typing import Any, NamedTuple

from minitransformer import functional
from minitransformer.layers.shown import by_shape


@by_shape
class AttentionCache(NamedTuple):
    """Every intermediate value of a call. For self-attention, `memory` is None and S = T.

    The shapes are x (B, T, D), memory (B, S, D), Q and O (B, H, T, E), and K and V (B, H, S, E),
    or with fewer heads of keys and values (B, G, S, E). P (B, H, T, S) are the attention weights
    before dropout. keep is the dropout mask, of the shape of P, or None. output is the cache of
    the output projection. rotary holds the tables that rotated Q and K, or None; Q and K are
    stored after the rotation.
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
    rotary: Any = None


@by_shape
class TiledAttentionCache(NamedTuple):
    """Every value that a call stores when it processes the queries in blocks. P is not stored.

    x, memory, Q, K, V, O, output and rotary are as in :class:`AttentionCache`. mask is the mask
    that was passed. dropout is the probability, and seed determines the dropout mask; without
    dropout, they are 0 and None. logsumexp (B, H, T) is one number per query. bias was added to the
    scores, or is None.
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
    bias: Any = None
    rotary: Any = None

    @property
    def P(self):
        """The weights before dropout, (B, H, T, S), computed again on every access.

        They take the memory that this cache saves, so run one text at a time to look at them.
        """
        return functional.attention(self.Q, self.K, self.V, self.mask, bias=self.bias)[1]
