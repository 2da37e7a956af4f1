"""The same names as in `functional`, with faster versions of some functions.

Signatures are the same, and results agree to rounding. A function is replaced if its median speedup
over three shapes is at least 1.3 (docs/performance.md, measured by ``python -m minitransformer
bench fused``); all other functions are the plain ones. A model takes ``ops="fused"`` or
``"plain"``. For arrays on a GPU, some functions are CUDA kernels, unless the environment variable
``MINITRANSFORMER_GPU_KERNELS`` is 0.
"""

import functools

import numpy as np

from minitransformer import functional
from minitransformer.backend import is_cupy
from minitransformer.functional import *  # noqa: F403 - the plain functions
from minitransformer.fused import cpu, gpu
from minitransformer.fused.convolution import conv1d_backward
from minitransformer.fused.cpu import attention_backward, rms_norm, rms_norm_backward
from minitransformer.fused.gelu import gelu as cpu_gelu
from minitransformer.fused.gelu import gelu_backward as cpu_gelu_backward
from minitransformer.fused.loss import cross_entropy as cpu_cross_entropy
from minitransformer.fused.loss import cross_entropy_backward
from minitransformer.fused.lstm import lstm


def _on_device(argument):
    """Whether an argument is a CuPy array, or a random generator that draws CuPy arrays."""
    draws = hasattr(argument, "integers") and not isinstance(argument, np.random.Generator)
    return is_cupy(argument) or draws


def also_on_device(on_host, on_device):
    """`on_device` for calls whose first argument is on a device, otherwise `on_host`."""

    @functools.wraps(on_host)
    def chosen(*args, **kwargs):
        first = args[0] if args else next(iter(kwargs.values()), None)
        there = _on_device(first) and gpu.switched_on()
        return (on_device if there else on_host)(*args, **kwargs)

    return chosen


# faster on a CPU and on a GPU
attention = also_on_device(cpu.attention, gpu.attention)
cross_entropy = also_on_device(cpu_cross_entropy, gpu.cross_entropy)
gelu = also_on_device(cpu_gelu, gpu.gelu)
gelu_backward = also_on_device(cpu_gelu_backward, gpu.gelu_backward)
layer_norm = also_on_device(cpu.layer_norm, gpu.layer_norm)
layer_norm_backward = also_on_device(cpu.layer_norm_backward, gpu.layer_norm_backward)

# faster on a GPU only
dropout_mask = also_on_device(functional.dropout_mask, gpu.dropout_mask)
embedding_backward = also_on_device(functional.embedding_backward, gpu.embedding_backward)
embedding_row_gradients = also_on_device(
    functional.embedding_row_gradients, gpu.embedding_row_gradients
)
softmax = also_on_device(functional.softmax, gpu.softmax)

FASTER = {
    "attention": cpu.attention,
    "attention_backward": attention_backward,
    "layer_norm": cpu.layer_norm,
    "layer_norm_backward": cpu.layer_norm_backward,
    "rms_norm": rms_norm,
    "rms_norm_backward": rms_norm_backward,
    "gelu": cpu_gelu,
    "gelu_backward": cpu_gelu_backward,
    "cross_entropy": cpu_cross_entropy,
    "cross_entropy_backward": cross_entropy_backward,
    "conv1d_backward": conv1d_backward,
    "lstm": lstm,
}
"""The functions that are faster on a CPU, by name. ``gpu.FASTER`` lists those for a GPU."""


def optimizer_kernel(name):
    """A kernel that computes a whole step of an optimiser in one launch, or None.

    Parameters
    ----------
    name : str
        The name of the optimiser's equation: ``"adam"`` is the only one with a kernel.
    """
    return gpu.adam_step if name == "adam" and gpu.switched_on() else None


def faster_pairs():
    """The entries of ``functional.PAIRS`` that have faster versions, with the faster functions.

    The tests and the ledger check these pairs in the same way as the plain ones.

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
