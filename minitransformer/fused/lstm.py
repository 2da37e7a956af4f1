r"""The faster form of long short-term memory, for NumPy arrays on a CPU.

Three things proved worthwhile when measured. The steps are the first axis of every buffer, so what
belongs to a step is contiguous, and no step allocates memory. The gates of a step take a single
hyperbolic tangent, because :math:`\sigma(a) = \tanh(a / 2) / 2 + 1 / 2`; the weights are halved
once, before the loop. The backward pass, and both passes of the other two recurrences, gain less
than a third in the same way: most of their time goes into matrix products.
"""

import numpy as np

from minitransformer import functional
from minitransformer.functional.recurrence.steps import check_recurrence, order
from minitransformer.fused.cpu import stands_for


def _padding(mask, T):
    """For each step, where there is padding, (B, 1); None if there is none."""
    if mask is None:
        return [None] * T
    full = mask.all(axis=0)
    return [None if full[t] else ~mask[:, t, None] for t in range(T)]


@stands_for(functional.lstm)
def lstm(x, W, U, b, *, h0=None, c0=None, mask=None, reverse=False):
    check_recurrence(x, W, U, {"b": b}, {"h0": h0, "c0": c0}, mask, 4)
    (B, T, D), E = x.shape, len(U)
    scale = np.full(4 * E, 0.5, x.dtype)
    scale[2 * E : 3 * E] = 1  # g is a tangent itself
    shift, U = 1 - scale, U * scale
    gates = (x.swapaxes(0, 1).reshape(T * B, D) @ (W * scale)).reshape(T, B, 4 * E)
    gates += b * scale
    y, cells = np.empty((2, T, B, E), x.dtype)
    product, scratch = np.empty((B, 4 * E), x.dtype), np.empty((B, E), x.dtype)
    h, c = (np.zeros((B, E), x.dtype) if state is None else state for state in (h0, c0))
    padding = _padding(mask, T)
    for t in order(T, reverse):
        a, new_c, new_h = gates[t], cells[t], y[t]
        a += np.matmul(h, U, out=product)
        np.tanh(a, out=a)
        a *= scale
        a += shift
        np.multiply(a[:, E : 2 * E], c, out=new_c)
        new_c += np.multiply(a[:, :E], a[:, 2 * E : 3 * E], out=scratch)
        np.tanh(new_c, out=new_h)
        new_h *= a[:, 3 * E :]
        if padding[t] is not None:
            np.copyto(new_h, h, where=padding[t])
            np.copyto(new_c, c, where=padding[t])
        h, c = new_h, new_c
    y, gates, cells = (array.swapaxes(0, 1) for array in (y, gates, cells))
    return y, h.copy(), c.copy(), gates, cells
