"""Wrong linear maps, activations and embeddings."""

import math

import numpy as np

from minitransformer.functional import erf


def rows(x):
    return x.reshape(-1, x.shape[-1])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu_slope(x):
    return sigmoid(x) + x * sigmoid(x) * (1 - sigmoid(x))


def Phi(x):
    return (1 + erf(x / math.sqrt(2))) / 2


def phi(x):
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def tanh(x):
    return np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def linear_backward(dx=None, dW=None, db=None):
    """The right one, but for some parts."""

    def function(dy, x, W):
        return (
            dy @ W.T if dx is None else dx(dy, x, W),
            rows(x).T @ rows(dy) if dW is None else dW(dy, x, W),
            rows(dy).sum(axis=0) if db is None else db(dy, x, W),
        )

    return function


def over(dy, x):
    """Where the loops over the table's rows go wrong."""
    return sum(np.outer(a, b) for a, b in zip(x[:, 0], dy[:, 0], strict=True))


def tanh_backward(slope):
    """dy times (1 + t) / 2 + x / 2 * slope(x, t)."""
    return lambda dy, x: dy * ((1 + tanh(x)) / 2 + x / 2 * slope(x, tanh(x)))


K = math.sqrt(2 / math.pi)


def du(x):
    return K * (1 + 3 * 0.044715 * x**2)


def overwritten(dy, ids, n_rows):
    dW = np.zeros((n_rows, dy.shape[-1]), dy.dtype)
    dW[ids] += dy
    return dW


def counted(dy, ids, n_rows, scale=1.0, shift=0, axis=None, texts=slice(None)):
    dW = np.zeros((n_rows, dy.shape[-1]), dy.dtype)
    np.add.at(dW, (ids[texts] + shift) % n_rows, dy[texts] * scale)
    return dW


def averaged(dy, ids, n_rows):
    n = np.bincount(ids.ravel(), minlength=n_rows).clip(1)[:, None].astype(dy.dtype)
    return counted(dy, ids, n_rows) / n


