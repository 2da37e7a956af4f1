"""Right solutions: activations, norms, positions and dropout."""

import math

import numpy as np

from minitransformer.functional import erf

phi = np.vectorize(lambda v: math.exp(-v * v / 2) / math.sqrt(2 * math.pi), otypes=[float])
Phi = np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)), otypes=[float])


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), 1 - 1 / (1 + np.exp(-np.abs(x))))


def tanh_form(dy, x):
    k = np.sqrt(2 / np.pi)
    u = k * (x + 0.044715 * np.power(x, 3))
    sech2 = 1 / np.cosh(u) ** 2
    return dy * (0.5 * np.tanh(u) + 0.5 * x * sech2 * k * (1 + 0.134145 * x**2) + 0.5)


def tanh_form_float(dy, x):
    k = math.sqrt(2 / math.pi)
    t = np.tanh(k * x * (1 + 0.044715 * x * x))
    return dy * 0.5 * (1 + t + x * (1 - t) * (1 + t) * k * (1 + 3 * 0.044715 * x * x))


def tanh_form_loop(dy, x):
    out = np.zeros(x.shape)
    for place, v in np.ndenumerate(x):
        v = float(v)
        k = math.sqrt(2 / math.pi)
        t = math.tanh(k * (v + 0.044715 * v**3))
        slope = 0.5 * (1 + t) + 0.5 * v * (1 - t * t) * k * (1 + 3 * 0.044715 * v * v)
        out[place] = dy[place] * slope
    return out


def swiglu_loop(dy, gate, up):
    dgate, dup = np.empty_like(gate), np.empty_like(up)
    for p, g in np.ndenumerate(gate):
        s = 1 / (1 + np.exp(-g))
        dup[p] = dy[p] * g * s
        dgate[p] = dy[p] * up[p] * (s + g * s * (1 - s))
    return dgate, dup


def layer_norm_loop(x, gamma, beta, eps=1e-5):
    y, xhat, rstd = np.empty_like(x), np.empty_like(x), np.empty_like(x[..., :1])
    for p in np.ndindex(x.shape[:-1]):
        row = x[p] - x[p].mean()
        rstd[p] = 1 / np.sqrt((row**2).mean() + eps)
        xhat[p] = row * rstd[p]
        y[p] = gamma * xhat[p] + beta
    return y, xhat, rstd


def layer_norm_std(x, gamma, beta, eps=1e-5):
    mu, var = x.mean(-1, keepdims=True), np.var(x, axis=-1, keepdims=True)
    rstd = 1 / np.sqrt(var + eps)
    return (x - mu) / np.sqrt(var + eps) * gamma + beta, (x - mu) * rstd, rstd


def layer_norm_power(x, gamma, beta):
    c = x - np.einsum("btd->bt", x)[..., None] / x.shape[-1]
    rstd = (np.einsum("btd,btd->bt", c, c)[..., None] / x.shape[-1] + 1e-5) ** -0.5
    return c * rstd * gamma + beta, c * rstd, rstd


def norm_jacobian(dy, xhat, rstd, gamma, centred):
    D = xhat.shape[-1]
    dx = np.zeros_like(xhat)
    for p in np.ndindex(xhat.shape[:-1]):
        h = xhat[p]
        J = rstd[p] * (np.eye(D) - centred / D - np.outer(h, h) / D)
        dx[p] = J.T @ (gamma * dy[p])
    return dx


def layer_norm_backward_jacobian(dy, xhat, rstd, gamma):
    axes = tuple(range(dy.ndim - 1))
    dx = norm_jacobian(dy, xhat, rstd, gamma, 1)
    return dx, np.sum(dy * xhat, axis=axes), np.sum(dy, axis=axes)


def layer_norm_backward_sums(dy, xhat, rstd, gamma):
    D, d = dy.shape[-1], dy * gamma
    s = D * d - d.sum(-1, keepdims=True) - xhat * (d * xhat).sum(-1, keepdims=True)
    rows = dy.reshape(-1, D)
    return rstd / D * s, np.einsum("nd,nd->d", rows, xhat.reshape(-1, D)), rows.sum(0)


