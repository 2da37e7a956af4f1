"""Convolution, pooling over windows, and patches, as slow scalar loops after the equations."""

import math


def _padded(x, sizes, stride, padding):
    """x, a nested list of places, with the zeros of "same" around it; one axis or two."""
    if padding == "valid":
        return x
    K, *inner = sizes
    s, *inner_steps = stride
    if inner:
        x = [_padded(row, inner, inner_steps, padding) for row in x]
    total = max((math.ceil(len(x) / s) - 1) * s + K - len(x), 0)
    zero = _zeros_like(x[0])
    return [zero] * (total // 2) + x + [zero] * (total - total // 2)


def _zeros_like(x):
    return [_zeros_like(v) for v in x] if isinstance(x, list) else 0.0


def _starts(length, K, s):
    return range(0, length - K + 1, s)


def _pair(value):
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def conv1d(x, W, b, stride, padding):
    """y_tf = b_f + sum_kd x_(ts+k)d W_kdf."""
    K, D, F = len(W), len(W[0]), len(W[0][0])
    result = []
    for text in x:
        text = _padded(text, (K,), (stride,), padding)
        result.append([
            [
                math.fsum([b[f]] + [text[t + k][d] * W[k][d][f] for k in range(K)
                                    for d in range(D)])
                for f in range(F)
            ]
            for t in _starts(len(text), K, stride)
        ])  # fmt: skip
    return result


def conv2d(x, W, b, stride, padding):
    """y_ijf = b_f + sum_kld x_(is+k)(js+l)d W_kldf."""
    K, L, D, F = len(W), len(W[0]), len(W[0][0]), len(W[0][0][0])
    steps = _pair(stride)
    result = []
    for image in x:
        image = _padded(image, (K, L), steps, padding)
        result.append([
            [
                [
                    math.fsum([b[f]] + [image[i + k][j + l][d] * W[k][l][d][f] for k in range(K)
                                        for l in range(L) for d in range(D)])
                    for f in range(F)
                ]
                for j in _starts(len(image[0]), L, steps[1])
            ]
            for i in _starts(len(image), K, steps[0])
        ])  # fmt: skip
    return result


def _pool2d(x, size, stride, choose):
    """`choose` of the values of every window, feature by feature."""
    (K, L), steps = _pair(size), _pair(stride)
    return [
        [
            [
                [
                    choose([image[i + k][j + l][d] for k in range(K) for l in range(L)])
                    for d in range(len(image[0][0]))
                ]
                for j in _starts(len(image[0]), L, steps[1])
            ]
            for i in _starts(len(image), K, steps[0])
        ]
        for image in x
    ]


def max_pool2d(x, size, stride):
    """The largest value of each window, and its place, counted row by row."""
    return (
        _pool2d(x, size, stride, max),
        _pool2d(x, size, stride, lambda values: values.index(max(values))),
    )


def max_pool1d(x, size, stride):
    """As in an image of one column."""
    images = [[[token] for token in text] for text in x]
    both = max_pool2d(images, (size, 1), (stride, 1))
    return tuple([[row[0] for row in image] for image in part] for part in both)


def avg_pool2d(x, size, stride):
    """The mean of each window."""
    return _pool2d(x, size, stride, lambda values: math.fsum(values) / len(values))


def patchify(x, size):
    """The numbers of each patch, row by row."""
    return [
        [
            [
                number
                for row in image[i : i + size]
                for pixel in row[j : j + size]
                for number in pixel
            ]
            for i in range(0, len(image), size)
            for j in range(0, len(image[0]), size)
        ]
        for image in x
    ]
