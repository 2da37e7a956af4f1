r"""Losses: cross-entropy fused with softmax, and the mean squared error."""

from typing import Any, NamedTuple

from minitransformer.backend import array_module, check_ids, require_integers
from minitransformer.functional._checks import (
    in_one_dtype,
    require_features,
    require_same_shape,
)
from minitransformer.functional.softmax import log_softmax


class CrossEntropySaved(NamedTuple):
    """What the backward pass of :func:`cross_entropy` needs.

    Attributes
    ----------
    probabilities : (..., C) array
        Softmax of the logits.
    targets : (...) int array
        Class numbers, or -1 where the position is ignored.
    weights : (C,) array
        The weight of each class.
    normaliser : 0-d array
        Sum of the weights of the targets that are not ignored.
    label_smoothing : float
    """

    probabilities: Any
    targets: Any
    weights: Any
    normaliser: Any
    label_smoothing: float


def check_arguments(logits, targets, label_smoothing, class_weights):
    """Refuse arguments that :func:`cross_entropy` cannot use."""
    require_features("logits", logits)
    require_integers("targets", targets)
    if targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"targets must have the shape of logits without its last axis, {logits.shape[:-1]}, "
            f"got {targets.shape}"
        )
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must lie in [0, 1], got {label_smoothing}")
    if class_weights is not None and class_weights.shape != logits.shape[-1:]:
        raise ValueError(
            f"class_weights must have shape {logits.shape[-1:]}, got {class_weights.shape}"
        )


def reciprocal_or_zero(normaliser):
    """1 / normaliser, or 0 if every position is ignored."""
    xp = array_module(normaliser)
    one = xp.ones_like(normaliser)
    return xp.where(normaliser == 0, 0 * one, one / xp.where(normaliser == 0, one, normaliser))


def target_weights(targets, weights):
    """w_y of each position, 0 where the position is ignored."""
    xp = array_module(targets, weights)
    return xp.where(targets >= 0, weights[xp.maximum(targets, 0)], xp.zeros((), weights.dtype))


def what_counts(logits, targets, class_weights, ignore_index):
    """The targets and weights of :func:`cross_entropy`, with ignored positions marked.

    Returns
    -------
    targets : (...) int array
        -1 where the position is ignored.
    weights : (C,) array
        The weight of each class, 1 unless given.
    target_weights : (...) array
        w_y of each position, 0 where the position is ignored.
    """
    xp, C = array_module(logits), logits.shape[-1]
    counts = xp.ones(targets.shape, bool) if ignore_index is None else targets != ignore_index
    check_ids(xp.where(counts, targets, 0), C, "targets")
    y = xp.where(counts, targets, -1)
    w = xp.ones(C, logits.dtype) if class_weights is None else class_weights.astype(logits.dtype)
    return y, w, target_weights(y, w)


@in_one_dtype
def cross_entropy(logits, targets, *, label_smoothing=0.0, class_weights=None, ignore_index=None):
    r"""Cross-entropy between softmax(logits) and the target classes, as a weighted mean.

    .. math:: L = -\frac{1}{\Omega} \sum_i \Big( (1 - \varepsilon) \, w_{y_i} \log p_{i y_i}
        + \frac{\varepsilon}{C} \sum_c w_c \log p_{ic} \Big),
        \qquad p = \mathrm{softmax}(\mathrm{logits}), \quad \Omega = \sum_i w_{y_i}

    The sums run over the positions that are not ignored. If all are ignored, the loss and its
    gradient are 0.

    Parameters
    ----------
    logits : (..., C) array
    targets : (...) int array
        The correct class of each position.
    label_smoothing : float
        :math:`\varepsilon`, the fraction of the target that is spread evenly over all C classes.
    class_weights : (C,) array, optional
        w; by default every class has the weight 1.
    ignore_index : int, optional
        Positions with this target are ignored.

    Returns
    -------
    loss : 0-d array
        In nats.
    saved : CrossEntropySaved
        For the backward pass.

    Raises
    ------
    TypeError
        If targets are not integers.
    ValueError
        If a target is out of range, or the shapes do not fit.

    Source: Vaswani et al. 2017, section 5.4; Szegedy et al. 2016, section 7.
    """
    xp = array_module(logits)
    check_arguments(logits, targets, label_smoothing, class_weights)
    C, eps = logits.shape[-1], label_smoothing
    y, w, w_y = what_counts(logits, targets, class_weights, ignore_index)
    normaliser = w_y.sum()

    log_p = log_softmax(logits)
    log_p_y = xp.take_along_axis(log_p, xp.maximum(y, 0)[..., None], axis=-1)[..., 0]
    # what does not count may have the probability 0, whose logarithm times 0 would be NaN
    loss = (1 - eps) * (w_y * xp.where((w_y != 0) & (eps < 1), log_p_y, 0)).sum()
    if eps:
        weighted = (xp.where(w != 0, log_p, 0) * w).sum(axis=-1)
        loss = loss + eps / C * xp.where(y >= 0, weighted, 0).sum()
    loss = -loss * reciprocal_or_zero(normaliser)
    return loss, CrossEntropySaved(xp.exp(log_p), y, w, normaliser, eps)


