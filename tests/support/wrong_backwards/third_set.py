"""A third set of seventy wrong backward passes, each with one sentence that says what is wrong.

``python -m tests.support.wrong_backwards.third_set`` prints, for each, what is wrong and what the
checker names. Whether the two agree is for a reader to judge.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer import gradcheck

RNG = np.random.default_rng(27182)
EPS = 1e-5
DELTA = 0.8
DROP = 0.3
SMOOTHING = 0.2
IGNORE = -100
CAP = 1.5


class WrongBackward(NamedTuple):
    name: str
    forward: Callable
    backward: Callable
    inputs: dict
    truth: str


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return RNG.uniform(0.4, 2.5, size=shape)


def logistic(x):
    return 1 / (1 + np.exp(-x))


def row_softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def one_hot(ids, classes):
    return np.eye(classes)[ids]


# ---------------------------------------------------------------- elementwise functions


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_quick_backward(dy, x):
    s = logistic(1.702 * x)
    return dy * (s + 1.702 * x * s * (1 - s))


def silu(x):
    return x * logistic(x)


def silu_backward(dy, x):
    s = logistic(x)
    return dy * (s + x * (1 - s))


def sigmoid(x):
    return logistic(x)


def sigmoid_backward(dy, x):
    return dy * x * (1 - x)


def tanh(x):
    return np.tanh(x)


def tanh_backward(dy, x):
    y = np.tanh(x)
    return dy * (1 - y)


def softplus(x):
    return np.log(1 + np.exp(x))


def softplus_backward(dy, x):
    return dy / (1 + np.exp(x))


def relu6(x):
    return np.minimum(np.maximum(x, 0), 6)


def relu6_backward(dy, x):
    return dy * (x > 0)


def softcap(x):
    return CAP * np.tanh(x / CAP)


def softcap_backward(dy, x):
    t = np.tanh(x / CAP)
    dt = dy * CAP
    return dy * dt * (1 - t**2) / CAP


def clipped_exp(x):
    return np.exp(x)


def clipped_exp_backward(dy, x):
    return np.clip(dy * np.exp(x), -1.0, 1.0)


def square_root(x):
    return np.sqrt(x)


def square_root_backward(dy, x):
    return 0.5 * dy * np.sqrt(x)


def divide(a, b):
    return a / b


def divide_backward(dy, a, b):
    return dy / b, -dy * a / b


def power(x, p):
    return x**p


def power_backward(dy, x, p):
    y = x**p
    return dy * p * x ** (p - 1), np.sum(dy * y * np.log(p), axis=0)


# ---------------------------------------------------------------- softmax and relatives


def softmax(x):
    return row_softmax(x)


def softmax_elementwise_backward(dy, x):
    y = row_softmax(x)
    return dy * y * (1 - y)


def softmax_columns_backward(dy, x):
    y = row_softmax(x)
    return y * (dy - (dy * y).sum(axis=0, keepdims=True))


def log_softmax(x):
    z = x - x.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def log_softmax_no_sum_backward(dy, x):
    return dy - row_softmax(x) * dy


def logsumexp(x):
    m = x.max(axis=-1, keepdims=True)
    return np.log(np.exp(x - m).sum(axis=-1)) + m[..., 0]


def logsumexp_backward(dy, x):
    e = np.exp(x - x.max())
    return dy[:, None] * e / e.sum()


# ---------------------------------------------------------------- normalisation


def layer_norm(x, gain, bias):
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(var + EPS) * gain + bias


def layer_norm_fixed_variance_backward(dy, x, gain, bias):
    mean = x.mean(axis=-1, keepdims=True)
    inv = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + EPS)
    xhat = (x - mean) * inv
    g = dy * gain
    dx = inv * (g - g.mean(axis=-1, keepdims=True))
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


def layer_norm_late_gain_backward(dy, x, gain, bias):
    mean = x.mean(axis=-1, keepdims=True)
    inv = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + EPS)
    xhat = (x - mean) * inv
    inner = dy - dy.mean(axis=-1, keepdims=True)
    inner = inner - xhat * (dy * xhat).mean(axis=-1, keepdims=True)
    return gain * inv * inner, (dy * xhat).sum(axis=0), dy.sum(axis=0)


def layer_norm_swapped_backward(dy, x, gain, bias):
    mean = x.mean(axis=-1, keepdims=True)
    inv = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + EPS)
    xhat = (x - mean) * inv
    g = dy * gain
    inner = g - g.mean(axis=-1, keepdims=True) - xhat * (g * xhat).mean(axis=-1, keepdims=True)
    return inv * inner, dy.sum(axis=0), (dy * xhat).sum(axis=0)


def rms_norm(x, gain):
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + EPS) * gain


def rms_norm_sum_backward(dy, x, gain):
    inv = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + EPS)
    xhat = x * inv
    g = dy * gain
    dx = inv * (g - xhat * (g * xhat).sum(axis=-1, keepdims=True))
    return dx, (dy * xhat).sum(axis=0)


def rms_norm_epsilon_backward(dy, x, gain):
    inv = 1 / (np.sqrt((x**2).mean(axis=-1, keepdims=True)) + EPS)
    xhat = x * inv
    g = dy * gain
    dx = inv * (g - xhat * (g * xhat).mean(axis=-1, keepdims=True))
    return dx, (dy * xhat).sum(axis=0)


def batch_norm(x, gain, bias):
    mean = x.mean(axis=0)
    var = ((x - mean) ** 2).mean(axis=0)
    return (x - mean) / np.sqrt(var + EPS) * gain + bias


def batch_norm_backward(dy, x, gain, bias):
    inv = 1 / np.sqrt(x.var(axis=0) + EPS)
    xhat = (x - x.mean(axis=0)) * inv
    dgain = (dy * xhat).sum(axis=0)
    dbias = dy.sum(axis=0)
    n = len(x)
    dx = gain * inv / n * (n * dy - dbias + xhat * dgain)
    return dx, dgain, dbias


def batch_norm_sequence(x, gain):
    mean = x.mean(axis=(0, 2), keepdims=True)
    var = ((x - mean) ** 2).mean(axis=(0, 2), keepdims=True)
    return (x - mean) / np.sqrt(var + EPS) * gain[:, None]


def batch_norm_sequence_backward(dy, x, gain):
    n = x.shape[0]
    inv = 1 / np.sqrt(x.var(axis=(0, 2), keepdims=True) + EPS)
    xhat = (x - x.mean(axis=(0, 2), keepdims=True)) * inv
    g = dy * gain[:, None]
    total = g.sum(axis=(0, 2), keepdims=True)
    along = (g * xhat).sum(axis=(0, 2), keepdims=True)
    return inv * (g - total / n - xhat * along / n), (dy * xhat).sum(axis=(0, 2))


def group_norm(x, gain):
    z = x.reshape(len(x), 2, -1)
    mean = z.mean(axis=-1, keepdims=True)
    var = ((z - mean) ** 2).mean(axis=-1, keepdims=True)
    return ((z - mean) / np.sqrt(var + EPS)).reshape(x.shape) * gain


def group_norm_raw_backward(dy, x, gain):
    z = x.reshape(len(x), 2, -1)
    inv = 1 / np.sqrt(z.var(axis=-1, keepdims=True) + EPS)
    zhat = (z - z.mean(axis=-1, keepdims=True)) * inv
    g = (dy * gain).reshape(z.shape)
    inner = g - g.mean(axis=-1, keepdims=True) - zhat * (g * zhat).mean(axis=-1, keepdims=True)
    return (inv * inner).reshape(x.shape), (dy * x).sum(axis=0)


def normalise(x):
    return x / np.sqrt((x**2).sum(axis=-1, keepdims=True))


def normalise_backward(dy, x):
    norm = np.sqrt((x**2).sum(axis=-1, keepdims=True))
    y = x / norm
    return (dy - y * (dy * x).sum(axis=-1, keepdims=True)) / norm


def cosine_similarity(a, b):
    return (a * b).sum(axis=-1) / np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))


def cosine_similarity_backward(dy, a, b):
    na = np.sqrt((a**2).sum(axis=-1, keepdims=True))
    nb = np.sqrt((b**2).sum(axis=-1, keepdims=True))
    cos = (a * b).sum(axis=-1, keepdims=True) / (na * nb)
    dy = dy[:, None]
    return dy * (b - cos * a) / (na * nb), dy * (a / (na * nb) - cos * b / nb**2)


def sample_variance(x):
    centred = x - x.mean(axis=-1, keepdims=True)
    return (centred**2).sum(axis=-1) / (x.shape[-1] - 1)


def sample_variance_backward(dy, x):
    centred = x - x.mean(axis=-1, keepdims=True)
    return 2 * dy[:, None] * centred / x.shape[-1]


# ---------------------------------------------------------------- linear algebra


def linear(x, W, b):
    return x @ W + b


def linear_decay_backward(dy, x, W, b):
    return dy @ W.T, x.T @ dy + 0.1 * W, dy.sum(axis=0)


def linear_bias_mean_backward(dy, x, W, b):
    dW = np.einsum("bti,bto->io", x, dy)
    return dy @ W.T, dW, dy.mean(axis=(0, 1))


def linear_first_example_backward(dy, x, W, b):
    return dy @ W.T, x[0].T @ dy[0], dy.sum(axis=(0, 1))


def matmul_chain(A, B, C):
    return A @ B @ C


def matmul_chain_backward(dy, A, B, C):
    return dy @ (B @ C).T, A.T @ dy @ C, (A @ B).T @ dy


def gram(x):
    return x @ x.T


def gram_backward(dy, x):
    return dy @ x


def two_layers(x, W1, W2):
    return np.maximum(x @ W1, 0) @ W2


def two_layers_backward(dy, x, W1, W2):
    pre = x @ W1
    dpre = (dy @ W2.T) * (pre > 0)
    return dpre @ W1.T, x.T @ dpre, pre.T @ dy


# ---------------------------------------------------------------- embedding and positions


def embedding(ids, table):
    return table[ids]


def embedding_last_wins_backward(dy, ids, table):
    dtable = np.zeros_like(table)
    dtable[ids] += dy
    return dtable


def embedding_averaged_backward(dy, ids, table):
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, dy)
    counts = np.bincount(ids.ravel(), minlength=len(table))
    return dtable / np.maximum(counts, 1)[:, None]


def embedding_padding_backward(dy, ids, table):
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, dy)
    dtable[0] = 0
    return dtable


def learned_positions(x, table):
    return x + table[: x.shape[1]]


def learned_positions_backward(dy, x, table):
    dtable = np.zeros_like(table)
    dtable[1 : x.shape[1] + 1] = dy.sum(axis=0)
    return dy, dtable


def rotary_angles(length, pairs):
    return np.arange(1, length + 1)[:, None] * 0.7 ** np.arange(pairs)


def rotary(x):
    angle = rotary_angles(x.shape[-2], x.shape[-1] // 2)
    a, b = np.split(x, 2, axis=-1)
    c, s = np.cos(angle), np.sin(angle)
    return np.concatenate([a * c - b * s, a * s + b * c], axis=-1)


def rotary_forwards_backward(dy, x):
    return rotary(dy)


def rotary_interleaved_backward(dy, x):
    angle = rotary_angles(x.shape[-2], x.shape[-1] // 2)
    a, b = dy[..., 0::2], dy[..., 1::2]
    c, s = np.cos(angle), np.sin(angle)
    dx = np.empty_like(x)
    dx[..., 0::2] = a * c + b * s
    dx[..., 1::2] = b * c - a * s
    return dx


# ---------------------------------------------------------------- attention


def attention_weights(q, k, mask=None):
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -1e9)
    return row_softmax(scores)


def scores_gradient(dp, p):
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


def attention(q, k, v):
    return attention_weights(q, k) @ v


def attention_values_backward(dy, q, k, v):
    p = attention_weights(q, k)
    ds = scores_gradient(dy @ np.swapaxes(v, -1, -2), p) / math.sqrt(q.shape[-1])
    return ds @ k, np.swapaxes(ds, -1, -2) @ q, p @ dy


def attention_scale_backward(dy, q, k, v):
    scale = 1 / math.sqrt(q.shape[-1])
    p = attention_weights(q, k)
    ds = scores_gradient(dy @ np.swapaxes(v, -1, -2), p)
    return ds @ k * scale, np.swapaxes(ds, -1, -2) @ q, np.swapaxes(p, -1, -2) @ dy


def causal_attention(q, k, v):
    t = q.shape[-2]
    return attention_weights(q, k, np.tri(t, dtype=bool)) @ v


def causal_attention_backward(dy, q, k, v):
    p = attention_weights(q, k)
    ds = scores_gradient(dy @ np.swapaxes(v, -1, -2), p) / math.sqrt(q.shape[-1])
    return ds @ k, np.swapaxes(ds, -1, -2) @ q, np.swapaxes(p, -1, -2) @ dy


def padded_attention(q, k, v, keep):
    return attention_weights(q, k, keep[:, None, :]) @ v


def padded_attention_backward(dy, q, k, v, keep):
    p = attention_weights(q, k, keep[:, None, :])
    ds = scores_gradient(dy @ np.swapaxes(v, -1, -2), p) / math.sqrt(q.shape[-1])
    ds = ds * keep[:, :, None]
    return ds @ k, np.swapaxes(ds, -1, -2) @ q, np.swapaxes(p, -1, -2) @ dy


def grouped_attention(q, k, v):
    repeats = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, repeats, axis=1), np.repeat(v, repeats, axis=1)
    return attention_weights(q, k) @ v


def grouped_attention_backward(dy, q, k, v):
    groups, repeats = k.shape[1], q.shape[1] // k.shape[1]
    k, v = np.repeat(k, repeats, axis=1), np.repeat(v, repeats, axis=1)
    p = attention_weights(q, k)
    ds = scores_gradient(dy @ np.swapaxes(v, -1, -2), p) / math.sqrt(q.shape[-1])
    dk = np.swapaxes(ds, -1, -2) @ q
    dv = np.swapaxes(p, -1, -2) @ dy
    tiled = (len(q), repeats, groups, *k.shape[2:])
    return ds @ k, dk.reshape(tiled).sum(axis=1), dv.reshape(tiled).sum(axis=1)


def merge_heads(x):
    b, h, t, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(b, t, h * d)


def merge_heads_backward(dy, x):
    return dy.reshape(x.shape)


# ---------------------------------------------------------------- losses


def cross_entropy(logits, targets):
    return -log_softmax(logits)[np.arange(len(targets)), targets].mean()


def cross_entropy_sum_backward(dy, logits, targets):
    return dy * (row_softmax(logits) - one_hot(targets, logits.shape[-1]))


def cross_entropy_no_upstream_backward(dy, logits, targets):
    return (row_softmax(logits) - one_hot(targets, logits.shape[-1])) / len(targets)


def cross_entropy_ignore(logits, targets):
    keep = targets != IGNORE
    rows = np.flatnonzero(keep)
    return -log_softmax(logits)[rows, targets[rows]].sum() / keep.sum()


def cross_entropy_ignore_denominator_backward(dy, logits, targets):
    keep = targets != IGNORE
    hot = one_hot(np.where(keep, targets, 0), logits.shape[-1])
    return dy * (row_softmax(logits) - hot) * keep[:, None] / len(targets)


def smoothed_cross_entropy(logits, targets):
    n, classes = logits.shape
    goal = (1 - SMOOTHING) * one_hot(targets, classes) + SMOOTHING / classes
    return -(goal * log_softmax(logits)).sum() / n


def smoothed_cross_entropy_backward(dy, logits, targets):
    n, classes = logits.shape
    return dy * (row_softmax(logits) - one_hot(targets, classes)) / n


def mean_squared_error(prediction, target):
    return ((prediction - target) ** 2).mean()


def mean_squared_error_backward(dy, prediction, target):
    d = 2 * dy * (prediction - target) / prediction.size
    return d, d.copy()


def huber(prediction, target):
    r = prediction - target
    return np.where(np.abs(r) <= DELTA, 0.5 * r**2, DELTA * (np.abs(r) - 0.5 * DELTA)).sum()


def huber_backward(dy, prediction, target):
    r = prediction - target
    d = dy * np.where(np.abs(r) <= DELTA, r, np.sign(r))
    return d, -d


def binary_cross_entropy(p, labels):
    return -np.where(labels == 1, np.log(p), np.log(1 - p)).mean()


def binary_cross_entropy_backward(dy, p, labels):
    return dy * (p - labels) / p.size


def kl_divergence(a, b):
    return (row_softmax(a) * (log_softmax(a) - log_softmax(b))).sum(axis=-1)


def kl_divergence_backward(dy, a, b):
    p, q = row_softmax(a), row_softmax(b)
    dy = dy[:, None]
    return dy * p * (np.log(p) - np.log(q)), dy * (q - p)


# ---------------------------------------------------------------- pooling, dropout, selection


def masked_mean(x, keep):
    m = keep[:, :, None]
    return (x * m).sum(axis=1) / m.sum(axis=1)


def masked_mean_backward(dy, x, keep):
    count = keep.sum(axis=1)[:, None, None]
    return np.broadcast_to(dy[:, None, :] / count, x.shape).copy()


def max_pool(x):
    return x.reshape(len(x), -1, 3).max(axis=-1)


def max_pool_backward(dy, x):
    winner = x.reshape(len(x), -1, 3).argmax(axis=-1)
    dx = np.zeros_like(x)
    np.add.at(dx, (np.arange(len(x))[:, None], winner), dy)
    return dx


def average_pool(x):
    return (x[:, :-2] + x[:, 1:-1] + x[:, 2:]) / 3


def average_pool_backward(dy, x):
    dx = np.zeros_like(x)
    for i in range(dy.shape[1]):
        dx[:, i : i + 3] = dy[:, i : i + 1] / 3
    return dx


def dropout(x, keep):
    return x * keep / (1 - DROP)


def dropout_inverted_backward(dy, x, keep):
    return dy * ~keep / (1 - DROP)


def top_three(x):
    return np.sort(x, axis=-1)[:, ::-1][:, :3]


def top_three_backward(dy, x):
    dx = np.zeros_like(x)
    np.put_along_axis(dx, np.argsort(x, axis=-1)[:, -3:], dy, axis=-1)
    return dx


# ---------------------------------------------------------------- residuals, gates, shapes


def residual_block(x, W):
    return x + np.tanh(x @ W)


def residual_block_backward(dy, x, W):
    dpre = dy * (1 - np.tanh(x @ W) ** 2)
    return dpre @ W.T, x.T @ dpre


def glu(x):
    a, b = np.split(x, 2, axis=-1)
    return a * logistic(b)


def glu_backward(dy, x):
    a, b = np.split(x, 2, axis=-1)
    s = logistic(b)
    return np.concatenate([dy * a * s * (1 - s), dy * s], axis=-1)


def highway(x, h, gate):
    t = logistic(gate)
    return t * h + (1 - t) * x


def highway_backward(dy, x, h, gate):
    t = logistic(gate)
    return dy * (1 - t), dy * t, dy * h * t * (1 - t)


def concatenate(a, b):
    return np.concatenate([a, b], axis=-1)


def concatenate_backward(dy, a, b):
    n = a.shape[-1]
    return dy[:, :n], dy[:, :n].copy()


def move_axes(x):
    return x.transpose(1, 2, 0)


def move_axes_backward(dy, x):
    return dy.transpose(1, 2, 0)


def flatten(x):
    return x.reshape(len(x), -1)


def flatten_backward(dy, x):
    return dy.reshape(x.shape, order="F")


def outer_sum(a, b):
    return np.tanh(a[:, None] + b[None, :])


def outer_sum_backward(dy, a, b):
    d = dy * (1 - np.tanh(a[:, None] + b[None, :]) ** 2)
    return d.sum(axis=0), d.sum(axis=1)


def cumulative_sum(x):
    return np.cumsum(x, axis=1)


def cumulative_sum_backward(dy, x):
    return np.cumsum(dy, axis=1)


def differences(x):
    return x[:, 1:] - x[:, :-1]


def differences_backward(dy, x):
    dx = np.zeros_like(x)
    dx[:, :-1] -= dy
    dx[:, 1:-1] += dy[:, :-1]
    return dx


# ---------------------------------------------------------------- convolution and recurrence


def conv1d(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (1, 1))), 3, axis=1)
    return windows @ w


def conv1d_backward(dy, x, w):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (1, 1))), 3, axis=1)
    grads = np.lib.stride_tricks.sliding_window_view(np.pad(dy, ((0, 0), (1, 1))), 3, axis=1)
    return grads @ w, np.einsum("btk,bt->k", windows, dy)


def causal_conv1d(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (2, 0))), 3, axis=1)
    return windows @ w


def causal_conv1d_backward(dy, x, w):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (1, 1))), 3, axis=1)
    grads = np.lib.stride_tricks.sliding_window_view(np.pad(dy, ((0, 0), (0, 2))), 3, axis=1)
    return grads @ w[::-1], np.einsum("btk,bt->k", windows, dy)


def rnn_step(x, h, Wx, Wh):
    return np.tanh(x @ Wx + h @ Wh)


def rnn_step_backward(dy, x, h, Wx, Wh):
    y = np.tanh(x @ Wx + h @ Wh)
    d = dy * (1 - y**2)
    return d @ Wx.T, dy @ Wh.T, x.T @ d, h.T @ d


def rnn_states(x, Wh):
    h = np.zeros_like(x[:, 0])
    states = [h]
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] + h @ Wh)
        states.append(h)
    return states


def rnn(x, Wh):
    return np.stack(rnn_states(x, Wh)[1:], axis=1)


def rnn_backward(dy, x, Wh):
    states = rnn_states(x, Wh)
    dx, dWh = np.zeros_like(x), np.zeros_like(Wh)
    for t in reversed(range(x.shape[1])):
        dpre = dy[:, t] * (1 - states[t + 1] ** 2)
        dx[:, t] = dpre
        dWh += states[t].T @ dpre
    return dx, dWh


# ---------------------------------------------------------------- the cases


KEEP = np.array([[True, True, False, True], [True, False, True, False], [True, True, True, False]])
KEEP_DROPOUT = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1], [1, 1, 0, 1, 1]], dtype=bool)
IDS = np.array([[2, 0, 2, 4], [5, 2, 0, 1]])
LABELS = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]])


def qkv(*shape):
    return {"q": normal(*shape), "k": normal(*shape), "v": normal(*shape)}


CASES = [
    WrongBackward(
        "gelu_tanh/quick",
        gelu_tanh,
        gelu_quick_backward,
        {"x": 2 * normal(4, 4)},
        "This is the derivative of another function, x * sigmoid(1.702 x), which only "
        "approximates this GELU.",
    ),
    WrongBackward(
        "silu",
        silu,
        silu_backward,
        {"x": normal(3, 5)},
        "In the second term of the product rule, the sigmoid's derivative is 1 - s instead of "
        "s * (1 - s).",
    ),
    WrongBackward(
        "sigmoid",
        sigmoid,
        sigmoid_backward,
        {"x": normal(3, 4)},
        "y * (1 - y) is computed with the input x instead of the output y.",
    ),
    WrongBackward(
        "tanh",
        tanh,
        tanh_backward,
        {"x": normal(3, 4)},
        "The derivative of tanh is 1 - y**2, but the square was forgotten.",
    ),
    WrongBackward(
        "softplus",
        softplus,
        softplus_backward,
        {"x": normal(4, 3)},
        "The derivative of softplus is sigmoid(x), but the exponent has the wrong sign, which "
        "gives sigmoid(-x).",
    ),
    WrongBackward(
        "relu6",
        relu6,
        relu6_backward,
        {"x": RNG.uniform(-4, 10, size=(4, 5))},
        "Inputs above 6 are saturated and should receive no gradient, but only the lower limit "
        "is respected.",
    ),
    WrongBackward(
        "softcap",
        softcap,
        softcap_backward,
        {"x": 2 * normal(3, 4)},
        "The upstream gradient is multiplied in twice.",
    ),
    WrongBackward(
        "exp/clipped",
        clipped_exp,
        clipped_exp_backward,
        {"x": normal(4, 4)},
        "The gradient is clipped to [-1, 1], so large entries are cut off.",
    ),
    WrongBackward(
        "square_root",
        square_root,
        square_root_backward,
        {"x": positive(3, 4)},
        "The upstream gradient is multiplied by the root where it should be divided by it.",
    ),
    WrongBackward(
        "divide/denominator",
        divide,
        divide_backward,
        {"a": normal(3, 4), "b": positive(3, 4)},
        "The gradient of the denominator b is divided by b instead of by b squared.",
    ),
    WrongBackward(
        "power/exponent",
        power,
        power_backward,
        {"x": positive(4, 3), "p": positive(3)},
        "The exponent's gradient contains the logarithm of the exponent instead of the logarithm "
        "of the base.",
    ),
    WrongBackward(
        "softmax/elementwise",
        softmax,
        softmax_elementwise_backward,
        {"x": normal(3, 5)},
        "Only the diagonal y * (1 - y) of softmax's Jacobian is used, as if the outputs of a row "
        "did not depend on each other's inputs.",
    ),
    WrongBackward(
        "softmax/columns",
        softmax,
        softmax_columns_backward,
        {"x": normal(4, 3)},
        "The sum of dy * y runs down the columns (axis 0), but softmax was taken along the rows.",
    ),
    WrongBackward(
        "log_softmax/no_sum",
        log_softmax,
        log_softmax_no_sum_backward,
        {"x": normal(3, 5)},
        "The softmax is multiplied by dy itself instead of by the sum of dy over the row.",
    ),
    WrongBackward(
        "logsumexp",
        logsumexp,
        logsumexp_backward,
        {"x": normal(3, 4)},
        "The softmax is normalised over the whole array instead of over each row.",
    ),
    WrongBackward(
        "layer_norm/fixed_variance",
        layer_norm,
        layer_norm_fixed_variance_backward,
        {"x": normal(3, 5), "gain": positive(5), "bias": normal(5)},
        "The term that comes from the variance is missing from dx, as if the variance were a "
        "constant.",
    ),
    WrongBackward(
        "layer_norm/late_gain",
        layer_norm,
        layer_norm_late_gain_backward,
        {"x": normal(3, 6), "gain": positive(6), "bias": normal(6)},
        "The gain is multiplied in after the means over the row were subtracted; it belongs to "
        "dy before they are taken.",
    ),
    WrongBackward(
        "layer_norm/swapped",
        layer_norm,
        layer_norm_swapped_backward,
        {"x": normal(4, 4), "gain": positive(4), "bias": normal(4)},
        "The gradients of gain and bias are returned in each other's place.",
    ),
    WrongBackward(
        "rms_norm/sum",
        rms_norm,
        rms_norm_sum_backward,
        {"x": normal(3, 4), "gain": positive(4)},
        "The second term of dx contains the sum over the row where the mean belongs: it is not "
        "divided by the width.",
    ),
    WrongBackward(
        "rms_norm/epsilon",
        rms_norm,
        rms_norm_epsilon_backward,
        {"x": 0.005 * normal(3, 4), "gain": positive(4)},
        "Epsilon is added outside the square root, but the forward pass adds it inside.",
    ),
    WrongBackward(
        "batch_norm/sign",
        batch_norm,
        batch_norm_backward,
        {"x": normal(5, 3), "gain": positive(3), "bias": normal(3)},
        "The term xhat * dgain in dx is added where it should be subtracted.",
    ),
    WrongBackward(
        "batch_norm_sequence/count",
        batch_norm_sequence,
        batch_norm_sequence_backward,
        {"x": normal(3, 2, 4), "gain": positive(2)},
        "The sums in dx are divided by the batch size only, though each channel's mean is also "
        "over the positions.",
    ),
    WrongBackward(
        "group_norm/raw",
        group_norm,
        group_norm_raw_backward,
        {"x": 2 * normal(4, 6) + 1, "gain": positive(6)},
        "The gain's gradient is computed with the raw input x instead of the normalised one.",
    ),
    WrongBackward(
        "normalise",
        normalise,
        normalise_backward,
        {"x": 2 * normal(3, 4)},
        "The projection uses the unnormalised x inside the sum, where the unit vector y belongs.",
    ),
    WrongBackward(
        "cosine_similarity/a",
        cosine_similarity,
        cosine_similarity_backward,
        {"a": 2 * normal(3, 4), "b": normal(3, 4)},
        "In the gradient of a, the term cos * a is divided by |a||b| instead of by |a| squared.",
    ),
    WrongBackward(
        "sample_variance/ddof",
        sample_variance,
        sample_variance_backward,
        {"x": normal(3, 5)},
        "The gradient is divided by n, but this variance divides by n - 1.",
    ),
    WrongBackward(
        "linear/decay",
        linear,
        linear_decay_backward,
        {"x": normal(4, 3), "W": normal(3, 2), "b": normal(2)},
        "Weight decay, 0.1 * W, is added to the weight's gradient, but it is not part of the "
        "function.",
    ),
    WrongBackward(
        "linear/bias_mean",
        linear,
        linear_bias_mean_backward,
        {"x": normal(2, 3, 4), "W": normal(4, 2), "b": normal(2)},
        "The bias's gradient is the mean of dy over batch and positions instead of the sum.",
    ),
    WrongBackward(
        "linear/first_example",
        linear,
        linear_first_example_backward,
        {"x": normal(3, 4, 2), "W": normal(2, 3), "b": normal(3)},
        "The weight's gradient comes from the first example of the batch only.",
    ),
    WrongBackward(
        "matmul_chain/middle",
        matmul_chain,
        matmul_chain_backward,
        {"A": normal(2, 4), "B": normal(4, 3), "C": normal(3, 3)},
        "In the gradient of B, C is not transposed.",
    ),
    WrongBackward(
        "gram",
        gram,
        gram_backward,
        {"x": normal(4, 3)},
        "x occurs twice in x @ x.T, but only its first occurrence receives a gradient.",
    ),
    WrongBackward(
        "two_layers/W2",
        two_layers,
        two_layers_backward,
        {"x": normal(5, 3), "W1": normal(3, 4), "W2": normal(4, 2)},
        "The gradient of W2 uses the hidden values before the ReLU instead of after it.",
    ),
    WrongBackward(
        "embedding/last_wins",
        embedding,
        embedding_last_wins_backward,
        {"ids": IDS, "table": normal(6, 3)},
        "If an id occurs several times, only its last occurrence counts; the gradients must be "
        "accumulated.",
    ),
    WrongBackward(
        "embedding/averaged",
        embedding,
        embedding_averaged_backward,
        {"ids": IDS, "table": normal(6, 3)},
        "The gradients of repeated ids are averaged, but they should be summed.",
    ),
    WrongBackward(
        "embedding/padding",
        embedding,
        embedding_padding_backward,
        {"ids": IDS, "table": normal(6, 4)},
        "The gradient of row 0 is set to zero as if id 0 were padding, but the forward pass "
        "treats it like any other.",
    ),
    WrongBackward(
        "learned_positions",
        learned_positions,
        learned_positions_backward,
        {"x": normal(2, 4, 3), "table": normal(6, 3)},
        "The positions are off by one: the gradient of position t is put into row t + 1 of the "
        "table.",
    ),
    WrongBackward(
        "rotary/forwards",
        rotary,
        rotary_forwards_backward,
        {"x": normal(2, 3, 4)},
        "The gradient is rotated by the same angle as the input; it has to be rotated back, by "
        "minus the angle.",
    ),
    WrongBackward(
        "rotary/interleaved",
        rotary,
        rotary_interleaved_backward,
        {"x": normal(2, 3, 6)},
        "The backward pass rotates neighbouring channels, but the forward pass pairs channel i "
        "of the first half with channel i of the second.",
    ),
    WrongBackward(
        "attention/values",
        attention,
        attention_values_backward,
        qkv(2, 4, 3),
        "The gradient of v lacks a transpose: it multiplies dy by the attention weights instead "
        "of by their transpose.",
    ),
    WrongBackward(
        "attention/scale",
        attention,
        attention_scale_backward,
        qkv(2, 4, 5),
        "The gradient of k lacks the factor 1 / sqrt(d), which q's gradient has.",
    ),
    WrongBackward(
        "causal_attention",
        causal_attention,
        causal_attention_backward,
        qkv(2, 4, 3),
        "The attention weights are recomputed without the causal mask.",
    ),
    WrongBackward(
        "padded_attention",
        padded_attention,
        padded_attention_backward,
        {**qkv(3, 4, 3), "keep": KEEP},
        "The padding mask is applied to the queries' axis of the scores' gradient, but it masks "
        "keys.",
    ),
    WrongBackward(
        "grouped_attention",
        grouped_attention,
        grouped_attention_backward,
        {"q": normal(2, 4, 3, 2), "k": normal(2, 2, 3, 2), "v": normal(2, 2, 3, 2)},
        "The gradients of k and v are summed over the wrong query heads: as if the key heads "
        "were tiled (0, 1, 0, 1), not repeated (0, 0, 1, 1).",
    ),
    WrongBackward(
        "merge_heads",
        merge_heads,
        merge_heads_backward,
        {"x": normal(2, 2, 3, 2)},
        "The gradient is only reshaped; the transpose of heads and positions is not undone.",
    ),
    WrongBackward(
        "cross_entropy/sum",
        cross_entropy,
        cross_entropy_sum_backward,
        {"logits": normal(4, 3), "targets": np.array([2, 0, 1, 0])},
        "The loss is a mean over the examples, but the gradient is not divided by their number.",
    ),
    WrongBackward(
        "cross_entropy/no_upstream",
        cross_entropy,
        cross_entropy_no_upstream_backward,
        {"logits": normal(5, 3), "targets": np.array([1, 0, 2, 2, 1])},
        "The upstream gradient dy is not used.",
    ),
    WrongBackward(
        "cross_entropy_ignore/denominator",
        cross_entropy_ignore,
        cross_entropy_ignore_denominator_backward,
        {"logits": normal(5, 3), "targets": np.array([2, IGNORE, 1, IGNORE, 0])},
        "The gradient is divided by the number of all targets instead of by the number of those "
        "that are not ignored.",
    ),
    WrongBackward(
        "smoothed_cross_entropy",
        smoothed_cross_entropy,
        smoothed_cross_entropy_backward,
        {"logits": normal(4, 5), "targets": np.array([4, 0, 2, 0])},
        "The gradient subtracts the one-hot targets; the label smoothing was forgotten.",
    ),
    WrongBackward(
        "mean_squared_error/target",
        mean_squared_error,
        mean_squared_error_backward,
        {"prediction": normal(3, 4), "target": normal(3, 4)},
        "The target's gradient has the wrong sign: it should be minus that of the prediction.",
    ),
    WrongBackward(
        "huber",
        huber,
        huber_backward,
        {"prediction": 2 * normal(4, 3), "target": normal(4, 3)},
        "In the linear part the slope is 1 instead of delta.",
    ),
    WrongBackward(
        "binary_cross_entropy",
        binary_cross_entropy,
        binary_cross_entropy_backward,
        {"p": RNG.uniform(0.1, 0.9, size=(4, 3)), "labels": LABELS},
        "p - label is the gradient of the logits, but the input is the probability: the "
        "division by p * (1 - p) is missing.",
    ),
    WrongBackward(
        "kl_divergence/a",
        kl_divergence,
        kl_divergence_backward,
        {"a": normal(3, 4), "b": normal(3, 4)},
        "In the gradient of a, the divergence itself must be subtracted from log p - log q, "
        "since p passes through a softmax.",
    ),
    WrongBackward(
        "masked_mean",
        masked_mean,
        masked_mean_backward,
        {"x": normal(3, 4, 2), "keep": KEEP},
        "Padded positions receive a gradient too: the mask was forgotten.",
    ),
    WrongBackward(
        "max_pool",
        max_pool,
        max_pool_backward,
        {"x": normal(3, 9)},
        "The winner's index within its window is used as the index in the row: the window's "
        "start is not added.",
    ),
    WrongBackward(
        "average_pool",
        average_pool,
        average_pool_backward,
        {"x": normal(3, 6)},
        "The windows overlap, but each overwrites the gradient of the previous one instead of "
        "adding to it.",
    ),
    WrongBackward(
        "dropout/inverted",
        dropout,
        dropout_inverted_backward,
        {"x": normal(3, 5), "keep": KEEP_DROPOUT},
        "The mask is inverted: the dropped entries receive the gradient, and the kept ones none.",
    ),
    WrongBackward(
        "top_three",
        top_three,
        top_three_backward,
        {"x": normal(3, 6)},
        "The top entries are taken in ascending order, but the outputs are in descending order, "
        "so the largest gets the third's gradient.",
    ),
    WrongBackward(
        "residual_block",
        residual_block,
        residual_block_backward,
        {"x": normal(4, 3), "W": normal(3, 3)},
        "The gradient through the skip connection, dy itself, is missing from dx.",
    ),
    WrongBackward(
        "glu",
        glu,
        glu_backward,
        {"x": normal(3, 6)},
        "The gradients of the two halves, value and gate, are joined in the wrong order.",
    ),
    WrongBackward(
        "highway/gate",
        highway,
        highway_backward,
        {"x": normal(3, 4), "h": normal(3, 4), "gate": normal(3, 4)},
        "The gate's gradient lacks the part -x of the carry branch: it should contain h - x.",
    ),
    WrongBackward(
        "concatenate/b",
        concatenate,
        concatenate_backward,
        {"a": normal(3, 2), "b": normal(3, 2)},
        "b receives the first half of the gradient, the same as a, instead of the second half.",
    ),
    WrongBackward(
        "move_axes",
        move_axes,
        move_axes_backward,
        {"x": normal(3, 3, 3)},
        "The same permutation of axes is applied again instead of its inverse.",
    ),
    WrongBackward(
        "flatten",
        flatten,
        flatten_backward,
        {"x": normal(2, 3, 4)},
        "The gradient is reshaped in column-major (Fortran) order, but the forward pass reshapes "
        "in row-major order.",
    ),
    WrongBackward(
        "outer_sum",
        outer_sum,
        outer_sum_backward,
        {"a": normal(4), "b": normal(4)},
        "The sums that undo the broadcasting run over the wrong axes: each input is summed over "
        "its own axis.",
    ),
    WrongBackward(
        "cumulative_sum",
        cumulative_sum,
        cumulative_sum_backward,
        {"x": normal(3, 5)},
        "The gradient is accumulated from the start; it has to be accumulated from the end.",
    ),
    WrongBackward(
        "differences",
        differences,
        differences_backward,
        {"x": normal(3, 5)},
        "The last column receives no gradient.",
    ),
    WrongBackward(
        "conv1d/flip",
        conv1d,
        conv1d_backward,
        {"x": normal(3, 6), "w": normal(3)},
        "In the gradient of x, the kernel is not flipped.",
    ),
    WrongBackward(
        "causal_conv1d/padding",
        causal_conv1d,
        causal_conv1d_backward,
        {"x": normal(3, 6), "w": normal(3)},
        "The kernel's gradient uses windows that are one position too late, since the input is "
        "padded on both sides instead of only on the left.",
    ),
    WrongBackward(
        "rnn_step/hidden",
        rnn_step,
        rnn_step_backward,
        {"x": normal(3, 2), "h": normal(3, 4), "Wx": normal(2, 4), "Wh": normal(4, 4)},
        "The gradient of the previous hidden state lacks the derivative of tanh.",
    ),
    WrongBackward(
        "rnn/truncated",
        rnn,
        rnn_backward,
        {"x": normal(2, 4, 3), "Wh": normal(3, 3)},
        "No gradient flows from a step to the hidden state of the step before: each step's "
        "predecessor is treated as a constant.",
    ),
]


def main():
    for case in CASES:
        report = gradcheck.check(case.forward, case.backward, case.inputs)
        print(f"{case.name}\n{case.truth}\n{report}\n")


if __name__ == "__main__":
    main()
