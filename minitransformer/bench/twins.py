"""The speedup of each function of `fused` over the plain function that it replaces.

Both functions belong to this package, so they take turns in one process. They run under the same
conditions as in a worker: with one BLAS thread, in single precision, on micro-batches of about
1,000 tokens. On a GPU, the kernels are compared with the plain functions, on about 8,000 tokens.
"""

import time
from typing import NamedTuple

import numpy as np

from minitransformer import functional, fused
from minitransformer.backend import generator, synchronize, to_device
from minitransformer.fused import gpu
from minitransformer.training import Adam
from minitransformer.training.parallel.allocator import freed_memory_kept
from minitransformer.training.parallel.blas import one_blas_thread

# (B, H, T, E) for long texts, for a typical micro-batch, and for many short texts.
SHAPES = ((4, 4, 256, 32), (16, 4, 64, 32), (32, 4, 17, 16))
GPU_SHAPES = ((32, 4, 256, 32), (128, 4, 64, 32), (256, 4, 32, 32))
VOCABULARY = 8000  # for cross-entropy, which uses only B and T of a shape
ROUNDS = 41


class Gain(NamedTuple):
    """Median seconds per call of a function for a shape (B, H, T, E): plain, and fused."""

    name: str
    shape: tuple
    plain: float
    fused: float

    @property
    def ratio(self):
        return self.plain / self.fused


def gains(device="numpy", rounds=ROUNDS, on_progress=lambda text, done, total: None):
    """Measure every function of ``fused.FASTER``, or every GPU kernel, for every shape.

    Parameters
    ----------
    device : {"numpy", "cupy"}
        Where the functions are computed.
    rounds : int
        Number of timed calls of each function.
    on_progress : callable
        Called as ``on_progress(text, done, total)`` before each measurement.

    Returns
    -------
    list of Gain
    """
    faster, shapes = (fused.FASTER, SHAPES) if device == "numpy" else (gpu.FASTER, GPU_SHAPES)
    found, total = [], len(faster) * len(shapes)
    with one_blas_thread(), freed_memory_kept():
        for name, function in faster.items():
            for shape in shapes:
                on_progress(name, len(found), total)
                arguments = _arguments(name, np.random.default_rng(0), *shape)
                if device == "cupy":
                    arguments = _moved(arguments)
                    arguments[1].pop("label_smoothing", None)  # no kernel supports label smoothing
                twins = (getattr(functional, name), function)
                found.append(Gain(name, shape, *_medians(twins, arguments, rounds)))
    return found if device == "numpy" else [*found, _gain_of_adam(rounds)]


PARAMETERS = 2_500_000


def _gain_of_adam(rounds):
    """The speedup of Adam's kernel over its plain step on a device."""
    theta = to_device(np.zeros(PARAMETERS, np.float32), "cupy")
    plain_adam, fused_adam = Adam(), Adam()

    def plain():
        plain_adam.step(theta, theta)
        return theta

    def with_kernel():
        fused_adam.step(theta, theta, ops=fused)
        return theta

    times = _medians((plain, with_kernel), ((), {}), rounds)
    return Gain("Adam's step", (PARAMETERS,), *times)


def _arguments(name, rng, B, H, T, E):
    """Random arguments for the function `name`, as a tuple and a dict."""

    def draw(*shape):
        return rng.standard_normal(shape, dtype=np.float32)

    D = H * E
    if name == "softmax":
        return (draw(B, H, T, T),), {}
    if name == "dropout_mask":
        return (rng, (B, H, T, T), 0.1, np.float32), {}
    if name.startswith("embedding"):
        return (draw(B, T, D), rng.integers(0, VOCABULARY, (B, T)), VOCABULARY), {}
    if name.startswith("attention"):
        Q, K, V, dO = (functional.split_heads(draw(B, T, D), H) for _ in range(4))
        keep = functional.dropout_mask(rng, (B, H, T, T), 0.1, np.float32)
        if name == "attention":
            mask = np.arange(T) < rng.integers(T // 2, T, B, endpoint=True)[:, None, None, None]
            return (Q, K, V, mask), {"keep": keep}
        _, P = functional.attention(Q, K, V, keep=keep)
        return (dO, Q, K, V, P), {"keep": keep}
    if name.startswith("cross_entropy"):
        inputs = draw(B, T, VOCABULARY), rng.integers(0, VOCABULARY, (B, T))
        if not name.endswith("_backward"):
            return inputs, {"label_smoothing": 0.1}
        return (1.0, functional.cross_entropy(*inputs, label_smoothing=0.1)[1]), {}
    if name.startswith("gelu"):
        return (draw(B, T, 4 * D),) * (2 if name.endswith("_backward") else 1), {}
    if name == "conv1d_backward":  # three features per filter, as in a TextCNN
        return (draw(B, T, D // 3), draw(B, T, D), draw(4, D, D // 3)), {"padding": "same"}
    if name == "lstm":
        return (draw(B, T, D), *(draw(D, 4 * D) * D**-0.5 for _ in range(2)), draw(4 * D)), {}
    x, gamma, beta = draw(B, T, D), draw(D), draw(D)
    inputs = (x, gamma, beta) if name.startswith("layer") else (x, gamma)
    if not name.endswith("_backward"):
        return inputs, {}
    _, xhat, rstd = getattr(functional, name.removesuffix("_backward"))(*inputs)
    return (draw(B, T, D), xhat, rstd, gamma), {}


def _moved(value):
    """Move arguments to the GPU: arrays are copied, a host generator becomes a device generator."""
    if isinstance(value, tuple):
        moved = [_moved(part) for part in value]
        return type(value)(*moved) if hasattr(value, "_fields") else tuple(moved)
    if isinstance(value, dict):
        return {key: _moved(part) for key, part in value.items()}
    if isinstance(value, np.random.Generator):
        return generator([0], like=to_device(np.zeros(1), "cupy"))
    return to_device(value, "cupy") if isinstance(value, np.ndarray) else value


def _wait(result):
    """Wait until the device has computed the first array of a result."""
    while isinstance(result, tuple):
        result = next(part for part in result if not isinstance(part, slice))
    synchronize(result)


def _medians(functions, arguments, rounds):
    args, kwargs = arguments
    times = [[] for _ in functions]
    for _ in range(rounds):
        for function, seconds in zip(functions, times, strict=True):
            start = time.perf_counter()
            _wait(function(*args, **kwargs))
            seconds.append(time.perf_counter() - start)
    return [float(np.median(seconds)) for seconds in times]


def table(found):
    """A rich table with one line per function and shape."""
    from rich.table import Table

    shown = Table(title="fused functions compared with the plain ones", title_justify="left")
    for heading in ("function", "B, H, T, E"):
        shown.add_column(heading)
    for heading in ("plain (ms)", "fused (ms)", "gain"):
        shown.add_column(heading, justify="right")
    for gain in found:
        shown.add_row(
            gain.name, ", ".join(map(str, gain.shape)), f"{1000 * gain.plain:.3f}",
            f"{1000 * gain.fused:.3f}", f"{gain.ratio:.2f}",
        )  # fmt: skip
    return shown
