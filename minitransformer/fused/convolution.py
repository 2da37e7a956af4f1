"""A faster backward pass of the convolution over a text, for NumPy arrays on a CPU.

The plain function copies the windows of x, and computes a gradient for each of them: arrays with K
D numbers per window. Here the gradients of the outputs are copied to the tokens instead: K F
numbers per token. A text has many more features than filters (300 and 100 in a TextCNN), and then
this array is the smaller one.
"""

import math

import numpy as np

from minitransformer import functional
from minitransformer.functional.windowed.windows import check_steps, margins, require_upstream
from minitransformer.fused.cpu import stands_for


@stands_for(functional.conv1d_backward)
def conv1d_backward(dy, x, W, *, stride=1, padding="valid"):
    r"""Faster :func:`~minitransformer.functional.conv1d_backward` for stride 1 and F up to D.

    Token u is at place k of window u + m - k, where m zeros come before the text. With

    .. math:: G_{u, (k, f)} = \frac{\partial L}{\partial y_{u + m - k, \, f}}

    both gradients are products: dx is G times W as a matrix (K F, D), and dW is x, transposed,
    times G. For other strides, or more filters than features, the plain function is called.
    """
    K, D, F = W.shape
    if check_steps("stride", stride, 1) != (1,) or F > D:
        return functional.conv1d_backward(dy, x, W, stride=stride, padding=padding)
    B, T = x.shape[:2]
    ((before, after),) = margins((T,), (K,), (1,), padding)
    n_windows = before + T + after - K + 1
    require_upstream(dy, (B, n_windows, F))
    G = np.zeros((B, T, K, F), x.dtype)
    for k in range(K):
        shift = k - before  # token = window + shift
        first = max(0, -shift)
        end = max(first, min(n_windows, T - shift))
        G[:, first + shift : end + shift, k] = dy[:, first:end]
    G = G.reshape(B * T, K * F)
    dx = G @ W.transpose(0, 2, 1).reshape(K * F, D)
    dW = x.reshape(B * T, D).T @ G
    db = dy.reshape(math.prod(dy.shape[:2]), F).sum(axis=0)
    return dx.reshape(x.shape), dW.reshape(D, K, F).transpose(1, 0, 2), db
