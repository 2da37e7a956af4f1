"""What is checked: something differentiable, and the gradients that are claimed for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import mul

import numpy as np


@dataclass(frozen=True)
class Problem:
    """Something differentiable with the gradients that are claimed for it.

    Attributes
    ----------
    values : dict of str to float64 array
        The variables, on the host.
    forward : callable
        ``forward(values)`` -> tuple of host arrays: the outputs that take an upstream gradient.
    upstream : tuple of arrays
        The upstream gradient of each of them.
    gradients : dict of str to array
        What the backward pass returned for each variable.
    backward : callable
        ``backward(values, upstream)`` -> dict of host arrays: the gradients at other numbers.
    failures : dict of str to str
        Variables whose gradient cannot even be compared (missing, shape, dtype), in words.
    """

    values: dict
    forward: Callable
    upstream: tuple
    gradients: dict
    backward: Callable
    failures: dict = field(default_factory=dict)

    def terms(self, values, upstream=None):
        """Products of outputs and upstream gradients; their sum is the scalar differentiated."""
        upstream = self.upstream if upstream is None else upstream
        outputs = self.forward(values)
        return np.concatenate([(dy * y).ravel() for dy, y in zip(upstream, outputs, strict=True)])

    def natural_scales(self):
        r"""The size that each gradient has by its dimension: max|dy| max|y| / max|x|.

        A gradient whose true value is 0 (the key bias: softmax does not see a shift) comes out
        of a right backward pass as rounding noise, and no error relative to that noise means
        anything. Its natural scale is what the noise has to be small against. An output can be
        small at one point by chance (the loss of a sure and right prediction), while rounding
        inside is that of larger numbers. So max|y| is also taken at the same inputs rolled by one
        place, where it counts up to max|x|. A scale excuses nothing that does not also behave
        like rounding: see :mod:`~minitransformer.gradcheck.noise`.
        """
        rolled = {name: np.roll(x, 1, axis=-1) for name, x in self.values.items() if x.ndim}
        with np.errstate(all="ignore"):
            here, there = self.forward(self.values), self.forward({**self.values, **rolled})
        top = [largest(dy) for dy in self.upstream]
        scales = {}
        for name, x in self.values.items():
            size = largest(x)
            outputs = [
                max(largest(y), min(largest(moved), size))
                for y, moved in zip(here, there, strict=True)
            ]
            scales[name] = max(map(mul, top, outputs)) / (size or 1.0)
        return scales


def largest(x):
    """max|x| over the finite entries, and 0 if there is none."""
    return float(np.abs(x, where=np.isfinite(x), out=np.zeros(np.shape(x))).max(initial=0.0))
