"""PyTorch's version of the encoder-decoder."""

import torch
from torch import nn
from torch.nn import functional as T

from minitransformer.bench.torch_side.parts import (
    Block,
    CrossAttention,
    FeedForward,
    Model,
    SelfAttention,
    dropped,
)
from minitransformer.functional import sinusoidal_positions


class DecoderBlock(nn.Module):
    """Masked self-attention, cross-attention, feed-forward network, each followed by a norm."""

    def __init__(self, D, n_heads, F, dropout):
        super().__init__()
        self.dropout = dropout
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(D) for _ in range(3))
        self.self_attention = SelfAttention(D, n_heads, dropout)
        self.cross_attention = CrossAttention(D, n_heads, dropout)
        self.feed_forward = FeedForward(D, F, "relu")

    def forward(self, x, memory, mask):
        x = self.norm1(x + dropped(self, self.self_attention(x, causal=True)))
        x = self.norm2(x + dropped(self, self.cross_attention(x, memory, mask)))
        return self.norm3(x + dropped(self, self.feed_forward(x)))


class Transformer(Model):
    """Figure 1 of Vaswani et al.; one table embeds both languages and serves as the head."""

    def __init__(self, case):
        super().__init__()
        D, sizes = case.d_model, (case.d_model, case.n_heads, case.d_ff, case.dropout)
        self.scale, self.dropout = D**0.5, case.dropout
        self.source_embedding = nn.Embedding(case.vocab_size, D)
        nn.init.normal_(self.source_embedding.weight, std=D**-0.5)
        table = torch.from_numpy(sinusoidal_positions(case.longest, D, "float32"))
        self.register_buffer("positions", table)
        self.encoder = nn.ModuleList(Block(*sizes, norm="post") for _ in range(case.n_layers))
        self.decoder = nn.ModuleList(DecoderBlock(*sizes) for _ in range(case.n_layers))

    def forward(self, source, target, source_mask):
        """Logits (B, T, V) of source (B, S) and target (B, T), both padded on the right.

        The mask (B, S) is True at tokens, or None if there is no padding. No target token attends
        to the tokens after it.
        """
        mask = None if source_mask is None else source_mask[:, None, None, :]
        memory, x = self._embed(source), self._embed(target)
        for block in self.encoder:
            memory = block(memory, mask)
        for block in self.decoder:
            x = block(x, memory, mask)
        return T.linear(x, self.source_embedding.weight)

    def _embed(self, ids):
        x = self.source_embedding(ids) * self.scale + self.positions[: ids.shape[1]]
        return dropped(self, x)
