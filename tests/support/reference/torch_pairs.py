"""Every pair's forward function a third time, with PyTorch's own operators and autograd.

Each function takes the inputs of the pair by name, as tensors, and returns what is compared; the
first outputs take the upstream gradients. PyTorch is needed to make the stored values and for the
live comparison, not to run the tests.
"""

import math

import numpy as np
import torch
from torch.nn import functional as T
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.support.reference import torch_recurrence, torch_windows
from tests.support.reference.cases import rounded
from tests.support.scalar_tiled import whole_keep


def linear(x, W, b):
    return (T.linear(x, W.T, b),)


def qkv_projection(x, W, b):
    pairs = zip(W.chunk(3, dim=1), b.chunk(3), strict=True)
    return tuple(T.linear(x, part.T, bias) for part, bias in pairs)


def relu(x):
    return (T.relu(x),)


def gelu(x, approximate="none"):
    return (T.gelu(x, approximate=approximate),)


def silu(x):
    return (T.silu(x),)


def swiglu(gate, up):
    return (T.silu(gate) * up,)


def rotary(x, cos, sin):
    """As Llama spells it: x cos + (x turned by 90 degrees) sin, the tables given twice."""
    x1, x2 = x.chunk(2, dim=-1)
    turned = torch.cat((-x2, x1), dim=-1)
    return (x * torch.cat((cos, cos), dim=-1) + turned * torch.cat((sin, sin), dim=-1),)


def softmax(x, axis=-1):
    return (T.softmax(x, dim=axis),)


def log_softmax(x, axis=-1):
    return (T.log_softmax(x, dim=axis),)


def layer_norm(x, gamma, beta):
    return (T.layer_norm(x, x.shape[-1:], gamma, beta, eps=1e-5),)


def rms_norm(x, gamma):
    return (T.rms_norm(x, x.shape[-1:], gamma, eps=1e-6),)


def dropout(x, keep):
    return (x * keep,)


def embedding(ids, W):
    return (T.embedding(ids, W),)


def attention(Q, K, V, mask=None, keep=None, bias=None):
    """PyTorch's own attention where it can do it, spelled out where a given dropout is needed."""
    group = Q.shape[-3] // K.shape[-3] if Q.ndim > 2 else 1
    shared = [x.repeat_interleave(group, dim=-3) if group > 1 else x for x in (K, V)]
    scores = Q @ shared[0].mT / math.sqrt(Q.shape[-1])
    extra = torch.zeros_like(scores) if bias is None else bias.expand(scores.shape)
    mask = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand(scores.shape)
    alive = mask.any(dim=-1, keepdim=True)
    # A row that sees nothing would be NaN: it sees everything here, and is set to 0 afterwards.
    seen = (scores + extra).masked_fill(~(mask | ~alive), -math.inf)
    P = T.softmax(seen, dim=-1) * alive
    if keep is not None:
        return (P * keep) @ shared[1], P
    with sdpa_kernel(SDPBackend.MATH):
        additive = extra.masked_fill(~(mask | ~alive), -math.inf)
        O = T.scaled_dot_product_attention(Q, K, V, attn_mask=additive, enable_gqa=group > 1)
    return O * alive, P


def tiled_attention(Q, K, V, mask=None, dropout=0.0, seed=None, bias=None, block=128):
    """O as above, with the dropout of every block in one array, and the scores' log-sum-exp."""
    scores_shape = (*Q.shape[:-1], K.shape[-2])
    keep = torch.from_numpy(whole_keep(scores_shape, dropout, seed, block)) if dropout else None
    shared = K.repeat_interleave(Q.shape[-3] // K.shape[-3], dim=-3) if Q.ndim > 2 else K
    scores = Q @ shared.mT / math.sqrt(Q.shape[-1])
    scores = scores if bias is None else scores + bias
    seen = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    total = torch.logsumexp(seen, dim=-1)
    total = torch.where(torch.isinf(total), torch.zeros_like(total), total)
    return attention(Q, K, V, mask, keep, bias)[0], total


def split_heads(x, n_heads):
    return (torch.stack(x.chunk(n_heads, dim=-1), dim=1),)


def merge_heads(x):
    return (torch.cat(x.unbind(dim=1), dim=-1),)


def cross_entropy(logits, targets, label_smoothing=0.0, class_weights=None, ignore_index=-100):
    loss = T.cross_entropy(
        logits.flatten(0, -2),
        targets.flatten(),
        weight=class_weights,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )
    return (loss,)


def mean_squared_error(y, target):
    return (T.mse_loss(y, target),)


def mean_pool(x, mask=None):
    mask = torch.ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
    total = x.masked_fill(~mask[..., None], 0).sum(dim=1)
    return (total / mask.sum(dim=1, keepdim=True).clamp(min=1),)


def max_pool(x, mask=None):
    mask = torch.ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
    any_real = mask.any(dim=1, keepdim=True)
    y = x.masked_fill(~mask[..., None], -math.inf).max(dim=1).values
    return (torch.where(any_real, y, 0.0),)


def first_pool(x, mask=None):
    mask = torch.ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
    first = mask.to(torch.int64).argmax(dim=1)
    y = x[torch.arange(len(x)), first]
    return (torch.where(mask.any(dim=1, keepdim=True), y, 0.0),)


FORWARD = {
    name: function
    for name, function in globals().items()
    if callable(function) and getattr(function, "__module__", None) == __name__
}
FORWARD |= torch_windows.FORWARD | torch_recurrence.FORWARD
FORWARD |= {
    "gelu_tanh": gelu,
    "softmax_axis_1": softmax,
    "log_softmax_axis_1": log_softmax,
}


def values_and_gradients(name, inputs, wrt, rng):
    """Outputs, random upstream gradients and gradients of one call, as NumPy arrays.

    Parameters
    ----------
    name : str
        Of the pair.
    inputs : dict of str to float64 array or option
    wrt : tuple of str
        Inputs that get a gradient.
    rng : Generator
        Draws the upstream gradients.

    Returns
    -------
    outputs : list of array
    upstreams : list of array
        One for each output that takes an upstream gradient.
    gradients : dict of str to array
    """
    tensors = {
        key: torch.from_numpy(value.copy()) if hasattr(value, "dtype") else value
        for key, value in inputs.items()
    }
    for key in wrt:
        tensors[key].requires_grad_(True)
    outputs = FORWARD[name](**tensors)
    differentiated = outputs[:1] if name.endswith("attention") else outputs
    upstreams = [rounded(np.array(rng.standard_normal(y.shape))) for y in differentiated]
    gradients = torch.autograd.grad(
        differentiated,
        [tensors[key] for key in wrt],
        [torch.from_numpy(up) for up in upstreams],
        allow_unused=True,
        materialize_grads=True,
    )
    return (
        [y.detach().numpy() for y in outputs],
        upstreams,
        {key: gradient.numpy() for key, gradient in zip(wrt, gradients, strict=True)},
    )
