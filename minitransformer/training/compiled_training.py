"""What `compile` fixes: everything about training except the model and the data."""

import numpy as np

from minitransformer.checks import check_count, check_number, lookup
from minitransformer.training.objective import losses, metrics
from minitransformer.training.optim import optimizers, schedules
from minitransformer.training.optim.averaging import AveragedWeights
from minitransformer.training.precision import PRECISIONS, MixedPrecision

UNKNOWN_ID = 1
"""Id of the unknown token, with which word dropout replaces a token."""


class CompiledTraining:
    """The checked settings of a training run, and the state that it carries from step to step.

    Parameters
    ----------
    optimizer : str or Optimizer
        The optimiser. Its settings are copied, but not its state, so two models never share one.
    loss : str or Loss
        What training minimises. A generative model needs a cross-entropy, such as
        ``CategoricalCrossentropy(label_smoothing=0.1)``.
    metrics : list of str, Metric or function
        What is measured in addition to the loss. A name is also the name in the history. For a
        function, see :class:`~minitransformer.training.objective.counted_metrics.FunctionMetric`.
    schedule : None, str, Schedule or callable
        Gives the factor by which the learning rate is multiplied in each step.
    clip : float, optional
        Maximum global norm of the gradient.
    l1, l2 : float
        Factors of the L1 and L2 penalties on the weight matrices. The history reports the penalties
        as ``penalty``, separately from the loss.
    word_dropout : float
        Probability that a token is replaced with the unknown token during training; only for
        classifiers.
    average : float, optional
        Decay of the averaged weights. If it is given, validation uses the averaged weights, and
        the model has them at the end of training.
    workers : int, optional
        Number of parallel workers. For the default, see
        :func:`~minitransformer.training.parallel.workers.default_workers`.
    micro_batch_tokens : int, optional
        Maximum number of tokens in a micro-batch, including padding. Which random numbers a
        micro-batch receives depends on it, so a run can be repeated only with the same value; the
        number of workers does not affect the random numbers. The default depends on the model: it
        is at most 1,024, and lower for a generative model with a large vocabulary or a small batch.
    precision : {"single", "mixed"}
        "single" computes everything in the model's dtype. "mixed" runs the passes of training in
        float16; see :class:`~minitransformer.training.precision.MixedPrecision`. It is meant for
        a GPU, and is slower on the host.

    Attributes
    ----------
    averages : AveragedWeights or None
        The averaged weights, if `average` was given.
    mixed : MixedPrecision or None
        The state of mixed precision, if `precision` is "mixed".
    """

    def __init__(
        self,
        optimizer,
        loss,
        metrics,
        *,
        schedule,
        clip,
        l1,
        l2,
        word_dropout,
        average,
        workers,
        micro_batch_tokens,
        precision,
    ):
        self.optimizer = optimizers.get(optimizer).fresh()
        self._optimizer = self.optimizer.config()
        self.loss = losses.get(loss)
        self.metrics = _metrics(metrics)
        self.schedule = schedules.get(schedule)
        self.clip = clip if clip is None else check_number("clip", clip, above=0)
        self.l1 = check_number("l1", l1, 0)
        self.l2 = check_number("l2", l2, 0)
        self.word_dropout = check_number("word_dropout", word_dropout, 0, below=1)
        self.average = average if average is None else check_number("average", average, 0, below=1)
        self.workers = workers if workers is None else check_count("workers", workers)
        self.micro_batch_tokens = (
            micro_batch_tokens
            if micro_batch_tokens is None
            else check_count("micro_batch_tokens", micro_batch_tokens)
        )
        self.averages = None if average is None else AveragedWeights(self.average)
        self.mixed = MixedPrecision() if lookup("precision", precision, PRECISIONS) else None

    def checked_for(self, model):
        """Return this object; raise ValueError if loss or precision does not suit the `model`."""
        self.loss.check_classes(model.n_classes)
        functions = [metric.name for metric in self.metrics if hasattr(metric, "function")]
        if functions and self.loss.ignore_index is not None:
            raise ValueError(
                f"metrics must not be functions for models of sequences, got {functions[0]}: "
                "write a subclass of Metric"
            )
        if self.mixed is not None and model.dtype != np.float32:
            raise ValueError(f"precision 'mixed' needs a float32 model, got {model.dtype}")
        return self

    def mode_of(self, name):
        """Whether a column of the history should be low ("min") or high ("max"); None: unknown."""
        name = name.removeprefix("val_")
        modes = {metric.name: metric.mode for metric in self.metrics}
        return "min" if name in ("loss", "penalty") else modes.get(name)

    def config(self):
        """Everything that decides the result, as a dict that JSON can store."""
        schedule = self.schedule
        return {
            "optimizer": self._optimizer,  # a callback may have changed the learning rate since
            "loss": self.loss.config(),
            "metrics": [metric.name for metric in self.metrics],
            "schedule": schedule.config()
            if hasattr(schedule, "config")
            else getattr(schedule, "__qualname__", type(schedule).__name__),
            "clip": self.clip,
            "l1": self.l1,
            "l2": self.l2,
            "word_dropout": self.word_dropout,
            "average": self.average,
            "micro_batch_tokens": self.micro_batch_tokens,
            "precision": "single" if self.mixed is None else "mixed",
        }

    def can_be_sent(self):
        """Whether loss and metrics can be sent to forked workers; a user's own may have a state."""
        parts = (self.loss, *self.metrics)
        ours = all(
            type(part).__module__.startswith("minitransformer.") and not hasattr(part, "function")
            for part in parts
        )
        return ours and self.mixed is None

    def to(self, device):
        """Move the state of training to the device "numpy" or "cupy"."""
        for part in (self.optimizer, self.averages, self.mixed):
            if part is not None:
                part.to(device)

    def multiplier(self, total_steps):
        """The schedule of a run of `total_steps` steps, as a function of the step (from 1)."""
        if hasattr(self.schedule, "start"):
            return self.schedule.start(total_steps)
        return self.schedule


def _metrics(given):
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise TypeError(f"metrics must be a list of names or objects, got {given!r}")
    found = [metrics.get(metric) for metric in given]
    names = ["loss", "penalty", "learning_rate", "seconds", *(metric.name for metric in found)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"metrics would put {name!r} into the history twice, got {given!r}")
        if name.startswith("val_"):
            raise ValueError(f"metrics must not have names that begin with 'val_', got {name!r}")
    return found
