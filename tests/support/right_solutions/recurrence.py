"""Right solutions: backpropagation through time in other styles."""

import numpy as np


def _before(states, first, reverse):
    """The states before each step, (B, T, E)."""
    first = np.zeros_like(states[:, :1]) if first is None else first[:, None]
    parts = [states[:, 1:], first] if reverse else [first, states[:, :-1]]
    return np.concatenate(parts, axis=1)


def _steps(T, reverse):
    return list(range(T)) if reverse else list(range(T))[::-1]


def rnn_text_by_text(dy, dh, x, W, U, y, *, h0=None, mask=None, reverse=False):
    first = np.zeros_like(dh) if h0 is None else h0
    dx, dW, dU = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U)
    db, dh0 = np.zeros(len(U), U.dtype), np.zeros_like(dh)
    for n in range(len(x)):
        grad = dh[n]
        for t in _steps(x.shape[1], reverse):
            grad = grad + dy[n, t]
            if mask is not None and not mask[n, t]:
                continue
            before = t + 1 if reverse else t - 1
            h = y[n, before] if 0 <= before < x.shape[1] else first[n]
            da = grad * (1 - y[n, t] * y[n, t])
            dx[n, t] = W @ da
            dW += np.outer(x[n, t], da)
            dU += np.outer(h, da)
            db += da
            grad = U @ da
        dh0[n] = grad
    return dx, dW, dU, db, dh0


def rnn_in_the_loop(dy, dh, x, W, U, y, *, h0=None, mask=None, reverse=False):
    """All gradients are added up inside the loop."""
    H = _before(y, h0, reverse)
    keep = np.ones((*y.shape[:2], 1), y.dtype) if mask is None else mask[..., None].astype(y.dtype)
    dx, dW, dU, db = np.zeros_like(x), 0 * W, 0 * U, np.zeros(W.shape[1], W.dtype)
    for t in _steps(x.shape[1], reverse):
        dh = dh + dy[:, t]
        da = keep[:, t] * dh * (1 - y[:, t] ** 2)
        dx[:, t], dW, dU = da @ W.T, dW + x[:, t].T @ da, dU + H[:, t].T @ da
        db, dh = db + da.sum(0), (1 - keep[:, t]) * dh + da @ U.T
    return dx, dW, dU, db, dh


def rnn_einsum(dy, dh, x, W, U, y, *, h0=None, mask=None, reverse=False):
    flip = slice(None, None, -1) if reverse else slice(None)
    y_, dy_, slopes = y[:, flip], dy[:, flip], 1 - y[:, flip] ** 2
    m = np.ones(y.shape[:2], bool) if mask is None else mask[:, flip]
    da = np.zeros_like(y)
    for t in range(y.shape[1])[::-1]:
        dh = dh + dy_[:, t]
        da[:, t] = np.where(m[:, t, None], dh * slopes[:, t], 0)
        dh = np.where(m[:, t, None], np.einsum("be,fe->bf", da[:, t], U), dh)
    H = _before(y_, h0, False)
    x_ = x[:, flip]
    dx = np.einsum("bte,de->btd", da, W)[:, flip]
    return (
        dx, np.einsum("btd,bte->de", x_, da), np.einsum("btf,bte->fe", H, da), da.sum((0, 1)), dh
    )  # fmt: skip


