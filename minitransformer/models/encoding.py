"""The left half of figure 1: the stack that reads the source."""

from typing import Any, NamedTuple

from minitransformer.layers import Embedding, EncoderBlock, PositionalEncoding
from minitransformer.models.sequence_model import SequenceModel


class EncoderCache(NamedTuple):
    """Every intermediate value of the left half of figure 1; memory (B, S, D) is its result."""

    input: Any
    blocks: tuple
    norm: Any
    memory: Any


class Encoding(SequenceModel):
    """The encoder of a :class:`Transformer`: embedded tokens, blocks, perhaps a norm."""

    def _make_encoder(self, draws):
        settings = self.settings
        D, H = settings.d_model, settings.n_heads
        self.source_embedding = Embedding(self.vocab_size, D, scale=settings.scale, **draws)
        self.source_positions = self._positions(draws["rng"])
        self.encoder = [
            EncoderBlock(D, H, settings.d_ff, **settings.block_options(), **draws)
            for _ in range(settings.n_layers)
        ]
        self.encoder_norm = self._final_norm()

    def _positions(self, rng):
        settings = self.settings
        if settings.positions == "none":
            return None
        return PositionalEncoding(
            settings.positions, self.max_len, settings.d_model, rng=rng, dtype=settings.dtype
        )

    def encode(self, source, *, source_mask=None, rng=None):
        """source (B, S), source_mask (B, S) -> memory (B, S, D), :class:`EncoderCache`."""
        self._check_batch(source, source_mask, self.vocab_size, "source", padding="anywhere")
        x, embedded = self._embed(source, self.source_embedding, self.source_positions, rng)
        mask = as_keys(source_mask)
        x, blocks, norm = self._through(self.encoder, self.encoder_norm, x, mask=mask, rng=rng)
        return x, EncoderCache(embedded, blocks, norm, x)

    def encode_backward(self, dmemory, cache):
        """dmemory (B, S, D) -> the gradient of the embedded source, (B, S, D)."""
        dx = self._back_through(self.encoder, self.encoder_norm, dmemory, cache)
        return self._embed_backward(dx, self.source_embedding, self.source_positions, cache.input)


def as_keys(mask):
    """A mask of tokens (B, S) as one of keys, (B, 1, 1, S)."""
    return None if mask is None else mask[:, None, None, :]
