"""Random inputs for the functions of windows: ``example(rng, **sizes)``.

You can fix a size by its letter: T tokens, R rows and C columns; K and L, the sizes of a window; s,
the stride; D and F features. All other sizes are drawn at random and are small.
"""

import numpy as np


def _size(rng, sizes, letter, low, high):
    return sizes[letter] if letter in sizes else int(rng.integers(low, high + 1))


def _moves(rng, sizes):
    """The stride and the padding of a convolution."""
    stride = _size(rng, sizes, "s", 1, 3)
    same = sizes["same"] if "same" in sizes else rng.random() < 0.5
    return {"stride": stride, "padding": "same" if same else "valid"}


def _filters(rng, sizes, D, *kernel):
    F = _size(rng, sizes, "F", 1, 3)
    return {"W": rng.standard_normal((*kernel, D, F)), "b": rng.standard_normal(F)}


def conv1d(rng, **sizes):
    """x (B, T, D) with at least as many tokens as a window, unless T is given."""
    B, D, K = (_size(rng, sizes, name, 1, 3) for name in "BDK")
    T = _size(rng, sizes, "T", K, K + 4)
    x = rng.standard_normal((B, T, D))
    return {"x": x} | _filters(rng, sizes, D, K) | _moves(rng, sizes)


def conv2d(rng, **sizes):
    B, D, K, L = (_size(rng, sizes, name, 1, 2) for name in "BDKL")
    R, C = _size(rng, sizes, "R", K, K + 3), _size(rng, sizes, "C", L, L + 3)
    x = rng.standard_normal((B, R, C, D))
    return {"x": x} | _filters(rng, sizes, D, K, L) | _moves(rng, sizes)


def _distinct(rng, shape):
    """Multiples of 0.1 in random order: small steps leave every maximum where it is."""
    n = int(np.prod(shape))
    return 0.1 * rng.permuted(np.arange(n)).reshape(shape) - 0.05 * n


def pool1d(rng, **sizes):
    B, D, K = (_size(rng, sizes, name, 1, 3) for name in "BDK")
    T = _size(rng, sizes, "T", K, K + 4)
    x = _distinct(rng, (B, T, D))
    return {"x": x, "size": K, "stride": _size(rng, sizes, "s", 1, 3)}


def pool2d(rng, **sizes):
    """Windows of K rows and L columns; the stride is a number or, in half the cases, a pair."""
    B, D = (_size(rng, sizes, name, 1, 2) for name in "BD")
    K, L = (_size(rng, sizes, name, 1, 3) for name in "KL")
    R, C = _size(rng, sizes, "R", K, K + 3), _size(rng, sizes, "C", L, L + 3)
    stride = _size(rng, sizes, "s", 1, 3)
    if rng.random() < 0.5:
        stride = (stride, _size(rng, sizes, "s", 1, 2))
    return {"x": _distinct(rng, (B, R, C, D)), "size": (K, L), "stride": stride}


def patches(rng, **sizes):
    """x (B, R, C, D) of whole patches of p rows and columns."""
    B, D, p = (_size(rng, sizes, name, 1, 3) for name in "BDp")
    rows, columns = _size(rng, sizes, "R/p", 1, 3), _size(rng, sizes, "C/p", 1, 3)
    return {"x": rng.standard_normal((B, rows * p, columns * p, D)), "size": p}