def lstm_text_by_text(
    dy, dh, dc, x, W, U, y, gates, cells, *, h0=None, c0=None, mask=None, reverse=False
):
    E = len(U)
    h_first = np.zeros_like(dh) if h0 is None else h0
    c_first = np.zeros_like(dc) if c0 is None else c0
    dx, dW, dU = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U)
    db, dh0, dc0 = np.zeros(4 * E, U.dtype), np.zeros_like(dh), np.zeros_like(dc)
    for n in range(len(x)):
        gh, gc = dh[n], dc[n]
        for t in _steps(x.shape[1], reverse):
            gh = gh + dy[n, t]
            if mask is not None and not mask[n, t]:
                continue
            before = t + 1 if reverse else t - 1
            inside = 0 <= before < x.shape[1]
            h = y[n, before] if inside else h_first[n]
            c = cells[n, before] if inside else c_first[n]
            i, f, g, o = gates[n, t].reshape(4, E)
            th = np.tanh(cells[n, t])
            gc = gc + gh * o * (1 - th * th)
            da = np.concatenate(
                [gc * g * i * (1 - i), gc * c * f * (1 - f), gc * i * (1 - g * g),
                 gh * th * o * (1 - o)]
            )  # fmt: skip
            dx[n, t] = W @ da
            dW, dU, db = dW + np.outer(x[n, t], da), dU + np.outer(h, da), db + da
            gh, gc = U @ da, gc * f
        dh0[n], dc0[n] = gh, gc
    return dx, dW, dU, db, dh0, dc0


def lstm_in_the_loop(
    dy, dh, dc, x, W, U, y, gates, cells, *, h0=None, c0=None, mask=None, reverse=False
):
    E = y.shape[-1]
    H, C = _before(y, h0, reverse), _before(cells, c0, reverse)
    dx, dW, dU, db = np.zeros_like(x), 0 * W, 0 * U, np.zeros(4 * E, W.dtype)
    for t in _steps(x.shape[1], reverse):
        on = np.ones((len(x), 1), bool) if mask is None else mask[:, t : t + 1]
        i, f, g, o = (gates[:, t, E * k : E * k + E] for k in range(4))
        dh = dh + dy[:, t]
        full = dc + dh * o / np.cosh(cells[:, t]) ** 2
        da = np.empty_like(gates[:, t])
        da[:, :E], da[:, E : 2 * E] = full * g * i * (1 - i), full * C[:, t] * f * (1 - f)
        da[:, 2 * E : 3 * E] = full * i * (1 - g) * (1 + g)
        da[:, 3 * E :] = dh * np.tanh(cells[:, t]) * o * (1 - o)
        da = da * on
        dx[:, t], dW, dU = da @ W.T, dW + x[:, t].T @ da, dU + H[:, t].T @ da
        db, dh, dc = db + da.sum(0), np.where(on, da @ U.T, dh), np.where(on, full * f, dc)
    return dx, dW, dU, db, dh, dc


def lstm_gate_by_gate(
    dy, dh, dc, x, W, U, y, gates, cells, *, h0=None, c0=None, mask=None, reverse=False
):
    """Each gate with a matrix of its own."""
    E, m = y.shape[-1], None if mask is None else mask[..., None]
    i, f, g, o = np.split(gates, 4, axis=-1)
    Us = np.split(U, 4, axis=1)
    H, C, th = _before(y, h0, reverse), _before(cells, c0, reverse), np.tanh(cells)
    da = [np.zeros_like(y) for _ in range(4)]
    for t in _steps(x.shape[1], reverse):
        on = True if m is None else m[:, t]
        dh = dh + dy[:, t]
        dct = dc + dh * o[:, t] * (1 - th[:, t] ** 2)
        da[0][:, t] = on * dct * g[:, t] * i[:, t] * (1 - i[:, t])
        da[1][:, t] = on * dct * C[:, t] * f[:, t] * (1 - f[:, t])
        da[2][:, t] = on * dct * i[:, t] * (1 - g[:, t] ** 2)
        da[3][:, t] = on * dh * th[:, t] * o[:, t] * (1 - o[:, t])
        back = sum(a[:, t] @ V.T for a, V in zip(da, Us, strict=True))
        dh, dc = np.where(on, back, dh), np.where(on, dct * f[:, t], dc)
    A = np.concatenate(da, axis=-1)
    assert A.shape[-1] == 4 * E
    sums = np.tensordot(x, A, ((0, 1), (0, 1))), np.tensordot(H, A, ((0, 1), (0, 1)))
    return A @ W.T, *sums, A.sum(axis=(0, 1)), dh, dc


