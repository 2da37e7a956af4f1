"""The base of the transformers that read text: embedded tokens, a stack of blocks."""

from typing import Any, NamedTuple

from minitransformer.layers import Linear, PositionalEncoding, TiedHead
from minitransformer.layers.shown import by_shape
from minitransformer.models.block_stack import BlockStack
from minitransformer.models.network import TextNetwork


@by_shape
class EmbeddedCache(NamedTuple):
    """The values before the first block. `embedded` (B, T, D) is without positions and dropout."""

    embedding: Any
    embedded: Any
    positions: Any
    dropout: Any


def key_mask(mask):
    """The mask of tokens (B, T) as a mask of keys (B, 1, 1, T). None stays None."""
    return None if mask is None else mask[:, None, None, :]


class SequenceModel(BlockStack, TextNetwork):
    """Base class of :class:`TransformerClassifier`, :class:`GPT` and :class:`Transformer`."""

    def _make_positions(self, rng):
        """The layer that adds positions; None if attention applies them, or none are used."""
        settings = self.settings
        if settings.positions in ("rotary", "alibi", "none"):
            return None
        return PositionalEncoding(
            settings.positions, self.max_len, settings.d_model, rng=rng, dtype=settings.dtype
        )

    def _make_token_head(self, embedding, vocab_size, shared):
        settings = self.settings
        if settings.tied:
            return TiedHead(embedding, bias=settings.head_bias, ops=self.ops)
        return Linear(settings.d_model, vocab_size, bias=settings.head_bias, **shared)

    def _embed(self, ids, embedding, positions, rng):
        """ids (B, T) -> x (B, T, D), :class:`EmbeddedCache`."""
        embedded, embedding_cache = embedding.forward(ids)
        x, positions_cache = embedded, None
        if positions is not None:
            x, positions_cache = positions.forward(embedded)
        x, dropout = self.dropout.forward(x, rng=rng)
        return x, EmbeddedCache(embedding_cache, embedded, positions_cache, dropout)

    def _embed_backward(self, dx, embedding, positions, cache):
        """dx (B, T, D) -> the gradient of the embedded tokens, (B, T, D)."""
        dembedded = self.dropout.backward(dx, cache.dropout)
        if positions is not None:
            dembedded = positions.backward(dembedded, cache.positions)
        embedding.backward(dembedded, cache.embedding)
        return dembedded

    def _check_capacity(self, capacity):
        if isinstance(capacity, bool) or not hasattr(capacity, "__index__"):
            raise TypeError(f"capacity must be a whole number, got {capacity!r}")
        if not 1 <= capacity <= self.max_len:
            raise ValueError(f"capacity must lie in 1 .. max_len = {self.max_len}, got {capacity}")
