"""A stand-in for cupy.RawKernel: compares each launch with the CUDA source, then computes it.

It shows that a launcher passes the arguments that a kernel takes, in the right order, and turns the
results into what the plain function returns. It shows nothing about the CUDA code, because it only
repeats its formulas.
"""

import re

import numpy as np

from minitransformer.functional.erf import erf
from minitransformer.fused import gpu
from minitransformer.fused.kernels import REALS, SOURCES, source
from tests.support import strict_device

SCALARS = {"i64": np.int64, "int": np.int32}
POINTERS = {"i64*": np.int64, "bool*": np.bool_, "short*": np.uint16}
REAL = {"float": np.float32, "double": np.float64}


def parameters_of(name):
    """(type, name) of each parameter; a type as written, without const and unsigned."""
    (text,) = re.findall(rf'extern "C" __global__ void {name}\(([^)]*)\)', SOURCES[name])
    return [tuple(p.split()[-2:]) for p in text.split(",")]


def masked_softmax(x, mask, has_mask, scale, y, S):
    with np.errstate(invalid="ignore"):  # infinity minus itself is NaN, as meant
        for i in range(len(x) // S):
            row = slice(i * S, i * S + S)
            allowed = mask[row] if has_mask else np.ones(S, bool)
            scaled = scale * x[row]
            largest = np.fmax.reduce(scaled[allowed], initial=-np.inf)
            e = np.where(allowed, np.exp(scaled - (0 if largest == -np.inf else largest)), 0)
            y[row] = 0 if e.sum() == 0 else e / e.sum()


def layer_norm(x, gamma, beta, eps, y, xhat, rstd, D):
    centred = x.reshape(-1, D) - x.reshape(-1, D).mean(axis=1, keepdims=True)
    rstd[:] = 1 / np.sqrt((centred**2).mean(axis=1) + eps)
    xhat[:] = (centred * rstd[:, None]).reshape(-1)
    y[:] = (gamma * xhat.reshape(-1, D) + beta).reshape(-1)


def layer_norm_backward(dy, xhat, rstd, gamma, dx, D):
    d, xhat = dy.reshape(-1, D) * gamma, xhat.reshape(-1, D)
    mean, product = d.mean(axis=1, keepdims=True), (d * xhat).mean(axis=1, keepdims=True)
    dx[:] = ((d - mean - xhat * product) * rstd[:, None]).reshape(-1)


SCALE, CUBIC = 0.7978845608028654, 0.044715


def gelu(x, y, tanh_form, n):
    assert n == x.size
    u = np.clip(x, -30, 30)
    y[:] = 0.5 * x * (1 + (np.tanh(SCALE * (u + CUBIC * u**3)) if tanh_form else erf(u * 0.5**0.5)))


def gelu_backward(dy, x, dx, tanh_form, n):
    assert n == x.size
    v = np.clip(x, -30, 30)
    t = np.tanh(SCALE * (v + CUBIC * v**3)) if tanh_form else erf(v * 0.5**0.5)
    slope = SCALE * (1 + 3 * CUBIC * v**2) * (1 - t * t) / 2
    density = np.exp(-0.5 * v * v) * 0.3989422804014327
    dx[:] = dy * (0.5 * (1 + t) + v * (slope if tanh_form else density))


def cross_entropy(logits, targets, losses, p, C):
    for i, target in enumerate(targets):
        row = logits[i * C : i * C + C]
        largest = np.fmax.reduce(row, initial=-np.inf)
        shifted = row - (0 if largest == -np.inf else largest)
        total = np.exp(shifted).sum() or 1
        p[i * C : i * C + C] = np.exp(shifted) / total
        beyond = np.log(total) - shifted[target] if target < C else np.nan
        losses[i] = 0 if target < 0 else beyond


def dropout_mask(lanes, threshold, scale, keep, n):
    assert n == keep.size <= lanes.size
    keep[:] = np.where(lanes[:n] >= threshold, scale, 0)


def embedding_gradient(dy, order, starts, ends, dW, D):
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        dW[row * D : row * D + D] = dy.reshape(-1, D)[order[start:end]].sum(axis=0)


def adam(theta, g, m, v, rest1, beta2, rest2, eps, rate, root, n):
    assert n == theta.size == g.size == m.size == v.size
    m += rest1 * (g - m)
    v[:] = beta2 * v + rest2 * g * g
    theta -= rate * (m / (np.sqrt(v) / root + eps))


FORMULAS = {
    f.__name__: f
    for f in (
        masked_softmax, layer_norm, layer_norm_backward, gelu, gelu_backward, cross_entropy,
        dropout_mask, embedding_gradient, adam,
    )
}  # fmt: skip
ROWS = {  # blocks of a kernel that takes a row a block
    "masked_softmax": lambda given: given["x"].size // given["S"],
    "layer_norm": lambda given: given["x"].size // given["D"],
    "layer_norm_backward": lambda given: given["dy"].size // given["D"],
    "cross_entropy": lambda given: given["logits"].size // given["C"],
    "embedding_gradient": lambda given: given["dW"].size // given["D"],
}


class EmulatedKernel:
    """Checks number, kind, dtype and layout of the arguments, then runs the kernel's formula."""

    launched = []

    def __init__(self, text, name, options):
        assert options == ("--fmad=false",)
        (char,) = (c for c in REALS if text == source(name, c))
        self.name, self.real = name, REAL[REALS[char]]

    def __call__(self, grid, block, arguments):
        given = {}
        for (kind, name), value in zip(parameters_of(self.name), arguments, strict=True):
            pointer, name = kind.endswith("*"), name.lstrip("*")
            if pointer:
                assert isinstance(value, strict_device.DeviceArray), name
                assert value._a.flags.c_contiguous, name
                # no mask: its pointer is never read
                if not (name == "mask" and arguments[2] == 0):
                    assert value.dtype == POINTERS.get(kind, self.real), name
                value = value._a.reshape(-1)
            else:
                assert type(value) is SCALARS.get(kind, self.real), name
            given[name] = value
        blocks = ROWS.get(self.name, lambda given: -(-int(given["n"]) // gpu.THREADS))
        assert grid == (blocks(given),)
        assert block == (gpu.THREADS,)
        FORMULAS[self.name](**given)
        self.launched.append(self.name)
