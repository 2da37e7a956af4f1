"""What is checked: a differentiable function, and the gradients claimed for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Problem:
    """A differentiable function, and the gradients claimed for it.

    Attributes
    ----------
    values : dict of str to float64 array
        The variables, on the host.
    forward : callable
        ``forward(values)`` -> tuple of host arrays: the outputs that take an upstream gradient.
    upstream : tuple of arrays
        The upstream gradient of each of these outputs.
    gradients : dict of str to array
        The gradient that the backward pass returned for each variable.
    backward : callable
        ``backward(values, upstream)`` -> dict of host arrays: the gradients at other values.
    failures : dict of str to str
        Why the gradient of a variable cannot be compared (missing, wrong shape, wrong dtype).
    """

    values: dict
    forward: Callable
    upstream: tuple
    gradients: dict
    backward: Callable
    failures: dict = field(default_factory=dict)

    def terms(self, values, upstream=None):
        """Products of outputs and upstream gradients; their sum is the scalar to differentiate."""
        upstream = self.upstream if upstream is None else upstream
        try:
            outputs = self.forward(values)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            return np.full(1, np.nan)  # a step may leave the domain of the function
        return np.concatenate([(dy * y).ravel() for dy, y in zip(upstream, outputs, strict=True)])

    def natural_scales(self):
        r"""The size of each gradient by dimensional analysis: max|dy| max|y| / max|x|.

        If a true gradient is 0 (as for the bias of the keys, because softmax ignores a shift), a
        correct backward pass returns rounding noise, and an error relative to that noise means
        nothing. The noise must instead be small relative to the natural scale.

        An output can be small at one point by chance (the loss of a confident, correct prediction)
        even though larger numbers were rounded along the way. So max|y| is also computed at the
        same inputs rolled by one place; that value is limited to max|x|. If both maxima are 0,
        max|y| counts as 1. A small error relative to the scale is accepted only if it also behaves
        like rounding: see :mod:`~minitransformer.gradcheck.noise`.
        """
        rolled = {name: np.roll(x, 1, axis=-1) for name, x in self.values.items() if x.ndim}
        with np.errstate(all="ignore"):
            here = self.forward(self.values)
            try:
                there = self.forward({**self.values, **rolled})
            except (ValueError, ArithmeticError, np.linalg.LinAlgError):
                # for instance, a function that expects sorted numbers rejects rolled ones
                there = here
        scales = {}
        for name, x in self.values.items():
            size = largest(x)
            products = [
                largest(dy) * (max(largest(y), min(largest(moved), size)) or 1.0)
                for dy, y, moved in zip(self.upstream, here, there, strict=True)
            ]
            scales[name] = max(products) / (size or 1.0)
        return scales


def largest(x):
    """max|x| over the finite entries, or 0 if there are none."""
    return float(np.abs(x, where=np.isfinite(x), out=np.zeros(np.shape(x))).max(initial=0.0))