def layer_norm_backward_variance(dy, xhat, rstd, gamma):
    """By way of the variance and the mean, as in many textbooks."""
    D, d, centred = dy.shape[-1], dy * gamma, xhat / rstd
    dvar = (d * centred).sum(-1, keepdims=True) * -0.5 * rstd**3
    dmean = -(d * rstd).sum(-1, keepdims=True)
    dx = d * rstd + dvar * 2 * centred / D + dmean / D
    return dx, (dy * xhat).sum((0, 1)), dy.sum((0, 1))


def rms_norm_loop(x, gamma, eps=1e-6):
    xhat, rstd = np.zeros(x.shape), np.zeros((*x.shape[:-1], 1))
    for p in np.ndindex(x.shape[:-1]):
        rstd[p] = 1 / math.sqrt(float(x[p] @ x[p]) / x.shape[-1] + eps)
        xhat[p] = x[p] * rstd[p]
    return gamma * xhat, xhat, rstd


def rms_norm_norm(x, gamma, eps=1e-6):
    square = np.linalg.norm(x, axis=-1, keepdims=True) ** 2 / x.shape[-1]
    rstd = 1 / np.sqrt(square + eps)
    return gamma * (x * rstd), x * rstd, rstd


def rms_backward(dy, xhat, rstd, gamma):
    d = dy * gamma
    dot = np.einsum("...d,...d->...", d, xhat)[..., None]
    return rstd * d - rstd * xhat * dot / d.shape[-1], np.einsum("btd,btd->d", dy, xhat)


def positions_loop(max_len, d_model):
    P = np.zeros((max_len, d_model))
    for pos in range(max_len):
        for i in range(d_model):
            angle = pos / 10000 ** ((i - i % 2) / d_model)
            P[pos, i] = math.cos(angle) if i % 2 else math.sin(angle)
    return P


def positions_exp(max_len, d_model, dtype=np.float64):
    rate = np.exp(-np.log(10000.0) * np.arange(0, d_model, 2) / d_model)
    angle = np.outer(np.arange(max_len), rate)
    both = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(max_len, -1)
    return both[:, :d_model].astype(dtype)


