r"""Losses as objects that know how to split: a micro-batch gives its exact share of the batch's.

The loss of a batch is a mean over what counts in the *whole* batch, :math:`L = \frac{1}{Z}\sum_i
w_i \ell_i` with :math:`Z = \sum_i w_i`. A micro-batch is told :math:`Z` and returns its own sum
divided by it; losses and gradients of the micro-batches then add up to those of the batch, however
it was cut.
"""

import numpy as np

from minitransformer import functional
from minitransformer.backend import array_module, as_number
from minitransformer.checks import check_number, lookup


class Loss:
    """What the losses share.

    Attributes
    ----------
    one_hot : bool
        Whether targets may be given as one-hot rows too.
    ignore_index : int or None
        Targets with this number do not count.
    """

    one_hot = True
    ignore_index = None

    def normaliser(self, targets):
        """Z, the weight of all `targets` that count: their number, unless classes are weighted.

        Parameters
        ----------
        targets : (...) int array, on the host

        Returns
        -------
        float
        """
        raise NotImplementedError

    def forward(self, logits, targets, total, ops=functional):
        """Share of a micro-batch in the batch's loss.

        Parameters
        ----------
        logits : (..., C) array
        targets : (...) int array
        total : float
            :meth:`normaliser` of the whole batch.
        ops : module
            `functional`, or the same functions faster.

        Returns
        -------
        value : float, or 0-d array on a device
            In nats for the cross-entropy.
        saved : tuple
            For :meth:`backward`.
        """
        raise NotImplementedError

    def backward(self, saved, ops=functional):
        """Gradient of the share with respect to the logits, (..., C); `ops` as in `forward`."""
        raise NotImplementedError

    def probabilities(self, saved):
        """Softmax of the logits, (..., C), where it was computed; else None."""
        return None

    def weighted(self, class_weights):
        """The same loss with a (C,) array of class weights."""
        raise ValueError(f"class_weight needs a cross-entropy loss, not {type(self).__name__}")

    def check_classes(self, n_classes):
        """Raise ValueError where the loss does not fit a model of `n_classes` classes."""

    def config(self):
        """Name and settings, as a dict that JSON can hold."""
        hyper = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in vars(self).items()}
        return {"name": type(self).__name__, **hyper}


class CategoricalCrossentropy(Loss):
    r"""Cross-entropy of softmax(logits) with the right class.

    Parameters
    ----------
    label_smoothing : float
        Share of the target that is spread evenly over all classes, 0 to below 1.
    class_weights : (C,) sequence of float, optional
        Weight of each class, >= 0; > 0 with label smoothing. Smoothing weighs every class, so a
        micro-batch of weight 0 alone would have no exact share of the batch.
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
                    f"class_weights must be a list of finite numbers >= 0, got {class_weights}"
                )
            if self.label_smoothing and (weights == 0).any():
                raise ValueError(
                    f"class_weights must be > 0 together with label_smoothing, got {class_weights}"
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
        share = as_number(saved.normaliser) / total if total else 0.0
        return as_number(loss) * share, (share, saved)

    def backward(self, saved, ops=functional):
        share, saved = saved
        return ops.cross_entropy_backward(share, saved)

    def probabilities(self, saved):
        return saved[1].probabilities

    def check_classes(self, n_classes):
        if self.class_weights is not None and len(self.class_weights) != n_classes:
            raise ValueError(
                f"class_weights must give {n_classes} weights, one a class, "
                f"got {len(self.class_weights)}"
            )

    def weighted(self, class_weights):
        return type(self)(self.label_smoothing, class_weights, self.ignore_index)


class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """:class:`CategoricalCrossentropy` that takes class numbers only."""

    one_hot = False


class TokenCrossentropy(CategoricalCrossentropy):
    """Cross-entropy over tokens; targets of -1 are padding and do not count.

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
        """The same for tokens as `loss`, a name, class or object, is for examples.

        Raises
        ------
        ValueError
            When it is no cross-entropy, or classes are weighted.
        """
        loss = get(loss)
        if not isinstance(loss, CategoricalCrossentropy) or loss.class_weights is not None:
            raise ValueError(
                "loss must be a cross-entropy without class weights for a model of sequences, "
                f"got {type(loss).__name__}"
            )
        return cls(loss.label_smoothing)

    def weighted(self, class_weights):
        raise ValueError("class_weight is not for models of sequences")


class MeanSquaredError(Loss):
    r"""Mean squared error of the probabilities with the one-hot target, over all entries.

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
        share = targets.size / total if total else 0.0
        return as_number(loss) * share, (share, difference, p)

    def backward(self, saved, ops=functional):
        share, difference, p = saved
        return ops.softmax_backward(ops.mean_squared_error_backward(share, difference), p)


NAMES = {
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
}


def get(loss):
    """A loss from its name, its class or itself.

    Raises
    ------
    ValueError
        For an unknown name; the message gives the near ones.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss()
    return lookup("loss", loss, NAMES)()
