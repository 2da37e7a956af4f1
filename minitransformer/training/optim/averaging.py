"""Averaged weights, which often generalise better than the last weights."""

from contextlib import contextmanager

import numpy as np

from minitransformer.backend import array_module, to_device
from minitransformer.checks import check_number
from minitransformer.training.optim.optimizer import BLOCK, blocks


class AveragedWeights:
    r"""Running mean of the parameters over the steps.

    .. math:: \bar\theta_t = d_t\,\bar\theta_{t-1} + (1 - d_t)\,\theta_t, \qquad
              d_t = \min\Big(d,\; \frac{t - 1}{t + 8}\Big)

    Since :math:`d_1 = 0`, the initial weights never enter the mean. An early average covers about
    the last tenth of the steps so far; a later one covers about the last :math:`1/(1 - d)` steps.

    Parameters
    ----------
    decay : float
        :math:`d`, at least 0 and below 1.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992. The
    warm-up is the polynomial-decay averaging of Shamir and Zhang, "Stochastic gradient descent for
    non-smooth optimization", 2013, section 4, with eta = 8.
    """

    def __init__(self, decay=0.999):
        self.decay = check_number("decay", decay, 0, below=1)
        self.t = 0
        self.values = None
        self._scratch = None

    def update(self, values):
        """Add the (n,) parameters after one more step to the mean."""
        xp = array_module(values)
        if self.values is None:
            self.values = values.copy()
        if self._scratch is None:
            self._scratch = xp.empty(BLOCK if xp is np else values.size, values.dtype)
        self.t += 1
        gain = 1.0 - min(self.decay, (self.t - 1) / (self.t + 8))
        for part in blocks(xp, values.size):
            mean = self.values[part]
            s = self._scratch[: mean.size]
            xp.subtract(values[part], mean, out=s)
            s *= gain
            mean += s

    def to(self, device):
        """Move the mean to a device, "numpy" or "cupy"."""
        self.values = None if self.values is None else to_device(self.values, device)
        self._scratch = None

    def state(self):
        """`t` and the mean, as a dict (the array itself, not a copy)."""
        return {"t": self.t} if self.values is None else {"t": self.t, "values": self.values}

    def load_state(self, state):
        """Restore a state that :meth:`state` returned; the array is copied."""
        self.t = int(state["t"])
        self.values = state["values"].copy() if "values" in state else None
        self._scratch = None


@contextmanager
def applied(averages, values):
    """Context manager in which the (n,) array `values` contains the averages; restored at the end.

    If `averages` is None or has not been updated yet, nothing changes.
    """
    if averages is None or averages.values is None:
        yield
        return
    own = values.copy()
    values[...] = averages.values
    try:
        yield
    finally:
        values[...] = own
