"""What goes wrong in exercises on windows; each function takes the names of a case."""

import numpy as np

from minitransformer import functional
from minitransformer.functional.windowed.windows import check_steps, margins, pad, unpad


def _right(c):
    """The gradients of a convolution."""
    name = f"conv{c.x.ndim - 2}d_backward"
    return getattr(functional, name)(c.dy, c.x, c.W, stride=c.stride, padding=c.padding)


def _n_windows(c):
    return c.dy.size // c.dy.shape[-1]


def _reversed(c):
    """dx with the filters reversed."""
    turned = c.W[::-1] if c.W.ndim == 3 else c.W[::-1, ::-1]
    name = f"conv{c.x.ndim - 2}d_backward"
    return getattr(functional, name)(c.dy, c.x, turned, stride=c.stride, padding=c.padding)[0]


def _overwritten(c):
    """dx if the gradient at each place of the windows overwrites what was there."""
    kernel = c.W.shape[:-2]
    stride = check_steps("stride", c.stride, len(kernel))
    margin = margins(c.x.shape[1:-1], kernel, stride, c.padding)
    dx = np.zeros_like(pad(c.x, margin))
    for place in np.ndindex(kernel):
        ends = (k + (n - 1) * s + 1 for k, n, s in zip(place, c.dy.shape[1:], stride, strict=False))
        where = tuple(map(slice, place, ends, stride))
        dx[(slice(None), *where)] = c.dy @ c.W[place].T
    return unpad(dx, c.x.shape, margin)


def spread(c, share):
    """dx of a pooling: every entry of a window gets `share` of its gradient."""
    whole = functional.avg_pool2d_backward
    if hasattr(c, "length"):
        K, dy = c.size, c.dy[:, :, None]
        stride = K if c.stride is None else c.stride
        return share * K * whole(dy, (c.length, 1), (K, 1), (stride, 1))[:, :, 0]
    return share * np.prod(c.size) * whole(c.dy, c.sizes, c.size, c.stride)


def winners(c, index):
    if hasattr(c, "length"):
        return functional.max_pool1d_backward(c.dy, index, c.length, c.size, c.stride)
    return functional.max_pool2d_backward(c.dy, index, c.sizes, c.size, c.stride)


def places_in_text(c):
    """dx if `index` is taken for a place in the text."""
    at = np.arange(c.length)[:, None] == c.index[:, :, None, :]
    return (at * c.dy[:, :, None, :]).sum(axis=1)


def without_adding(c):
    """dx of max pooling if a second win overwrites the first."""
    dx = np.zeros((len(c.dy), c.length, c.dy.shape[-1]), c.dy.dtype)
    for t in range(c.dy.shape[1]):
        place = t * (c.size if c.stride is None else c.stride) + c.index[:, t : t + 1]
        np.put_along_axis(dx, place, c.dy[:, t : t + 1], axis=1)
    return dx


def by_shape(c, *axes):
    """dx of patches whose axes (row of patches, column, row in the patch, column, D) are `axes`."""
    p, D = c.size, c.dy.shape[-1] // c.size**2
    boxes = c.dy.reshape(len(c.dy), c.rows // p, c.columns // p, p, p, D)
    return boxes.transpose(0, *axes).reshape(len(c.dy), c.rows, c.columns, D)


def channels_first(c):
    p, D = c.size, c.dy.shape[-1] // c.size**2
    boxes = c.dy.reshape(len(c.dy), c.rows // p, c.columns // p, D, p, p)
    return boxes.transpose(0, 1, 4, 2, 5, 3).reshape(len(c.dy), c.rows, c.columns, D)


def _first_example(c):
    return type(c)(**{**vars(c), "x": c.x[:1], "dy": c.dy[:1]})


CONVOLUTION_MISTAKES = {
    "later windows overwrite earlier ones: the gradients of an entry's windows add up": (
        _overwritten
    ),
    "the filters are reversed in dx: place k of a window was multiplied by W[k]": _reversed,
    "dW is reversed: dW[k] belongs to the entries at place k of the windows": lambda c: {
        "dW": _right(c)[1][::-1] if c.W.ndim == 3 else _right(c)[1][::-1, ::-1]
    },
    "dW is divided by the number of windows: it is a sum over all windows": lambda c: {
        "dW": _right(c)[1] / _n_windows(c)
    },
    "dW is divided by the batch size: it is a sum over the batch": lambda c: {
        "dW": _right(c)[1] / len(c.x)
    },
    "db is the mean over all windows: it is their sum": lambda c: {
        "db": _right(c)[2] / _n_windows(c)
    },
    "dW is that of the first example: sum over the batch": lambda c: {
        "dW": _right(_first_example(c))[1]
    },
    "db is that of the first example: sum over the batch": lambda c: {
        "db": _right(_first_example(c))[2]
    },
}


MAX_MISTAKES = {
    "every entry of a window gets the gradient: only the winner determined the result": lambda c: (
        spread(c, 1.0)
    ),
    "spread evenly, as for a mean: the winner gets all of it": lambda c: spread(
        c, 1 / np.prod(c.size)
    ),
    "the first entry of every window gets the gradient: it belongs to the winner": lambda c: (
        winners(c, np.zeros_like(c.index))
    ),
    "the last entry of every window gets the gradient: it belongs to the winner": lambda c: winners(
        c, np.full_like(c.index, np.prod(c.size) - 1)
    ),
    "the first feature's winner is used for all features": lambda c: winners(
        c, np.broadcast_to(c.index[..., :1], c.index.shape)
    ),
    "the upstream gradient is not used": lambda c: winners(
        type(c)(**{**vars(c), "dy": np.ones_like(c.dy)}), c.index
    ),
}
