"""Everything that a rule may use to find the fault in a wrong gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from minitransformer.backend import to_host

CLOSE = 1e-6  # relative precision to which a pattern must explain the gradient


@dataclass(frozen=True)
class Fault:
    """One wrong gradient, with everything that a rule may use.

    Attributes
    ----------
    name : str
        The input or parameter whose gradient is wrong.
    a, n : arrays of the same shape
        The gradient from the backward pass and the oracle's gradient. Entries at kinks are 0 in
        both.
    inputs : dict of str to object
        All inputs and parameters; arrays are on the host.
    outputs : tuple of arrays
        The outputs that take an upstream gradient.
    upstream : tuple of arrays
        The upstream gradients of these outputs.
    oracles : dict of str to array
        The oracle's gradient of each variable that has one.
    right : frozenset of str
        Names of the variables whose gradient is right.
    again : callable
        ``again(inputs)`` -> Report of the same check on other inputs.
    jacobian : Jacobian, optional
        Both Jacobians, if they are small enough to compute.
    """

    name: str
    a: np.ndarray
    n: np.ndarray
    inputs: dict
    outputs: tuple
    upstream: tuple
    oracles: dict
    right: frozenset
    again: Callable
    jacobian: object = None

    @classmethod
    def of(cls, row, rows, problem, inputs, again, jacobian=None):
        """The fault that the failing `row` shows."""
        known = ~np.isnan(row.oracle)
        return cls(
            name=row.name,
            a=np.where(known, row.gradient, 0.0),
            n=np.where(known, row.oracle, 0.0),
            inputs={k: to_host(v) if hasattr(v, "dtype") else v for k, v in inputs.items()},
            outputs=tuple(np.asarray(y) for y in problem.forward(problem.values)),
            upstream=tuple(np.asarray(dy) for dy in problem.upstream),
            oracles={r.name: r.oracle for r in rows if r.oracle is not None},
            right=frozenset(r.name for r in rows if r.ok),
            again=again,
            jacobian=jacobian,
        )

    def others(self, count=2):
        """The same fault as it shows with other upstream gradients, by the Jacobians."""
        rng = np.random.default_rng(5)
        for _ in range(count):
            upstream = tuple(np.asarray(rng.standard_normal(np.shape(dy))) for dy in self.upstream)
            dy = np.concatenate([np.ravel(part) for part in upstream])
            a, n = (
                (dy @ matrix).reshape(self.n.shape)
                for matrix in (self.jacobian.claimed, self.jacobian.right)
            )
            yield replace(self, a=a, n=n, upstream=upstream)

    @property
    def x(self):
        """The input whose gradient is wrong."""
        return self.inputs[self.name]

    def right_with(self, changes):
        """Whether this gradient is right after some inputs are replaced."""
        try:
            report = self.again({**self.inputs, **changes})
            return report.row(self.name).ok
        except (ValueError, TypeError, IndexError, KeyError, StopIteration, ArithmeticError):
            return False  # the changed inputs do not fit together, so the rule cannot be used

    def arrays(self, kind):
        """The input arrays whose dtype is of this kind ("f", "b", "iu"), by name."""
        return {
            key: value
            for key, value in self.inputs.items()
            if isinstance(value, np.ndarray) and value.dtype.kind in kind
        }


def close(x, y):
    """Whether two arrays have the same shape and agree to :data:`CLOSE`, relative to the larger."""
    if np.shape(x) != np.shape(y) or not np.size(x):
        return False
    size = max(np.abs(x).max(), np.abs(y).max())
    if not 0 < size < np.inf:
        return False  # zeros, infinities and NaN agree with everything
    return bool(np.abs(np.asarray(x) - y).max() <= CLOSE * size)
