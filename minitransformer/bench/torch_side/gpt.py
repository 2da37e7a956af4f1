"""PyTorch's version of the decoder that predicts the next token, in GPT-2's layout."""

import torch
from torch import nn
from torch.nn import functional as T

from minitransformer.bench.torch_side.parts import Block, Model, dropped, joined


class GPT(Model):
    """Embedding, learned positions, blocks with a causal mask, norm, tied head."""

    def __init__(self, case):
        super().__init__()
        D = case.d_model
        self.dropout = case.dropout
        self.embedding = nn.Embedding(case.vocab_size, D)
        self.positions = nn.Embedding(case.max_len, D)
        self.blocks = nn.ModuleList(
            Block(D, case.n_heads, 4 * D, case.dropout, case.activation, case.bias)
            for _ in range(case.n_layers)
        )
        self.final_norm = nn.LayerNorm(D)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids):
        """Logits (B, T, V) of ids (B, T)."""
        x = dropped(self, self.embedding(ids) + self.positions.weight[: ids.shape[1]])
        for block in self.blocks:
            x = block(x, causal=True)
        return T.linear(self.final_norm(x), self.embedding.weight)

    def cache(self, capacity):
        """An empty cache (N, 2, 1, H, capacity, E) for the keys and values of one text."""
        n_heads, D = self.blocks[0].attention.n_heads, self.embedding.embedding_dim
        shape = len(self.blocks), 2, 1, n_heads, capacity, D // n_heads
        return torch.empty(shape, device=self.embedding.weight.device)

    def extend(self, ids, cache, start):
        """Logits (1, V) after ids (1, T), which begin at position `start`; T > 1 needs start 0."""
        end = start + ids.shape[1]
        x = self.embedding(ids) + self.positions.weight[start:end]
        for block, kv in zip(self.blocks, cache, strict=True):
            Q, K, V = block.attention.heads(block.norm1(x))
            kv[0, :, :, start:end] = K
            kv[1, :, :, start:end] = V
            O = T.scaled_dot_product_attention(
                Q, kv[0, :, :, :end], kv[1, :, :, :end], is_causal=end - start > 1
            )
            x = x + block.attention.W_o(joined(O))
            x = x + block.feed_forward(block.norm2(x))
        return T.linear(self.final_norm(x[:, -1]), self.embedding.weight)
