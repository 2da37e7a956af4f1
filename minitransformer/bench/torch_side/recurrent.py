"""PyTorch's version of the recurrent classifier."""

import torch
from torch import nn

from minitransformer.bench.torch_side.parts import Model, dropped
from minitransformer.bench.workloads.classifier import N_CLASSES

RECURRENCE = {
    "recurrences.0.W": "lstm.weight_ih_l0",
    "recurrences.0.U": "lstm.weight_hh_l0",
    "recurrences.0.b": "lstm.bias_ih_l0",
}


class RecurrentClassifier(Model):
    """Embedding, LSTM, linear head on the output at the last token.

    Padding is on the right, so it comes after the last token and does not have to be packed away,
    which would be slower. PyTorch's second bias stays at zero: it would only double the steps of
    the first.
    """

    def __init__(self, case):
        super().__init__()
        self.dropout = case.dropout
        self.embedding = nn.Embedding(case.vocab_size, case.d_model)
        self.lstm = nn.LSTM(case.d_model, case.d_state, batch_first=True)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        self.lstm.bias_hh_l0.requires_grad_(False)
        self.head = nn.Linear(case.d_state, N_CLASSES)

    def forward(self, ids, mask):
        """Logits (B, C) of ids (B, T); mask (B, T) is True at tokens, None if nothing is padded."""
        y, _ = self.lstm(dropped(self, self.embedding(ids)))
        if mask is None:
            last = y[:, -1]
        else:
            last = y[torch.arange(len(ids), device=ids.device), mask.sum(dim=1) - 1]
        return self.head(dropped(self, last))

    def own_name(self, name):
        return RECURRENCE.get(name) or super().own_name(name)
