"""PyTorch's version of the classifier."""

import torch
from torch import nn

from minitransformer.bench.torch_side.parts import Block, Model, dropped
from minitransformer.bench.workloads.classifier import N_CLASSES
from minitransformer.functional import sinusoidal_positions


class Classifier(Model):
    """Embedding, sinusoidal positions, blocks, norm, mean over the tokens, linear head."""

    def __init__(self, case):
        super().__init__()
        D = case.d_model
        self.scale, self.dropout = D**0.5, case.dropout
        self.embedding = nn.Embedding(case.vocab_size, D)
        table = torch.from_numpy(sinusoidal_positions(case.max_len, D, "float32"))
        self.register_buffer("positions", table)
        self.blocks = nn.ModuleList(
            Block(D, case.n_heads, case.d_ff, case.dropout) for _ in range(case.n_layers)
        )
        self.final_norm = nn.LayerNorm(D)
        self.head = nn.Linear(D, N_CLASSES)

    def forward(self, ids, mask):
        """Logits (B, C) of ids (B, T); mask (B, T) is True at tokens, None if nothing is padded."""
        x = dropped(self, self.embedding(ids) * self.scale + self.positions[: ids.shape[1]])
        pairs = None if mask is None else mask[:, None, None, :]
        for block in self.blocks:
            x = block(x, pairs)
        x = self.final_norm(x)
        if mask is None:
            return self.head(x.mean(dim=1))
        weights = mask.to(x.dtype)
        pooled = (x * weights[..., None]).sum(dim=1) / weights.sum(dim=1, keepdim=True)
        return self.head(pooled)
