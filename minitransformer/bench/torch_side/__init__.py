"""PyTorch's side: the same models, written as a PyTorch user would write them for speed.

Scaled dot-product attention is one call, and one linear map gives Q, K and V. The optimiser is
fused, gradients are set to None, and the data are converted to tensors before the clock starts.
On request, a batch is processed in groups of like length, which saves padding.
Generation uses a preallocated cache of keys and values, and inference mode. Only this folder
imports PyTorch.
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
    RecurrentSteps,
    TranslationSteps,
)

PEAK_SIZE, PEAK_SECONDS = 2048, 1.5
KINDS = {
    "classifier": ClassifierSteps,
    "language model": LanguageModelSteps,
    "generation": GenerationSteps,
    "translation": TranslationSteps,
    "recurrent": RecurrentSteps,
}


def about():
    """A dict with versions, the linear-algebra library and its number of threads."""
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
    """Operations per second of the fastest float32 matrix product measured."""
    a = torch.ones(PEAK_SIZE, PEAK_SIZE, device=device_of(device))
    shortest, end = math.inf, time.perf_counter() + PEAK_SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        a @ a
        if device == "gpu":
            torch.cuda.synchronize()
        shortest = min(shortest, time.perf_counter() - start)
    return 2 * PEAK_SIZE**3 / shortest


def steps(case, device, threads, compiled=False, **options):
    """The steps of a case.

    Parameters
    ----------
    case : Case
        The case to measure.
    device : {"cpu", "gpu"}
        Where the steps are computed.
    threads : int
        Not used, because PyTorch read the number from the environment when it was imported.
    compiled : bool
        Whether to use ``torch.compile``.
    **options
        For classifiers and translation: ``groups``, the number of groups of like length.

    Returns
    -------
    TorchSteps
    """
    return KINDS[case.kind](case, device, compiled, **options)
