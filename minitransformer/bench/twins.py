"""The functions of `fused` beside the plain ones they stand for: the gain of each.

Both are this package's, so they take turns in one process, one BLAS thread each, as a worker runs
them: single precision, micro-batches of about 1,000 tokens. On a GPU, where the kernels stand
beside the plain functions, about 8,000 tokens.
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

# B, H, T, E: one long text, a usual micro-batch, many short texts.
SHAPES = ((4, 4, 256, 32), (16, 4, 64, 32), (32, 4, 17, 16))
GPU_SHAPES = ((32, 4, 256, 32), (128, 4, 64, 32), (256, 4, 32, 32))
VOCABULARY = 8000  # of the cross-entropy, which has B and T alone of the above
ROUNDS = 41


class Gain(NamedTuple):
    """A function's time (s, median) at a shape (B, H, T, E), plain and fused."""

    name: str
    shape: tuple
    plain: float
    fused: float

    @property
    def ratio(self):
        return self.plain / self.fused


def gains(device="numpy", rounds=ROUNDS, told=lambda text, done, total: None):
    """Measure every function of ``fused.FASTER``, or every GPU kernel, at every shape.

    Parameters
    ----------
    device : {"numpy", "cupy"}
    rounds : int
        Calls of each that are timed.
    told : callable
        ``told(text, done, total)`` hears what is being done.

    Returns
    -------
    list of Gain
    """
    faster, shapes = (fused.FASTER, SHAPES) if device == "numpy" else (gpu.FASTER, GPU_SHAPES)
    found, total = [], len(faster) * len(shapes)
    with one_blas_thread(), freed_memory_kept():
        for name, function in faster.items():
            for shape in shapes:
                told(name, len(found), total)
                arguments = _arguments(name, np.random.default_rng(0), *shape)
                if device == "cupy":
                    arguments = _moved(arguments)
                    arguments[1].pop("label_smoothing", None)  # for which there is no kernel
                twins = (getattr(functional, name), function)
                found.append(Gain(name, shape, *_medians(twins, arguments, rounds)))
    return found if device == "numpy" else [*found, _gain_of_adam(rounds)]


PARAMETERS = 2_500_000


def _gain_of_adam(rounds):
    """The optimiser's step on a device, without its kernel and with it."""
    theta = to_device(np.zeros(PARAMETERS, np.float32), "cupy")
    one, other = Adam(), Adam()

    def plain():
        one.step(theta, theta)
        return theta

    def by_kernel():
        other.step(theta, theta, ops=fused)
        return theta

    times = _medians((plain, by_kernel), ((), {}), rounds)
    return Gain("Adam's step", (PARAMETERS,), *times)


def _arguments(name, rng, B, H, T, E):
    """Random arguments of one of the functions, as a tuple and a dict."""

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
    x, gamma, beta = draw(B, T, D), draw(D), draw(D)
    inputs = (x, gamma, beta) if name.startswith("layer") else (x, gamma)
    if not name.endswith("_backward"):
        return inputs, {}
    _, xhat, rstd = getattr(functional, name.removesuffix("_backward"))(*inputs)
    return (draw(B, T, D), xhat, rstd, gamma), {}


def _moved(value):
    """Arguments on the GPU: arrays, and a generator there in place of one here."""
    if isinstance(value, tuple):
        moved = [_moved(part) for part in value]
        return type(value)(*moved) if hasattr(value, "_fields") else tuple(moved)
    if isinstance(value, dict):
        return {key: _moved(part) for key, part in value.items()}
    if isinstance(value, np.random.Generator):
        return generator([0], like=to_device(np.zeros(1), "cupy"))
    return to_device(value, "cupy") if isinstance(value, np.ndarray) else value


def _wait(result):
    """Until a device has computed the first array of a result."""
    while isinstance(result, tuple):
        result = next(part for part in result if not isinstance(part, slice))
    synchronize(result)


def _medians(functions, arguments, rounds):
    args, kwargs = arguments
    times = [[] for _ in functions]
    for _ in range(rounds):
        for function, list_ in zip(functions, times, strict=True):
            began = time.perf_counter()
            _wait(function(*args, **kwargs))
            list_.append(time.perf_counter() - began)
    return [float(np.median(list_)) for list_ in times]


def table(found):
    """A rich table: a line for each function and shape."""
    from rich.table import Table

    shown = Table(title="fused functions beside their plain twins", title_justify="left")
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
