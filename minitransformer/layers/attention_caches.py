"""What a call of an attention layer keeps: for its backward pass, and for the reader."""

from typing import Any, NamedTuple

from minitransformer import functional


class AttentionCache(NamedTuple):
    """Every intermediate value of a call; for self-attention `memory` is None and S = T.

    x (B, T, D), memory (B, S, D), Q and O (B, H, T, E), K and V (B, H, S, E), P (B, H, T, S), the
    weights before dropout, keep of P's shape, or None; output is the cache of the last linear map.
    rotary holds the tables by which Q and K were turned (they stand here after it), or None.
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


class TiledAttentionCache(NamedTuple):
    """Every value that is kept of a call in blocks of queries; P is not one of them.

    x (B, T, D), memory (B, S, D) or None, Q and O (B, H, T, E), K and V (B, H, S, E), the mask,
    dropout and the seed it is drawn from (0 and None without), logsumexp (B, H, T); output is the
    cache of the last linear map; bias of the scores, and rotary tables, or None.
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
        """The weights before dropout, (B, H, T, S), computed again whenever they are asked for.

        They take the memory that the cache does without: ask for one text at a time.
        """
        return functional.attention(self.Q, self.K, self.V, self.mask, bias=self.bias)[1]
