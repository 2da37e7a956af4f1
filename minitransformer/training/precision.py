"""Mixed precision: float16 forward and backward passes, with float32 weights.

float16 has 11 significant bits, and its largest number is 65,504. A step changes a weight by less
than float16 can resolve, so the weights stay in float32, and so do the optimiser's state, the
averages and the sums of gradients. Gradients below float16's smallest number, about 6e-8, would
become zero. Therefore the gradient of the loss is multiplied by a scale before the backward pass,
and the sums of gradients are divided by it afterwards. If a gradient overflows, the step is skipped
and the scale is halved.

Source: Micikevicius et al., "Mixed precision training", 2018, section 3.
"""

import math
import weakref

import numpy as np

from minitransformer.backend import overflow_to_infinity, rounded_to
from minitransformer.layers import FlatParameters, Layer
from minitransformer.training.divergence import TrainingDiverged, first_not_finite

PRECISIONS = {"single": False, "mixed": True}

SCALE, MIN_SCALE, MAX_SCALE = 2.0**15, 1.0, 2.0**24
"""Initial scale, smallest scale and largest scale. Powers of 2, so scaling causes no rounding."""
DOUBLE_AFTER = 2000
"""Number of steps without an overflow after which the scale is doubled."""


class MixedPrecision:
    """The scale of the loss, and the float16 copies of a model and of its float32 replicas.

    Parameters
    ----------
    scale : float
        Initial scale, a power of 2.
    double_after : int
        Number of steps without an overflow after which the scale is doubled.

    Attributes
    ----------
    scale : float
        The current scale.
    good : int
        Number of steps without an overflow since the scale last changed.
    """

    def __init__(self, scale=SCALE, double_after=DOUBLE_AFTER):
        self.scale, self.double_after, self.good = scale, double_after, 0
        self._values, self._replicas = None, weakref.WeakKeyDictionary()

    def __getstate__(self):
        # The float16 copies are made again in the next step.
        return vars(self) | {"_values": None, "_replicas": None}

    def __setstate__(self, state):
        vars(self).update(state, _replicas=weakref.WeakKeyDictionary())

    def begin_step(self, values):
        """Round the (n,) float32 parameters to float16, for all float16 replicas."""
        if self._values is None:
            self._values = rounded_to(values, np.float16)
        else:
            self._values[...] = rounded_to(values, np.float16)

    def float16_replica(self, replica):
        """The :class:`Float16Replica` that adds to the gradients of `replica`."""
        found = self._replicas.get(replica)
        if found is None or found.grads is not replica.flat.grads:
            found = self._replicas[replica] = Float16Replica(replica, self._values)
        found.scale = self.scale
        return found

    def unscale(self, grads):
        """Divide the (n,) gradients by the scale, in place."""
        grads *= 1.0 / self.scale

    def end_step(self):
        """Count a step that was not skipped; double the scale after `double_after` of them."""
        self.good += 1
        if self.good >= self.double_after:
            self.scale, self.good = min(2.0 * self.scale, MAX_SCALE), 0

    def overflowed(self, model, loss, norm, step):
        """Whether a gradient overflowed, so that the step must be skipped; halves the scale if so.

        A non-finite loss is not caused by the scale, so it is not handled here.

        Parameters
        ----------
        model : Trainable
            The model, with the gradients of the step.
        loss, norm : float
            Loss of the step, and norm of all its gradients.
        step : int
            Number of the step, for the message.

        Raises
        ------
        TrainingDiverged
            If the scale cannot be halved any further.
        """
        if math.isfinite(norm) or not math.isfinite(loss):
            return False
        if self.scale <= MIN_SCALE:
            name = first_not_finite(model.flat, model.flat.grads)
            raise TrainingDiverged(
                f"training diverged at step {step} in mixed precision: the gradient of {name!r} "
                f"overflows float16 although the scale of the loss is down to {MIN_SCALE:g}. The "
                "weights are still those from before the step. Try precision='single', a lower "
                "learning rate, or a longer warm-up.",
                step,
                name,
            )
        self.scale, self.good = max(0.5 * self.scale, MIN_SCALE), 0
        return True

    def to(self, device):
        """Drop the float16 replicas; new ones are made on the model's new device."""
        self._values = None
        self._replicas.clear()

    def state(self):
        """`scale` and `good`, as a dict."""
        return {"scale": self.scale, "good": self.good}

    def load_state(self, state):
        """Restore a state that :meth:`state` returned."""
        self.scale, self.good = float(state["scale"]), int(state["good"])


class Float16Replica:
    """A float16 replica of a float32 model; its logits and gradients come out in float32.

    Parameters
    ----------
    replica : Trainable
        The float32 model or a replica of it. This object adds its gradients to those of `replica`.
    values : (n,) float16 array
        The rounded parameters, shared by all float16 replicas.

    Attributes
    ----------
    scale : float
        Scale of the loss.
    ops : module
        The functions of `replica`.
    """

    def __init__(self, replica, values):
        self.grads, self.scale, self.ops = replica.flat.grads, 1.0, replica.ops
        self._model = replica.replica()
        _round_tables(self._model)
        self._model.flat = FlatParameters(self._model.parameters(), values=values)
        self._model.flat.use_grads(self.grads)

    def run(self, batch, rng):
        """Like :meth:`Trainable.run`, with logits in float32 for the loss."""
        logits, cache = self._model.run(batch, rng)
        return logits.astype(np.float32), cache

    def backward(self, dlogits, cache):
        """Add the gradients for `dlogits`, multiplied by `scale`."""
        with overflow_to_infinity():
            self._model.backward(rounded_to(dlogits * self.scale, np.float16), cache)


def _round_tables(layer):
    """Round fixed tables of `layer`, such as sinusoids; float32 tables would promote results."""
    for name, value in vars(layer).items():
        for member in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(member, Layer):
                _round_tables(member)
        if getattr(value, "ndim", 0) and value.dtype == np.float32:
            setattr(layer, name, rounded_to(value, np.float16))