@in_one_dtype
def cross_entropy_backward(dloss, saved):
    r"""Vector-Jacobian product of :func:`cross_entropy`.

    .. math:: \frac{\partial L}{\partial \mathrm{logits}_{ij}} = \frac{dL}{\Omega} \Big(
        s_i \, p_{ij} - (1 - \varepsilon) \, w_{y_i} [\, j = y_i \,]
        - \frac{\varepsilon}{C} w_j \Big),
        \qquad s_i = (1 - \varepsilon) \, w_{y_i} + \frac{\varepsilon}{C} \sum_c w_c

    Without weights and smoothing, and with dL = 1, this is (p - onehot(y)) / number of positions.

    Parameters
    ----------
    dloss : 0-d array or float
        Upstream gradient: the gradient of the final objective with respect to this loss.
    saved : CrossEntropySaved
        Second output of :func:`cross_entropy`.

    Returns
    -------
    dlogits : (..., C) array

    Derivation: docs/derivations/cross_entropy.md, equation (8).
    Notebook: notebooks/01_softmax_and_cross_entropy.ipynb.
    """
    p, y, w, normaliser, eps = saved
    xp = array_module(p)
    C = p.shape[-1]
    counts = y >= 0
    w_y = target_weights(y, w)
    # L = -1/normaliser sum_i ((1 - eps) w_y log p_y + eps/C sum_c w_c log p_c),
    # log p_c = x_c - logsumexp x
    s = (1 - eps) * w_y + eps / C * w.sum() * counts
    rows = s.reshape(y.size, 1) * p.reshape(y.size, C)
    rows[xp.arange(y.size), xp.maximum(y, 0).reshape(-1)] -= (1 - eps) * w_y.reshape(-1)
    dlogits = rows.reshape(p.shape)
    if eps:
        dlogits -= eps / C * (counts[..., None] * w)
    dlogits *= dloss * reciprocal_or_zero(normaliser)
    return dlogits


@in_one_dtype
def mean_squared_error(y, target):
    r"""Mean squared error over all entries.

    .. math:: L = \frac{1}{n} \sum_i (y_i - t_i)^2

    Parameters
    ----------
    y, target : (...) arrays of the same shape
        The loss of empty arrays is 0.

    Returns
    -------
    loss : 0-d array
    difference : (...) array
        y - target, kept for the backward pass.

    Raises
    ------
    ValueError
        If the shapes differ.

    Source: Goodfellow et al. 2016, section 5.1.4.
    """
    require_same_shape("target", target, "y", y)
    difference = y - target
    return (difference * difference).sum() / max(difference.size, 1), difference


@in_one_dtype
def mean_squared_error_backward(dloss, difference):
    r"""Vector-Jacobian product of :func:`mean_squared_error`.

    .. math:: \frac{\partial L}{\partial y_i} = dL \, \frac{2}{n} (y_i - t_i)

    Parameters
    ----------
    dloss : 0-d array or float
        Upstream gradient: the gradient of the final objective with respect to this loss.
    difference : (...) array
        From :func:`mean_squared_error`.

    Returns
    -------
    dy : (...) array

    Derivation: docs/derivations/mean_squared_error.md, equation (4).
    Notebook: notebooks/00_gradients.ipynb.
    """
    return difference * (dloss * (2 / max(difference.size, 1)))
