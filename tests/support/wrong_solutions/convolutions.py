"""Wrong convolutions, poolings over windows, and patches."""

import numpy as np


def along(k, n, step):
    return slice(k, k + (n - 1) * step + 1, step)


def zeros_around(x, kernel, n, stride, padding):
    """x with zeros around it, and how many of them come first along each axis."""
    pads = [(0, 0)]
    for size, K, m in zip(x.shape[1:-1], kernel, n, strict=True):
        total = max((m - 1) * stride + K - size, 0) if padding == "same" else 0
        pads.append((total // 2, total - total // 2))
    return np.pad(x, [*pads, (0, 0)]), [before for before, _ in pads[1:]]


def convolution(
    add=True, turn=lambda W: W, out=lambda dx, dW, db: (dx, dW, db), step=None, zeros=None
):
    """A backward pass for one axis or two, with something wrong."""

    def function(dy, x, W, *, stride=1, padding="valid"):
        kernel, n = W.shape[:-2], dy.shape[1:-1]
        s = stride if step is None else step
        around, before = zeros_around(x, kernel, n, stride, zeros or padding)
        dx, dW = np.zeros_like(around), np.zeros_like(W)
        for place in np.ndindex(kernel):
            where = (slice(None), *(along(k, m, s) for k, m in zip(place, n, strict=True)))
            part = around[where].reshape(-1, x.shape[-1])
            dW[place] = part.T @ dy.reshape(-1, dy.shape[-1])
            if add:
                dx[where] += dy @ turn(W)[place].T
            else:
                dx[where] = dy @ turn(W)[place].T
        inside = tuple(slice(b, b + m) for b, m in zip(before, x.shape[1:-1], strict=True))
        axes = tuple(range(dy.ndim - 1))
        return out(dx[(slice(None), *inside)], dW, dy.sum(axis=axes))

    return function


def flipped(W):
    return W[tuple(slice(None, None, -1) for _ in W.shape[:-2])]


def of_windows(pick):
    """A backward pass of max pooling over one axis; `pick` says how much place k gets."""

    def function(dy, index, length, size, stride=None):
        s = size if stride is None else stride
        dx = np.zeros((len(dy), length, dy.shape[-1]), dy.dtype)
        for k in range(size):
            dx[:, along(k, dy.shape[1], s)] += pick(dy, index, k, size)
        return dx

    return function


def of_boxes(pick):
    """The same over two axes."""

    def function(dy, index, sizes, size, stride=None):
        K, L = (size, size) if isinstance(size, int) else size
        step = size if stride is None else stride
        s, r = (step, step) if isinstance(step, int) else step
        dx = np.zeros((len(dy), *sizes, dy.shape[-1]), dy.dtype)
        for k in range(K):
            for l in range(L):
                where = (slice(None), along(k, dy.shape[1], s), along(l, dy.shape[2], r))
                dx[where] += pick(dy, index, k * L + l, K * L)
        return dx

    return function


def won(dy, index, k, n):
    return dy * (index == k)


def mean_of_boxes(divisor):
    def function(dy, sizes, size, stride=None):
        K, L = (size, size) if isinstance(size, int) else size
        share = dy / divisor(K, L, dy)
        return of_boxes(lambda dy, index, k, n: dy)(share, None, sizes, size, stride)

    return function


def in_text(dy, index, length, size, stride=None):
    dx = np.zeros((len(dy), length, dy.shape[-1]), dy.dtype)
    for b, t, d in np.ndindex(dy.shape):
        dx[b, index[b, t, d], d] += dy[b, t, d]
    return dx


def assigned(dy, index, length, size, stride=None):
    s = size if stride is None else stride
    dx = np.zeros((len(dy), length, dy.shape[-1]), dy.dtype)
    for b, t, d in np.ndindex(dy.shape):
        dx[b, t * s + index[b, t, d], d] = dy[b, t, d]
    return dx


def by_size(function):
    """Without the stride: windows never overlap."""

    def wrong(dy, index, sizes, size, stride=None):
        dx = np.zeros((len(dy), *np.atleast_1d(sizes), dy.shape[-1]), dy.dtype)
        whole = function(dy, index, tuple(4 * n for n in np.atleast_1d(sizes)), size, None)
        inside = tuple(slice(0, n) for n in dx.shape[1:-1])
        return whole[(slice(None), *inside)]

    return wrong


CONVOLUTIONS = [
    ("overwrite earlier ones", convolution(add=False)),
    ("filters are reversed", convolution(turn=flipped)),
    ("dW is reversed", convolution(out=lambda dx, dW, db: (dx, flipped(dW), db))),
    ("stride", convolution(step=1)),
    ("raises", convolution(zeros="valid")),
    ("batch", convolution(out=lambda dx, dW, db: (dx, dW / len(dx), db))),
    ("shape", convolution(out=lambda dx, dW, db: (dx, dW.swapaxes(-1, -2), db))),
]
WRONG = {
    "conv1d_backward": CONVOLUTIONS,
    "conv2d_backward": CONVOLUTIONS,
    "max_pool1d_backward": [
        ("place in the text", in_text),
        ("overwrites the first", assigned),
        ("every entry", of_windows(lambda dy, index, k, K: dy)),
        ("evenly", of_windows(lambda dy, index, k, K: dy / K)),
        ("first entry", of_windows(lambda dy, index, k, K: dy * (k == 0))),
        ("not used", of_windows(lambda dy, index, k, K: (index == k).astype(dy.dtype))),
        ("first feature", of_windows(lambda dy, index, k, K: dy * (index[..., :1] == k))),
    ],
    "max_pool2d_backward": [
        ("every entry", of_boxes(lambda dy, index, k, n: dy)),
        ("evenly", of_boxes(lambda dy, index, k, n: dy / n)),
        ("first entry", of_boxes(lambda dy, index, k, n: dy * (k == 0))),
        ("last entry", of_boxes(lambda dy, index, k, n: dy * (k == n - 1))),
        ("not used", of_boxes(lambda dy, index, k, n: (index == k).astype(dy.dtype))),
        ("first feature", of_boxes(lambda dy, index, k, n: dy * (index[..., :1] == k))),
    ],
    "avg_pool2d_backward": [
        (r"1/\(K L\) is missing", mean_of_boxes(lambda K, L, dy: 1)),
        ("divided by K", mean_of_boxes(lambda K, L, dy: K)),
        ("divided by L", mean_of_boxes(lambda K, L, dy: L)),
        ("number of windows", mean_of_boxes(lambda K, L, dy: dy.shape[1] * dy.shape[2])),
        (
            "first entry",
            lambda dy, sizes, size, stride=None: of_boxes(lambda dy, index, k, n: dy * (k == 0))(
                dy, None, sizes, size, stride
            ),
        ),
    ],
    "patchify_backward": [
        ("whole rows", lambda dy, size, rows, columns: dy.reshape(len(dy), rows, columns, -1)),
        (
            "inside the patches",
            lambda dy, p, rows, columns: (
                dy.reshape(len(dy), rows // p, columns // p, p, p, -1)
                .transpose(0, 1, 4, 2, 3, 5)
                .reshape(len(dy), rows, columns, -1)
            ),
        ),
        (
            "channels",
            lambda dy, p, rows, columns: (
                dy.reshape(len(dy), rows // p, columns // p, -1, p, p)
                .transpose(0, 1, 4, 2, 5, 3)
                .reshape(len(dy), rows, columns, -1)
            ),
        ),
        (
            "column by column",
            lambda dy, p, rows, columns: (
                dy.reshape(len(dy), columns // p, rows // p, p, p, -1)
                .transpose(0, 2, 3, 1, 4, 5)
                .reshape(len(dy), rows, columns, -1)
            ),
        ),
        ("shape", lambda dy, size, rows, columns: dy.reshape(len(dy), columns, rows, -1)),
    ],
}
