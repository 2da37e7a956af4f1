"""The names of `functional`, some of them faster: same signatures, same results to rounding.

A function goes in when its median gain over three shapes is 1.3 or more (docs/performance.md, by
``python -m minitransformer bench fused``); all others are the plain ones. A model takes
``ops="fused"`` or ``"plain"``. For arrays on a GPU some are kernels of their own, unless
``MINITRANSFORMER_GPU_KERNELS=0`` stands in the environment.
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
    return is_cupy(argument) or draws


def also_on_device(on_host, on_device):
    """`on_device` for calls whose first argument is CuPy's, else `on_host`."""

    @functools.wraps(on_host)
    def chosen(*args, **kwargs):
        first = args[0] if args else next(iter(kwargs.values()), None)
        there = _on_device(first) and gpu.switched_on()
        return (on_device if there else on_host)(*args, **kwargs)

    return chosen


globals().update(
    {name: also_on_device(globals()[name], kernel) for name, kernel in gpu.FASTER.items()}
)


def optimizer_kernel(name):
    """One launch for an optimiser's whole step on a device, or None where there is none.

    Parameters
    ----------
    name : str
        Of the optimiser's equation: ``"adam"``.
    """
    return gpu.adam_step if name == "adam" and gpu.switched_on() else None


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


__all__ = [*functional.__all__, "FASTER", "faster_pairs", "optimizer_kernel"]