WRONG = {
    "linear": [
        ("b is missing", lambda x, W, b: x @ W),
        ("b has the wrong sign", lambda x, W, b: x @ W - b),
        ("before the product|ValueError", lambda x, W, b: (x + b) @ W),
        ("ValueError", lambda x, W, b: x @ W.T + b),
        ("shape", lambda x, W, b: rows(x) @ W + b),
        ("x W is missing", lambda x, W, b: np.zeros_like(x @ W) + b),
        ("returns None", lambda x, W, b: None),
    ],
    "linear_backward": [
        ("only the first text", linear_backward(dW=lambda dy, x, W: x[0].T @ dy[0])),
        ("mean over the tokens", linear_backward(db=lambda dy, x, W: rows(dy).mean(axis=0))),
        (
            "batch divided out twice",
            linear_backward(dW=lambda dy, x, W: rows(x).T @ rows(dy) / len(x)),
        ),
        (
            "shape.*leading axes should be summed|shape",
            linear_backward(dW=lambda dy, x, W: x.swapaxes(1, 2) @ dy),
        ),
        ("another order", linear_backward(dW=lambda dy, x, W: rows(dy).T @ rows(x))),
        ("ValueError", linear_backward(dx=lambda dy, x, W: dy @ W)),
        (
            "axis 0 is gone|axis .* should be summed|leading",
            linear_backward(db=lambda dy, x, W: dy.sum(axis=0)),
        ),
        ("3 are expected", lambda dy, x, W: (dy @ W.T, rows(x).T @ rows(dy))),
        (
            "another order|order|shape",
            lambda dy, x, W: (rows(x).T @ rows(dy), dy @ W.T, rows(dy).sum(axis=0)),
        ),
        ("sign", linear_backward(db=lambda dy, x, W: -rows(dy).sum(axis=0))),
    ],
    "relu_backward": [
        ("not on dy|on y, not", lambda dy, y: np.maximum(dy, 0)),
        ("slope is 1", lambda dy, y: dy * y),
        ("upstream gradient is not used", lambda dy, y: (y > 0).astype(y.dtype)),
        ("passes everywhere", lambda dy, y: dy * (y >= 0)),
        ("wrong way round", lambda dy, y: dy * (y == 0)),
        ("minus dy", lambda dy, y: np.where(y > 0, dy, -dy)),
        ("half of it", lambda dy, y: np.where(y > 0, dy, 0.5 * dy)),
    ],
    "gelu": [
        ("root of 2", lambda x: x * (1 + erf(x)) / 2),
        ("tanh form", lambda x: x * (1 + tanh(x)) / 2),
        ("1.702", lambda x: x * sigmoid(1.702 * x)),
        ("Phi.*alone", Phi),
        ("silu", lambda x: x * sigmoid(x)),
        ("factor 2 too much|2 times", lambda x: x * (1 + erf(x / math.sqrt(2)))),
        ("wrong sign", lambda x: x * (1 - erf(x / math.sqrt(2))) / 2),
        ("relu", lambda x: x * (x > 0)),
        ("dtype", lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2),
    ],
    "gelu_backward": [
        (r"x phi\(x\) is missing", lambda dy, x: dy * Phi(x)),
        ("without its factor x", lambda dy, x: dy * (Phi(x) + phi(x))),
        ("sqrt\\(2 pi\\)", lambda dy, x: dy * (Phi(x) + x * np.exp(-x * x / 2))),
        (
            "1/2 in the exponent",
            lambda dy, x: dy * (Phi(x) + x * np.exp(-x * x) / math.sqrt(2 * math.pi)),
        ),
        ("not used", lambda dy, x: Phi(x) + x * phi(x)),
        ("wrong sign", lambda dy, x: dy * (Phi(x) - x * phi(x))),
        ("tanh form", tanh_backward(lambda x, t: (1 - t * t) * du(x))),
        ("forward pass times dy", lambda dy, x: dy * x * Phi(x)),
    ],
    "gelu_tanh_backward": [
        ("chain rule", tanh_backward(lambda x, t: 1 - t * t)),
        ("lacks the 3", tanh_backward(lambda x, t: (1 - t * t) * K * (1 + 0.044715 * x**2))),
        ("1 - t\\^2", tanh_backward(lambda x, t: (1 - t) * du(x))),
        ("is missing", lambda dy, x: dy * (1 + tanh(x)) / 2),
        ("is 2 times|times what", tanh_backward(lambda x, t: 2 * (1 - t * t) * du(x))),
        ("exact form", lambda dy, x: dy * (Phi(x) + x * phi(x))),
        ("lacks the cube", tanh_backward(lambda x, t: (1 - t * t) * K)),
        ("not used", lambda dy, x: (1 + tanh(x)) / 2 + x / 2 * (1 - tanh(x) ** 2) * du(x)),
    ],
    "silu_backward": [
        ("is missing", lambda dy, x: dy * sigmoid(x)),
        ("factor 1 - sigma is missing", lambda dy, x: dy * sigmoid(x) * (1 + x)),
        ("factor x of the second", lambda dy, x: dy * sigmoid(x) * (1 + 1 - sigmoid(x))),
        ("forward pass", lambda dy, x: dy * x * sigmoid(x)),
        ("is missing", lambda dy, x: dy * x * sigmoid(x) * (1 - sigmoid(x))),
        ("wrong sign", lambda dy, x: dy * sigmoid(x) * (1 - x * (1 - sigmoid(x)))),
        ("not used", lambda dy, x: silu_slope(x)),
    ],
    "swiglu": [
        ("changed places", lambda gate, up: up * sigmoid(up) * gate),
        ("sigmoid.*alone", lambda gate, up: sigmoid(gate) * up),
        ("silu is missing", lambda gate, up: gate * up),
        ("product is meant", lambda gate, up: gate * sigmoid(gate) + up),
        ("up is not used", lambda gate, up: gate * sigmoid(gate)),
        ("gelu", lambda gate, up: gate * Phi(gate) * up),
        ("applied to the product", lambda gate, up: gate * up * sigmoid(gate * up)),
    ],
    "swiglu_backward": [
        ("exchanged", lambda dy, g, u: (dy * g * sigmoid(g), dy * u * silu_slope(g))),
        ("dgate: .*up is missing", lambda dy, g, u: (dy * silu_slope(g), dy * g * sigmoid(g))),
        (
            "silu where its derivative",
            lambda dy, g, u: (dy * u * g * sigmoid(g), dy * g * sigmoid(g)),
        ),
        ("dup: silu is missing", lambda dy, g, u: (dy * u * silu_slope(g), dy * g)),
        (
            "sigmoid's derivative",
            lambda dy, g, u: (dy * u * sigmoid(g) * (1 - sigmoid(g)), dy * g * sigmoid(g)),
        ),
        ("2 are expected", lambda dy, g, u: dy * u * silu_slope(g)),
        (
            "dup: .*derivative where silu itself",
            lambda dy, g, u: (dy * u * silu_slope(g), dy * silu_slope(g)),
        ),
    ],
    "embedding": [
        ("counted from 1", lambda ids, W: W[ids - 1]),
        ("sqrt\\(d_model\\)", lambda ids, W: W[ids] * W.shape[1] ** 0.5),
        ("reversed", lambda ids, W: W[ids][:, ::-1]),
        ("shape", lambda ids, W: W[ids.ravel()]),
        ("shape|IndexError", lambda ids, W: W[:, ids]),
        ("first text", lambda ids, W: np.repeat(W[ids[:1]], len(ids), axis=0)),
        ("1 result|tuple", lambda ids, W: (W[ids], ids)),
    ],
    "embedding_backward": [
        ("more than once|repeated", overwritten),
        ("mean over a token's", averaged),
        ("counted from 1", lambda dy, ids, n_rows: counted(dy, ids, n_rows, shift=1)),
        ("only the first text", lambda dy, ids, n: counted(dy, ids, n, texts=slice(0, 1))),
        ("without the upstream", lambda dy, ids, n: counted(np.ones_like(dy), ids, n)),
        ("factor 2|2 times", lambda dy, ids, n_rows: counted(dy, ids, n_rows, scale=2.0)),
        ("shape", lambda dy, ids, n_rows: counted(dy, ids, ids.max() + 1)),
        ("dtype", lambda dy, ids, n: counted(dy.astype(np.float64), ids, n)),
    ],
}