def positions_where(max_len, d_model):
    i = np.arange(d_model)
    angle = np.arange(max_len)[:, None] / np.power(10000.0, (i // 2 * 2) / d_model)
    return np.where(i % 2 == 0, np.sin(angle), np.cos(angle))


def rotary_complex(x, cos, sin, sign=1):
    E = x.shape[-1]
    z = (x[..., : E // 2] + 1j * x[..., E // 2 :]) * (cos + sign * 1j * sin)
    return np.concatenate([z.real, z.imag], -1).astype(x.dtype)


def rotary_rotate_half(x, cos, sin, sign=1):
    x1, x2 = np.split(x, 2, axis=-1)
    twice = np.concatenate([cos, cos], -1), np.concatenate([sin, sin], -1)
    return x * twice[0] + sign * np.concatenate([-x2, x1], -1) * twice[1]


def rotary_pairs(x, cos, sin, sign=1):
    half = x.shape[-1] // 2
    y = np.zeros(x.shape)
    for i in range(half):
        y[..., i] = x[..., i] * cos[..., i] - sign * x[..., i + half] * sin[..., i]
        y[..., i + half] = sign * x[..., i] * sin[..., i] + x[..., i + half] * cos[..., i]
    return y


def dropout_binomial(rng, shape, p, dtype):
    return (rng.binomial(1, 1 - p, shape) / (1 - p)).astype(dtype)


def dropout_uniform(rng, shape, p, dtype):
    keep = np.zeros(shape, dtype)
    keep[rng.uniform(size=shape) < 1 - p] = 1 / (1 - p)
    return keep


def dropout_choice(rng, shape, p, dtype):
    return rng.choice(np.array([0, 1 / (1 - p)], dtype), size=shape, p=[p, 1 - p])


RIGHT = {
    "relu_backward": [
        lambda dy, y: np.where(y > 0, dy, 0),
        lambda dy, y: dy * np.sign(y),
        lambda dy, y: np.multiply(dy, np.heaviside(y, 0)),
        lambda dy, y: dy * (y > 0).astype(float),
    ],
    "gelu": [
        lambda x: x * Phi(x),
        lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2))),
        lambda x: x * (0.5 + 0.5 * erf(x * 0.7071067811865476)),
    ],
    "gelu_backward": [
        lambda dy, x: dy * (Phi(x) + x * phi(x)),
        lambda dy, x: dy * (1 + erf(x / 2**0.5)) / 2 + dy * x * np.exp(-(x**2) / 2)
        * 0.3989422804014327,
        lambda dy, x: dy * (0.5 * (1 + erf(x / np.sqrt(2))) + x * np.exp(-0.5 * x * x)
                            / np.sqrt(2 * np.pi)),
    ],
    "gelu_tanh_backward": [tanh_form, tanh_form_float, tanh_form_loop],
    "silu_backward": [
        lambda dy, x: dy * sigmoid(x) * (1 + x * (1 - sigmoid(x))),
        lambda dy, x: dy * (sigmoid(x) + x * np.exp(-x) / (1 + np.exp(-x)) ** 2),
        lambda dy, x: dy * (x * sigmoid(x) + sigmoid(x) * (1 - x * sigmoid(x))),
    ],
    "swiglu": [
        lambda gate, up: gate * sigmoid(gate) * up,
        lambda gate, up: gate / (1 + np.exp(-gate)) * up,
        lambda gate, up: np.multiply(gate * 0.5 * (1 + np.tanh(gate / 2)), up),
    ],
    "swiglu_backward": [
        swiglu_loop,
        lambda dy, gate, up: (
            dy * up * sigmoid(gate) * (1 + gate * (1 - sigmoid(gate))), dy * gate * sigmoid(gate),
        ),
        lambda dy, gate, up: [
            dy * up * (gate * sigmoid(gate) * (1 - sigmoid(gate)) + sigmoid(gate)),
            dy * gate / (1 + np.exp(-gate)),
        ],
    ],
    "layer_norm": [layer_norm_loop, layer_norm_std, layer_norm_power],
    "layer_norm_backward": [
        layer_norm_backward_jacobian, layer_norm_backward_sums, layer_norm_backward_variance,
    ],
    "rms_norm": [
        rms_norm_loop,
        rms_norm_norm,
        lambda x, gamma, eps=1e-6: (
            gamma * x / np.sqrt(np.mean(x**2, -1, keepdims=True) + eps),
            x / np.sqrt(np.mean(x**2, -1, keepdims=True) + eps),
            1 / np.sqrt(np.mean(x**2, -1, keepdims=True) + eps),
        ),
    ],
    "rms_norm_backward": [
        rms_backward,
        lambda dy, xhat, rstd, gamma: (
            norm_jacobian(dy, xhat, rstd, gamma, 0), (dy * xhat).sum(axis=(0, 1)),
        ),
        lambda dy, xhat, rstd, gamma: (
            rstd * (gamma * dy - xhat * np.mean(gamma * dy * xhat, axis=-1, keepdims=True)),
            (dy * xhat).reshape(-1, dy.shape[-1]).sum(axis=0),
        ),
    ],
    "sinusoidal_positions": [positions_loop, positions_exp, positions_where],
    "rotary": [rotary_complex, rotary_rotate_half, rotary_pairs],
    "rotary_backward": [
        lambda dy, cos, sin: rotary_complex(dy, cos, sin, -1),
        lambda dy, cos, sin: rotary_rotate_half(dy, cos, -sin),
        lambda dy, cos, sin: rotary_pairs(dy, cos, sin, -1),
    ],
    "dropout_mask": [dropout_binomial, dropout_uniform, dropout_choice],
    "dropout_backward": [
        lambda dy, keep: keep * dy,
        lambda dy, keep: np.where(keep > 0, dy * keep.max(initial=0), 0),
        lambda dy, keep: np.einsum("...,...->...", dy, keep),
    ],
}  # fmt: skip
