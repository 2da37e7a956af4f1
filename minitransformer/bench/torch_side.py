"""PyTorch's side: the same classifier, written as a PyTorch user would who wants it fast.

Scaled dot-product attention in one call, one linear map for Q, K and V, fused Adam, gradients set
to None, batches that are tensors before the clock starts. Nothing but this file imports PyTorch.
"""

import math
import platform
import time

import torch
from torch import nn
from torch.nn import functional as T

from minitransformer.bench.workloads import N_CLASSES, SEED, batches
from minitransformer.functional import sinusoidal_positions

PEAK_SIZE, PEAK_SECONDS = 2048, 1.5


def about():
    """Versions and the linear-algebra library, by name."""
    blas = "MKL" if torch.backends.mkl.is_available() else "no MKL"
    if torch.backends.mkldnn.is_available():
        blas += ", oneDNN"
    return {"PyTorch": torch.__version__, "BLAS": blas, "threads": str(torch.get_num_threads()),
            "kernels": torch.backends.cpu.get_cpu_capability(), "Python": platform.python_version()}


class Block(nn.Module):
    """Encoder block with the norm before each sublayer, relu, and three dropouts."""

    def __init__(self, case):
        super().__init__()
        D, F = case.d_model, case.d_ff
        self.n_heads, self.dropout = case.n_heads, case.dropout
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.W_qkv, self.W_o = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.linear1, self.linear2 = nn.Linear(D, F), nn.Linear(F, D)

    def forward(self, x, mask):
        x = x + self._drop(self._attend(self.norm1(x), mask))
        hidden = T.relu(self.linear1(self.norm2(x)))
        return x + self._drop(self.linear2(hidden))

    def _attend(self, x, mask):
        B, length, D = x.shape
        parts = self.W_qkv(x).view(B, length, 3, self.n_heads, D // self.n_heads)
        Q, K, V = parts.permute(2, 0, 3, 1, 4).unbind()
        p = self.dropout if self.training else 0.0
        O = T.scaled_dot_product_attention(Q, K, V, attn_mask=mask, dropout_p=p)
        return self.W_o(O.transpose(1, 2).reshape(B, length, D))

    def _drop(self, x):
        return T.dropout(x, self.dropout, self.training) if self.dropout else x


class Classifier(nn.Module):
    """Embedding, sinusoidal positions, blocks, norm, mean over the tokens, linear head."""

    def __init__(self, case):
        super().__init__()
        self.scale, self.dropout = case.d_model**0.5, case.dropout
        self.embedding = nn.Embedding(case.vocab_size, case.d_model)
        table = torch.from_numpy(sinusoidal_positions(case.max_len, case.d_model, "float32"))
        self.register_buffer("positions", table)
        self.blocks = nn.ModuleList(Block(case) for _ in range(case.n_layers))
        self.final_norm = nn.LayerNorm(case.d_model)
        self.head = nn.Linear(case.d_model, N_CLASSES)

    def forward(self, ids, mask):
        """Logits (B, C) of ids (B, T); mask (B, T) is True at tokens, None without padding."""
        x = self.embedding(ids) * self.scale + self.positions[: ids.shape[1]]
        if self.dropout:
            x = T.dropout(x, self.dropout, self.training)
        pairs = None if mask is None else mask[:, None, None, :]
        for block in self.blocks:
            x = block(x, pairs)
        x = self.final_norm(x)
        if mask is None:
            return self.head(x.mean(dim=1))
        weights = mask.to(x.dtype)
        pooled = (x * weights[..., None]).sum(dim=1) / weights.sum(dim=1, keepdim=True)
        return self.head(pooled)

    def copy_in(self, values):
        """Set the weights from ours, a dict of arrays by our names."""
        own = dict(self.named_parameters())
        with torch.no_grad():
            for name, value in values.items():
                tensor = torch.from_numpy(value.copy())
                is_matrix = value.ndim == 2 and name != "embedding.W"
                own.pop(_own_name(name)).copy_(tensor.T if is_matrix else tensor)
        if own:
            raise ValueError(f"no values for {', '.join(own)}")


# Ours to the modules' names: the two parts of a layer are one module here.
RENAMED = (
    ("attention.", ""), ("feed_forward.", ""), (".W_qkv", ".W_qkv.W"), (".b_qkv", ".W_qkv.b"),
)  # fmt: skip
ENDINGS = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}


def _own_name(name):
    """The name in :class:`Classifier` of our parameter `name`."""
    for ours, theirs in RENAMED:
        name = name.replace(ours, theirs)
    layer, _, last = name.rpartition(".")
    return f"{layer}.{ENDINGS[last]}"


def device_of(name):
    """PyTorch's name of the device; ValueError where there is no GPU that it can use."""
    if name == "gpu" and not torch.cuda.is_available():
        raise ValueError("this PyTorch finds no GPU")
    return "cuda" if name == "gpu" else "cpu"


def peak(device):
    """Operations a second of the fastest float32 matrix product that was seen."""
    a = torch.ones(PEAK_SIZE, PEAK_SIZE, device=device_of(device))
    least, end = math.inf, time.perf_counter() + PEAK_SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        a @ a
        if device == "gpu":
            torch.cuda.synchronize()
        least = min(least, time.perf_counter() - began)
    return 2 * PEAK_SIZE**3 / least


class Steps:
    """Training steps of one model on the batches of a case.

    Parameters
    ----------
    case : Case
    device : {"cpu", "gpu"}
    threads : int
        Taken from the environment, before PyTorch was imported.
    compiled : bool
        Use ``torch.compile``.
    """

    def __init__(self, case, device, threads, compiled=False):
        self.device = device_of(device)
        torch.manual_seed(SEED)
        self.model = Classifier(case).to(self.device).train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)
        self.run = torch.compile(self.model) if compiled else self.model
        self.batches = [self._tensors(case, batch) for batch in batches(case)]

    def _tensors(self, case, batch):
        """ids, mask and labels; padded to the longest of the batch unless the case says to T."""
        ids, mask = batch.padded(case.max_len if case.padded else None)
        mask = None if mask.all() else torch.from_numpy(mask).to(self.device)
        labels = torch.from_numpy(batch.labels).to(self.device)
        return torch.from_numpy(ids).to(self.device), mask, labels

    def step(self, number):
        """Forward and backward pass and Adam, on batch `number` (modulo their number)."""
        ids, mask, labels = self.batches[number % len(self.batches)]
        self.optimizer.zero_grad(set_to_none=True)
        loss = T.cross_entropy(self.run(ids, mask), labels)
        loss.backward()
        self.optimizer.step()
        return (loss.detach(),)

    def wait(self):
        """Until the device has done everything."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def device_memory(self):
        """Peak memory held on the device in bytes; None on the CPU, where the process is asked."""
        return torch.cuda.max_memory_reserved() if self.device == "cuda" else None
