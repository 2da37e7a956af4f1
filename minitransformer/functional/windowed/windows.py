r"""The windows that a convolution or a pooling reads, and their transpose: adding windows up.

A window is a small box of ``kernel`` places; it moves over the axes between the first (the batch)
and the last (the features) in steps of ``stride``. The loops go over the places of a window, of
which there are few, and never over the places of a text or an image.
"""

import itertools
import operator

from minitransformer.backend import array_module

PADDINGS = ("valid", "same")


def check_steps(name, value, n_axes):
    """One whole number of at least 1 for each axis; a single one is used for all axes.

    Raises
    ------
    TypeError
        If a number is not whole.
    ValueError
        If there are too many or too few numbers, or one is below 1.
    """
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * n_axes
    if len(values) != n_axes:
        numbers = "one number" if n_axes == 1 else f"one number or {n_axes} of them"
        raise ValueError(f"{name} must be {numbers}, got {value!r}")
    try:
        values = tuple(operator.index(step) for step in values)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {value!r}") from None
    if min(values) < 1:
        raise ValueError(f"{name} must be at least 1, got {value!r}")
    return values


def check_padding(padding):
    """Refuse a padding other than "valid" and "same".

    Raises
    ------
    ValueError
    """
    if padding not in PADDINGS:
        raise ValueError(f"padding must be one of {', '.join(PADDINGS)}, got {padding!r}")


def check_inside(words, kernel, sizes, hint=""):
    """Refuse a window that is larger than the input; the message begins with `words`.

    Raises
    ------
    ValueError
    """
    for size, k in zip(sizes, kernel, strict=True):
        if k > size:
            box, whole = (" x ".join(map(str, axes)) for axes in (kernel, sizes))
            raise ValueError(f"{words} at most {whole}, the size of x, got {box}{hint}")


def require_upstream(dy, shape):
    """Refuse an upstream gradient that does not have the `shape` of the output."""
    if dy.shape != shape:
        raise ValueError(f"dy must have the shape of the output, {shape}, got {dy.shape}")


def margins(sizes, kernel, stride, padding):
    """How many zeros are put before and after each axis, as a list of pairs.

    "valid" puts none. "same" puts as many as are needed so that there are ceil(size / stride)
    windows; if their number is odd, the additional one comes after, as in Keras.

    Raises
    ------
    ValueError
        If the padding is unknown, or a window of a "valid" axis does not fit in.
    """
    check_padding(padding)
    if padding == "valid":
        check_inside("W must have windows of", kernel, sizes, ' (or use padding="same")')
        return [(0, 0)] * len(kernel)
    totals = [
        max((-(-size // step) - 1) * step + k - size, 0)
        for size, k, step in zip(sizes, kernel, stride, strict=True)
    ]
    return [(total // 2, total - total // 2) for total in totals]


def pad(x, margin):
    """x (B, ..., D) with zeros before and after its middle axes; x itself if there are none."""
    if not any(before or after for before, after in margin):
        return x
    middle = zip(x.shape[1:-1], margin, strict=True)
    sizes = [before + size + after for size, (before, after) in middle]
    padded = array_module(x).zeros((x.shape[0], *sizes, x.shape[-1]), x.dtype)
    padded[_inside(x.shape, margin)] = x
    return padded


def unpad(x, shape, margin):
    """The part of x (B, ..., D) that :func:`pad` was given, whose shape was `shape`."""
    return x[_inside(shape, margin)]


def _inside(shape, margin):
    middle = zip(shape[1:-1], margin, strict=True)
    return (slice(None), *(slice(before, before + size) for size, (before, _) in middle))


def counts(sizes, kernel, stride):
    """The number of windows along each axis."""
    return tuple((n - k) // step + 1 for n, k, step in zip(sizes, kernel, stride, strict=True))


def _places(sizes, kernel, stride):
    """For each place in a window, the index of the entries at this place of all windows."""
    numbers = counts(sizes, kernel, stride)
    for place in itertools.product(*map(range, kernel)):
        yield (
            slice(None),
            *(
                slice(k, k + n * step, step)
                for k, n, step in zip(place, numbers, stride, strict=True)
            ),
        )


def windows(x, kernel, stride):
    """The windows of x (B, ..., D): an array (B, ..., K, D), K being the places of a window.

    A window's places are counted row by row.
    """
    places = [x[place] for place in _places(x.shape[1:-1], kernel, stride)]
    return array_module(x).stack(places, axis=-2)


def add_windows(w, shape, kernel, stride):
    """The transpose of :func:`windows`: each entry of w (B, ..., K, D) is added to its place.

    Returns
    -------
    array of the given `shape`
    """
    x = array_module(w).zeros(shape, w.dtype)
    for k, place in enumerate(_places(shape[1:-1], kernel, stride)):
        entries = x[place]  # a view
        entries += w[..., k, :]
    return x
