r"""Precision, recall and F1, computed from counts over all examples, and metrics of your own.

Precision, recall and F1 are not means over examples. So the counts of each class are added up, and
the metric is computed from the sums: over all batches of an epoch, or over all of `evaluate`.
"""

import numpy as np

from minitransformer.backend import to_host
from minitransformer.checks import check_choice
from minitransformer.functional import softmax
from minitransformer.training.objective.metric import Metric


class ClassCounts(Metric):
    r"""Base class of metrics of the counts of each class.

    With TP the number of examples of a class that were predicted to be of that class, FP of other
    examples predicted to be of it, and FN of its examples predicted to be of another class:

    .. math:: precision = \frac{TP}{TP + FP}, \qquad recall = \frac{TP}{TP + FN}, \qquad
              F_1 = \frac{2\,TP}{2\,TP + FP + FN}

    A quotient with the denominator 0 is 0.

    Parameters
    ----------
    average : {"auto", "binary", "macro", "micro", "weighted"}
        "binary" is the value of class 1; "macro" is the mean over the classes that occur or were
        predicted; "micro" adds up the counts of all classes first; "weighted" is the mean over the
        examples of each one's class. "auto" is "binary" for two classes and "macro" for more.
    name : str, optional
        Name of the column in the history.
    """

    mode = "max"
    sums = 3  # `measure` returns the sums of so many counts for each class

    def __init__(self, average="auto", name=None):
        kinds = ("auto", "binary", "macro", "micro", "weighted")
        self.average = check_choice("average", average, kinds)
        self.name = type(self).name if name is None else str(name)

    def measure(self, logits, targets, ignore_index=None):
        C, predicted = logits.shape[-1], to_host(logits.argmax(axis=-1)).reshape(-1)
        targets = to_host(targets).reshape(-1)
        counts = np.ones(len(targets), bool) if ignore_index is None else targets != ignore_index
        predicted, targets = predicted[counts], targets[counts]
        parts = predicted[predicted == targets], predicted, targets
        table = [np.bincount(part, minlength=C).astype(np.float64) for part in parts]
        return np.stack(table), len(targets)

    def finish(self, mean):
        if np.ndim(mean) == 0:  # nothing counted
            return 0.0
        right, predicted, actual = mean
        n_classes, average = len(right), self.average
        if average == "binary" and n_classes != 2:
            raise ValueError(f"average must not be 'binary' for {n_classes} classes")
        if average == "micro":
            return float(self.of(right.sum(), predicted.sum(), actual.sum()))
        of_classes = self.of(right, predicted, actual)
        if average == "binary" or (average == "auto" and n_classes == 2):
            return float(of_classes[1])
        if average == "weighted":
            return float((of_classes * actual).sum() / actual.sum())
        return float(of_classes[predicted + actual > 0].mean())


class Precision(ClassCounts):
    """Fraction of the examples predicted to be of a class that are; see :class:`ClassCounts`."""

    name = "precision"

    @staticmethod
    def of(right, predicted, actual):
        """The metric of counts, or of arrays with the counts of each class."""
        return right / np.where(predicted == 0, 1, predicted)


class Recall(ClassCounts):
    """Fraction of the examples of a class that were recognised; see :class:`ClassCounts`."""

    name = "recall"

    @staticmethod
    def of(right, predicted, actual):
        """As :meth:`Precision.of`."""
        return right / np.where(actual == 0, 1, actual)


class F1(ClassCounts):
    """Harmonic mean of precision and recall; see :class:`ClassCounts`."""

    name = "f1"

    @staticmethod
    def of(right, predicted, actual):
        """As :meth:`Precision.of`."""
        both = predicted + actual
        return 2 * right / np.where(both == 0, 1, both)


class FunctionMetric(Metric):
    """A function as a metric, for classifiers.

    Parameters
    ----------
    function : callable
        ``f(y_true, y_pred)`` gets class numbers (n,) and probabilities (n, C), and returns a number
        or one number per example. In training it is called once per batch, and the results are
        averaged; `evaluate` and validation call it once, with all examples.
    """

    def __init__(self, function):
        self.function = function
        name = getattr(function, "__name__", None) or getattr(function, "name", None)
        self.name = name if isinstance(name, str) else type(function).__name__.lower()

    def measure(self, logits, targets, ignore_index=None):
        return (to_host(targets), to_host(softmax(logits))), len(targets)

    def add_up(self, measures):
        """The function of all examples, times their number; and their number."""
        y_true, y_pred = (np.concatenate([parts[i] for parts, _ in measures]) for i in range(2))
        try:
            value = self.function(y_true, y_pred)
            if value is None:
                raise TypeError("it returned None")
            value = np.asarray(value, np.float64)
        except Exception as error:
            raise ValueError(
                f"the metric {self.name} failed: {type(error).__name__}: {error}; it is called "
                "with y_true, (n,) class numbers, and y_pred, (n, C) probabilities"
            ) from error
        if value.ndim and len(value) != len(y_true):
            raise ValueError(
                f"the metric {self.name} must return a number or one number per example "
                f"({len(y_true)}), got shape {value.shape}"
            )
        return float(value.mean()) * len(y_true), len(y_true)
