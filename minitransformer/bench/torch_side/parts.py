"""Parts that the models share: attention, feed-forward network, block, and loading our weights."""

import torch
from torch import nn
from torch.nn import functional as T

ACTIVATIONS = {
    "relu": T.relu,
    "gelu": T.gelu,
    "gelu_tanh": lambda x: T.gelu(x, approximate="tanh"),
}


def device_of(name):
    """PyTorch's name for the device; ValueError if there is no GPU that it can use."""
    if name == "gpu" and not torch.cuda.is_available():
        raise ValueError("PyTorch finds no GPU")
    return "cuda" if name == "gpu" else "cpu"


class SelfAttention(nn.Module):
    """Self-attention: one linear map for Q, K and V, attention in one call, and an output map."""

    def __init__(self, D, n_heads, dropout, bias=True):
        super().__init__()
        self.n_heads, self.dropout = n_heads, dropout
        self.W_qkv, self.W_o = nn.Linear(D, 3 * D, bias=bias), nn.Linear(D, D, bias=bias)

    def forward(self, x, mask=None, causal=False):
        """x (B, T, D); mask broadcasts to (B, H, T, T), True = may attend."""
        Q, K, V = self.heads(x)
        p = self.dropout if self.training else 0.0
        O = T.scaled_dot_product_attention(Q, K, V, mask, p, causal)
        return self.W_o(joined(O))

    def heads(self, x):
        """Q, K, V, each (B, H, T, E)."""
        B, length, D = x.shape
        parts = self.W_qkv(x).view(B, length, 3, self.n_heads, D // self.n_heads)
        return parts.permute(2, 0, 3, 1, 4).unbind()


class CrossAttention(nn.Module):
    """Cross-attention: queries from one sequence; keys and values, by one map, from another."""

    def __init__(self, D, n_heads, dropout):
        super().__init__()
        self.n_heads, self.dropout = n_heads, dropout
        self.W_q, self.W_kv, self.W_o = nn.Linear(D, D), nn.Linear(D, 2 * D), nn.Linear(D, D)

    def forward(self, x, memory, mask):
        """x (B, T, D), memory (B, S, D), mask (B, 1, 1, S) or None."""
        B, S, D = memory.shape
        Q = self.W_q(x).view(B, -1, self.n_heads, D // self.n_heads).transpose(1, 2)
        parts = self.W_kv(memory).view(B, S, 2, self.n_heads, D // self.n_heads)
        K, V = parts.permute(2, 0, 3, 1, 4).unbind()
        p = self.dropout if self.training else 0.0
        return self.W_o(joined(T.scaled_dot_product_attention(Q, K, V, mask, p)))


def joined(O):
    """O (B, H, T, E) -> (B, T, D)."""
    return O.transpose(1, 2).flatten(2)


class FeedForward(nn.Module):
    """Two linear maps with an activation between them."""

    def __init__(self, D, F, activation, bias=True):
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.linear1, self.linear2 = nn.Linear(D, F, bias=bias), nn.Linear(F, D, bias=bias)

    def forward(self, x):
        return self.linear2(self.activation(self.linear1(x)))


class Block(nn.Module):
    """Self-attention and feed-forward network, each with a residual, a norm and dropout."""

    def __init__(self, D, n_heads, F, dropout, activation="relu", bias=True, norm="pre"):
        super().__init__()
        self.dropout, self.norm_first = dropout, norm == "pre"
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.attention = SelfAttention(D, n_heads, dropout, bias)
        self.feed_forward = FeedForward(D, F, activation, bias)

    def forward(self, x, mask=None, causal=False):
        if self.norm_first:
            x = x + self._drop(self.attention(self.norm1(x), mask, causal))
            return x + self._drop(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + self._drop(self.attention(x, mask, causal)))
        return self.norm2(x + self._drop(self.feed_forward(x)))

    def _drop(self, x):
        return dropped(self, x)


def dropped(module, x):
    """Apply dropout with the module's probability, if that is not 0."""
    return T.dropout(x, module.dropout, module.training) if module.dropout else x


ENDINGS = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias", "P": "weight"}
TABLES = ("embedding.W", "positions.P")


class Model(nn.Module):
    """A network that can load our weights."""

    def copy_in(self, values):
        """Copy our weights into this model; `values` maps our parameter names to arrays."""
        own = {name: value for name, value in self.named_parameters() if value.requires_grad}
        with torch.no_grad():
            for name, value in values.items():
                tensor = torch.from_numpy(value.copy())
                is_matrix = value.ndim == 2 and not name.endswith(TABLES)
                own.pop(self.own_name(name)).copy_(tensor.T if is_matrix else tensor)
        if own:
            raise ValueError(f"values must contain every parameter, but lack {', '.join(own)}")

    def own_name(self, name):
        """This model's name for our parameter `name`."""
        layer, _, last = name.rpartition(".")
        kind, _, joint = last.partition("_")  # W_qkv and b_qkv belong to a linear map of their own
        layer = f"{layer}.W_{joint}" if joint else layer
        return f"{layer}.{ENDINGS[kind]}"
