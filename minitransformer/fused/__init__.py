"""The names of `functional`, some of them faster: same signatures, same results to rounding.

A function goes in when its median gain over three shapes is 1.3 or more (docs/performance.md, by
``python -m minitransformer bench fused``); all others are the plain ones. A model takes
``ops="fused"`` or ``"plain"``. Kernels for a GPU, which could not be measured yet, are off unless
``MINITRANSFORMER_GPU_KERNELS=1`` stands in the environment.
"""

import functools

import numpy as np

from minitransformer import functional
from minitransformer.backend import is_cupy
from minitransformer.functional import *  # noqa: F403
from minitransformer.fused import gpu
from minitransformer.fused.cpu import (
    attention,
    attention_backward,
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from minitransformer.fused.gelu import gelu, gelu_backward
from minitransformer.fused.loss import cross_entropy, cross_entropy_backward

FASTER = {
    function.__name__: function
    for function in (
        attention, attention_backward, layer_norm, layer_norm_backward, rms_norm,
        rms_norm_backward, gelu, gelu_backward, cross_entropy, cross_entropy_backward,
    )
}  # fmt: skip
"""The functions that are not the plain ones, by name."""


def _on_device(argument):
    """Whether an argument is a CuPy array, or a generator that draws them."""
    draws = hasattr(argument, "integers") and not isinstance(argument, np.random.Generator)
    return draws or is_cupy(argument)


def also_on_device(on_host, on_device):
    """`on_device` for calls with something of CuPy's among the arguments, else `on_host`."""

    @functools.wraps(on_host)
    def chosen(*args, **kwargs):
        there = any(map(_on_device, (*args, *kwargs.values())))
        return (on_device if there else on_host)(*args, **kwargs)

    return chosen


if gpu.switched_on():  # read once, when the package is imported
    globals().update(
        {name: also_on_device(globals()[name], kernel) for name, kernel in gpu.FASTER.items()}
    )


def faster_pairs():
    """Entries of ``functional.PAIRS`` with the faster functions in them, where there are any.

    The tests and the ledger prove these as they prove the plain ones.

    Returns
    -------
    dict of str to Pair
    """
    pairs = {
        name: pair._replace(
            forward=FASTER.get(pair.forward.__name__, pair.forward),
            backward=FASTER.get(pair.backward.__name__, pair.backward),
        )
        for name, pair in functional.PAIRS.items()
    }
    return {name: pair for name, pair in pairs.items() if pair != functional.PAIRS[name]}


__all__ = [*functional.__all__, "FASTER", "faster_pairs"]
