"""Wrong linear maps, projections and embeddings."""

import numpy as np


def rows(x):
    return x.reshape(-1, x.shape[-1])


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


def qkv(order=("dQ", "dK", "dV"), dx=None, dW=None, db=None):
    def function(dQ, dK, dV, x, W):
        named = {"dQ": dQ, "dK": dK, "dV": dV}
        d = np.concatenate([named[n] for n in order], axis=-1)
        rows = d.reshape(-1, d.shape[-1])
        return (
            d @ W.T if dx is None else dx(dQ, dK, dV, W),
            x.reshape(-1, x.shape[-1]).T @ rows if dW is None else dW(x, d),
            rows.sum(axis=0) if db is None else db(d),
        )

    return function


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
            "divided by the batch size twice",
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
    ],
    "qkv_projection_backward": [
        ("only the path through Q", qkv(dx=lambda q, k, v, W: q @ W[:, : q.shape[-1]].T)),
        ("order", qkv(("dK", "dQ", "dV"))),
        ("order", qkv(("dV", "dK", "dQ"))),
        (
            "path through V is missing",
            qkv(dx=lambda q, k, v, W: np.concatenate([q, k], -1) @ W[:, : 2 * q.shape[-1]].T),
        ),
        ("mean over the three", qkv(dx=lambda q, k, v, W: np.concatenate([q, k, v], -1) @ W.T / 3)),
        ("only the first text", qkv(dW=lambda x, d: x[0].T @ d[0])),
        ("shape", qkv(dW=lambda x, d: x.swapaxes(-1, -2) @ d)),
        ("mean over the tokens", qkv(db=lambda d: d.mean((0, 1)))),
    ],
}
