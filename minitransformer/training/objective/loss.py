r"""Losses that can be split: each micro-batch contributes its exact part of the batch's loss.

The loss of a batch is a mean over everything that counts in the *whole* batch,
:math:`L = \frac{1}{Z}\sum_i w_i \ell_i` with :math:`Z = \sum_i w_i`. The loss of a micro-batch is
its own sum of :math:`w_i \ell_i`, divided by the :math:`Z` of the whole batch. The losses and
gradients of the micro-batches then add up to those of the batch, regardless of how it is cut.
"""

import inspect

from minitransformer import functional
from minitransformer.training.keywords import NamedArguments


class Loss(NamedArguments):
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
    keras_hints = {
        "from_logits": "leave it out: losses always get logits, and `predict` applies softmax",
        "reduction": "leave it out: a loss is a mean over the weights of a batch",
        "axis": "leave it out: the classes are on the last axis",
    }

    def normaliser(self, targets, weights=None):
        """Z, the total weight of the `targets` that count; their number if there are no weights.

        Parameters
        ----------
        targets : (...) int array, on the host
            Class numbers.
        weights : (...) array, optional
            Weight of each example; only given if there are such weights.

        Returns
        -------
        float
        """
        raise NotImplementedError

    def forward(self, logits, targets, total, ops=functional, weights=None):
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
        weights : (...) array, optional
            Weight of each example; only given if there are such weights.

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

    def check_sample_weight(self):
        """Raise ValueError if this loss cannot weight examples; a user's own may not."""
        for method in (self.forward, self.normaliser):
            if "weights" not in inspect.signature(method).parameters:
                raise ValueError(
                    "sample_weight must be None for this loss: "
                    f"{method.__qualname__} has no argument 'weights'"
                )

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
