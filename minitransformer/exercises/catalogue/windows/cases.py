"""The cases of the exercises on windows: overlap, strides, zeros at the ends."""

import numpy as np

from minitransformer.exercises.cases import Variant

# Windows of one image or text overlap, and rows, columns and windows are not square.
BASE = {"R": 4, "C": 6, "K": 3, "L": 2, "s": 1, "same": False}


def _variant(label, sizes=(), **more):
    return Variant(label, {**BASE, **dict(sizes)}, **more)


def _one_step(inputs, rng):
    """One number as the stride of both axes."""
    stride = inputs["stride"]
    return inputs | {"stride": stride[0] if isinstance(stride, tuple) else stride}


def _usual(**more):
    return (
        _variant("B = 1", {"B": 1}, **more),
        _variant("B = 3", **more),
        _variant(
            "float32", dtype=np.float32, blame="right in float64, wrong in float32", **more
        ),
        _variant("an empty batch", {"B": 0}, limit=True, **more),
    )  # fmt: skip


STRIDE = "right with stride 1: window t begins at t * stride, along every axis"
CONVOLVED = (
    *_usual(),
    _variant("stride 2", {"s": 2, "T": 8, "R": 7}, blame=STRIDE, sure=True),
    _variant("stride 3, entries that no window reads", {"s": 3, "T": 8, "R": 7}, blame=STRIDE),
    _variant(
        "padding 'same'",
        {"same": True},
        options=("padding",),
        blame="right with padding 'valid': with 'same', put zeros around x first, and cut dx",
        sure=True,
    ),
    _variant(
        "padding 'same', an odd number of zeros",
        {"same": True, "K": 2, "L": 2},
        options=("padding",),
        blame="right if there are as many zeros before as after: the odd one comes after",
        sure=True,
    ),
)
POOLED = (
    *_usual(adjust=_one_step),
    _variant("windows that do not overlap", {"s": 3, "T": 7, "R": 7, "C": 7}, adjust=_one_step),
    _variant("stride 2", {"s": 2, "T": 8, "R": 7}, adjust=_one_step, blame=STRIDE, sure=True),
    _variant(
        "no stride given",
        {"T": 8, "R": 7},
        adjust=lambda inputs, rng: inputs | {"stride": None},
        blame="right with a stride: by default, the stride is the size of a window",
        sure=True,
    ),
)
PATCHES = tuple(
    Variant(label, {"B": 3, "p": 2, "R/p": 2, "C/p": 3, "D": 5, **dict(sizes)}, **more)
    for label, sizes, more in (
        ("B = 1", {"B": 1}, {}),
        ("B = 3", {}, {}),
        ("one channel", {"D": 1}, {}),
        ("float32", {}, {"dtype": np.float32}),
        ("an empty batch", {"B": 0}, {"limit": True}),
    )
)
