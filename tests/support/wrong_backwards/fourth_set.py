"""A fourth set of seventy wrong backward passes, each with one sentence that says what is wrong.

``python -m tests.support.wrong_backwards.fourth_set`` prints, for each, what is wrong and what the
checker names. Whether the two agree is for a reader to judge.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer import gradcheck

RNG = np.random.default_rng(20261201)
EPS = 1e-5
KEEP = 0.8
DELTA = 0.7
SMOOTHING = 0.2
IGNORED = -100


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
    e = np.exp(x - x.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def swap(x):
    return np.swapaxes(x, -1, -2)


def one_hot(targets, n):
    return np.eye(n)[targets]


# elementwise


def sigmoid_at_input(dy, x):
    return dy * x * (1 - x)


def tanh(x):
    return np.tanh(x)


def tanh_without_square(dy, x):
    return dy * (1 - np.tanh(x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def gelu_without_product_rule(dy, x):
    return dy * 0.5 * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def silu(x):
    return x * logistic(x)


def silu_as_sigmoid(dy, x):
    s = logistic(x)
    return dy * s * (1 - s)


def softplus_beta(x):
    return np.log1p(np.exp(3.0 * x)) / 3.0


def softplus_without_beta_inside(dy, x):
    return dy * logistic(x)


def relu6(x):
    return np.where(x.real > 6, 6.0, np.where(x.real > 0, x, 0.0))


def relu6_without_ceiling(dy, x):
    return dy * (x > 0)


def elu(x):
    return np.where(x.real > 0, x, 1.5 * (np.exp(x) - 1))


def elu_output_without_alpha(dy, x):
    y = elu(x)
    return np.where(x > 0, dy, dy * y)


def log1p(x):
    return np.log1p(x)


def square_root(x):
    return np.sqrt(x)


def sqrt_without_half(dy, x):
    return dy / np.sqrt(x)


def divide(a, b):
    return a / b


def divide_positive_denominator(dy, a, b):
    return dy / b, dy * a / b**2


def power(x, p):
    return x**p


def power_log_of_exponent(dy, x, p):
    return dy * p * x ** (p - 1), dy * x**p * np.log(p)


def exponential(x):
    return np.exp(x)


def exp_ignores_upstream(dy, x):
    return np.exp(x)


def hardswish(x):
    return np.where(x.real > 3, x, np.where(x.real < -3, 0.0, x * (x + 3) / 6))


def hardswish_slope_clipped(dy, x):
    return dy * np.clip((2 * x + 3) / 6, 0.0, 1.0)


def squared_relu(x):
    return np.where(x.real > 0, x**2, 0.0)


def squared_relu_upstream_twice(dy, x):
    return dy * dy * 2 * np.maximum(x, 0)


# softmax and its relatives


def softmax_diagonal(dy, x):
    y = row_softmax(x)
    return dy * y * (1 - y)


def softmax_3d(scores):
    return row_softmax(scores)


def softmax_sum_over_rows(dy, scores):
    y = row_softmax(scores)
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


def log_softmax(x):
    return np.log(row_softmax(x))


def log_softmax_without_exp(dy, x):
    return dy - log_softmax(x) * dy.sum(-1, keepdims=True)


def logsumexp(x):
    return np.log(np.exp(x).sum(-1))


def logsumexp_unnormalised(dy, x):
    return dy[:, None] * np.exp(x - x.max(-1, keepdims=True))


# normalisation


def layer_norm(x, gain, bias):
    centred = x - x.mean(-1, keepdims=True)
    return gain * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPS) + bias


def layer_norm_parts(x):
    centred = x - x.mean(-1, keepdims=True)
    inverse = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + EPS)
    return centred * inverse, inverse


def layer_norm_without_mean_path(dy, x, gain, bias):
    xhat, inverse = layer_norm_parts(x)
    d = dy * gain
    dx = inverse * (d - xhat * (d * xhat).mean(-1, keepdims=True))
    return dx, (dy * xhat).sum(0), dy.sum(0)


def layer_norm_gain_sees_raw_input(dy, x, gain, bias):
    xhat, inverse = layer_norm_parts(x)
    d = dy * gain
    mean, dot = d.mean(-1, keepdims=True), (d * xhat).mean(-1, keepdims=True)
    return inverse * (d - mean - xhat * dot), (dy * x).sum(0), dy.sum(0)


def rms_norm(x, gain):
    return gain * x / np.sqrt((x**2).mean(-1, keepdims=True) + EPS)


def rms_norm_constant_rms(dy, x, gain):
    inverse = 1 / np.sqrt((x**2).mean(-1, keepdims=True) + EPS)
    return dy * gain * inverse, (dy * x * inverse).sum(0)


def batch_norm(x, gain, bias):
    centred = x - x.mean(0)
    return gain * centred / np.sqrt((centred**2).mean(0) + EPS) + bias


def batch_norm_bias_averaged(dy, x, gain, bias):
    centred = x - x.mean(0)
    inverse = 1 / np.sqrt((centred**2).mean(0) + EPS)
    xhat, d = centred * inverse, dy * gain
    dx = inverse * (d - d.mean(0) - xhat * (d * xhat).mean(0))
    return dx, (dy * xhat).sum(0), dy.mean(0)


def group_norm(x):
    grouped = x.reshape(x.shape[0], 2, -1)
    centred = grouped - grouped.mean(-1, keepdims=True)
    return (centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPS)).reshape(x.shape)


def group_norm_statistics_of_whole_example(dy, x):
    xhat, inverse = layer_norm_parts(x.reshape(x.shape[0], 2, -1))
    d = dy.reshape(xhat.shape)
    mean = d.mean((1, 2), keepdims=True)
    dot = (d * xhat).mean((1, 2), keepdims=True)
    return (inverse * (d - mean - xhat * dot)).reshape(x.shape)


def standardise(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 0.1)


def standardise_eps_outside_root(dy, x):
    centred = x - x.mean(-1, keepdims=True)
    inverse = 1 / (np.sqrt((centred**2).mean(-1, keepdims=True)) + 0.1)
    xhat = centred * inverse
    return inverse * (dy - dy.mean(-1, keepdims=True) - xhat * (dy * xhat).mean(-1, keepdims=True))


def unit_vector(x):
    return x / np.sqrt((x**2).sum(-1, keepdims=True))


def unit_vector_projects_on_raw_input(dy, x):
    norm = np.sqrt((x**2).sum(-1, keepdims=True))
    return (dy - x * (dy * x).sum(-1, keepdims=True)) / norm


def cosine_similarity(a, b):
    return (unit_vector(a) * unit_vector(b)).sum(-1)


def cosine_similarity_norm_of_b_constant(dy, a, b):
    na = np.sqrt((a**2).sum(-1, keepdims=True))
    nb = np.sqrt((b**2).sum(-1, keepdims=True))
    cosine = (a * b).sum(-1, keepdims=True) / (na * nb)
    return dy[:, None] * (b / nb - cosine * a / na) / na, dy[:, None] * a / (na * nb)


def unbiased_variance(x):
    return ((x - x.mean(-1, keepdims=True)) ** 2).sum(-1) / (x.shape[-1] - 1)


def unbiased_variance_divides_by_n(dy, x):
    return dy[:, None] * 2 * (x - x.mean(-1, keepdims=True)) / x.shape[-1]


# linear maps


def linear(x, w, b):
    return x @ w + b


def linear_weight_not_transposed(dy, x, w, b):
    return dy @ w, x.T @ dy, dy.sum(0)


def linear_bias_of_first_example(dy, x, w, b):
    return dy @ w.T, x.T @ dy, dy[0]


def batched_projection(x, w):
    return x @ w


def batched_projection_overwrites_weight(dy, x, w):
    dw = np.zeros_like(w)
    for x_n, dy_n in zip(x, dy, strict=True):
        dw = x_n.T @ dy_n
    return dy @ w.T, dw


def three_matrices(a, b, c):
    return a @ b @ c


def three_matrices_last_not_transposed(dy, a, b, c):
    return dy @ c.T @ b.T, a.T @ dy @ c, (a @ b).T @ dy


def gram(x):
    return x @ swap(x)


def gram_one_side(dy, x):
    return dy @ x


# embeddings and positions


def lookup(table, ids):
    return table[ids]


def lookup_repeats_overwritten(dy, table, ids):
    grad = np.zeros_like(table)
    grad[ids] += dy
    return grad


def lookup_padding_row_frozen(dy, table, ids):
    grad = np.zeros_like(table)
    np.add.at(grad, ids, dy)
    grad[0] = 0
    return grad


def tied_logits(table, ids):
    return table[ids] @ table.T


def tied_logits_output_use_only(dy, table, ids):
    hidden = table[ids]
    return np.einsum("btv,btd->vd", dy, hidden)


def add_positions(x, table):
    return x + table[: x.shape[1]]


def add_positions_off_by_one(dy, x, table):
    grad = np.zeros_like(table)
    grad[1 : x.shape[1] + 1] = dy.sum(0)
    return dy, grad


def relative_bias(scores, bias):
    t = scores.shape[-1]
    return scores + bias[np.arange(t)[:, None] - np.arange(t) + t - 1]


def relative_bias_distance_reversed(dy, scores, bias):
    t = scores.shape[-1]
    grad = np.zeros_like(bias)
    np.add.at(grad, np.arange(t) - np.arange(t)[:, None] + t - 1, dy.sum(0))
    return dy, grad


def angles(t, d, first=0):
    return np.arange(first, first + t)[:, None] * 100.0 ** (-np.arange(d // 2) * 2 / d)


def rotate(x, angle):
    a, b = np.split(x, 2, axis=-1)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


def rotary(x):
    return rotate(x, angles(x.shape[1], x.shape[2]))


def rotary_rotates_forward_again(dy, x):
    return rotate(dy, angles(x.shape[1], x.shape[2]))


def rotary_interleaved_pairs(dy, x):
    angle = angles(x.shape[1], x.shape[2])
    cos, sin = np.cos(angle), np.sin(angle)
    even, odd = dy[..., 0::2], dy[..., 1::2]
    dx = np.empty_like(x)
    dx[..., 0::2] = even * cos + odd * sin
    dx[..., 1::2] = odd * cos - even * sin
    return dx


def rotary_positions_from_one(dy, x):
    return rotate(dy, -angles(x.shape[1], x.shape[2], first=1))


# attention


def attention(q, k, v):
    return row_softmax(q @ swap(k) / np.sqrt(q.shape[-1])) @ v


def attention_gradients(dy, q, k, v, p):
    dp = dy @ swap(v)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, swap(ds) @ q, swap(p) @ dy


def attention_keys_unscaled(dy, q, k, v):
    scale = np.sqrt(q.shape[-1])
    dq, dk, dv = attention_gradients(dy, q, k, v, row_softmax(q @ swap(k) / scale))
    return dq, dk * scale, dv


def attention_queries_and_keys_swapped(dy, q, k, v):
    p = row_softmax(q @ swap(k) / np.sqrt(q.shape[-1]))
    dq, dk, dv = attention_gradients(dy, q, k, v, p)
    return dk, dq, dv


def causal_attention(q, k, v):
    scores = q @ swap(k) / np.sqrt(q.shape[-1])
    return row_softmax(np.where(np.tri(q.shape[1]) > 0, scores, -1e30)) @ v


def causal_attention_mask_forgotten(dy, q, k, v):
    return attention_gradients(dy, q, k, v, row_softmax(q @ swap(k) / np.sqrt(q.shape[-1])))


def padded_attention(q, k, v, real):
    scores = q @ swap(k) / np.sqrt(q.shape[-1])
    return row_softmax(np.where(real[:, None, :], scores, -1e30)) @ v


def padded_attention_skips_softmax(dy, q, k, v, real):
    scale = np.sqrt(q.shape[-1])
    p = row_softmax(np.where(real[:, None, :], q @ swap(k) / scale, -1e30))
    ds = np.where(real[:, None, :], dy @ swap(v), 0.0) / scale
    return ds @ k, swap(ds) @ q, swap(p) @ dy


def grouped_attention(q, k, v):
    return attention(q, np.repeat(k, 2, axis=1), np.repeat(v, 2, axis=1))


def grouped_attention_sums_tiled_heads(dy, q, k, v):
    k2, v2 = np.repeat(k, 2, axis=1), np.repeat(v, 2, axis=1)
    p = row_softmax(q @ swap(k2) / np.sqrt(q.shape[-1]))
    dq, dk, dv = attention_gradients(dy, q, k2, v2, p)
    b, h, t, d = k.shape
    return dq, dk.reshape(b, 2, h, t, d).sum(1), dv.reshape(b, 2, h, t, d).sum(1)


def split_heads(x):
    b, t, d = x.shape
    return x.reshape(b, t, 2, d // 2).transpose(0, 2, 1, 3)


def split_heads_merged_without_transpose(dy, x):
    return dy.reshape(x.shape)


# cross-entropy and other losses


def cross_entropy(logits, targets):
    return -log_softmax(logits)[np.arange(len(targets)), targets].mean()


def cross_entropy_summed(dy, logits, targets):
    return dy * (row_softmax(logits) - one_hot(targets, logits.shape[1]))


def cross_entropy_ignoring(logits, targets):
    kept = targets != IGNORED
    picked = log_softmax(logits)[np.arange(len(targets)), np.where(kept, targets, 0)]
    return -(picked * kept).sum() / kept.sum()


def cross_entropy_counts_ignored(dy, logits, targets):
    kept = targets != IGNORED
    d = row_softmax(logits) - one_hot(np.where(kept, targets, 0), logits.shape[1])
    return dy * d * kept[:, None] / len(targets)


def cross_entropy_trains_ignored_rows(dy, logits, targets):
    kept = targets != IGNORED
    d = row_softmax(logits) - one_hot(targets * kept, logits.shape[1]) * kept[:, None]
    return dy * d / kept.sum()


def smoothed_cross_entropy(logits, targets):
    n = logits.shape[1]
    goal = (1 - SMOOTHING) * one_hot(targets, n) + SMOOTHING / n
    return -(goal * log_softmax(logits)).sum(-1).mean()


def smoothed_cross_entropy_hard_targets(dy, logits, targets):
    return dy * (row_softmax(logits) - one_hot(targets, logits.shape[1])) / len(targets)


def weighted_cross_entropy(logits, targets):
    weights = np.array([0.5, 1.0, 2.0, 4.0])
    return -(weights[targets] * log_softmax(logits)[np.arange(len(targets)), targets]).mean()


def weighted_cross_entropy_weights_columns(dy, logits, targets):
    weights = np.array([0.5, 1.0, 2.0, 4.0])
    return dy * weights * (row_softmax(logits) - one_hot(targets, 4)) / len(targets)


def mse(prediction, target):
    return ((prediction - target) ** 2).mean()


def mse_same_sign_for_target(dy, prediction, target):
    d = dy * 2 * (prediction - target) / target.size
    return d, d.copy()


def huber(error):
    size = np.where(error.real < 0, -error, error)
    return np.where(size.real < DELTA, error**2 / 2, DELTA * (size - DELTA / 2)).sum(-1)


def huber_never_linear(dy, error):
    return dy[:, None] * error


def bce(probability):
    labels = np.array([1.0, 0.0, 1.0])
    return -(labels * np.log(probability) + (1 - labels) * np.log(1 - probability))


def bce_as_if_logits(dy, probability):
    return dy * (probability - np.array([1.0, 0.0, 1.0]))


def kl_batchmean(log_q, p):
    return (p * (np.log(p) - log_q)).sum() / len(p)


def kl_forgets_the_log_p_plus_one(dy, log_q, p):
    return -dy * p / len(p), dy * (np.log(p) - log_q) / len(p)


# pooling, dropout


def mean_pool(x, real):
    return (x * real[:, :, None]).sum(1) / real.sum(1)[:, None]


def mean_pool_leaks_into_padding(dy, x, real):
    return np.repeat((dy / real.sum(1)[:, None])[:, None], x.shape[1], axis=1)


def overlapping_mean(x):
    return (x[:, :-2] + x[:, 1:-1] + x[:, 2:]) / 3


def overlapping_mean_assigns(dy, x):
    dx = np.zeros_like(x)
    for i in range(dy.shape[1]):
        dx[:, i : i + 3] = dy[:, i : i + 1] / 3
    return dx


def dropout(x, keep):
    return x * keep / KEEP


def dropout_without_rescaling(dy, x, keep):
    return dy * keep


# residuals, gates, recurrence


def residual_relu(x, w):
    h = x @ w
    return x + np.where(h.real > 0, h, 0)


def residual_relu_skip_forgotten(dy, x, w):
    d = dy * (x @ w > 0)
    return d @ w.T, x.T @ d


def glu(x):
    value, gate = np.split(x, 2, axis=-1)
    return value * logistic(gate)


def glu_halves_exchanged(dy, x):
    value, gate = np.split(x, 2, axis=-1)
    s = logistic(gate)
    return np.concatenate([dy * value * s * (1 - s), dy * s], axis=-1)


def highway(x, h, t):
    return logistic(t) * h + (1 - logistic(t)) * x


def highway_gate_forgets_carry(dy, x, h, t):
    s = logistic(t)
    return dy * (1 - s), dy * s, dy * h * s * (1 - s)


def rnn_step(x, h, wx, wh):
    return np.tanh(x @ wx + h @ wh)


def rnn_step_slope_of_old_state(dy, x, h, wx, wh):
    d = dy * (1 - h**2)
    return d @ wx.T, d @ wh.T, x.T @ d, h.T @ d


def rnn_two_steps(h, w):
    return np.tanh(np.tanh(h @ w) @ w)


def rnn_two_steps_truncated(dy, h, w):
    first = np.tanh(h @ w)
    d = dy * (1 - np.tanh(first @ w) ** 2)
    return ((d @ w.T) * (1 - first**2)) @ w.T, first.T @ d


# shapes, order, selection, convolution


def concatenate(a, b):
    return np.concatenate([a, b], axis=1)


def concatenate_second_slice_from_zero(dy, a, b):
    return dy[:, : a.shape[1]], dy[:, : b.shape[1]]


def cycle_axes(x):
    return x.transpose(1, 2, 0)


def cycle_axes_same_permutation(dy, x):
    return dy.transpose(1, 2, 0)


def flatten(x):
    return x.reshape(x.shape[0], -1)


def flatten_column_major(dy, x):
    return dy.reshape(x.shape, order="F")


def scale_rows(x, s):
    return x * s


def scale_rows_sums_columns(dy, x, s):
    return dy * s, (dy * x).sum(0)[:, None]


def running_sum(x):
    return np.cumsum(x, axis=1)


def running_sum_not_reversed(dy, x):
    return np.cumsum(dy, axis=1)


def top_two(x):
    return np.take_along_axis(x, np.argsort(-x.real, axis=1)[:, :2], 1)


def top_two_into_first_columns(dy, x):
    dx = np.zeros_like(x)
    dx[:, :2] = dy
    return dx


def conv1d(x, kernel):
    padded = np.pad(x, ((0, 0), (1, 1)))
    return sum(kernel[j] * padded[:, j : j + x.shape[1]] for j in range(3))


def conv1d_kernel_not_flipped(dy, x, kernel):
    padded = np.pad(x, ((0, 0), (1, 1)))
    dk = np.array([(dy * padded[:, j : j + x.shape[1]]).sum() for j in range(3)])
    return conv1d(dy, kernel), dk


def conv1d_last_position_dropped(dy, x, kernel):
    t = x.shape[1]
    padded = np.pad(x, ((0, 0), (1, 1)))
    dk = np.array([(dy[:, :-1] * padded[:, j : j + t - 1]).sum() for j in range(3)])
    return conv1d(dy, kernel[::-1]), dk


IDS = np.array([[1, 3, 1], [4, 0, 3]])
TARGETS = np.array([2, 0, 3, 1, 1])
SOME_IGNORED = np.array([2, IGNORED, 3, IGNORED, 1])
REAL = np.array([[True, True, True, False], [True, True, False, False]])
DROPPED = np.array([[1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1]], dtype=bool)
CASES = []


def case(forward, backward, truth, **inputs):
    CASES.append(WrongBackward(backward.__name__, forward, backward, inputs, truth))


case(
    logistic,
    sigmoid_at_input,
    "The rule y (1 - y) is evaluated at the input x, not at the sigmoid's output y.",
    x=normal(3, 4),
)
case(
    tanh,
    tanh_without_square,
    "The derivative of tanh is 1 - y**2; the square is missing.",
    x=normal(3, 4),
)
case(
    gelu,
    gelu_without_product_rule,
    "The product rule's second term, x times the derivative of the gate, is missing.",
    x=normal(3, 4),
)
case(
    silu,
    silu_as_sigmoid,
    "This is the derivative of the sigmoid, not of x times the sigmoid.",
    x=normal(3, 4),
)
case(
    softplus_beta,
    softplus_without_beta_inside,
    "The derivative is sigmoid(beta x), but beta is left out of the sigmoid's argument.",
    x=normal(3, 4),
)
case(
    relu6,
    relu6_without_ceiling,
    "Inputs above the ceiling of 6 should get no gradient, but they do.",
    x=5 * normal(3, 5) + 3,
)
case(
    elu,
    elu_output_without_alpha,
    "For negative inputs the derivative is y + alpha; alpha is not added to the output y.",
    x=normal(3, 4),
)
case(
    square_root,
    sqrt_without_half,
    "The factor 1/2 of the square root's derivative is missing.",
    x=positive(3, 4),
)
case(
    divide,
    divide_positive_denominator,
    "The gradient of the denominator has the wrong sign.",
    a=normal(3, 4),
    b=positive(3, 4),
)
case(
    power,
    power_log_of_exponent,
    "The gradient of the exponent uses the logarithm of the exponent, not of the base.",
    x=positive(3, 4),
    p=positive(3, 4),
)
case(
    exponential,
    exp_ignores_upstream,
    "The local derivative is returned without multiplying by the upstream gradient.",
    x=normal(3, 4),
)
case(
    hardswish,
    hardswish_slope_clipped,
    "The slope (2 x + 3) / 6 is clipped to [0, 1], but hardswish's slope leaves this range.",
    x=2 * normal(3, 5),
)
case(
    squared_relu,
    squared_relu_upstream_twice,
    "The upstream gradient is multiplied in twice.",
    x=normal(3, 4),
)
case(
    row_softmax,
    softmax_diagonal,
    "Only the diagonal of softmax's Jacobian is used; the other entries of the row are missing.",
    x=normal(3, 4),
)
case(
    softmax_3d,
    softmax_sum_over_rows,
    "The sum in softmax's derivative runs over axis 1, but softmax was taken over the last axis.",
    scores=normal(2, 3, 4),
)
case(
    log_softmax,
    log_softmax_without_exp,
    "The sum of dy is multiplied by the log-probabilities instead of the probabilities.",
    x=normal(3, 4),
)
case(
    logsumexp,
    logsumexp_unnormalised,
    "The exponentials, shifted by the maximum, are not divided by their sum.",
    x=normal(3, 4),
)
case(
    layer_norm,
    layer_norm_without_mean_path,
    "The path through the mean is missing: the mean of the gradient is not subtracted.",
    x=normal(3, 5),
    gain=positive(5),
    bias=normal(5),
)
case(
    layer_norm,
    layer_norm_gain_sees_raw_input,
    "The gradient of the gain uses the raw input instead of the normalised one.",
    x=normal(3, 5) + 0.5,
    gain=positive(5),
    bias=normal(5),
)
case(
    rms_norm,
    rms_norm_constant_rms,
    "The root mean square is treated as a constant, although it depends on x.",
    x=normal(3, 5),
    gain=positive(5),
)
case(
    batch_norm,
    batch_norm_bias_averaged,
    "The gradient of the bias is averaged over the batch; it should be summed.",
    x=normal(4, 3),
    gain=positive(3),
    bias=normal(3),
)
case(
    group_norm,
    group_norm_statistics_of_whole_example,
    "The means in the backward pass run over the whole example rather than over each group.",
    x=normal(3, 8),
)
case(
    standardise,
    standardise_eps_outside_root,
    "Epsilon is added to the standard deviation, but the forward pass adds it to the variance.",
    x=normal(3, 5),
)
case(
    unit_vector,
    unit_vector_projects_on_raw_input,
    "The projection is taken on x itself, which does not have length 1, not on x / ||x||.",
    x=normal(3, 4),
)
case(
    cosine_similarity,
    cosine_similarity_norm_of_b_constant,
    "The norm of b is treated as a constant in the gradient of b.",
    a=normal(3, 4),
    b=normal(3, 4),
)
case(
    unbiased_variance,
    unbiased_variance_divides_by_n,
    "The gradient divides by n, but the unbiased variance divides by n - 1.",
    x=normal(3, 5),
)
case(
    linear,
    linear_weight_not_transposed,
    "The weight is not transposed in the gradient of x; it goes unseen as the weight is square.",
    x=normal(3, 4),
    w=normal(4, 4),
    b=normal(4),
)
case(
    linear,
    linear_bias_of_first_example,
    "The gradient of the bias is that of the first example only, not the sum over the batch.",
    x=normal(3, 4),
    w=normal(4, 2),
    b=normal(2),
)
case(
    batched_projection,
    batched_projection_overwrites_weight,
    "The weight's gradient is overwritten for each example, so only the last one counts.",
    x=normal(3, 2, 4),
    w=normal(4, 3),
)
case(
    three_matrices,
    three_matrices_last_not_transposed,
    "The third matrix is not transposed in the gradient of the second.",
    a=normal(3, 4),
    b=normal(4, 2),
    c=normal(2, 2),
)
case(
    gram,
    gram_one_side,
    "x is both factors of the product, but only the gradient of the left one is counted.",
    x=normal(2, 3, 4),
)
case(
    lookup,
    lookup_repeats_overwritten,
    "With repeated ids, grad[ids] += dy keeps only one occurrence instead of adding them all.",
    table=normal(5, 3),
    ids=IDS,
)
case(
    lookup,
    lookup_padding_row_frozen,
    "Row 0 is frozen as padding, but the forward pass looks it up like any other row.",
    table=normal(5, 3),
    ids=IDS,
)
case(
    tied_logits,
    tied_logits_output_use_only,
    "The table is used twice, but the gradient from the lookup is missing.",
    table=normal(5, 3),
    ids=IDS,
)
case(
    add_positions,
    add_positions_off_by_one,
    "The gradient of the position table is written one row too low.",
    x=normal(2, 3, 4),
    table=normal(5, 4),
)
case(
    relative_bias,
    relative_bias_distance_reversed,
    "The distance is j - i in the backward pass but i - j in the forward pass.",
    scores=normal(2, 4, 4),
    bias=normal(7),
)
case(
    rotary,
    rotary_rotates_forward_again,
    "The gradient is rotated forwards; it needs the inverse rotation.",
    x=normal(2, 3, 4),
)
case(
    rotary,
    rotary_interleaved_pairs,
    "The backward pass rotates neighbouring entries; the forward pass pairs the two halves.",
    x=normal(2, 3, 6),
)
case(
    rotary,
    rotary_positions_from_one,
    "Positions are counted from 1 in the backward pass but from 0 in the forward pass.",
    x=normal(2, 3, 4),
)


def qkv(*shape):
    return {"q": normal(*shape), "k": normal(*shape), "v": normal(*shape)}


case(
    attention,
    attention_keys_unscaled,
    "The gradient of the keys lacks the scale 1 / sqrt(d).",
    **qkv(2, 3, 4),
)
case(
    attention,
    attention_queries_and_keys_swapped,
    "The gradients of the queries and the keys are returned in each other's place.",
    **qkv(2, 3, 4),
)
case(
    causal_attention,
    causal_attention_mask_forgotten,
    "The backward pass recomputes the attention weights without the causal mask.",
    **qkv(2, 4, 3),
)
case(
    padded_attention,
    padded_attention_skips_softmax,
    "The gradient passes from the weights to the scores as if there were no softmax.",
    **qkv(2, 4, 3),
    real=REAL,
)
case(
    grouped_attention,
    grouped_attention_sums_tiled_heads,
    "Shared heads are summed as if they had been tiled, but the forward pass repeats each one.",
    q=normal(2, 4, 3, 2),
    k=normal(2, 2, 3, 2),
    v=normal(2, 2, 3, 2),
)
case(
    split_heads,
    split_heads_merged_without_transpose,
    "The heads are merged by reshape alone; the axes of heads and time are not swapped back.",
    x=normal(2, 3, 4),
)
case(
    cross_entropy,
    cross_entropy_summed,
    "The loss is a mean over the batch, but its gradient is not divided by the batch size.",
    logits=normal(5, 4),
    targets=TARGETS,
)
case(
    cross_entropy_ignoring,
    cross_entropy_counts_ignored,
    "The gradient is divided by the number of all targets, not by that of the kept ones.",
    logits=normal(5, 4),
    targets=SOME_IGNORED,
)
case(
    cross_entropy_ignoring,
    cross_entropy_trains_ignored_rows,
    "Rows with an ignored target get a gradient, their softmax; it should be zero.",
    logits=normal(5, 4),
    targets=SOME_IGNORED,
)
case(
    smoothed_cross_entropy,
    smoothed_cross_entropy_hard_targets,
    "The gradient subtracts the one-hot targets instead of the smoothed ones.",
    logits=normal(5, 4),
    targets=TARGETS,
)
case(
    weighted_cross_entropy,
    weighted_cross_entropy_weights_columns,
    "The class weights multiply the columns; each row needs the weight of its own target.",
    logits=normal(5, 4),
    targets=TARGETS,
)
case(
    mse,
    mse_same_sign_for_target,
    "The target's gradient should be the negative of the prediction's.",
    prediction=normal(3, 2),
    target=normal(3, 2),
)
case(
    huber,
    huber_never_linear,
    "Beyond delta the loss is linear, but the gradient keeps growing with the error.",
    error=normal(3, 5),
)
case(
    bce,
    bce_as_if_logits,
    "p - t is the gradient of the logits, but the input here is the probability.",
    probability=RNG.uniform(0.1, 0.9, size=(4, 3)),
)
case(
    kl_batchmean,
    kl_forgets_the_log_p_plus_one,
    "In the gradient of p, the 1 from differentiating p log p is missing.",
    log_q=np.log(row_softmax(normal(3, 4))),
    p=row_softmax(normal(3, 4)),
)
case(
    mean_pool,
    mean_pool_leaks_into_padding,
    "The mask is forgotten: padded positions get a gradient too.",
    x=normal(2, 4, 3),
    real=REAL,
)
case(
    overlapping_mean,
    overlapping_mean_assigns,
    "Where windows overlap, their gradients overwrite each other instead of adding up.",
    x=normal(2, 6),
)
case(
    dropout,
    dropout_without_rescaling,
    "The factor 1 / keep probability is missing.",
    x=normal(3, 4),
    keep=DROPPED,
)
case(
    residual_relu,
    residual_relu_skip_forgotten,
    "The gradient of the skip connection, dy itself, is not added.",
    x=normal(3, 4),
    w=normal(4, 4),
)
case(
    glu,
    glu_halves_exchanged,
    "The gradients of the value half and the gate half are concatenated in the wrong order.",
    x=normal(3, 6),
)
case(
    highway,
    highway_gate_forgets_carry,
    "The gate also weighs the carried input: its gradient needs h - x, not h alone.",
    x=normal(3, 4),
    h=normal(3, 4),
    t=normal(3, 4),
)
case(
    rnn_step,
    rnn_step_slope_of_old_state,
    "The slope of tanh is computed from the previous state instead of the new one.",
    x=normal(3, 2),
    h=np.tanh(normal(3, 4)),
    wx=normal(2, 4),
    wh=normal(4, 4),
)
case(
    rnn_two_steps,
    rnn_two_steps_truncated,
    "The shared weight gets a gradient from the last step only; the first step's is missing.",
    h=np.tanh(normal(3, 4)),
    w=0.5 * normal(4, 4),
)
case(
    concatenate,
    concatenate_second_slice_from_zero,
    "The second part's slice starts at column 0 instead of where the first part ends.",
    a=normal(3, 2),
    b=normal(3, 2),
)
case(
    cycle_axes,
    cycle_axes_same_permutation,
    "The same permutation is applied again; the gradient needs the inverse one.",
    x=normal(3, 3, 3),
)
case(
    flatten,
    flatten_column_major,
    "The gradient is unflattened in column-major order, but was flattened in row-major order.",
    x=normal(2, 3, 4),
)
case(
    scale_rows,
    scale_rows_sums_columns,
    "The broadcast sum runs over the rows, not over the columns along which s was broadcast.",
    x=normal(4, 4),
    s=normal(4, 1),
)
case(
    running_sum,
    running_sum_not_reversed,
    "The gradient of a running sum runs from the end; this one runs from the start.",
    x=normal(3, 4),
)
case(
    top_two,
    top_two_into_first_columns,
    "The gradient goes to the first two columns rather than to where the largest entries were.",
    x=normal(4, 5),
)
case(
    conv1d,
    conv1d_kernel_not_flipped,
    "The kernel is not flipped in the gradient of the input.",
    x=normal(2, 6),
    kernel=normal(3),
)
case(
    conv1d,
    conv1d_last_position_dropped,
    "The gradient of the kernel leaves out the last output position.",
    x=normal(2, 6),
    kernel=normal(3),
)


def main():
    for case in CASES:
        report = gradcheck.check(case.forward, case.backward, case.inputs)
        print(f"{case.name}\n{case.truth}\n{report}\n")


if __name__ == "__main__":
    main()
