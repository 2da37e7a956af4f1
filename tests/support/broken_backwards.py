"""Wrong backward passes, one for each way in which hand-written gradients go wrong.

Each makes a mistake that some common kind of test does not notice: a batch of one, a gain of 1,
dropout switched off, no mask, distinct ids, square shapes. `tests/support/broken_gradients.py`
gives them to the checker.
"""

import numpy as np

from minitransformer import functional as F


def softmax_over_batch(dy, y):
    return F.softmax_backward(dy, y) / len(dy)


def softmax_without_sum(dy, y):
    return y * dy


def softmax_zero(dy, y):
    return np.zeros_like(dy)


def softmax_in_float32(dy, y):
    dy, y = dy.astype("float32"), y.astype("float32")
    return F.softmax_backward(dy, y).astype("float64")


def softmax_negated(dy, y):
    return -F.softmax_backward(dy, y)


def cross_entropy_not_divided(dloss, saved):
    return F.cross_entropy_backward(dloss, saved) * saved.targets.size


def cross_entropy_over_padding(dloss, saved):
    counted = saved.targets >= 0
    return F.cross_entropy_backward(dloss, saved) * counted.sum() / counted.size


def norm_gamma_outside(dy, xhat, rstd, gamma):
    centred = dy - dy.mean(-1, keepdims=True) - xhat * (dy * xhat).mean(-1, keepdims=True)
    _, dgamma, dbeta = F.layer_norm_backward(dy, xhat, rstd, gamma)
    return gamma * rstd * centred, dgamma, dbeta


def norm_without_mean(dy, xhat, rstd, gamma):
    g = gamma * dy
    _, dgamma, dbeta = F.layer_norm_backward(dy, xhat, rstd, gamma)
    return rstd * (g - xhat * (g * xhat).mean(-1, keepdims=True)), dgamma, dbeta


def norm_without_variance(dy, xhat, rstd, gamma):
    g = gamma * dy
    _, dgamma, dbeta = F.layer_norm_backward(dy, xhat, rstd, gamma)
    return rstd * (g - g.mean(-1, keepdims=True)), dgamma, dbeta


def norm_without_either(dy, xhat, rstd, gamma):
    _, dgamma, dbeta = F.layer_norm_backward(dy, xhat, rstd, gamma)
    return rstd * gamma * dy, dgamma, dbeta


def attention_saved(inputs, outputs):
    return {**inputs, "P": outputs[1]}


def attention_wrong_weights(dO, Q, K, V, P, keep):
    dQ, dK, _ = F.attention_backward(dO, Q, K, V, P, keep=keep)
    return dQ, dK, P.swapaxes(-1, -2) @ dO


def attention_unmasked(dO, Q, K, V, P, mask):
    return F.attention_backward(dO, Q, K, V, F.softmax(Q @ K.swapaxes(-1, -2) / Q.shape[-1] ** 0.5))


def attention_without_scale(dO, Q, K, V, P):
    dQ, dK, dV = F.attention_backward(dO, Q, K, V, P)
    return dQ * Q.shape[-1] ** 0.5, dK, dV


def attention_model_scale(dO, Q, K, V, P):
    dQ, dK, dV = F.attention_backward(dO, Q, K, V, P)
    heads, width = Q.shape[1], Q.shape[-1]
    return dQ, dK * width**0.5 / (heads * width) ** 0.5, dV


def attention_exchanged(dO, Q, K, V, P):
    dQ, dK, dV = F.attention_backward(dO, Q, K, V, P)
    return dQ, dV, dK


def attention_without_sum(dO, Q, K, V, P):
    _, dK, dV = F.attention_backward(dO, Q, K, V, P)
    dS = P * (dO @ V.swapaxes(-1, -2))
    return dS @ K / Q.shape[-1] ** 0.5, dK, dV


def attention_key_transposed(dO, Q, K, V, P):
    _, dK, dV = F.attention_backward(dO, Q, K, V, P)
    dS = F.softmax_backward(dO @ V.swapaxes(-1, -2), P) / Q.shape[-1] ** 0.5
    return dS @ K.swapaxes(-1, -2), dK, dV


def linear_mixed_axes(dy, x, W, b):
    dx, _, db = F.linear_backward(dy, x, W)
    return dx, x.transpose(0, 2, 1).reshape(W.shape[0], -1) @ dy.reshape(-1, W.shape[1]), db


def linear_transposed(dy, x, W, b):
    dx, dW, db = F.linear_backward(dy, x, W)
    return dx, dW.T, db


def linear_bias_mean(dy, x, W, b):
    dx, dW, _ = F.linear_backward(dy, x, W)
    return dx, dW, dy.mean(axis=(0, 1))


def heads_by_reshape(dy):
    B, H, T, E = dy.shape
    return dy.reshape(B, T, H * E)


def embedding_last_wins(dy, ids, W):
    dW = np.zeros_like(W)
    dW[ids] += dy
    return dW


def dropout_forgotten(dy, x, keep):
    return dy


def dropout_not_rescaled(dy, x, keep):
    return dy * (keep > 0)


def gelu_of_the_other_form(dy, x):
    return F.gelu_backward(dy, x, approximate="tanh")


def gelu_reversed(dy, x):
    return F.gelu_backward(dy, x)[..., ::-1].copy()


def square_without_two(dy, x):
    return x * dy


def gain(x, gamma):
    return x * gamma


def gain_left_out(dy, x, gamma):
    return dy, (dy * x).sum(axis=0)


def skip(x, W, gamma):
    """Residual connection around a norm and a linear map: y = x + LN(x) W."""
    return x + F.layer_norm(x, gamma, 0 * gamma)[0] @ W


def _branch(dy, x, W, gamma):
    _, xhat, rstd = F.layer_norm(x, gamma, 0 * gamma)
    _, dW, _ = F.linear_backward(dy, gamma * xhat, W)
    _, dgamma, _ = F.layer_norm_backward(dy @ W.T, xhat, rstd, gamma)
    return xhat, rstd, dW, dgamma


def skip_through_norm(dy, x, W, gamma):
    xhat, rstd, dW, dgamma = _branch(dy, x, W, gamma)
    return F.layer_norm_backward(dy + dy @ W.T, xhat, rstd, gamma)[0], dW, dgamma


def skip_lost(dy, x, W, gamma):
    xhat, rstd, dW, dgamma = _branch(dy, x, W, gamma)
    return F.layer_norm_backward(dy @ W.T, xhat, rstd, gamma)[0], dW, dgamma


def square(x):
    return x * x


def skip_counted_twice(dy, x, W, gamma):
    xhat, rstd, dW, dgamma = _branch(dy, x, W, gamma)
    return 2 * dy + F.layer_norm_backward(dy @ W.T, xhat, rstd, gamma)[0], dW, dgamma


def two_paths(x, z):
    return x * x + 3 * z


def paths_added(dy, x, z):
    return 2 * x * dy + 3 * dy, 3 * dy


def scaled(x, scale):
    return x * scale


def scale_forgotten(dy, x, scale):
    return dy


def scale_twice(dy, x, scale):
    return dy * scale * scale


COLUMNS = np.array([0.5, 2.0, -1.0, 3.0, 1.5])


def weighted_columns(x):
    return x * COLUMNS


def columns_forgotten(dy, x):
    return dy


def nearly_square(dy, x):
    return 2 * x * dy * (1 + 1e-12)
