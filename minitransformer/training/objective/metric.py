"""The base class of the metrics."""

from minitransformer.training.keywords import NamedArguments


class Metric(NamedArguments):
    """A mean over the targets that count, computed from the sums of the micro-batches.

    Attributes
    ----------
    name : str
        Name of the metric's column in the history.
    mode : "min", "max" or None
        Whether a low or a high value is good; None if that is unknown.
    """

    name = "metric"
    mode = None
    keras_hints = {"thresholds": "the class is that of the largest probability"}

    def measure(self, logits, targets, ignore_index=None):
        """Sum of the metric over the targets of a micro-batch that count, and their number.

        Parameters
        ----------
        logits : (..., C) array
            Scores of the classes.
        targets : (...) int array
            Class numbers.
        ignore_index : int, optional
            Targets with this number do not count.

        Returns
        -------
        total, count : float, or 0-d arrays on a device
            `total` may also be an array on the host, which :meth:`finish` turns into a number.
        """
        raise NotImplementedError

    def measure_with(self, loss, logits, targets, saved):
        """:meth:`measure`, for a metric that can use what the `loss` has already computed."""
        return self.measure(logits, targets, loss.ignore_index)

    def add_up(self, measures):
        """Sum and count of several micro-batches, from what :meth:`measure` returned for each."""
        return sum(total for total, _ in measures), sum(count for _, count in measures)

    def finish(self, mean):
        """The number to report, given the mean over all examples."""
        return mean
