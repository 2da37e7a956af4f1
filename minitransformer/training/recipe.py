"""What `compile` fixes: everything about training that is neither the model nor the data."""

import numpy as np

from minitransformer.checks import check_count, check_number, lookup
from minitransformer.training.objective import losses, metrics
from minitransformer.training.optim import optimizers, schedules
from minitransformer.training.optim.regularisation import AveragedWeights
from minitransformer.training.precision import PRECISIONS, MixedPrecision

UNKNOWN_ID = 1
"""Id of the unknown token, which word dropout puts in place of a word."""


class Recipe:
    """The settings of a training run, checked, and its state from step to step.

    Parameters
    ----------
    optimizer : str or Optimizer
        It is copied without its state: two models never share one.
    loss : str or Loss
    metrics : list of str or Metric
    schedule : None, str, Schedule or callable
        Multiplies the learning rate.
    clip : float, optional
        Largest global norm of the gradient.
    l1, l2 : float
        Penalties on the weight matrices; reported in the history as ``penalty``, apart from the
        loss.
    word_dropout : float
        Probability that a token is replaced by the unknown token, in training.
    average : float, optional
        Decay of the averaged weights, which then are what is validated and kept.
    workers : int, optional
        Parallel workers; see :func:`~minitransformer.training.parallel.workers.default_workers`.
    micro_batch_tokens : int, optional
        Most tokens in a micro-batch, padding included. It decides which random numbers go
        where, so it belongs to what makes a run repeatable; the number of workers does not.
        None leaves it to the model.
    precision : {"single", "mixed"}
        "mixed" runs the passes of training in float16, see
        :class:`~minitransformer.training.precision.MixedPrecision`; "single" all in the model's
        dtype. Meant for a GPU: it is slower on the host.

    Attributes
    ----------
    averages : AveragedWeights or None
    mixed : MixedPrecision or None
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
        """The recipe itself; ValueError where loss or precision does not fit the `model`."""
        self.loss.check_classes(model.n_classes)
        if self.mixed is not None and model.dtype != np.float32:
            raise ValueError(f"precision 'mixed' needs a float32 model, got {model.dtype}")
        return self

    def config(self):
        """Everything that decides the result, as a dict that JSON can hold."""
        schedule = self.schedule
        return {
            "optimizer": self.optimizer.config(),
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
        """Whether a forked worker may have loss and metrics: those of others may keep a state."""
        parts = (self.loss, *self.metrics)
        ours = all(type(part).__module__.startswith("minitransformer.") for part in parts)
        return ours and self.mixed is None

    def to(self, device):
        """Move the state of training to "numpy" or "cupy"."""
        for part in (self.optimizer, self.averages, self.mixed):
            if part is not None:
                part.to(device)

    def multiplier(self, total_steps):
        """The schedule of a run of `total_steps` steps: step (from 1) to multiplier."""
        if hasattr(self.schedule, "start"):
            return self.schedule.start(total_steps)
        return self.schedule


def _metrics(given):
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise TypeError(f"metrics must be a list of names or objects, got {given!r}")
    found = [metrics.get(metric) for metric in given]
    names = ["loss", "penalty", *(metric.name for metric in found)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"metrics would put {name!r} into the history twice, got {given!r}")
    return found
