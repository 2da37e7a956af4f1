"""Cross-entropies as losses: for classes, and for the tokens of generative models."""

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module, as_number
from minitransformer.checks import check_number
from minitransformer.functional import log_softmax
from minitransformer.training.objective.loss import Loss


class CategoricalCrossentropy(Loss):
    r"""Cross-entropy between the correct class and softmax(logits).

    Parameters
    ----------
    label_smoothing : float
        Fraction of the target that is spread evenly over all classes; at least 0 and below 1.
    class_weights : (C,) sequence of float, optional
        Weight of each class. It must be >= 0, and > 0 with label smoothing: every class is then
        part of every target, so a micro-batch whose total weight is 0 could not contribute its
        part.
    ignore_index : int, optional
        Targets with this number do not count.

    Source: :func:`~minitransformer.functional.cross_entropy`.
    """

    def __init__(self, label_smoothing=0.0, class_weights=None, ignore_index=None):
        self.label_smoothing = check_number("label_smoothing", label_smoothing, 0, below=1)
        self.class_weights = None
        if class_weights is not None:
            weights = np.asarray(class_weights, np.float64)
            if weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0).any():
                raise ValueError(
                    f"class_weights must be a flat list of finite numbers >= 0, got {class_weights}"
                )
            if self.label_smoothing and (weights == 0).any():
                raise ValueError(
                    f"class_weights must be > 0 with label_smoothing, got {class_weights}"
                )
            self.class_weights = weights
        self.ignore_index = ignore_index

    def normaliser(self, targets, weights=None):
        if self.ignore_index is not None:
            counts = targets != self.ignore_index
            targets = targets[counts]
            weights = weights if weights is None else weights[counts]
        if weights is not None:
            of_class = 1.0 if self.class_weights is None else self.class_weights[targets]
            return float((weights * of_class).sum())
        if self.class_weights is None:
            return float(targets.size)
        return float(self.class_weights[targets].sum())

    def forward(self, logits, targets, total, ops=functional, weights=None):
        class_weights = self.class_weights
        if class_weights is not None:
            class_weights = array_module(logits).asarray(class_weights, logits.dtype)
        loss, saved = ops.cross_entropy(
            logits,
            targets,
            label_smoothing=self.label_smoothing,
            class_weights=class_weights,
            ignore_index=self.ignore_index,
        )
        fraction = as_number(saved.normaliser) / total if total else 0.0
        if weights is None:
            return as_number(loss) * fraction, (fraction, saved, None)
        weights = array_module(logits).asarray(weights, logits.dtype)
        value = weighted_sum(logits, saved, weights)
        return as_number(value) / total if total else 0.0, (fraction, saved, weights)

    def backward(self, saved, ops=functional):
        fraction, saved, weights = saved
        dlogits = ops.cross_entropy_backward(fraction, saved)
        if weights is not None:
            dlogits *= weights[..., None]
        return dlogits

    def probabilities(self, saved):
        return saved[1].probabilities

    def check_classes(self, n_classes):
        if self.class_weights is not None and len(self.class_weights) != n_classes:
            raise ValueError(
                f"class_weights must have {n_classes} weights, one per class, "
                f"got {len(self.class_weights)}"
            )

    def weighted(self, class_weights):
        return type(self)(self.label_smoothing, class_weights, self.ignore_index)


class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """:class:`CategoricalCrossentropy` whose targets must be class numbers."""

    one_hot = False


class TokenCrossentropy(CategoricalCrossentropy):
    """Cross-entropy over tokens; targets of -1 are padding, and do not count.

    Parameters
    ----------
    label_smoothing : float
        As for :class:`CategoricalCrossentropy`.
    """

    one_hot = False

    def __init__(self, label_smoothing=0.0):
        super().__init__(label_smoothing, ignore_index=-1)

    @classmethod
    def like(cls, loss):
        """The loss over tokens with the settings of the object `loss`.

        Raises
        ------
        ValueError
            If `loss` is not a cross-entropy, or has class weights.
        """
        if not isinstance(loss, CategoricalCrossentropy) or loss.class_weights is not None:
            raise ValueError(
                "loss must be a cross-entropy without class weights for a model of sequences, "
                f"got {type(loss).__name__}"
            )
        return cls(loss.label_smoothing)

    def weighted(self, class_weights):
        raise ValueError("class_weight must be None for models of sequences")


def weighted_sum(logits, saved, weights):
    r"""The sum over examples of weight times cross-entropy, before the division by Z.

    Parameters
    ----------
    logits : (..., C) array
        Scores of the classes.
    saved : CrossEntropySaved
        From :func:`~minitransformer.functional.cross_entropy`.
    weights : (...) array
        Weight of each example.
    """
    xp, eps, y = array_module(logits), saved.label_smoothing, saved.targets
    log_p = log_softmax(logits)
    chosen = xp.take_along_axis(log_p, xp.maximum(y, 0)[..., None], axis=-1)[..., 0]
    losses = -(1 - eps) * saved.weights[xp.maximum(y, 0)] * chosen
    if eps:
        losses -= eps / logits.shape[-1] * (log_p * saved.weights).sum(axis=-1)
    # Where the weight is 0, the loss may be infinite.
    return (weights * xp.where((y >= 0) & (weights != 0), losses, 0)).sum()
