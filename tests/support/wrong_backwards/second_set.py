"""Seventy wrong backward passes, each with the sentence that a teacher would say about it.

``python -m tests.support.wrong_backwards.second_set`` prints, for each, what is wrong and what the
checker names. Whether the two agree is for a reader to judge.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer import gradcheck

RNG = np.random.default_rng(20261201)
EPS = 1e-5


class WrongBackward(NamedTuple):
    """A forward pass, a backward pass with one mistake, and what the mistake is."""

    name: str
    forward: Callable
    backward: Callable
    inputs: dict
    truth: str
    analytic: bool = True  # False: the forward pass has kinks


CASES: list[WrongBackward] = []


def add(forward, backward, truth, analytic=True, **inputs):
    CASES.append(WrongBackward(backward.__name__, forward, backward, inputs, truth, analytic))


def normal(*shape):
    return RNG.standard_normal(shape)


def positive(*shape):
    return RNG.uniform(0.5, 2.0, shape)


# Correct helpers


def sig(x):
    return 1 / (1 + np.exp(-x))


def soft(x, axis=-1):
    e = np.exp(x - x.real.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def lse(x):
    m = x.real.max(axis=-1, keepdims=True)
    return np.log(np.exp(x - m).sum(axis=-1, keepdims=True)) + m


def soft_back(dp, p):
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


def tr(x):
    return np.swapaxes(x, -1, -2)


def rows(x):
    return x.reshape(-1, x.shape[-1])


def weights(q, k, mask=True):
    s = q @ tr(k) / np.sqrt(q.shape[-1])
    return soft(np.where(mask, s, -1e9))


def attend_back(dy, q, k, v, p):
    dv = tr(p) @ dy
    ds = soft_back(dy @ tr(v), p) / np.sqrt(q.shape[-1])
    return ds @ k, tr(ds) @ q, dv


def heads(x, n):
    b, t, d = x.shape
    return x.reshape(b, t, n, d // n).transpose(0, 2, 1, 3)


def merge(x):
    b, h, t, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(b, t, h * d)


def one_hot(ids, n):
    return np.eye(n)[ids]


# Elementwise functions


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu_tanh_inner_cubic_dropped(dy, x):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c)


add(
    gelu_tanh,
    gelu_tanh_inner_cubic_dropped,
    "The derivative of the cubic term inside gelu's tanh is missing.",
    x=normal(3, 4) * 1.5,
)


def silu(x):
    return x * sig(x)


def sigmoid(x):
    return sig(x)


def sigmoid_output_formula_on_input(dy, x):
    return dy * x * (1 - x)


add(
    sigmoid,
    sigmoid_output_formula_on_input,
    "The formula y * (1 - y) is applied to the input x instead of the output y.",
    x=normal(3, 4),
)


def softplus_beta(x):
    return np.log(1 + np.exp(3.0 * x)) / 3.0


def softplus_beta_forgotten(dy, x):
    return dy * sig(x)


add(
    softplus_beta,
    softplus_beta_forgotten,
    "The sigmoid must be taken at beta * x (beta = 3), not at x.",
    x=normal(3, 4),
)


def relu(x):
    return np.where(x.real > 0, x, 0)


def relu_guided(dy, x):
    return dy * (x > 0) * (dy > 0)


add(
    relu,
    relu_guided,
    "Negative upstream gradients are set to 0 too; only the sign of x may decide.",
    False,
    x=normal(4, 5),
)


def power(x, p):
    return x**p


def power_log_of_exponent(dy, x, p):
    y = x**p
    return dy * p * x ** (p - 1), (dy * y * np.log(p)).sum(axis=0)


add(
    power,
    power_log_of_exponent,
    "The exponent's gradient needs log of the base x, not log of the exponent p.",
    x=positive(3, 4),
    p=positive(4) + 0.7,
)


# Softmax and its relatives


def softmax_middle(x):
    return soft(x, axis=1)


def softmax_middle_sums_last_axis(dy, x):
    y = soft(x, axis=1)
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


add(
    softmax_middle,
    softmax_middle_sums_last_axis,
    "Softmax is over axis 1, but the sum in its derivative is over the last axis.",
    x=normal(2, 3, 4),
)


def softmax(x):
    return soft(x)


def softmax_unweighted_sum(dy, x):
    y = soft(x)
    return y * (dy - dy.sum(axis=-1, keepdims=True))


add(
    softmax,
    softmax_unweighted_sum,
    "The sum in softmax's derivative must be of dy * y, not of dy.",
    x=normal(3, 5),
)


def log_softmax(x):
    return x - lse(x)


def log_softmax_assumes_upstream_sums_to_one(dy, x):
    return dy - soft(x)


add(
    log_softmax,
    log_softmax_assumes_upstream_sums_to_one,
    "The probabilities must be multiplied by the row's sum of dy, which is missing.",
    x=normal(3, 5),
)


def logsumexp(x):
    return lse(x)[..., 0]


def logsumexp_as_max(dy, x):
    return dy[:, None] * one_hot(x.argmax(axis=-1), x.shape[-1])


add(
    logsumexp,
    logsumexp_as_max,
    "This is the gradient of max: only the largest entry receives any; it must be softmax(x).",
    x=normal(3, 5),
)


def masked_softmax(x, mask):
    return soft(np.where(mask, x, -1e9))


def masked_softmax_mask_forgotten(dy, x, mask):
    return soft_back(dy, soft(x))


PADDED = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]], dtype=bool)
add(
    masked_softmax,
    masked_softmax_mask_forgotten,
    "The backward pass recomputes the softmax without the mask.",
    x=normal(3, 5),
    mask=PADDED,
)


# Normalisation


def layer_norm(x, gamma, beta):
    c = x - x.mean(axis=-1, keepdims=True)
    return c / np.sqrt((c * c).mean(axis=-1, keepdims=True) + EPS) * gamma + beta


def layer_norm_parts(x):
    c = x - x.mean(axis=-1, keepdims=True)
    inv = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + EPS)
    return c * inv, inv


def mean_last(x):
    return x.mean(axis=-1, keepdims=True)


def layer_norm_gamma_outside_the_means(dy, x, gamma, beta):
    h, inv = layer_norm_parts(x)
    dx = gamma * inv * (dy - mean_last(dy) - h * mean_last(dy * h))
    return dx, rows(dy * h).sum(axis=0), rows(dy).sum(axis=0)


def layer_norm_unbiased_in_backward(dy, x, gamma, beta):
    inv = 1 / np.sqrt(x.var(axis=-1, ddof=1, keepdims=True) + EPS)
    h = (x - mean_last(x)) * inv
    g = dy * gamma
    dx = inv * (g - mean_last(g) - h * mean_last(g * h))
    return dx, rows(dy * h).sum(axis=0), rows(dy).sum(axis=0)


for wrong, sentence in [
    (
        layer_norm_gamma_outside_the_means,
        "The two means must be of dy * gamma; gamma is multiplied only afterwards.",
    ),
    (
        layer_norm_unbiased_in_backward,
        "The backward pass uses the variance with n - 1, the forward pass the one with n.",
    ),
]:
    add(layer_norm, wrong, sentence, x=normal(2, 3, 5) + 0.8, gamma=positive(5), beta=normal(5))


def rms_norm(x, gamma):
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPS) * gamma


def rms_norm_centred_like_layer_norm(dy, x, gamma):
    inv = 1 / np.sqrt(mean_last(x * x) + EPS)
    h = x * inv
    g = dy * gamma
    return inv * (g - mean_last(g) - h * mean_last(g * h)), (dy * h).sum(axis=0)


add(
    rms_norm,
    rms_norm_centred_like_layer_norm,
    "The mean of the gradient is subtracted as in layer norm, but rms norm does not centre.",
    x=normal(3, 5),
    gamma=positive(5),
)


def batch_norm(x, gamma, beta):
    c = x - x.mean(axis=0)
    return c / np.sqrt((c * c).mean(axis=0) + EPS) * gamma + beta


def batch_norm_statistics_constant(dy, x, gamma, beta):
    inv = 1 / np.sqrt(x.var(axis=0) + EPS)
    h = (x - x.mean(axis=0)) * inv
    return dy * gamma * inv, (dy * h).sum(axis=0), dy.sum(axis=0)


add(
    batch_norm,
    batch_norm_statistics_constant,
    "The batch's mean and variance are treated as constants, as in evaluation mode.",
    x=normal(5, 4),
    gamma=positive(4),
    beta=normal(4),
)


def sequence_batch_norm(x):
    c = x - x.mean(axis=(0, 1))
    return c / np.sqrt((c * c).mean(axis=(0, 1)) + EPS)


def sequence_batch_norm_divides_by_batch_only(dy, x):
    inv = 1 / np.sqrt(x.var(axis=(0, 1)) + EPS)
    h = (x - x.mean(axis=(0, 1))) * inv
    n = x.shape[0]
    return inv * (dy - dy.sum(axis=(0, 1)) / n - h * (dy * h).sum(axis=(0, 1)) / n)


add(
    sequence_batch_norm,
    sequence_batch_norm_divides_by_batch_only,
    "The sums are divided by the batch size B instead of by B * T.",
    x=normal(3, 4, 3),
)


def group_norm(x, gamma):
    g = x.reshape(x.shape[0], 2, -1)
    c = g - g.mean(axis=-1, keepdims=True)
    h = c / np.sqrt((c * c).mean(axis=-1, keepdims=True) + EPS)
    return h.reshape(x.shape) * gamma


def group_norm_means_over_all_groups(dy, x, gamma):
    h, inv = layer_norm_parts(x.reshape(x.shape[0], 2, -1))
    g = (dy * gamma).reshape(h.shape)
    m1 = g.mean(axis=(1, 2), keepdims=True)
    m2 = (g * h).mean(axis=(1, 2), keepdims=True)
    return (inv * (g - m1 - h * m2)).reshape(x.shape), (dy * h.reshape(x.shape)).sum(axis=0)


def group_norm_gamma_channels_interleaved(dy, x, gamma):
    h, inv = layer_norm_parts(x.reshape(x.shape[0], 2, -1))
    g = (dy * gamma).reshape(h.shape)
    dx = inv * (g - mean_last(g) - h * mean_last(g * h))
    per_group = (dy.reshape(h.shape) * h).sum(axis=0)
    return dx.reshape(x.shape), per_group.T.reshape(-1)


add(
    group_norm,
    group_norm_means_over_all_groups,
    "The means in the backward pass run over all channels instead of each group's own.",
    x=normal(3, 6),
    gamma=positive(6),
)
add(
    group_norm,
    group_norm_gamma_channels_interleaved,
    "Gamma's gradient is in the wrong order: groups and channels within a group are transposed.",
    x=normal(3, 6),
    gamma=positive(6),
)


def unit_length(x):
    return x / (np.sqrt((x * x).sum(axis=-1, keepdims=True)) + 0.5)


def unit_length_eps_under_the_root(dy, x):
    n = np.sqrt((x * x).sum(axis=-1, keepdims=True) + 0.5)
    return (dy - x * (dy * x).sum(axis=-1, keepdims=True) / n**2) / n


add(
    unit_length,
    unit_length_eps_under_the_root,
    "The forward pass adds eps to the norm; the backward pass adds it under the square root.",
    x=normal(3, 4),
)


def cosine(a, b):
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def cosine_wrong_norm_in_projection(dy, a, b):
    aa, bb = (a * a).sum(-1, keepdims=True), (b * b).sum(-1, keepdims=True)
    y, d, n = cosine(a, b)[:, None], dy[:, None], np.sqrt(aa * bb)
    return d * (b / n - y * a / aa), d * (a / n - y * b / aa)


add(
    cosine,
    cosine_wrong_norm_in_projection,
    "In b's gradient the projection is divided by the squared norm of a instead of b's.",
    a=normal(3, 4),
    b=normal(3, 4) * 1.7,
)


def standard_deviation(x):
    c = x - x.mean(axis=-1, keepdims=True)
    return np.sqrt((c * c).mean(axis=-1))


def standard_deviation_as_variance(dy, x):
    return dy[:, None] * 2 * (x - mean_last(x)) / x.shape[-1]


add(
    standard_deviation,
    standard_deviation_as_variance,
    "This is the gradient of the variance; the factor 1 / (2 std) of the root is missing.",
    x=normal(3, 5) * 2,
)


# Linear maps and small networks


def linear(x, w, b):
    return x @ w + b


def linear_weight_overwritten_in_loop(dy, x, w, b):
    dw = np.zeros_like(w)
    for x_i, dy_i in zip(x, dy, strict=True):
        dw = x_i.T @ dy_i
    return dy @ w.T, dw, rows(dy).sum(axis=0)


add(
    linear,
    linear_weight_overwritten_in_loop,
    "The loop over the batch overwrites the weight's gradient, so only the last one counts.",
    x=normal(3, 2, 4),
    w=normal(4, 3),
    b=normal(3),
)


def chain(a, b, c):
    return a @ b @ c


def chain_order_exchanged(dy, a, b, c):
    return dy @ (b.T @ c.T), a.T @ dy @ c.T, (a @ b).T @ dy


add(
    chain,
    chain_order_exchanged,
    "The transpose of b @ c is c.T @ b.T; a's gradient has the two factors in the wrong order.",
    a=normal(3, 4),
    b=normal(4, 4),
    c=normal(4, 4),
)


def tanh_mlp(x, w1, w2):
    return np.tanh(x @ w1) @ w2


def tanh_mlp_derivative_at_the_output(dy, x, w1, w2):
    h = np.tanh(x @ w1)
    dz = (dy @ w2.T) * (1 - np.tanh(h) ** 2)
    return dz @ w1.T, x.T @ dz, h.T @ dy


def tanh_mlp_after_the_update(dy, x, w1, w2):
    h = np.tanh(x @ w1)
    dw2 = h.T @ dy
    dz = (dy @ (w2 - 0.1 * dw2).T) * (1 - h**2)
    return dz @ w1.T, x.T @ dz, dw2


for wrong, sentence in [
    (
        tanh_mlp_derivative_at_the_output,
        "Tanh is applied twice: its derivative is taken at the hidden values, not before them.",
    ),
    (
        tanh_mlp_after_the_update,
        "The first layer's gradient uses the second layer's weights after their update.",
    ),
]:
    add(tanh_mlp, wrong, sentence, x=normal(3, 4), w1=normal(4, 5), w2=normal(5, 2))


def tied_autoencoder(x, w):
    return np.tanh(x @ w) @ w.T


def tied_autoencoder_decoder_only(dy, x, w):
    h = np.tanh(x @ w)
    dz = (dy @ w) * (1 - h**2)
    return dz @ w.T, dy.T @ h


add(
    tied_autoencoder,
    tied_autoencoder_decoder_only,
    "The weight is used twice, but only its use in the decoder gets a gradient.",
    x=normal(3, 4),
    w=normal(4, 3),
)


def residual_block(x, w):
    return x + np.tanh(x @ w)


def residual_block_skip_forgotten(dy, x, w):
    dz = dy * (1 - np.tanh(x @ w) ** 2)
    return dz @ w.T, x.T @ dz


add(
    residual_block,
    residual_block_skip_forgotten,
    "The gradient of the skip connection is not added to x's gradient.",
    x=normal(3, 4),
    w=normal(4, 4),
)


def prenorm_block(x, gamma, w):
    return x + rms_norm(x, gamma) @ w


def prenorm_block_weight_sees_unnormalised(dy, x, gamma, w):
    inv = 1 / np.sqrt(mean_last(x * x) + EPS)
    h, dn = x * inv, dy @ w.T
    g = dn * gamma
    dx = dy + inv * (g - h * mean_last(g * h))
    return dx, (dn * h).sum(axis=0), x.T @ dy


add(
    prenorm_block,
    prenorm_block_weight_sees_unnormalised,
    "The weight's gradient uses the block's input x instead of the normalised x that it saw.",
    x=normal(3, 4) * 2,
    gamma=positive(4),
    w=normal(4, 4),
)


def swiglu(x, wg, wu, wd):
    return (silu(x @ wg) * (x @ wu)) @ wd


def swiglu_up_misses_activation(dy, x, wg, wu, wd):
    g, u = x @ wg, x @ wu
    s = sig(g)
    dh = dy @ wd.T
    dg, du = dh * u * (s + g * s * (1 - s)), dh * g
    return dg @ wg.T + du @ wu.T, x.T @ dg, x.T @ du, (g * s * u).T @ dy


add(
    swiglu,
    swiglu_up_misses_activation,
    "The gradient of the up branch must be multiplied by silu(gate), not by the raw gate.",
    x=normal(3, 4),
    wg=normal(4, 5),
    wu=normal(4, 5),
    wd=normal(5, 3),
)


def glu(x):
    a, b = np.split(x, 2, axis=-1)
    return a * sig(b)


def glu_halves_exchanged(dy, x):
    a, b = np.split(x, 2, axis=-1)
    s = sig(b)
    return np.concatenate([dy * a * s * (1 - s), dy * s], axis=-1)


add(
    glu,
    glu_halves_exchanged,
    "The gradients of the value half and of the gate half are exchanged.",
    x=normal(3, 6),
)


# Embeddings and positions

IDS = np.array([[1, 3, 1, 5], [3, 0, 3, 2]])


def embed(ids, table):
    return table[ids]


def embed_repeats_lost(dy, ids, table):
    d = np.zeros_like(table)
    d[ids] += dy
    return d


def embed_fortran_order(dy, ids, table):
    d = np.zeros_like(table)
    np.add.at(d, ids.reshape(-1, order="F"), rows(dy))
    return d


for wrong, sentence in [
    (embed_repeats_lost, "Ids that occur more than once keep only one of their gradients."),
    (
        embed_fortran_order,
        "The ids are flattened column by column, but their gradients row by row.",
    ),
]:
    add(embed, wrong, sentence, ids=IDS, table=normal(6, 3))


def token_and_position(ids, table, positions):
    return table[ids] + positions[: ids.shape[1]]


def token_and_position_first_sequence(dy, ids, table, positions):
    dt, dp = np.zeros_like(table), np.zeros_like(positions)
    np.add.at(dt, ids, dy)
    dp[: ids.shape[1]] = dy[0]
    return dt, dp


add(
    token_and_position,
    token_and_position_first_sequence,
    "The positions' gradient is taken from the first sequence only, not summed over all.",
    ids=IDS,
    table=normal(6, 3),
    positions=normal(6, 3),
)


def angles(x, start=0):
    half = x.shape[-1] // 2
    return (np.arange(x.shape[-2]) + start)[:, None] * 0.5 ** np.arange(half)


def rotary(x):
    a, b = np.split(x, 2, axis=-1)
    c, s = np.cos(angles(x, 2)), np.sin(angles(x, 2))
    return np.concatenate([a * c - b * s, a * s + b * c], axis=-1)


def rotary_rotates_forward_again(dy, x):
    return rotary(dy)


def rotary_positions_from_zero(dy, x):
    a, b = np.split(dy, 2, axis=-1)
    c, s = np.cos(angles(x)), np.sin(angles(x))
    return np.concatenate([a * c + b * s, b * c - a * s], axis=-1)


def rotary_interleaved_pairs(dy, x):
    a, b = dy[..., ::2], dy[..., 1::2]
    c, s = np.cos(angles(x, 2)), np.sin(angles(x, 2))
    return np.stack([a * c + b * s, b * c - a * s], axis=-1).reshape(x.shape)


for wrong, sentence in [
    (rotary_rotates_forward_again, "The gradient must be rotated back, by minus the angle."),
    (
        rotary_positions_from_zero,
        "The forward pass counts positions from 2, the backward pass from 0.",
    ),
    (
        rotary_interleaved_pairs,
        "The forward pass pairs the two halves, the backward pass pairs neighbouring features.",
    ),
]:
    add(rotary, wrong, sentence, x=normal(2, 4, 6))


# Attention


def attention(q, k, v):
    return weights(q, k) @ v


def attention_scale_missing_for_queries(dy, q, k, v):
    dq, dk, dv = attend_back(dy, q, k, v, weights(q, k))
    return dq * np.sqrt(q.shape[-1]), dk, dv


def attention_values_weights_not_transposed(dy, q, k, v):
    p = weights(q, k)
    dq, dk, _ = attend_back(dy, q, k, v, p)
    return dq, dk, p @ dy


def attention_sum_over_queries(dy, q, k, v):
    p = weights(q, k)
    dp = dy @ tr(v)
    ds = p * (dp - (dp * p).sum(axis=-2, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, tr(ds) @ q, tr(p) @ dy


for wrong, sentence in [
    (
        attention_scale_missing_for_queries,
        "The factor 1 / sqrt(d) is missing in the gradient of the queries (the keys have it).",
    ),
    (
        attention_values_weights_not_transposed,
        "The attention weights are not transposed in the gradient of the values.",
    ),
    (
        attention_sum_over_queries,
        "The sum in softmax's derivative runs over the queries instead of the keys.",
    ),
]:
    add(attention, wrong, sentence, q=normal(2, 4, 3), k=normal(2, 4, 3), v=normal(2, 4, 3))


def causal(q, k, v):
    return weights(q, k, np.tri(q.shape[-2], dtype=bool)) @ v


def causal_mask_transposed(dy, q, k, v):
    p = weights(q, k, np.tri(q.shape[-2], dtype=bool).T)
    return attend_back(dy, q, k, v, p)


add(
    causal,
    causal_mask_transposed,
    "The causal mask is transposed in the backward pass: it shows the future, not the past.",
    q=normal(2, 4, 3),
    k=normal(2, 4, 3),
    v=normal(2, 4, 3),
)


def padded_attention(q, k, v, mask):
    return weights(q, k, mask[:, None, :]) @ v


def padded_attention_first_mask_for_all(dy, q, k, v, mask):
    return attend_back(dy, q, k, v, weights(q, k, mask[0]))


add(
    padded_attention,
    padded_attention_first_mask_for_all,
    "The backward pass uses the first sequence's padding mask for every sequence.",
    q=normal(3, 4, 3),
    k=normal(3, 5, 3),
    v=normal(3, 5, 3),
    mask=PADDED,
)


def self_attention(x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    return weights(q, k) @ v


def self_attention_only_query_path(dy, x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    dq, dk, dv = attend_back(dy, q, k, v, weights(q, k))
    r = rows(x).T
    return dq @ wq.T, r @ rows(dq), r @ rows(dk), r @ rows(dv)


def self_attention_key_and_value_swapped(dy, x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    dq, dk, dv = attend_back(dy, q, k, v, weights(q, k))
    dx = dq @ wq.T + dk @ wk.T + dv @ wv.T
    r = rows(x).T
    return dx, r @ rows(dq), r @ rows(dv), r @ rows(dk)


for wrong, sentence in [
    (
        self_attention_only_query_path,
        "x's gradient contains only the path by the queries; keys and values are missing.",
    ),
    (
        self_attention_key_and_value_swapped,
        "The gradients of the key weights and of the value weights are swapped.",
    ),
]:
    square = {name: normal(3, 3) for name in ["wq", "wk", "wv"]}
    add(self_attention, wrong, sentence, x=normal(2, 4, 3), **square)


def multi_head(q, k, v):
    q, k, v = heads(q, 2), heads(k, 2), heads(v, 2)
    return merge(weights(q, k) @ v)


def multi_head_reshape_without_transpose(dy, q, k, v):
    shape = q.shape
    q, k, v = heads(q, 2), heads(k, 2), heads(v, 2)
    dq, dk, dv = attend_back(heads(dy, 2), q, k, v, weights(q, k))
    return dq.reshape(shape), dk.reshape(shape), dv.reshape(shape)


add(
    multi_head,
    multi_head_reshape_without_transpose,
    "Heads and positions are not transposed back before the heads are merged.",
    q=normal(2, 3, 4),
    k=normal(2, 3, 4),
    v=normal(2, 3, 4),
)


def grouped(q, k, v):
    k, v = np.repeat(k, 2, axis=1), np.repeat(v, 2, axis=1)
    return weights(q, k) @ v


def grouped_summed_as_if_tiled(dy, q, k, v):
    k2, v2 = np.repeat(k, 2, axis=1), np.repeat(v, 2, axis=1)
    dq, dk, dv = attend_back(dy, q, k2, v2, weights(q, k2))
    n = k.shape[1]
    return dq, dk[:, :n] + dk[:, n:], dv[:, :n] + dv[:, n:]


def grouped_first_head_only(dy, q, k, v):
    k2, v2 = np.repeat(k, 2, axis=1), np.repeat(v, 2, axis=1)
    dq, dk, dv = attend_back(dy, q, k2, v2, weights(q, k2))
    return dq, dk[:, ::2].copy(), dv[:, ::2].copy()


for wrong, sentence in [
    (
        grouped_summed_as_if_tiled,
        "Query heads 0 and 1 share a key head, but the backward pass adds heads 0 and 2.",
    ),
    (
        grouped_first_head_only,
        "Keys and values get the gradient of the first head of each group, not the group's sum.",
    ),
]:
    add(grouped, wrong, sentence, q=normal(2, 4, 3, 2), k=normal(2, 2, 3, 2), v=normal(2, 2, 3, 2))


def biased_attention(q, k, v, bias):
    return soft(q @ tr(k) / np.sqrt(q.shape[-1]) + bias) @ v


def biased_attention_bias_scaled(dy, q, k, v, bias):
    p = soft(q @ tr(k) / np.sqrt(q.shape[-1]) + bias)
    dq, dk, dv = attend_back(dy, q, k, v, p)
    ds = soft_back(dy @ tr(v), p) / np.sqrt(q.shape[-1])
    return dq, dk, dv, ds.sum(axis=0)


add(
    biased_attention,
    biased_attention_bias_scaled,
    "The bias is added after the scaling, so its gradient must not be divided by sqrt(d).",
    q=normal(2, 3, 4),
    k=normal(2, 3, 4),
    v=normal(2, 3, 4),
    bias=normal(3, 3),
)


def dropped_attention(q, k, v, keep):
    return (weights(q, k) * keep / 0.5) @ v


def dropped_attention_softmax_of_dropped(dy, q, k, v, keep):
    p = weights(q, k) * keep / 0.5
    dp = dy @ tr(v) * keep / 0.5
    ds = soft_back(dp, p) / np.sqrt(q.shape[-1])
    return ds @ k, tr(ds) @ q, tr(p) @ dy


add(
    dropped_attention,
    dropped_attention_softmax_of_dropped,
    "Softmax's derivative uses the weights after dropout instead of before it.",
    q=normal(2, 3, 4),
    k=normal(2, 4, 4),
    v=normal(2, 4, 4),
    keep=RNG.random((2, 3, 4)) < 0.6,
)


# Pooling and dropout


def mean_pool(x, mask):
    m = mask[:, :, None]
    return (x * m).sum(axis=1) / m.sum(axis=1)


def mean_pool_padding_receives_gradient(dy, x, mask):
    return np.ones_like(x) * (dy / mask.sum(axis=1)[:, None])[:, None, :]


add(
    mean_pool,
    mean_pool_padding_receives_gradient,
    "Padded positions receive a gradient too.",
    x=normal(3, 5, 2),
    mask=PADDED,
)


def last_token(x, lengths):
    return x[np.arange(len(x)), lengths - 1]


def last_token_end_of_padding(dy, x, lengths):
    d = np.zeros_like(x)
    d[:, -1] = dy
    return d


add(
    last_token,
    last_token_end_of_padding,
    "The gradient goes to the end of the padded row instead of each sequence's last token.",
    x=normal(3, 5, 2),
    lengths=np.array([4, 2, 3]),
)


def average_windows(x):
    return (x[:, :-2] + x[:, 1:-1] + x[:, 2:]) / 3


def average_windows_overlap_overwritten(dy, x):
    d = np.zeros_like(x)
    for t in range(dy.shape[1]):
        d[:, t : t + 3] = dy[:, t, None] / 3
    return d


add(
    average_windows,
    average_windows_overlap_overwritten,
    "Where windows overlap, the gradients overwrite each other instead of being added.",
    x=normal(2, 6, 2),
)


def max_pool(x):
    return x.reshape(x.shape[0], -1, 2, x.shape[2]).max(axis=2)


def max_pool_first_of_window(dy, x):
    d = np.zeros_like(x)
    d[:, ::2] = dy
    return d


add(
    max_pool,
    max_pool_first_of_window,
    "The gradient goes to the first entry of each window instead of its largest.",
    False,
    x=normal(2, 6, 3),
)


def top_two(x):
    return np.sort(x, axis=-1)[:, ::-1][:, :2]


def top_two_sent_to_smallest(dy, x):
    d = np.zeros_like(x)
    np.put_along_axis(d, np.argsort(x, axis=-1)[:, :2], dy, axis=-1)
    return d


add(
    top_two,
    top_two_sent_to_smallest,
    "argsort is ascending: the gradient goes to the two smallest entries, not the two largest.",
    False,
    x=normal(3, 5),
)


def two_dropouts(x, w, keep1, keep2):
    return np.tanh((x * keep1 / 0.5) @ w) * keep2 / 0.5


def two_dropouts_same_mask(dy, x, w, keep1, keep2):
    h = x * keep1 / 0.5
    dz = dy * keep2 / 0.5 * (1 - np.tanh(h @ w) ** 2)
    return dz @ w.T * keep2 / 0.5, h.T @ dz


add(
    two_dropouts,
    two_dropouts_same_mask,
    "The mask of the second dropout is used for the first dropout as well.",
    x=normal(4, 4),
    w=normal(4, 4),
    keep1=RNG.random((4, 4)) < 0.5,
    keep2=RNG.random((4, 4)) < 0.5,
)


# Sequences


def cumulative(x):
    return np.cumsum(x, axis=1)


def cumulative_exclusive(dy, x):
    return np.flip(np.cumsum(np.flip(dy, 1), axis=1), 1) - dy


add(
    cumulative,
    cumulative_exclusive,
    "The reversed cumulative sum leaves out the position itself (off by one).",
    x=normal(2, 5),
)


def token_shift(x, mu):
    previous = np.zeros_like(x)
    previous[:, 1:] = x[:, :-1]
    return mu * x + (1 - mu) * previous


def token_shift_same_direction(dy, x, mu):
    previous, moved = np.zeros_like(x), np.zeros_like(x)
    previous[:, 1:] = x[:, :-1]
    moved[:, 1:] = (dy * (1 - mu))[:, :-1]
    return dy * mu + moved, rows(dy * (x - previous)).sum(axis=0)


add(
    token_shift,
    token_shift_same_direction,
    "The gradient is shifted forward in time like the input; it must be shifted back.",
    x=normal(2, 4, 3),
    mu=RNG.uniform(0.2, 0.8, 3),
)


def conv(x, w):
    windows = [x[:, i : i + x.shape[1] - len(w) + 1] @ w[i] for i in range(len(w))]
    return sum(windows)


def conv_kernel_reversed_for_input(dy, x, w):
    dx, n = np.zeros_like(x), dy.shape[1]
    for i in range(len(w)):
        dx[:, i : i + n] += dy @ w[len(w) - 1 - i].T
    return dx, np.stack([rows(x[:, i : i + n]).T @ rows(dy) for i in range(len(w))])


add(
    conv,
    conv_kernel_reversed_for_input,
    "The kernel is reversed in time in the gradient of the input.",
    x=normal(2, 6, 3),
    w=normal(3, 3, 2),
)


def rnn_states(x, wx, wh):
    h = [np.zeros((x.shape[0], wh.shape[0]))]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ wx + h[-1] @ wh))
    return h


def rnn(x, wx, wh):
    return np.stack(rnn_states(x, wx, wh)[1:], axis=1)


def rnn_backward(dy, x, wx, wh, carry=1.0, lag=0):
    h = rnn_states(x, wx, wh)
    dx, dwx, dwh, dh = np.zeros_like(x), np.zeros_like(wx), np.zeros_like(wh), 0.0
    for t in reversed(range(x.shape[1])):
        dz = (dy[:, t] + carry * dh) * (1 - h[t + 1] ** 2)
        dx[:, t] = dz @ wx.T
        dwx += x[:, t].T @ dz
        dwh += h[t + lag].T @ dz
        dh = dz @ wh.T
    return dx, dwx, dwh


def rnn_not_through_time(dy, x, wx, wh):
    return rnn_backward(dy, x, wx, wh, carry=0.0)


def rnn_current_state_for_previous(dy, x, wx, wh):
    return rnn_backward(dy, x, wx, wh, lag=1)


for wrong, sentence in [
    (rnn_not_through_time, "The gradient is not carried from a step to the step before it."),
    (
        rnn_current_state_for_previous,
        "The recurrent weight's gradient uses the new state instead of the previous one.",
    ),
]:
    add(rnn, wrong, sentence, x=normal(2, 4, 3), wx=normal(3, 3) * 0.7, wh=normal(3, 3) * 0.7)


def lstm_cell(x, c, w):
    i, f, g, o = np.split(x @ w, 4, axis=-1)
    return sig(o) * np.tanh(sig(f) * c + sig(i) * np.tanh(g))


def lstm_cell_gate_order(dy, x, c, w):
    i, f, g, o = np.split(x @ w, 4, axis=-1)
    i, f, g, o = sig(i), sig(f), np.tanh(g), sig(o)
    t = np.tanh(f * c + i * g)
    dc = dy * o * (1 - t**2)
    di, df = dc * g * i * (1 - i), dc * c * f * (1 - f)
    dg, do = dc * i * (1 - g**2), dy * t * o * (1 - o)
    dz = np.concatenate([di, df, do, dg], axis=-1)
    return dz @ w.T, dc * f, x.T @ dz


add(
    lstm_cell,
    lstm_cell_gate_order,
    "The gates' gradients are joined in the order i, f, o, g; the forward pass has i, f, g, o.",
    x=normal(3, 4),
    c=normal(3, 2),
    w=normal(4, 8),
)


def cycle_axes(x):
    return x.transpose(1, 2, 0)


def cycle_axes_same_permutation(dy, x):
    return dy.transpose(1, 2, 0).copy()


add(
    cycle_axes,
    cycle_axes_same_permutation,
    "The gradient is permuted by the forward permutation again instead of by its inverse.",
    x=normal(3, 3, 3),
)


def prefix_tokens(prefix, x):
    return np.concatenate([np.repeat(prefix[None], len(x), axis=0), x], axis=1)


def prefix_tokens_taken_from_the_end(dy, prefix, x):
    n = x.shape[1]
    return dy[:, n:].sum(axis=0), dy[:, :n].copy()


add(
    prefix_tokens,
    prefix_tokens_taken_from_the_end,
    "The prefix was put in front, but its gradient is sliced from the end.",
    prefix=normal(2, 3),
    x=normal(2, 4, 3),
)


# Losses

TARGETS = np.array([2, -1, 0, 3, -1])


def cross_entropy(logits, targets):
    real = targets >= 0
    picked = (logits - lse(logits))[np.arange(len(targets)), np.where(real, targets, 0)]
    return -(picked * real).sum() / real.sum()


def cross_entropy_divides_by_all(dy, logits, targets):
    d = soft(logits) - one_hot(np.maximum(targets, 0), logits.shape[1])
    return dy * d * (targets >= 0)[:, None] / len(targets)


def cross_entropy_upstream_ignored(dy, logits, targets):
    d = soft(logits) - one_hot(targets, logits.shape[1])
    return d * (targets >= 0)[:, None] / (targets >= 0).sum()


for wrong, sentence in [
    (
        cross_entropy_divides_by_all,
        "The gradient is divided by all rows instead of those whose target is not ignored.",
    ),
    (cross_entropy_upstream_ignored, "The upstream gradient is ignored."),
]:
    add(cross_entropy, wrong, sentence, logits=normal(5, 4), targets=TARGETS)


def smoothed(targets, n):
    return 0.7 * one_hot(targets, n) + 0.3 / n


def smoothed_cross_entropy(logits, targets):
    logp = logits - lse(logits)
    return -(smoothed(targets, logits.shape[1]) * logp).sum(axis=-1).mean()


def smoothed_cross_entropy_hard_targets(dy, logits, targets):
    return dy * (soft(logits) - one_hot(targets, logits.shape[1])) / len(targets)


add(
    smoothed_cross_entropy,
    smoothed_cross_entropy_hard_targets,
    "The backward pass subtracts the hard targets instead of the smoothed ones.",
    logits=normal(3, 4),
    targets=np.array([1, 3, 0]),
)


def next_token_loss(logits, ids):
    logp = logits[:, :-1] - lse(logits[:, :-1])
    return -np.take_along_axis(logp, ids[:, 1:, None], axis=2).mean()


def next_token_loss_not_shifted(dy, logits, ids):
    d = np.zeros_like(logits)
    n = ids.shape[0] * (ids.shape[1] - 1)
    d[:, :-1] = soft(logits[:, :-1]) - one_hot(ids[:, :-1], logits.shape[-1])
    return dy * d / n


add(
    next_token_loss,
    next_token_loss_not_shifted,
    "The backward pass compares with the current token instead of the next one.",
    logits=normal(2, 4, 6),
    ids=IDS,
)


def kl_divergence(teacher, student):
    p = soft(teacher)
    return (p * (teacher - lse(teacher) - student + lse(student))).sum(axis=-1).mean()


def kl_divergence_teacher_detached(dy, teacher, student):
    return np.zeros_like(teacher), dy * (soft(student) - soft(teacher)) / len(teacher)


add(
    kl_divergence,
    kl_divergence_teacher_detached,
    "The teacher's logits get no gradient, though the loss depends on them.",
    teacher=normal(3, 4),
    student=normal(3, 4),
)


def bce(logits, targets):
    return (np.log(1 + np.exp(logits)) - targets * logits).mean()


def bce_sigmoid_twice(dy, logits, targets):
    return dy * (sig(sig(logits)) - targets) / logits.size


add(
    bce,
    bce_sigmoid_twice,
    "Sigmoid is applied twice to the logits.",
    logits=normal(3, 4),
    targets=RNG.integers(0, 2, (3, 4)),
)


def huber(pred, target):
    e = pred - target
    return np.where(np.abs(e) < 0.6, 0.5 * e * e, 0.6 * (np.abs(e) - 0.3)).mean()


def huber_delta_missing(dy, pred, target):
    e = pred - target
    d = dy * np.where(np.abs(e) < 0.6, e, np.sign(e)) / e.size
    return d, -d


add(
    huber,
    huber_delta_missing,
    "In the linear part the gradient must be delta * sign(e); delta = 0.6 is missing.",
    False,
    pred=normal(3, 4),
    target=normal(3, 4),
)


def mse(pred, target):
    return ((pred - target) ** 2).mean()


def mse_target_same_sign(dy, pred, target):
    d = dy * 2 * (pred - target) / pred.size
    return d, d.copy()


add(
    mse,
    mse_target_same_sign,
    "The target's gradient has the wrong sign: it must be minus the prediction's.",
    pred=normal(3, 4),
    target=normal(3, 4),
)


def contrastive(a, b):
    s = a @ b.T / 0.5
    n = np.arange(len(a))
    return -((s - lse(s))[n, n].mean() + (s.T - lse(s.T))[n, n].mean()) / 2


def contrastive_one_direction(dy, a, b):
    s = a @ b.T / 0.5
    ds = dy * (soft(s) - np.eye(len(a))) / len(a) / 0.5
    return ds @ b, ds.T @ a


add(
    contrastive,
    contrastive_one_direction,
    "The loss averages both directions, but only the one from a to b is differentiated.",
    a=normal(4, 3),
    b=normal(4, 3),
)


def numerical(case, dy, name):
    x = case.inputs[name]
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        plus, minus = x.copy(), x.copy()
        plus[i] += 1e-6
        minus[i] -= 1e-6
        up = case.forward(**{**case.inputs, name: plus})
        down = case.forward(**{**case.inputs, name: minus})
        out[i] = (dy * (up - down)).sum() / 2e-6
    return out


def errors(case):
    """The largest error of each input's gradient, relative to that gradient's largest entry."""
    before = {k: np.copy(v) for k, v in case.inputs.items()}
    y = case.forward(**case.inputs)
    dy = np.random.default_rng(5).standard_normal(np.shape(y))
    grads = case.backward(dy, **case.inputs)
    grads = grads if isinstance(grads, tuple) else (grads,)
    names = [k for k, v in case.inputs.items() if v.dtype == np.float64]
    found = {}
    for name, grad in zip(names, grads, strict=True):
        assert grad.shape == case.inputs[name].shape, (case.name, name)
        right = numerical(case, dy, name)
        found[name] = float(np.abs(grad - right).max() / np.abs(right).max())
    assert all(np.array_equal(before[k], case.inputs[k]) for k in before), case.name
    return found


def main():
    for case in CASES:
        report = gradcheck.check(case.forward, case.backward, case.inputs, analytic=case.analytic)
        print(f"{case.name}\n{case.truth}\n{report}\n")


if __name__ == "__main__":
    main()
