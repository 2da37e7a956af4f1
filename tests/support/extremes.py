"""Extreme inputs for every pair, which a correct formula survives without NaN or warning.

`TABLE[pair]` lists functions that make the inputs of an example extreme, each with the dtypes in
which it is tried. Sizes are chosen so that the exact result fits the dtype, or is
rounded to its largest value (float16).
"""

from typing import Any, NamedTuple

import numpy as np

WIDE = (np.float32, np.float64)
HALF = (np.float16,)
ALL = HALF + WIDE


class Extreme(NamedTuple):
    """One kind of extreme inputs."""

    name: str
    change: Any
    dtypes: tuple


def _everywhere(names, number):
    """These inputs with the given size and random signs."""

    def change(rng, inputs):
        found = {key: value for key, value in inputs.items() if key in names}
        signs = {k: rng.choice([-1.0, 1.0], value.shape) for k, value in found.items()}
        return {**inputs, **{key: number * sign for key, sign in signs.items()}}

    return change


def _equal(name, number):
    """One input with the same number everywhere."""
    return lambda rng, inputs: {**inputs, name: np.full(inputs[name].shape, number)}


def _offset(name, number):
    """One input with a large number added to it."""
    return lambda rng, inputs: {**inputs, name: inputs[name] + number}


def _nothing_allowed(rng, inputs):
    """A mask that allows nothing."""
    if "Q" in inputs:
        shape = (*inputs["Q"].shape[:-1], inputs["K"].shape[-2])
    else:
        shape = inputs["x"].shape[:2]
    return {**inputs, "mask": np.zeros(shape, bool)}


def _nothing_counts(rng, inputs):
    return {**inputs, "targets": np.full(inputs["targets"].shape, -100), "ignore_index": -100}


def _sizes(*names, wide=1e30, half=6e4):
    """`names` at +- `wide`, and at +- `half` in float16."""
    return [
        Extreme(f"+-{wide:g}", _everywhere(names, wide), WIDE),
        Extreme(f"+-{half:g}", _everywhere(names, half), HALF),
        Extreme("0", _everywhere(names, 0.0), ALL),
    ]


_NORM = [
    Extreme("offset 1e5", _offset("x", 1e5), WIDE),
    Extreme("offset -1e5", _offset("x", -1e5), WIDE),
    Extreme("offset 1e3", _offset("x", 1e3), HALF),
    Extreme("+-6e4", _everywhere(("x",), 6e4), ALL),
    Extreme("constant rows", _equal("x", 3.0), ALL),
    Extreme("0", _equal("x", 0.0), ALL),
    Extreme("gamma +-1e30", _everywhere(("gamma",), 1e30), WIDE),
]
_LOGITS = [
    *_sizes("x"),
    Extreme("all 1e30", _equal("x", 1e30), WIDE),
    Extreme("all -1e30", _equal("x", -1e30), WIDE),
    Extreme("all 6e4", _equal("x", 6e4), HALF),
]
_ATTENTION = [
    *_sizes("Q"),
    *_sizes("K"),
    *_sizes("V"),
    Extreme("scores +-1e30", _everywhere(("Q", "K"), 1e15), WIDE),
    Extreme("scores +-3.6e9", _everywhere(("Q", "K"), 6e4), HALF),
    Extreme("nothing allowed", _nothing_allowed, ALL),
]
_POOL = [*_sizes("x"), Extreme("nothing allowed", _nothing_allowed, ALL)]

_RECURRENT = [*_sizes("x", wide=1e15, half=1e3), Extreme("nothing allowed", _nothing_allowed, ALL)]

TABLE = {
    "linear": [*_sizes("x"), *_sizes("W")],
    "qkv_projection": [*_sizes("x"), *_sizes("W")],
    "relu": _sizes("x"),
    "gelu": _sizes("x"),
    "gelu_tanh": _sizes("x"),
    "silu": [*_sizes("x"), *_sizes("x", wide=100.0, half=20.0)[:2]],
    "swiglu": [*_sizes("gate"), *_sizes("up", half=1e4), *_sizes("gate", "up", wide=1e15)],
    "softmax": [*_LOGITS, Extreme("all -infinity", _equal("x", -np.inf), ALL)],
    "softmax_axis_1": _LOGITS,
    "log_softmax": _LOGITS,
    "log_softmax_axis_1": _LOGITS,
    "layer_norm": _NORM,
    "rms_norm": _NORM,
    "dropout": _sizes("x", half=4e4),
    "embedding": _sizes("W"),
    "attention": _ATTENTION,
    "tiled_attention": _ATTENTION,
    "split_heads": _sizes("x"),
    "merge_heads": _sizes("x"),
    "rotary": _sizes("x"),
    "cross_entropy": [
        *_sizes("logits"),
        Extreme("all 1e30", _equal("logits", 1e30), WIDE),
        Extreme("nothing counts", _nothing_counts, ALL),
    ],
    "mean_squared_error": _sizes("y", wide=1e15),
    "mean_pool": _POOL,
    "max_pool": _POOL,
    "first_pool": _POOL,
    "conv1d": [*_sizes("x", half=2e3), *_sizes("W", half=2e3)],
    "conv2d": [*_sizes("x", half=2e3), *_sizes("W", half=2e3)],
    "max_pool1d": _sizes("x"),
    "max_pool2d": _sizes("x"),
    "avg_pool2d": _sizes("x"),
    "patchify": _sizes("x"),
    "rnn": _RECURRENT,
    "lstm": [*_RECURRENT, *_sizes("c0", wide=1e15)],
    "gru": _RECURRENT,
}
