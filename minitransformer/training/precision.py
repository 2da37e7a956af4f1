"""Mixed precision: passes in float16 over weights that are kept, and trained, in float32.

float16 has 11 bits and ends at 65,504. Weights therefore stay in float32, since a step changes them
by less than float16 resolves; so do the optimiser, the averages and the sums of gradients. Small
gradients would vanish below float16's smallest number, about 6e-8: the gradient of the loss is
multiplied by a scale before it goes back, and the sums are divided by it. Where a gradient
overflows, the step is left out and the scale halved.

Source: Micikevicius et al., "Mixed precision training", 2018, section 3.
"""

import math
import weakref

import numpy as np

from minitransformer.backend import overflow_to_infinity, rounded_to
from minitransformer.layers import FlatParameters, Layer
from minitransformer.training.divergence import TrainingDiverged, first_not_finite

PRECISIONS = {"single": False, "mixed": True}

SCALE, LOWEST, HIGHEST = 2.0**15, 1.0, 2.0**24
"""Scale of the first step, and the bounds of all later ones: powers of 2, which round nothing."""
DOUBLE_AFTER = 2000
"""Steps without an overflow after which the scale is doubled."""


class MixedPrecision:
    """The scale of the loss, and float16 twins of a model and its replicas.

    Parameters
    ----------
    scale : float
        Of the first step, a power of 2.
    double_after : int
        Steps without an overflow after which the scale is doubled.

    Attributes
    ----------
    scale : float
    good : int
        Steps since the scale last changed.
    """

    def __init__(self, scale=SCALE, double_after=DOUBLE_AFTER):
        self.scale, self.double_after, self.good = scale, double_after, 0
        self._values, self._halves = None, weakref.WeakKeyDictionary()

    def begin_step(self, values):
        """Round the (n,) float32 parameters to float16, for all twins."""
        if self._values is None:
            self._values = rounded_to(values, np.float16)
        else:
            self._values[...] = rounded_to(values, np.float16)

    def half(self, replica):
        """The :class:`Half` of a model or of its replica, which adds to that one's gradients."""
        half = self._halves.get(replica)
        if half is None or half.grads is not replica.flat.grads:
            half = self._halves[replica] = Half(replica, self._values)
        half.scale = self.scale
        return half

    def unscale(self, grads):
        """Divide the (n,) gradients by the scale, in place."""
        grads *= 1.0 / self.scale

    def end_step(self):
        """Count a step that was taken; double the scale after enough of them."""
        self.good += 1
        if self.good >= self.double_after:
            self.scale, self.good = min(2.0 * self.scale, HIGHEST), 0

    def overflowed(self, model, loss, norm, step):
        """Whether a gradient overflowed, so that the step is to be left out; halves the scale.

        A loss that is not finite is no matter of the scale, and none of this function's.

        Parameters
        ----------
        model : Trainable
            Its gradients are those of the step.
        loss, norm : float
            Of the step; the norm is that of all gradients.
        step : int

        Raises
        ------
        TrainingDiverged
            When the scale cannot be halved any more.
        """
        if math.isfinite(norm) or not math.isfinite(loss):
            return False
        if self.scale <= LOWEST:
            name = first_not_finite(model.flat, model.flat.grads)
            raise TrainingDiverged(
                f"training diverged at step {step} in mixed precision: the gradient of {name!r} "
                f"overflows float16 although the scale of the loss is down to {LOWEST:g}. The "
                "weights are still those before the step. Try precision='single', a lower "
                "learning rate, or a longer warm-up.",
                step,
                name,
            )
        self.scale, self.good = max(0.5 * self.scale, LOWEST), 0
        return True

    def to(self, device):
        """Forget the twins: they are made again where the model is by then."""
        self._values = None
        self._halves.clear()

    def state(self):
        """`scale` and `good`."""
        return {"scale": self.scale, "good": self.good}

    def load_state(self, state):
        """Take over a state that :meth:`state` gave."""
        self.scale, self.good = float(state["scale"]), int(state["good"])


class Half:
    """A float16 twin: logits and gradients come out in float32.

    Parameters
    ----------
    replica : Trainable
        In float32; the twin adds to its gradients.
    values : (n,) float16 array
        The parameters, shared.

    Attributes
    ----------
    scale : float
        Of the loss.
    ops : module
        Of the functions, as the replica's.
    """

    def __init__(self, replica, values):
        self.grads, self.scale, self.ops = replica.flat.grads, 1.0, replica.ops
        self._model = replica.replica()
        _round_tables(self._model)
        self._model.flat = FlatParameters(self._model.parameters(), values=values)
        self._model.flat.use_grads(self.grads)

    def run(self, batch, rng):
        """As :meth:`Trainable.run`; the loss is computed from float32 logits."""
        logits, cache = self._model.run(batch, rng)
        return logits.astype(np.float32), cache

    def backward(self, dlogits, cache):
        """Add `scale` times the gradients that belong to `dlogits`."""
        with overflow_to_infinity():
            self._model.backward(rounded_to(dlogits * self.scale, np.float16), cache)


def _round_tables(layer):
    """Round the fixed tables below `layer`, such as sinusoids: float32 ones would spread."""
    for name, value in vars(layer).items():
        for member in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(member, Layer):
                _round_tables(member)
        if getattr(value, "ndim", 0) and value.dtype == np.float32:
            setattr(layer, name, rounded_to(value, np.float16))
