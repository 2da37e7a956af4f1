r"""Learning-rate schedules: the factor of the optimiser's learning rate at step t, counted from 1.

A schedule can be any function of the step. The schedules here do not need the length of the run
when they are created: `fit` passes it to :meth:`Schedule.start`, which returns the function.
"""

import math
import warnings

from minitransformer.checks import check_count, check_number, lookup


class Schedule:
    """Base class of the schedules."""

    def start(self, total_steps):
        """The schedule for a run of `total_steps` steps.

        Returns
        -------
        callable
            Function from the step (from 1) to the factor of the learning rate.
        """
        raise NotImplementedError

    def config(self):
        """Name and settings, as a dict that JSON can store."""
        return {"name": type(self).__name__, **vars(self)}


class Constant(Schedule):
    """The same learning rate throughout."""

    def start(self, total_steps):
        return lambda step: 1.0


class WarmupInverseSqrt(Schedule):
    r"""Linear warm-up, then a factor proportional to the inverse square root of the step.

    .. math:: d_{model}^{-1/2} \, \min(t^{-1/2},\; t \, w^{-3/2})

    If `d_model` is given, this factor is the paper's learning rate; use it with
    ``learning_rate=1.0``. If not, the factor is scaled so that its peak, at :math:`t = w`, is 1;
    the optimiser's learning rate is then the peak rate.

    Parameters
    ----------
    warmup : int or float
        :math:`w` in steps or, below 1, as a fraction of the run's steps.
    d_model : int, optional
        Width of the model.

    Source: Vaswani et al., "Attention is all you need", 2017, equation 3.
    """

    def __init__(self, warmup=4000, d_model=None):
        self.warmup = check_number("warmup", warmup, above=0)
        self.d_model = d_model if d_model is None else check_count("d_model", d_model)

    def start(self, total_steps):
        w = _warmup_steps(self.warmup, total_steps)
        scale = w**0.5 if self.d_model is None else self.d_model**-0.5
        return lambda step: scale * min(step**-0.5, step * w**-1.5)


class WarmupCosine(Schedule):
    r"""Linear warm-up, then half a period of a cosine, down to `floor` at the end of the run.

    .. math:: \frac{t}{w} \;\text{ for } t \le w, \qquad
              f + (1 - f)\,\frac{1 + \cos\big(\pi\,(t - w)/(n - w)\big)}{2} \;\text{ beyond}

    Parameters
    ----------
    warmup : int or float
        :math:`w` in steps or, below 1, as a fraction of the run's steps.
    floor : float
        :math:`f`, the factor at the last step, from 0 to 1.
    total : int, optional
        :math:`n`; by default the length of the run. Later steps stay at the floor.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017,
    equation 5, for a single run.
    """

    def __init__(self, warmup=0.1, floor=0.0, total=None):
        self.warmup = check_number("warmup", warmup, 0)
        self.floor = check_number("floor", floor, 0, 1)
        self.total = total if total is None else check_count("total", total)

    def start(self, total_steps):
        n = self.total or total_steps
        if self.warmup >= n and self.total:
            raise ValueError(f"warmup must be shorter than total={n} steps, got {self.warmup}")
        w = _warmup_steps(self.warmup, n)

        def multiplier(step):
            if step <= w:
                return step / w
            progress = min(1.0, (step - w) / (n - w)) if n > w else 1.0
            return self.floor + (1.0 - self.floor) * 0.5 * (1.0 + math.cos(math.pi * progress))

        return multiplier


def _warmup_steps(warmup, total_steps):
    """Number of warm-up steps, given as a number or, below 1, as a fraction of the run's steps."""
    if 0 < warmup < 1:
        return max(1.0, warmup * total_steps)
    if warmup >= total_steps > 1:
        reached = (
            f"reaches only {total_steps / warmup:.0%} of its maximum"
            if warmup > total_steps
            else "never falls"
        )
        warnings.warn(
            f"the warm-up takes {warmup:g} steps, but the run has {total_steps}, so the learning "
            f"rate {reached}: use a shorter warmup, or a fraction of the run such as 0.1",
            stacklevel=2,
        )
    return warmup


NAMES = {
    "constant": Constant,
    "warmup_inverse_sqrt": WarmupInverseSqrt,
    "warmup_cosine": WarmupCosine,
}


def get(schedule):
    """A schedule from its name, its class, an object, None (constant), or a function of the step.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests close matches.
    """
    if schedule is None:
        return Constant()
    if isinstance(schedule, str):
        return lookup("schedule", schedule, NAMES)()
    if isinstance(schedule, type) and issubclass(schedule, Schedule):
        return schedule()
    if isinstance(schedule, Schedule) or callable(schedule):
        return schedule
    return lookup("schedule", schedule, NAMES)
