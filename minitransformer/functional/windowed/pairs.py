"""The registry entries of the functions of windows; `functional/pairs.py` adds them to `PAIRS`."""

from minitransformer.functional.pair import Pair, only
from minitransformer.functional.windowed import examples
from minitransformer.functional.windowed.convolution import (
    conv1d,
    conv1d_backward,
    conv2d,
    conv2d_backward,
)
from minitransformer.functional.windowed.patches import patchify, patchify_backward
from minitransformer.functional.windowed.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool1d,
    max_pool1d_backward,
    max_pool2d,
    max_pool2d_backward,
)

_ONES = ({"B": 1, "D": 1}, {"B": 0})
_STEPS = ({"s": 1}, {"s": 3}, {"K": 1}, {"K": 2, "s": 3})
_CONVOLVED = (
    *_ONES,
    *_STEPS,
    {"F": 1},
    {"same": True, "K": 3, "s": 1},
    {"same": True, "K": 3, "s": 2},
    {"same": True, "K": 2, "s": 2},
)
_moves = only("stride", "padding")


def _convolved(inputs, outputs):
    return {"x": inputs["x"], "W": inputs["W"], **_moves(inputs, outputs)}


def _sizes_of(inputs):
    return {"sizes": inputs["x"].shape[1:3], "size": inputs["size"], "stride": inputs["stride"]}


WINDOWED = {
    "conv1d": Pair(
        conv1d,
        conv1d_backward,
        _convolved,
        examples.conv1d,
        wrt=("x", "W", "b"),
        edges=_CONVOLVED
        + (
            {"T": 1, "K": 3, "same": True},
            {"T": 0, "K": 3, "s": 1, "same": True},
            {"T": 4, "K": 4, "same": False},
        ),
    ),
    "conv2d": Pair(
        conv2d,
        conv2d_backward,
        _convolved,
        examples.conv2d,
        wrt=("x", "W", "b"),
        edges=_CONVOLVED + ({"R": 1, "C": 1, "same": True}, {"L": 3, "same": True}),
    ),
    "max_pool1d": Pair(
        max_pool1d,
        max_pool1d_backward,
        lambda inputs, outputs: {
            "index": outputs[1],
            "length": inputs["x"].shape[1],
            "size": inputs["size"],
            "stride": inputs["stride"],
        },
        examples.pool1d,
        analytic=False,
        edges=_ONES + _STEPS + ({"T": 4, "K": 4},),
    ),
    "max_pool2d": Pair(
        max_pool2d,
        max_pool2d_backward,
        lambda inputs, outputs: {"index": outputs[1], **_sizes_of(inputs)},
        examples.pool2d,
        analytic=False,
        edges=_ONES + _STEPS + ({"L": 1}, {"R": 3, "K": 3}),
    ),
    "avg_pool2d": Pair(
        avg_pool2d,
        avg_pool2d_backward,
        lambda inputs, outputs: _sizes_of(inputs),
        examples.pool2d,
        edges=_ONES + _STEPS + ({"L": 1}, {"R": 3, "K": 3}),
    ),
    "patchify": Pair(
        patchify,
        patchify_backward,
        lambda inputs, outputs: {
            "size": inputs["size"],
            "rows": inputs["x"].shape[1],
            "columns": inputs["x"].shape[2],
        },
        examples.patches,
        view=True,
        edges=_ONES + ({"p": 1}, {"C/p": 1}, {"R/p": 1, "C/p": 1}),
    ),
}
