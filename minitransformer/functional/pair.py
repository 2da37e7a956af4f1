"""What a pair is, and what its backward pass receives from the forward pass."""

from collections.abc import Callable
from typing import NamedTuple


class Pair(NamedTuple):
    """A function, its derivative, and the data needed to test them.

    Attributes
    ----------
    forward : callable
        ``forward(**inputs)`` returns an array or a tuple of outputs.
    backward : callable
        ``backward(*upstream, **saved)`` returns an array or a tuple, in the order of `wrt`.
    saved : callable
        ``saved(inputs, outputs)`` takes a dict and a tuple, and returns the remaining arguments
        of the backward pass by name.
    example : callable
        ``example(rng, **sizes)`` returns random float64 inputs by name. Sizes that are not given
        are random.
    analytic : bool
        Whether the function can be differentiated by the complex step.
    view : bool
        Whether the result may alias an input.
    wrt : tuple of str
        The inputs that get a gradient.
    upstream : int
        How many of the outputs, counted from the first, take an upstream gradient.
    edges : tuple of dict
        Sizes for `example` at which functions often break: axes of length 1 and 0, full masks.
    """

    forward: Callable
    backward: Callable
    saved: Callable
    example: Callable
    analytic: bool = True
    view: bool = False
    wrt: tuple[str, ...] = ("x",)
    upstream: int = 1
    edges: tuple[dict, ...] = ()


def same(inputs, outputs):
    """The backward pass takes the inputs of the forward pass."""
    return dict(inputs)


def only(*names):
    """The backward pass takes only the inputs with these names."""
    return lambda inputs, outputs: {name: inputs.get(name) for name in names}


def output(name="y", *more):
    """The backward pass takes the (first) output, and some of the inputs."""
    return lambda inputs, outputs: {name: outputs[0]} | {n: inputs[n] for n in more if n in inputs}


def second_output(name):
    """The backward pass takes the second output."""
    return lambda inputs, outputs: {name: outputs[1]}


def tiled_saved(inputs, outputs):
    """All inputs and both outputs, from which each block is computed again."""
    return {**inputs, "O": outputs[0], "logsumexp": outputs[1]}


def norm_saved(inputs, outputs):
    """The normalised input, the reciprocal of its divisor, and the scale."""
    return {"xhat": outputs[1], "rstd": outputs[2], "gamma": inputs["gamma"]}


def x_length(inputs):
    """T of x (B, T, D)."""
    return inputs["x"].shape[1]


def pool_saved(inputs, outputs):
    """The number of tokens, and the mask of the real ones."""
    return {"length": x_length(inputs), "mask": inputs.get("mask")}