def gru_text_by_text(dy, dh, x, W, U, y, gates, *, h0=None, mask=None, reverse=False):
    E = len(U)
    first = np.zeros_like(dh) if h0 is None else h0
    dx, dW, dU = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U)
    db, dd, dh0 = np.zeros(3 * E, U.dtype), np.zeros(3 * E, U.dtype), np.zeros_like(dh)
    for b in range(len(x)):
        grad = dh[b]
        for t in _steps(x.shape[1], reverse):
            grad = grad + dy[b, t]
            if mask is not None and not mask[b, t]:
                continue
            before = t + 1 if reverse else t - 1
            h = y[b, before] if 0 <= before < x.shape[1] else first[b]
            r, z, n, u = gates[b, t].reshape(4, E)
            an = grad * (1 - z) * (1 - n * n)
            az, ar = grad * (h - n) * z * (1 - z), an * u * r * (1 - r)
            da, du = np.concatenate([ar, az, an]), np.concatenate([ar, az, an * r])
            dx[b, t] = W @ da
            dW, dU, db, dd = dW + np.outer(x[b, t], da), dU + np.outer(h, du), db + da, dd + du
            grad = grad * z + U @ du
        dh0[b] = grad
    return dx, dW, dU, db, dd, dh0


def gru_in_the_loop(dy, dh, x, W, U, y, gates, *, h0=None, mask=None, reverse=False):
    E, H = y.shape[-1], _before(y, h0, reverse)
    dx, dW, dU = np.zeros_like(x), 0 * W, 0 * U
    db, dd = np.zeros(3 * E, W.dtype), np.zeros(3 * E, W.dtype)
    for t in _steps(x.shape[1], reverse):
        on = np.ones((len(x), 1), bool) if mask is None else mask[:, t : t + 1]
        r, z, n, u = (gates[:, t, k * E : k * E + E] for k in range(4))
        dh = dh + dy[:, t]
        dn, dz = dh * (1 - z), dh * (H[:, t] - n)
        an = dn * (1 - n**2) * on
        az, ar = dz * z * (1 - z) * on, an * u * r * (1 - r)
        da, du = np.hstack((ar, az, an)), np.hstack((ar, az, r * an))
        dx[:, t], dW, dU = da @ W.T, dW + x[:, t].T @ da, dU + H[:, t].T @ du
        db, dd = db + da.sum(0), dd + du.sum(0)
        dh = np.where(on, dh * z + du @ U.T, dh)
    return dx, dW, dU, db, dd, dh


def gru_block_by_block(dy, dh, x, W, U, y, gates, *, h0=None, mask=None, reverse=False):
    r, z, n, u = np.split(gates, 4, axis=-1)
    H, Us = _before(y, h0, reverse), np.split(U, 3, axis=1)
    ar, az, an = np.zeros_like(y), np.zeros_like(y), np.zeros_like(y)
    for t in _steps(x.shape[1], reverse):
        on = True if mask is None else mask[:, t, None]
        dh = dh + dy[:, t]
        an[:, t] = np.where(on, dh * (1 - z[:, t]) * (1 - n[:, t] ** 2), 0)
        az[:, t] = np.where(on, dh * (H[:, t] - n[:, t]) * z[:, t] * (1 - z[:, t]), 0)
        ar[:, t] = an[:, t] * u[:, t] * r[:, t] * (1 - r[:, t])
        back = ar[:, t] @ Us[0].T + az[:, t] @ Us[1].T + (an * r)[:, t] @ Us[2].T
        dh = np.where(on, dh * z[:, t] + back, dh)
    A, Q = np.concatenate([ar, az, an], -1), np.concatenate([ar, az, an * r], -1)
    dW, dU = np.einsum("btd,bte->de", x, A), np.einsum("bth,bte->he", H, Q)
    return A @ W.T, dW, dU, A.sum((0, 1)), Q.sum((0, 1)), dh


RIGHT = {
    "rnn_backward": [rnn_text_by_text, rnn_in_the_loop, rnn_einsum],
    "lstm_backward": [lstm_text_by_text, lstm_in_the_loop, lstm_gate_by_gate],
    "gru_backward": [gru_text_by_text, gru_in_the_loop, gru_block_by_block],
}
