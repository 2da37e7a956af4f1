"""The classifier built from PyTorch's own modules, with our weights copied in."""

import torch
from torch import nn
from torch.nn import functional as T

from tests.support.scalar_model import scalar_positions, sinusoidal_positions

ACTIVATIONS = {
    "relu": T.relu,
    "gelu": T.gelu,
    "gelu_tanh": lambda x: T.gelu(x, approximate="tanh"),
}
# PyTorch's name for each of our parameters; weights are transposed there.
NAMES = {
    "embedding.W": "table.weight",
    "positions.P": "positions",
    "blocks.": "encoder.layers.",
    "attention.W_qkv": "self_attn.in_proj_weight",
    "attention.b_qkv": "self_attn.in_proj_bias",
    "attention.W_o.": "self_attn.out_proj.",
    "feed_forward.": "",
    "final_norm.": "encoder.norm.",
}
LAST = {".W": ".weight", ".b": ".bias", ".gamma": ".weight", ".beta": ".bias"}


def torch_name(name):
    """PyTorch's name for our parameter `name`."""
    for ours, theirs in NAMES.items():
        name = name.replace(ours, theirs)
    for ours, theirs in LAST.items():
        if name.endswith(ours):
            name = name.removesuffix(ours) + theirs
    return name


def _is_transposed(name):
    return name.endswith((".W", ".W_qkv")) and name != "embedding.W"


class TorchClassifier(nn.Module):
    """Embedding, positions, ``nn.TransformerEncoder``, pooling, linear head; all float64."""

    def __init__(
        self,
        *,
        vocab_size,
        n_classes,
        max_len,
        d_model,
        n_heads,
        d_ff,
        n_layers,
        norm,
        pooling,
        activation,
        dropout=0.0,
        positions="sinusoidal",
    ):
        super().__init__()
        self.scale, self.pooling = d_model**0.5, pooling
        self.table = nn.Embedding(vocab_size, d_model)
        if positions == "learned":
            self.positions = nn.Parameter(torch.zeros(max_len, d_model))
        else:
            tables = {"sinusoidal": sinusoidal_positions, "scalar": scalar_positions}
            table = torch.tensor(tables[positions](max_len, d_model), dtype=torch.float64)
            self.register_buffer("positions", table)
        block = nn.TransformerEncoderLayer(
            d_model,
            n_heads,
            d_ff,
            dropout=dropout,
            activation=ACTIVATIONS[activation],
            batch_first=True,
            norm_first=norm == "pre",
        )
        self.encoder = nn.TransformerEncoder(
            block,
            n_layers,
            norm=nn.LayerNorm(d_model) if norm == "pre" else None,
            enable_nested_tensor=False,
        )
        self.head = nn.Linear(d_model, n_classes)
        self.double()

    def forward(self, ids, mask):
        x = self.table(ids) * self.scale + self.positions[: ids.shape[1]]
        x = self.encoder(x, src_key_padding_mask=~mask)
        if self.pooling == "mean":
            x = (x * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        elif self.pooling == "max":
            x = x.masked_fill(~mask[..., None], -torch.inf).max(dim=1).values
        else:
            x = x[:, 0]
        return self.head(x)

    def copy_in(self, values):
        """Copy our weights into this model, by name."""
        own = dict(self.named_parameters())
        assert {torch_name(name) for name in values} == set(own)
        with torch.no_grad():
            for name, value in values.items():
                tensor = torch.from_numpy(value.copy())
                own[torch_name(name)].copy_(tensor.T if _is_transposed(name) else tensor)

    def gradients(self, names):
        """Gradients under our names, in our layout."""
        own = dict(self.named_parameters())
        return {
            name: (
                own[torch_name(name)].grad.T if _is_transposed(name) else own[torch_name(name)].grad
            )
            .contiguous()
            .numpy()
            for name in names
        }


def logits_and_gradients(settings, values, ids, mask, dlogits):
    """Logits (B, C), and the gradient of every parameter for the upstream gradient `dlogits`."""
    model = TorchClassifier(**settings)
    model.copy_in(values)
    logits = model(torch.from_numpy(ids), torch.from_numpy(mask))
    logits.backward(torch.from_numpy(dlogits))
    return logits.detach().numpy(), model.gradients(values)


def adam_losses(settings, values, batches, n_steps, learning_rate):
    """Loss before each of `n_steps` Adam steps, the batches taken in turn."""
    model = TorchClassifier(**settings)
    model.copy_in(values)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    for step in range(n_steps):
        ids, mask, labels = (torch.from_numpy(a) for a in batches[step % len(batches)])
        loss = T.cross_entropy(model(ids, mask), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
