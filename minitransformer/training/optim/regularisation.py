r"""Against memorising: penalties, clipping, word dropout, averaged weights.

All of it acts on the flat arrays of values and gradients (or on ids), never on layers, so it is
the same for every model. Decoupled weight decay is in
:class:`~minitransformer.training.optim.optimizers.AdamW`, dropout in the layers.
"""

import math
from contextlib import contextmanager

import numpy as np

from minitransformer.backend import array_module, as_number, is_cupy, to_device
from minitransformer.checks import check_number
from minitransformer.training.optim.optimizer import BLOCK, one_part


def _blocks(xp, size):
    """Slices that cover an array of `size`: cache-sized on the CPU, one on a device."""
    block = BLOCK if xp is np else max(size, 1)
    return [slice(start, start + block) for start in range(0, size, block)]


def add_penalty(values, grads, l1=0.0, l2=0.0, where=None):
    r"""Add the gradient of the L1 and L2 penalties to `grads`, in place.

    .. math:: R = \lambda_1 \sum_i |\theta_i| + \lambda_2 \sum_i \theta_i^2, \qquad
              g_i \mathrel{+}= \lambda_1 \,\mathrm{sign}(\theta_i) + 2 \lambda_2 \theta_i

    Parameters
    ----------
    values : (n,) array
        Parameters; not altered.
    grads : (n,) array
    l1, l2 : float
        :math:`\lambda_1, \lambda_2 \ge 0`.
    where : (n,) array of bool, optional
        The parameters that are penalised; all by default.

    Returns
    -------
    float
        :math:`R`.

    Source: Hoerl and Kennard, "Ridge regression", 1970; Tibshirani, "Regression shrinkage and
    selection via the lasso", 1996.
    """
    if not (l1 or l2):
        return 0.0
    xp = array_module(values, grads, where)
    blocks, penalty = _blocks(xp, values.size), 0.0
    scratch = xp.empty(min(BLOCK if xp is np else values.size, values.size), values.dtype)
    for part in blocks:
        theta, g = values[part], grads[part]
        s = scratch[: theta.size]
        if l2:
            xp.multiply(theta, 1.0 if where is None else where[part], out=s)
            penalty += l2 * as_number(xp.dot(s, s))
            s *= 2.0 * l2
            g += s
        if l1:
            xp.sign(theta, out=s)
            if where is not None:
                s *= where[part]
            penalty += l1 * as_number(xp.dot(s, theta))
            s *= l1
            g += s
    return penalty


def global_norm(grads, share_out=one_part):
    """Euclidean norm of all gradients together; NaN or inf if one entry is.

    A Python float; on a device a 0-d float64 array, for which nobody waits. `share_out` as for
    :meth:`~minitransformer.training.optim.optimizer.Optimizer.step`; the bits do not depend on it.

    Finite gradients whose squares overflow their dtype still have a finite norm.
    """
    if is_cupy(grads):
        return _norm_on_device(grads)
    xp = array_module(grads)
    blocks = _blocks(xp, grads.size)
    squares = [0.0] * len(blocks)

    def work(some):
        with np.errstate(over="ignore", invalid="ignore"):  # both are dealt with below
            for i in range(some.start, some.stop):
                squares[i] = float(xp.dot(grads[blocks[i]], grads[blocks[i]]))

    share_out(len(blocks), work)
    total = sum(squares)
    if math.isfinite(total):
        return math.sqrt(total)
    largest = float(xp.abs(grads).max())
    if not math.isfinite(largest):
        return largest
    scaled = grads.astype(np.float64) / largest
    return largest * math.sqrt(float(xp.dot(scaled, scaled)))


def _norm_on_device(grads):
    """:func:`global_norm` without a branch: both forms are computed, one is chosen there."""
    xp = array_module(grads)
    total, largest = as_number(xp.dot(grads, grads)), as_number(xp.abs(grads).max())
    scaled = grads.astype(np.float64) / xp.maximum(largest, np.finfo(np.float64).tiny)
    careful = largest * xp.sqrt(xp.dot(scaled, scaled))
    careful = xp.where(xp.isfinite(largest), careful, largest)
    return xp.where(xp.isfinite(total), xp.sqrt(total), careful)


