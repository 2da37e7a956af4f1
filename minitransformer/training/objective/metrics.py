"""Metrics: what is reported about predictions besides the loss."""

import math

import numpy as np

from minitransformer.backend import array_module, as_number
from minitransformer.checks import lookup
from minitransformer.functional import log_softmax
from minitransformer.training.objective.counted_metrics import F1, FunctionMetric, Precision, Recall
from minitransformer.training.objective.metric import Metric


class Accuracy(Metric):
    """Fraction of the targets for which the largest logit is that of the correct class."""

    name = "accuracy"
    mode = "max"

    def measure(self, logits, targets, ignore_index=None):
        xp = array_module(logits, targets)
        right = xp.argmax(logits, axis=-1) == targets
        if ignore_index is None:
            return as_number(right.sum()), targets.size
        counts = targets != ignore_index
        return as_number((right & counts).sum()), as_number(counts.sum())


class Perplexity(Metric):
    r"""Exponential of the mean cross-entropy, without label smoothing or class weights.

    .. math:: \exp\Big(-\frac{1}{n} \sum_i \log p_{i y_i}\Big)

    A perplexity of k means a prediction as uncertain as a choice among k equally likely classes.

    Source: Jelinek, Mercer, Bahl, Baker, "Perplexity - a measure of the difficulty of speech
    recognition tasks", 1977.
    """

    name = "perplexity"
    mode = "min"

    def measure(self, logits, targets, ignore_index=None):
        return _nats(logits, targets, ignore_index)

    def measure_with(self, loss, logits, targets, saved):
        probabilities = loss.probabilities(saved)
        if probabilities is None or probabilities.dtype == np.float16:
            return self.measure(logits, targets, loss.ignore_index)
        return _nats(logits, targets, loss.ignore_index, probabilities)

    def finish(self, mean):
        return math.inf if mean > LARGEST_EXPONENT else math.exp(mean)


def _nats(logits, targets, ignore_index, probabilities=None):
    """Sum of -log p over the `targets` that count, and their number.

    The logarithm of the largest probability never underflows, and those of the others differ from
    it by a difference of logits: log p_y = x_y - max x + log max p. This saves the exponential
    function of every logit if the `probabilities` (..., C) are known.
    """
    xp = array_module(logits, targets)
    counts = xp.ones(targets.shape, bool) if ignore_index is None else targets != ignore_index
    if probabilities is None:
        table = log_softmax(logits.astype(np.float32) if logits.dtype == np.float16 else logits)
    else:
        table = logits
    nats = -xp.take_along_axis(table, xp.where(counts, targets, 0)[..., None], axis=-1)[..., 0]
    if probabilities is not None:
        nats = (logits.max(axis=-1) + nats) - xp.log(probabilities.max(axis=-1))
    return as_number(xp.where(counts, nats, 0).sum(dtype=np.float64)), as_number(counts.sum())


LARGEST_EXPONENT = math.log(np.finfo(np.float64).max)
NAMES = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "sparse_categorical_accuracy": Accuracy,
    "categorical_accuracy": Accuracy,
    "binary_accuracy": Accuracy,
    "perplexity": Perplexity,
    "f1": F1,
    "f1_score": F1,
    "precision": Precision,
    "recall": Recall,
}


def get(metric):
    """A metric from its name, its class, an object, or a function of labels and probabilities.

    A metric given by name is reported under that name.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests close matches.
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, type):
        if issubclass(metric, Metric):
            return metric()
    elif callable(metric):
        return FunctionMetric(metric)
    found = lookup("metric", metric, NAMES)()
    found.name = metric
    return found


def confusion_matrix(labels, predictions, n_classes):
    """Count how often an example of class i was predicted to be of class j.

    Parameters
    ----------
    labels, predictions : (n,) int arrays
        True and predicted classes, each in ``0 .. n_classes - 1``.
    n_classes : int
        Number of classes.

    Returns
    -------
    (n_classes, n_classes) int64 array
        Rows are true classes, columns are predicted classes. The sum is n.

    Raises
    ------
    ValueError
        If the lengths differ or a class is out of range.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.ndim != 1 or labels.shape != predictions.shape:
        raise ValueError(
            "labels and predictions must be lists of the same length, "
            f"got shapes {labels.shape} and {predictions.shape}"
        )
    for name, values in (("labels", labels), ("predictions", predictions)):
        if values.size and (values.dtype.kind not in "iu" or values.min() < 0
                            or values.max() >= n_classes):  # fmt: skip
            raise ValueError(f"{name} must be integers in 0..{n_classes - 1}")
    pairs = labels.astype(np.int64) * n_classes + predictions
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
