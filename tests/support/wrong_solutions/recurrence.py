"""Wrong backward passes of recurrent networks: one loop for each network, with a part left out."""

import numpy as np


def walk(T, reverse):
    return range(T) if reverse else range(T - 1, -1, -1)


def earlier(states, first, t, reverse):
    """The state before step t."""
    before = t + 1 if reverse else t - 1
    if 0 <= before < states.shape[1]:
        return states[:, before]
    return np.zeros_like(states[:, 0]) if first is None else first


def real(mask, t, dh):
    return np.ones((len(dh), 1), bool) if mask is None else mask[:, t, None]


def rnn(last=True, slope=True, through=True, transposed=True, initial=True, masked=True, mean=1):
    def function(dy, dh, x, W, U, y, *, h0=None, mask=None, reverse=False):
        mask = mask if masked else None
        dh = dh.copy() if last else np.zeros_like(dh)
        dx, dW, dU = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U)
        db = np.zeros(W.shape[1], W.dtype)
        for t in walk(x.shape[1], reverse):
            dh = dh + dy[:, t]
            on = real(mask, t, dh)
            da = np.where(on, dh * (1 - y[:, t] ** 2) if slope else dh, 0).astype(dy.dtype)
            dx[:, t] = da @ W.T
            dW += x[:, t].T @ da
            dU += earlier(y, h0 if initial else None, t, reverse).T @ da
            db += da.sum(axis=0)
            back = da @ (U.T if transposed else U) if through else np.zeros_like(dh)
            dh = np.where(on, back, dh)
        return dx, dW / (len(x) or 1) if mean != 1 else dW, dU, db, dh

    return function


def lstm(last=True, cell=True, gates=(0, 1, 2, 3), masked=True, slope=True, mean=1, outputs=True):
    def function(
        dy, dh, dc, x, W, U, y, gates_, cells, *, h0=None, c0=None, mask=None, reverse=False
    ):
        E, mask = y.shape[2], mask if masked else None
        dh = dh.copy() if last else np.zeros_like(dh)
        dc = dc.copy() if cell else np.zeros_like(dc)
        da = np.zeros_like(gates_)
        for t in walk(x.shape[1], reverse):
            i, f, g, o = np.split(gates_[:, t], 4, axis=1)
            dh = dh + dy[:, t] if outputs else dh
            on, th = real(mask, t, dh), np.tanh(cells[:, t])
            new = dc + dh * o * (1 - th**2)
            parts = [new * g, new * earlier(cells, c0, t, reverse), new * i, dh * th]
            slopes = [i * (1 - i), f * (1 - f), 1 - g**2, o * (1 - o)]
            if slope:
                parts = [a * b for a, b in zip(parts, slopes, strict=True)]
            step = np.concatenate(parts, axis=1)
            da[:, t] = np.where(on, step, 0)
            dh, dc = np.where(on, step @ U.T, dh), np.where(on, new * f, dc)
        da_seen = np.concatenate([da[..., k * E : (k + 1) * E] for k in gates], axis=2)
        before = np.stack([earlier(y, h0, t, reverse) for t in range(x.shape[1])], axis=1)
        dW = np.einsum("btd,bte->de", x, da_seen)
        dW = dW / mean(x) if callable(mean) else dW
        dU = np.einsum("bth,bte->he", before, da_seen)
        return da @ W.T, dW, dU, da_seen.sum((0, 1)), dh, dc

    return function


def gru(last=True, blocks=(0, 1, 2), masked=True, same=False, outputs=True, mean=1, keep=True):
    def function(dy, dh, x, W, U, y, gates, *, h0=None, mask=None, reverse=False):
        E, mask = y.shape[2], mask if masked else None
        dh = dh.copy() if last else np.zeros_like(dh)
        da = np.zeros((*y.shape[:2], 3 * E), y.dtype)
        du = np.zeros_like(da)
        for t in walk(x.shape[1], reverse):
            r, z, n, u = np.split(gates[:, t], 4, axis=1)
            dh = dh + dy[:, t] if outputs else dh
            on, h = real(mask, t, dh), earlier(y, h0, t, reverse)
            an = dh * (1 - z) * (1 - n**2)
            az, ar = dh * (h - n) * z * (1 - z), an * u * r * (1 - r)
            a, v = np.hstack([ar, az, an]), np.hstack([ar, az, an * r])
            da[:, t], du[:, t] = np.where(on, a, 0), np.where(on, v, 0)
            dh = np.where(on, (dh * z if keep else 0) + v @ U.T, dh)
        seen = np.concatenate([da[..., k * E : (k + 1) * E] for k in blocks], axis=2)
        before = np.stack([earlier(y, h0, t, reverse) for t in range(x.shape[1])], axis=1)
        dW = np.einsum("btd,bte->de", x, seen) / (len(x) if mean == "batch" and len(x) else 1)
        dU = np.einsum("bth,bte->he", before, da if same == "U" else du)
        dd = (da if same == "d" else du).sum((0, 1))
        return da @ W.T, dW, dU, seen.sum((0, 1)), dd, dh

    return function


WRONG = {
    "rnn_backward": [
        ("last state is not used", rnn(last=False)),
        ("slope of tanh", rnn(slope=False)),
        ("nothing goes back", rnn(through=False)),
        ("not transposed", rnn(transposed=False)),
        ("initial state|h0", rnn(initial=False)),
        ("padding|mask", rnn(masked=False)),
        ("batch", rnn(mean=2)),
    ],
    "lstm_backward": [
        ("last state is not used", lstm(last=False)),
        ("last cell is not used", lstm(cell=False)),
        ("i, f, o, g", lstm(gates=(0, 1, 3, 2))),
        ("f, i, g, o", lstm(gates=(1, 0, 2, 3))),
        ("padding|mask", lstm(masked=False)),
        ("outputs are not used", lstm(outputs=False)),
        ("number of steps", lstm(mean=lambda x: x.shape[1])),
    ],
    "gru_backward": [
        ("last state is not used", gru(last=False)),
        ("z, r, n", gru(blocks=(1, 0, 2))),
        ("padding|mask", gru(masked=False)),
        ("same as db", gru(same="d")),
        ("gradients of a", gru(same="U")),
        ("outputs are not used", gru(outputs=False)),
        ("batch", gru(mean="batch")),
    ],
}
