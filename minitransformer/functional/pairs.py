"""The registry of pairs: what the tests, the ledger and the exercises iterate over."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.functional.activations import gelu, gelu_backward, relu, relu_backward
from minitransformer.functional.attention import (
    attention,
    attention_backward,
    merge_heads,
    merge_heads_backward,
    split_heads,
    split_heads_backward,
)
from minitransformer.functional.dropout import dropout, dropout_backward, dropout_mask
from minitransformer.functional.embedding import embedding, embedding_backward
from minitransformer.functional.linear import (
    linear,
    linear_backward,
    qkv_projection,
    qkv_projection_backward,
)
from minitransformer.functional.loss import (
    cross_entropy,
    cross_entropy_backward,
    mean_squared_error,
    mean_squared_error_backward,
)
from minitransformer.functional.norm import (
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from minitransformer.functional.pooling import (
    first_pool,
    first_pool_backward,
    max_pool,
    max_pool_backward,
    mean_pool,
    mean_pool_backward,
)
from minitransformer.functional.softmax import (
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)


class Pair(NamedTuple):
    """A function, its derivative, and how to try them.

    Attributes
    ----------
    forward : callable
        ``forward(**inputs)`` gives an array or a tuple of outputs.
    backward : callable
        ``backward(*upstream, **saved)`` gives an array or a tuple, in the order of `wrt`.
    saved : callable
        ``saved(inputs, outputs)``, with a dict and a tuple, gives the backward pass's further
        arguments by name.
    example : callable
        ``example(rng, **sizes)`` gives random float64 inputs by name; sizes that are not given
        are random.
    wrt : tuple of str
        The inputs that get a gradient.
    upstream : int
        The first so many outputs take an upstream gradient.
    analytic : bool
        Whether the complex step applies.
    view : bool
        Whether the result may alias an input.
    edges : tuple of dict
        Sizes for `example` at which functions break: axes of length 1 and 0, nothing to see.
    """

    forward: Callable
    backward: Callable
    saved: Callable
    example: Callable
    wrt: tuple[str, ...] = ("x",)
    upstream: int = 1
    analytic: bool = True
    view: bool = False
    edges: tuple[dict, ...] = ()


def _size(rng, sizes, letter, high=4):
    """The size named `letter` if it is given, else one from 1 to `high`."""
    return sizes[letter] if letter in sizes else int(rng.integers(1, high + 1))


def _sizes(rng, sizes, letters):
    return tuple(_size(rng, sizes, letter) for letter in letters)


def _keep(rng, shape, p=0.3):
    return dropout_mask(rng, shape, p, np.float64)


def _array(rng, sizes):
    """x (B, T, D): for the functions of one array."""
    return {"x": rng.standard_normal(_sizes(rng, sizes, "BTD"))}


def _away_from_zero(rng, sizes):
    """x (B, T, D) that keeps its distance from a kink at 0."""
    x = rng.standard_normal(_sizes(rng, sizes, "BTD"))
    return {"x": x + 0.1 * np.sign(x)}


def _linear(rng, sizes, thirds=1):
    B, T, D, F = _sizes(rng, sizes, "BTDF")
    F *= thirds
    return {
        "x": rng.standard_normal((B, T, D)),
        "W": rng.standard_normal((D, F)),
        "b": rng.standard_normal(F),
    }


def _norm(rng, sizes, **extra):
    B, T = _sizes(rng, sizes, "BT")
    D = _size(rng, sizes, "D", 6)
    scales = {name: rng.standard_normal(D) for name in ("gamma", *extra)}
    # Rows with both signs and nothing near 0: a norm amplifies rounding by |x| / sigma.
    signs = rng.permuted(np.broadcast_to((-1.0) ** np.arange(D), (B, T, D)), axis=-1)
    return {"x": 0.25 + signs * rng.uniform(0.5, 3.0, (B, T, D)), **scales}


def _dropout(rng, sizes):
    x = rng.standard_normal(_sizes(rng, sizes, "BTD"))
    return {"x": x, "keep": _keep(rng, x.shape)}


def _embedding(rng, sizes):
    B, T, D, V = _sizes(rng, sizes, "BTDV")
    return {"ids": rng.integers(0, V, (B, T)), "W": rng.standard_normal((V, D))}


def _attention(rng, sizes):
    """Q, K, V with grouped heads, a random mask (rows may be empty), dropout and a bias."""
    B, T, S, E, G, group = (_size(rng, sizes, name, 3) for name in ("B", "T", "S", "E", "G", "H/G"))
    scores = (B, G * group, T, S)
    inputs = {
        "Q": rng.standard_normal((B, G * group, T, E)),
        "K": rng.standard_normal((B, G, S, E)),
        "V": rng.standard_normal((B, G, S, E)),
    }
    if sizes.get("mask", rng.random() < 0.7):
        mask_shape = scores if rng.random() < 0.5 else (B, 1, 1, S)
        inputs["mask"] = rng.random(mask_shape) < sizes.get("share", 0.7)
    if rng.random() < 0.5:
        inputs["keep"] = _keep(rng, scores)
    if rng.random() < 0.5:
        inputs["bias"] = rng.standard_normal(scores[1:])
    # Without a batch, or a single head: only the first of each is kept.
    for _ in range(4 - sizes.get("axes", 4)):
        inputs = {name: x[0] if x.ndim > 2 else x for name, x in inputs.items()}
    return inputs


def _split(rng, sizes):
    B, T, E, H = _sizes(rng, sizes, "BTEH")
    return {"x": rng.standard_normal((B, T, H * E)), "n_heads": H}


def _cross_entropy(rng, sizes):
    """Logits with ignored positions, class weights and label smoothing, each in half the cases."""
    B, T = _sizes(rng, sizes, "BT")
    C = _size(rng, sizes, "C", 5)
    inputs = {"logits": 2 * rng.standard_normal((B, T, C)), "targets": rng.integers(0, C, (B, T))}
    if rng.random() < 0.5:
        inputs["label_smoothing"] = 0.2
    if rng.random() < 0.5:
        inputs["class_weights"] = rng.uniform(0.5, 2.0, C)
    if rng.random() < sizes.get("ignored", 0.5):
        ignored = rng.random((B, T)) < sizes.get("ignored", 0.3)
        inputs |= {"targets": np.where(ignored, -100, inputs["targets"]), "ignore_index": -100}
    return inputs


def _squared_error(rng, sizes):
    shape = _sizes(rng, sizes, "BTD")
    return {"y": rng.standard_normal(shape), "target": rng.standard_normal(shape)}


def _pool(rng, sizes):
    B, T, D = _sizes(rng, sizes, "BTD")
    # Multiples of 0.1 in random order: no two so close that a difference quotient swaps a maximum.
    x = 0.1 * rng.permuted(np.arange(B * T * D)).reshape(B, T, D)
    inputs = {"x": x - 0.05 * B * T * D}
    if sizes.get("mask", rng.random() < 0.7):
        inputs["mask"] = rng.random((B, T)) < sizes.get("share", 0.7)
    return inputs


def _random(draw):
    """`draw(rng, sizes)` as ``example(rng, **sizes)``."""
    return lambda rng, **sizes: draw(rng, sizes)


def _with(draw, **fixed):
    """An example with further fixed inputs."""
    return lambda rng, **sizes: draw(rng, sizes) | fixed


def _x_length(inputs):
    return inputs["x"].shape[1]


def _pool_saved(inputs, outputs):
    return {"length": _x_length(inputs), "mask": inputs.get("mask")}


_ONES = ({"B": 1, "T": 1}, {"D": 1}, {"B": 1, "T": 1, "D": 1})
_EMPTY = ({"B": 0}, {"T": 0})
_EDGES = _ONES + _EMPTY
_ATTENTION_EDGES = tuple({name: n} for name in "BTS" for n in (0, 1)) + (
    {"E": 1},
    {"G": 1, "H/G": 3},
    {"G": 3, "H/G": 1},
    {"mask": True, "share": 0.0},
    {"mask": True, "share": 1.0},
    {"T": 3, "S": 1, "mask": True},
    {"axes": 3, "G": 2, "H/G": 2, "mask": False},
    {"axes": 2, "mask": False},
)
_POOL_EDGES = _EDGES + ({"mask": True, "share": 0.0}, {"mask": True, "share": 1.0})


def _same(inputs, outputs):
    """The backward pass takes the forward pass's inputs."""
    return dict(inputs)


