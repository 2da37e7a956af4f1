r"""Losses that can be split: each micro-batch contributes its exact part of the batch's loss.

The loss of a batch is a mean over everything that counts in the *whole* batch,
:math:`L = \frac{1}{Z}\sum_i w_i \ell_i` with :math:`Z = \sum_i w_i`. The loss of a micro-batch is
its own sum of :math:`w_i \ell_i`, divided by the :math:`Z` of the whole batch. The losses and
gradients of the micro-batches then add up to those of the batch, regardless of how it is cut.
"""

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module, as_number
from minitransformer.checks import check_number, lookup


class Loss:
    """Base class of the losses.

    Attributes
    ----------
    one_hot : bool
        Whether targets may also be given as one-hot rows.
    ignore_index : int or None
        Targets with this number do not count.
    """

    one_hot = True
    ignore_index = None

    def normaliser(self, targets):
        """Z, the total weight of the `targets` that count; their number if there are no weights.

        Parameters
        ----------
        targets : (...) int array, on the host
            Class numbers.

        Returns
        -------
        float
        """
        raise NotImplementedError

    def forward(self, logits, targets, total, ops=functional):
        """Contribution of a micro-batch to the batch's loss.

        Parameters
        ----------
        logits : (..., C) array
            Scores of the classes.
        targets : (...) int array
            Class numbers.
        total : float
            :meth:`normaliser` of the whole batch.
        ops : module
            `functional`, or a module with faster versions of its functions.

        Returns
        -------
        value : float, or 0-d array on a device
            The contribution, which is in nats for a cross-entropy.
        saved : tuple
            What :meth:`backward` needs.
        """
        raise NotImplementedError

    def backward(self, saved, ops=functional):
        """Gradient of the value that `forward` returned with respect to the logits, (..., C)."""
        raise NotImplementedError

    def probabilities(self, saved):
        """Softmax of the logits, (..., C), if `forward` computed and saved it; otherwise None."""
        return None

    def weighted(self, class_weights):
        """The same loss with a (C,) array of class weights."""
        raise ValueError(
            f"loss must be a cross-entropy if class_weight is given, got {type(self).__name__}"
        )

    def check_classes(self, n_classes):
        """Raise ValueError if the loss does not fit a model of `n_classes` classes."""

    def config(self):
        """Name and settings, as a dict that JSON can store."""
        hyper = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in vars(self).items()}
        return {"name": type(self).__name__, **hyper}


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

    def normaliser(self, targets):
        if self.ignore_index is not None:
            targets = targets[targets != self.ignore_index]
        if self.class_weights is None:
            return float(targets.size)
        return float(self.class_weights[targets].sum())

    def forward(self, logits, targets, total, ops=functional):
        weights = self.class_weights
        if weights is not None:
            weights = array_module(logits).asarray(weights, logits.dtype)
        loss, saved = ops.cross_entropy(
            logits,
            targets,
            label_smoothing=self.label_smoothing,
            class_weights=weights,
            ignore_index=self.ignore_index,
        )
        fraction = as_number(saved.normaliser) / total if total else 0.0
        return as_number(loss) * fraction, (fraction, saved)

    def backward(self, saved, ops=functional):
        fraction, saved = saved
        return ops.cross_entropy_backward(fraction, saved)

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
        """The loss over tokens with the settings of `loss`, which is a name, class or object.

        Raises
        ------
        ValueError
            If `loss` is not a cross-entropy, or has class weights.
        """
        loss = get(loss)
        if not isinstance(loss, CategoricalCrossentropy) or loss.class_weights is not None:
            raise ValueError(
                "loss must be a cross-entropy without class weights for a model of sequences, "
                f"got {type(loss).__name__}"
            )
        return cls(loss.label_smoothing)

    def weighted(self, class_weights):
        raise ValueError("class_weight must be None for models of sequences")


class MeanSquaredError(Loss):
    r"""Mean squared difference between the probabilities and the one-hot targets, over all entries.

    .. math:: L = \frac{1}{n C} \sum_{ij} (p_{ij} - [\,j = y_i\,])^2, \qquad p = softmax(logits)

    Source: Brier, "Verification of forecasts expressed in terms of probability", 1950 (there not
    divided by C).
    """

    def normaliser(self, targets):
        return float(targets.size)

    def forward(self, logits, targets, total, ops=functional):
        p = ops.softmax(logits)
        one_hot = array_module(logits).eye(logits.shape[-1], dtype=logits.dtype)[targets]
        loss, difference = ops.mean_squared_error(p, one_hot)
        fraction = targets.size / total if total else 0.0
        return as_number(loss) * fraction, (fraction, difference, p)

    def backward(self, saved, ops=functional):
        fraction, difference, p = saved
        return ops.softmax_backward(ops.mean_squared_error_backward(fraction, difference), p)


NAMES = {
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
}


def get(loss):
    """A loss from its name, its class or an object.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests close matches.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss()
    return lookup("loss", loss, NAMES)()