def clip_by_global_norm(grads, max_norm, norm=None):
    r"""Shrink `grads`, in place, so that their norm is at most `max_norm`.

    .. math:: g \leftarrow g \, \min\big(1,\; c / \lVert g \rVert\big)

    Parameters
    ----------
    grads : (n,) array
    max_norm : float
        :math:`c > 0`.
    norm : float, optional
        :func:`global_norm` of `grads`, where it is known already.

    Returns
    -------
    float
        Norm before clipping. A norm that is not finite leaves `grads` as they are.

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks",
    2013, algorithm 1.
    """
    max_norm = check_number("max_norm", max_norm, above=0)
    norm = global_norm(grads) if norm is None else norm
    if is_cupy(norm):
        xp = array_module(norm)
        shrinks = (norm > max_norm) & xp.isfinite(norm)
        grads *= xp.where(shrinks, max_norm / norm, 1.0).astype(grads.dtype)
    elif max_norm < norm < math.inf:
        grads *= max_norm / norm
    return norm


def word_dropout(ids, p, unknown_id, rng, mask=None):
    """Replace tokens by the unknown token with probability `p`; padding stays padding.

    A word that is often hidden cannot be memorised, and the unknown token learns to mean
    "some word".

    Parameters
    ----------
    ids : (B, T) int array, on the host
        Not altered.
    p : float
        Probability, 0 <= p < 1.
    unknown_id : int
    rng : numpy.random.Generator
    mask : (B, T) bool array, optional
        True where a token stands; by default everywhere.

    Returns
    -------
    (B, T) int array

    Source: Iyyer et al., "Deep unordered composition rivals syntactic methods for text
    classification", 2015, section 3.1 (there the words are left out).
    """
    p = check_number("p", p, 0, below=1)
    hidden = rng.random(ids.shape) < p
    if mask is not None:
        hidden &= mask
    return np.where(hidden, np.asarray(unknown_id, ids.dtype), ids)


class AveragedWeights:
    r"""Running mean of the parameters, which generalises better than their last value.

    .. math:: \bar\theta_t = d_t\,\bar\theta_{t-1} + (1 - d_t)\,\theta_t, \qquad
              d_t = \min\Big(d,\; \frac{t - 1}{t + 8}\Big)

    :math:`d_1 = 0`, so the initial weights never enter; early averages reach back over about a
    tenth of the steps so far, later ones over about :math:`1/(1 - d)` steps.

    Parameters
    ----------
    decay : float
        :math:`d`, 0 to below 1.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992;
    the warm-up is the polynomial-decay averaging of Shamir and Zhang, "Stochastic gradient descent
    for non-smooth optimization", 2013, section 4, with eta = 8.
    """

    def __init__(self, decay=0.999):
        self.decay = check_number("decay", decay, 0, below=1)
        self.t = 0
        self.values = None
        self._scratch = None

    def update(self, values):
        """Take the (n,) parameters of one more step into the mean."""
        xp = array_module(values)
        if self.values is None:
            self.values = values.copy()
        if self._scratch is None:
            self._scratch = xp.empty(BLOCK if xp is np else values.size, values.dtype)
        self.t += 1
        gain = 1.0 - min(self.decay, (self.t - 1) / (self.t + 8))
        for part in _blocks(xp, values.size):
            mean = self.values[part]
            s = self._scratch[: mean.size]
            xp.subtract(values[part], mean, out=s)
            s *= gain
            mean += s

    def to(self, device):
        """Move the mean to a device, "numpy" or "cupy"."""
        self.values = None if self.values is None else to_device(self.values, device)
        self._scratch = None

    def state(self):
        """`t` and the mean, the array itself."""
        return {"t": self.t} if self.values is None else {"t": self.t, "values": self.values}

    def load_state(self, state):
        """Take over a state that :meth:`state` gave; the array is copied."""
        self.t = int(state["t"])
        self.values = state["values"].copy() if "values" in state else None
        self._scratch = None


@contextmanager
def applied(averages, values):
    """Within the block the (n,) array `values` holds the averages; then what it held before.

    Without `averages`, or before their first update, nothing changes.
    """
    if averages is None or averages.values is None:
        yield
        return
    own = values.copy()
    values[...] = averages.values
    try:
        yield
    finally:
        values[...] = own