def _only(*names):
    return lambda inputs, outputs: {name: inputs.get(name) for name in names}


def _output(name="y", *more):
    """The backward pass takes the output, and some inputs."""
    return lambda inputs, outputs: {name: outputs[0]} | {n: inputs[n] for n in more if n in inputs}


def _second_output(name):
    return lambda inputs, outputs: {name: outputs[1]}


def _norm_saved(inputs, outputs):
    return {"xhat": outputs[1], "rstd": outputs[2], "gamma": inputs["gamma"]}


PAIRS = {
    "linear": Pair(
        linear, linear_backward, _only("x", "W"), _random(_linear), ("x", "W", "b"),
        edges=_EDGES + ({"F": 1},),
    ),
    "qkv_projection": Pair(
        qkv_projection, qkv_projection_backward, _only("x", "W"),
        lambda rng, **sizes: _linear(rng, sizes, thirds=3), ("x", "W", "b"), upstream=3,
        edges=_EDGES + ({"F": 1},),
    ),
    "relu": Pair(
        relu, relu_backward, _output(), _random(_away_from_zero), analytic=False,
        edges=_EDGES + ({"D": 0},),
    ),
    "gelu": Pair(
        gelu, gelu_backward, _same, _random(_array), edges=_EDGES + ({"D": 0},)
    ),
    "gelu_tanh": Pair(
        gelu, gelu_backward, _same, _with(_array, approximate="tanh"),
        edges=_EDGES + ({"D": 0},),
    ),
    "softmax": Pair(
        softmax, softmax_backward, _output(), _random(_array),
        edges=_EDGES + ({"D": 0},),
    ),
    "softmax_axis_1": Pair(
        softmax, softmax_backward, _output("y", "axis"), _with(_array, axis=1),
        edges=_EDGES + ({"D": 0},),
    ),
    "log_softmax": Pair(
        log_softmax, log_softmax_backward, _output(), _random(_array),
        edges=_EDGES + ({"D": 0},),
    ),
    "log_softmax_axis_1": Pair(
        log_softmax, log_softmax_backward, _output("y", "axis"), _with(_array, axis=1),
        edges=_EDGES + ({"D": 0},),
    ),
    "layer_norm": Pair(
        layer_norm, layer_norm_backward, _norm_saved,
        lambda rng, **sizes: _norm(rng, sizes, beta=True), ("x", "gamma", "beta"), edges=_EDGES,
    ),
    "rms_norm": Pair(
        rms_norm, rms_norm_backward, _norm_saved, _random(_norm), ("x", "gamma"),
        edges=_EDGES,
    ),
    "dropout": Pair(
        dropout, dropout_backward, _only("keep"), _random(_dropout), edges=_EDGES
    ),
    "embedding": Pair(
        embedding, embedding_backward,
        lambda inputs, outputs: {"ids": inputs["ids"], "n_rows": inputs["W"].shape[0]},
        _random(_embedding), ("W",), edges=_EDGES + ({"V": 1},),
    ),
    "attention": Pair(
        attention, attention_backward,
        lambda inputs, outputs: _only("Q", "K", "V", "keep")(inputs, outputs) | {"P": outputs[1]},
        _random(_attention), ("Q", "K", "V"), edges=_ATTENTION_EDGES,
    ),
    "split_heads": Pair(
        split_heads, split_heads_backward, lambda inputs, outputs: {}, _random(_split),
        view=True, edges=({"B": 1, "T": 1}, {"H": 1}, {"E": 1}, *_EMPTY),
    ),
    "merge_heads": Pair(
        merge_heads, merge_heads_backward,
        lambda inputs, outputs: {"n_heads": inputs["x"].shape[1]},
        lambda rng, **sizes: {"x": rng.standard_normal(_sizes(rng, sizes, "BHTE"))},
        view=True, edges=({"B": 1, "T": 1}, {"H": 1}, {"E": 1}, *_EMPTY),
    ),
    "cross_entropy": Pair(
        cross_entropy, cross_entropy_backward, _second_output("saved"),
        _random(_cross_entropy), ("logits",),
        edges=({"B": 1, "T": 1}, {"C": 1}, {"ignored": 1.0}, *_EMPTY),
    ),
    "mean_squared_error": Pair(
        mean_squared_error, mean_squared_error_backward, _second_output("difference"),
        _random(_squared_error), ("y",), edges=_EDGES + ({"D": 0},),
    ),
    "mean_pool": Pair(
        mean_pool, mean_pool_backward, _pool_saved, _random(_pool),
        edges=_POOL_EDGES,
    ),
    "max_pool": Pair(
        max_pool, max_pool_backward,
        lambda inputs, outputs: {"index": outputs[1], "length": _x_length(inputs)},
        _random(_pool), analytic=False, edges=_POOL_EDGES,
    ),
    "first_pool": Pair(
        first_pool, first_pool_backward,
        lambda inputs, outputs: {"length": _x_length(inputs)}, _random(_pool), view=True,
        edges=_ONES + ({"B": 0},),
    ),
}
