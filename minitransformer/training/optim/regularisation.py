r"""Regularisation: penalties, clipping of the gradient, word dropout.

All functions here work on the flat arrays of values and gradients, or on ids, and never on layers.
So they are the same for every model. Decoupled weight decay is in
:class:`~minitransformer.training.optim.optimizers.AdamW`, averaged weights are in averaging.py, and
dropout is in the layers.
"""

import math

import numpy as np

from minitransformer.backend import array_module, as_number, is_cupy
from minitransformer.checks import check_number
from minitransformer.training.optim.optimizer import BLOCK, blocks, one_part


def add_penalty(values, grads, l1=0.0, l2=0.0, where=None):
    r"""Add the gradient of the L1 and L2 penalties to `grads`, in place.

    .. math:: R = \lambda_1 \sum_i |\theta_i| + \lambda_2 \sum_i \theta_i^2, \qquad
              g_i \mathrel{+}= \lambda_1 \,\mathrm{sign}(\theta_i) + 2 \lambda_2 \theta_i

    Parameters
    ----------
    values : (n,) array
        Parameters; not changed.
    grads : (n,) array
        Gradients, to which the gradients of the penalties are added.
    l1, l2 : float
        :math:`\lambda_1, \lambda_2 \ge 0`.
    where : (n,) array of bool, optional
        The parameters that are penalised; by default all.

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
    penalty = 0.0
    scratch = xp.empty(min(BLOCK if xp is np else values.size, values.size), values.dtype)
    for part in blocks(xp, values.size):
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
    """Euclidean norm of all gradients together; NaN or inf if any entry is NaN or inf.

    Finite gradients whose squares overflow their dtype still have a finite norm.

    Parameters
    ----------
    grads : (n,) array
        All gradients; not changed.
    share_out : callable
        As for :meth:`~minitransformer.training.optim.optimizer.Optimizer.step`. The bits of the
        norm do not depend on it.

    Returns
    -------
    float, or 0-d float64 array on a device
        The norm. For gradients on a device, the host does not wait for the result.
    """
    if is_cupy(grads):
        return _norm_on_device(grads)
    xp = array_module(grads)
    parts = blocks(xp, grads.size)
    squares = [0.0] * len(parts)

    def work(some):
        with np.errstate(over="ignore", invalid="ignore"):  # NaN and inf are handled below
            for i in range(some.start, some.stop):
                squares[i] = float(xp.dot(grads[parts[i]], grads[parts[i]]))

    share_out(len(parts), work)
    total = sum(squares)
    if math.isfinite(total):
        return math.sqrt(total)
    largest = float(xp.abs(grads).max())
    if not math.isfinite(largest):
        return largest
    scaled = grads.astype(np.float64) / largest
    return largest * math.sqrt(float(xp.dot(scaled, scaled)))


def _norm_on_device(grads):
    """:func:`global_norm` without a branch: both forms are computed, and the device selects one."""
    xp = array_module(grads)
    total, largest = as_number(xp.dot(grads, grads)), as_number(xp.abs(grads).max())
    scaled = grads.astype(np.float64) / xp.maximum(largest, np.finfo(np.float64).tiny)
    rescaled = largest * xp.sqrt(xp.dot(scaled, scaled))
    rescaled = xp.where(xp.isfinite(largest), rescaled, largest)
    return xp.where(xp.isfinite(total), xp.sqrt(total), rescaled)


def clip_by_global_norm(grads, max_norm, norm=None):
    r"""Scale `grads` down, in place, so that their norm is at most `max_norm`.

    .. math:: g \leftarrow g \, \min\big(1,\; c / \lVert g \rVert\big)

    Parameters
    ----------
    grads : (n,) array
        Gradients; overwritten.
    max_norm : float
        :math:`c > 0`.
    norm : float, optional
        :func:`global_norm` of `grads`, if it is already known.

    Returns
    -------
    float
        Norm before clipping. If it is not finite, `grads` are left unchanged.

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
    """Replace each token with the unknown token with probability `p`; padding stays padding.

    A word that is often hidden cannot be memorised, and the unknown token learns to mean
    "some word".

    Parameters
    ----------
    ids : (B, T) int array, on the host
        Token ids; not changed.
    p : float
        Probability, 0 <= p < 1.
    unknown_id : int
        Id of the unknown token.
    rng : numpy.random.Generator
        Source of the random numbers.
    mask : (B, T) bool array, optional
        True for tokens, False for padding; by default True everywhere.

    Returns
    -------
    (B, T) int array

    Source: Iyyer et al., "Deep unordered composition rivals syntactic methods for text
    classification", 2015, section 3.1 (which removes the words instead).
    """
    p = check_number("p", p, 0, below=1)
    hidden = rng.random(ids.shape) < p
    if mask is not None:
        hidden &= mask
    return np.where(hidden, np.asarray(unknown_id, ids.dtype), ids)
