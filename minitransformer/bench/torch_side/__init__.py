"""PyTorch's side: the same models, written as a PyTorch user would who wants them fast.

Scaled dot-product attention in one call, one linear map for Q, K and V, a fused optimiser,
gradients set to None, data that are tensors before the clock starts; a preallocated cache of keys
and values and inference mode for generation. Nothing but this folder imports PyTorch.
"""

import math
import platform
import time

import torch

from minitransformer.bench.torch_side.generation import GenerationSteps
from minitransformer.bench.torch_side.parts import device_of
from minitransformer.bench.torch_side.training import (
    ClassifierSteps,
    LanguageModelSteps,
    TranslationSteps,
)

PEAK_SIZE, PEAK_SECONDS = 2048, 1.5
KINDS = {
    "classifier": ClassifierSteps,
    "language model": LanguageModelSteps,
    "generation": GenerationSteps,
    "translation": TranslationSteps,
}


def about():
    """Versions and the linear-algebra library, by name."""
    blas = "MKL" if torch.backends.mkl.is_available() else "no MKL"
    if torch.backends.mkldnn.is_available():
        blas += ", oneDNN"
    return {
        "PyTorch": torch.__version__,
        "BLAS": blas,
        "threads": str(torch.get_num_threads()),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "Python": platform.python_version(),
    }


def peak(device):
    """Operations a second of the fastest float32 matrix product that was seen."""
    a = torch.ones(PEAK_SIZE, PEAK_SIZE, device=device_of(device))
    least, end = math.inf, time.perf_counter() + PEAK_SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        a @ a
        if device == "gpu":
            torch.cuda.synchronize()
        least = min(least, time.perf_counter() - began)
    return 2 * PEAK_SIZE**3 / least


def steps(case, device, threads, compiled=False):
    """The steps of a case.

    Parameters
    ----------
    case : Case
    device : {"cpu", "gpu"}
    threads : int
        Taken from the environment, before PyTorch was imported.
    compiled : bool
        Use ``torch.compile``.

    Returns
    -------
    Steps
    """
    return KINDS[case.kind](case, device, compiled)
