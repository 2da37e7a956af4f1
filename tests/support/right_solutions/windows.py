"""Right solutions: convolutions, pooling over windows, and patches."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)


def _around(sizes, kernel, steps, n, padding):
    pads = []
    for size, k, s, m in zip(sizes, kernel, steps, n, strict=True):
        zeros = max((m - 1) * s + k - size, 0) if padding == "same" else 0
        pads.append((zeros // 2, zeros - zeros // 2))
    return pads


def conv1d_entries(dy, x, W, *, stride=1, padding="valid"):
    """Token by token, as the equation stands."""
    (K, _, _), (B, T, _), n = W.shape, x.shape, dy.shape[1]
    ((before, _),) = _around((T,), (K,), (stride,), (n,), padding)
    dx, dW = np.zeros(x.shape, x.dtype), np.zeros(W.shape, x.dtype)
    for b in range(B):
        for t in range(n):
            for k in range(K):
                u = t * stride + k - before
                if 0 <= u < T:
                    dx[b, u] += W[k] @ dy[b, t]
                    dW[k] += np.outer(x[b, u], dy[b, t])
    return dx, dW, dy.sum((0, 1))


def conv1d_views(dy, x, W, *, stride=1, padding="valid"):
    """Windows as a view, and einsum."""
    K, n = len(W), dy.shape[1]
    (pads,) = _around(x.shape[1:2], (K,), (stride,), (n,), padding)
    padded = np.pad(x, ((0, 0), pads, (0, 0)))
    X = sliding_window_view(padded, K, axis=1)[:, ::stride]  # (B, T', D, K)
    dX = np.einsum("btf,kdf->btdk", dy, W)
    dpadded = np.zeros_like(padded)
    for t in range(n):
        dpadded[:, t * stride : t * stride + K] += dX[:, t].transpose(0, 2, 1)
    end = pads[0] + x.shape[1]
    return dpadded[:, pads[0] : end], np.einsum("btdk,btf->kdf", X, dy), dy.sum(axis=(0, 1))


def conv1d_dilated(dy, x, W, *, stride=1, padding="valid"):
    """dx as a convolution of dy, with zeros between its entries, and reversed filters."""
    (K, _, F), n = W.shape, dy.shape[1]
    (pads,) = _around(x.shape[1:2], (K,), (stride,), (n,), padding)
    padded = np.pad(x, ((0, 0), pads, (0, 0)))
    spread = np.zeros((len(dy), padded.shape[1] + K - 1, F), dy.dtype)
    spread[:, K - 1 : K - 1 + (n - 1) * stride + 1 : stride] = dy
    dx = sum(spread[:, k : k + padded.shape[1]] @ W[K - 1 - k].T for k in range(K))
    dW = np.stack(
        [
            np.tensordot(padded[:, k : k + (n - 1) * stride + 1 : stride], dy, ((0, 1), (0, 1)))
            for k in range(K)
        ]
    )
    return dx[:, pads[0] : pads[0] + x.shape[1]], dW, dy.reshape(-1, F).sum(0)


def conv2d_entries(dy, x, W, *, stride=1, padding="valid"):
    s, t = _pair(stride)
    K, L = W.shape[:2]
    (top, _), (left, _) = _around(x.shape[1:3], (K, L), (s, t), dy.shape[1:3], padding)
    dx, dW = np.zeros(x.shape, x.dtype), np.zeros(W.shape, x.dtype)
    for i, j in np.ndindex(dy.shape[1:3]):
        for k, m in np.ndindex(K, L):
            u, v = i * s + k - top, j * t + m - left
            if 0 <= u < x.shape[1] and 0 <= v < x.shape[2]:
                dx[:, u, v] += dy[:, i, j] @ W[k, m].T
                dW[k, m] += x[:, u, v].T @ dy[:, i, j]
    return dx, dW, dy.sum(axis=(0, 1, 2))


def conv2d_windows(dy, x, W, *, stride=1, padding="valid"):
    """One window after the other."""
    s, t = _pair(stride)
    K, L, D, F = W.shape
    pads = _around(x.shape[1:3], (K, L), (s, t), dy.shape[1:3], padding)
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    dpadded, dW = np.zeros_like(padded), np.zeros((K * L * D, F), x.dtype)
    for i, j in np.ndindex(dy.shape[1:3]):
        window = (slice(None), slice(i * s, i * s + K), slice(j * t, j * t + L))
        g = dy[:, i, j]
        dW += padded[window].reshape(len(x), K * L * D).T @ g
        dpadded[window] += (g @ W.reshape(K * L * D, F).T).reshape(len(x), K, L, D)
    (top, _), (left, _) = pads
    inside = dpadded[:, top : top + x.shape[1], left : left + x.shape[2]]
    return inside, dW.reshape(W.shape), dy.reshape(-1, F).sum(axis=0)


def conv2d_einsum(dy, x, W, *, stride=1, padding="valid"):
    s, t = _pair(stride)
    K, L = W.shape[:2]
    pads = _around(x.shape[1:3], (K, L), (s, t), dy.shape[1:3], padding)
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    X = sliding_window_view(padded, (K, L), axis=(1, 2))[:, ::s, ::t]  # (B, R', C', D, K, L)
    dW = np.einsum("bijdkl,bijf->kldf", X, dy)
    return conv2d_entries(dy, x, W, stride=stride, padding=padding)[0], dW, dy.sum((0, 1, 2))


def max1d_entries(dy, index, length, size, stride=None):
    step = size if stride is None else stride
    dx = np.zeros((len(dy), length, dy.shape[2]), dy.dtype)
    for b, t, d in np.ndindex(dy.shape):
        dx[b, t * step + index[b, t, d], d] += dy[b, t, d]
    return dx


def max1d_add_at(dy, index, length, size, stride=None):
    B, n, D = dy.shape
    dx = np.zeros((B, length, D), dy.dtype)
    place = np.arange(n)[:, None] * (stride or size) + index
    np.add.at(dx, (np.arange(B)[:, None, None], place, np.arange(D)), dy)
    return dx


def max1d_one_hot(dy, index, length, size, stride=None):
    step = stride or size
    starts = np.arange(dy.shape[1])[:, None] * step
    hot = (starts + index)[..., None] == np.arange(length)  # (B, T', D, T)
    return np.einsum("btd,btdu->bud", dy, hot.astype(dy.dtype))


def max2d_entries(dy, index, sizes, size, stride=None):
    K, L = _pair(size)
    s, t = (K, L) if stride is None else _pair(stride)
    dx = np.zeros((len(dy), *sizes, dy.shape[3]), dy.dtype)
    for b, i, j, d in np.ndindex(dy.shape):
        k, m = divmod(int(index[b, i, j, d]), L)
        dx[b, i * s + k, j * t + m, d] += dy[b, i, j, d]
    return dx


def max2d_add_at(dy, index, sizes, size, stride=None):
    K, L = _pair(size)
    s, t = _pair(stride) if stride is not None else (K, L)
    dx = np.zeros((dy.shape[0], sizes[0], sizes[1], dy.shape[3]), dy.dtype)
    b, i, j, d = np.indices(dy.shape)
    np.add.at(dx, (b, i * s + index // L, j * t + index % L, d), dy)
    return dx


def max2d_windows(dy, index, sizes, size, stride=None):
    K, L = _pair(size)
    s, t = (K, L) if stride is None else _pair(stride)
    dx = np.zeros((len(dy), *sizes, dy.shape[3]), dy.dtype)
    for i, j in np.ndindex(dy.shape[1:3]):
        won = np.arange(K * L)[None, :, None] == index[:, i, j][:, None, :]
        part = (won * dy[:, i, j][:, None, :]).reshape(len(dy), K, L, -1)
        dx[:, i * s : i * s + K, j * t : j * t + L] += part
    return dx


def avg_windows(dy, sizes, size, stride=None):
    K, L = _pair(size)
    s, t = (K, L) if stride is None else _pair(stride)
    dx = np.zeros((len(dy), *sizes, dy.shape[3]), dy.dtype)
    for i, j in np.ndindex(dy.shape[1:3]):
        dx[:, i * s : i * s + K, j * t : j * t + L] += dy[:, i : i + 1, j : j + 1] / (K * L)
    return dx


def avg_entries(dy, sizes, size, stride=None):
    K, L = _pair(size)
    s, t = (K, L) if stride is None else _pair(stride)
    dx = np.zeros((len(dy), *sizes, dy.shape[3]), dy.dtype)
    for i, j in np.ndindex(dy.shape[1:3]):
        for k, m in np.ndindex(K, L):
            dx[:, i * s + k, j * t + m] += dy[:, i, j] / K / L
    return dx


def avg_matrices(dy, sizes, size, stride=None):
    """A matrix of zeros and ones for the rows, and one for the columns."""

    def inside(length, k, step, n):
        starts = np.arange(n)[:, None] * step
        return ((starts <= np.arange(length)) & (np.arange(length) < starts + k)).astype(dy.dtype)

    K, L = _pair(size)
    s, t = (K, L) if stride is None else _pair(stride)
    rows, columns = inside(sizes[0], K, s, dy.shape[1]), inside(sizes[1], L, t, dy.shape[2])
    return np.einsum("iu,jv,bijd->buvd", rows, columns, dy) / (K * L)


def patches_one_by_one(dy, size, rows, columns):
    D = dy.shape[2] // size**2
    dx = np.zeros((len(dy), rows, columns, D), dy.dtype)
    across = columns // size
    for n in range(dy.shape[1]):
        i, j = divmod(n, across)
        part = dy[:, n].reshape(len(dy), size, size, D)
        dx[:, i * size : (i + 1) * size, j * size : (j + 1) * size] = part
    return dx


def patches_moved(dy, p, rows, columns):
    D = dy.shape[-1] // (p * p)
    boxes = dy.reshape(dy.shape[0], rows // p, columns // p, p, p, D)
    return np.moveaxis(boxes, 3, 2).reshape(dy.shape[0], rows, columns, D)


def patches_joined(dy, p, rows, columns):
    D = dy.shape[-1] // (p * p)
    boxes = dy.reshape(dy.shape[0], rows // p, columns // p, p, p, D)
    strips = [np.concatenate(list(boxes[:, i].swapaxes(0, 1)), axis=2) for i in range(rows // p)]
    return np.concatenate(strips, axis=1)


RIGHT = {
    "conv1d_backward": [conv1d_entries, conv1d_views, conv1d_dilated],
    "conv2d_backward": [conv2d_entries, conv2d_windows, conv2d_einsum],
    "max_pool1d_backward": [max1d_entries, max1d_add_at, max1d_one_hot],
    "max_pool2d_backward": [max2d_entries, max2d_add_at, max2d_windows],
    "avg_pool2d_backward": [avg_windows, avg_entries, avg_matrices],
    "patchify_backward": [patches_one_by_one, patches_moved, patches_joined],
}
