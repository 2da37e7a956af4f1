"""Stopping when numbers stop being numbers, and saying where it began."""

import math

from minitransformer.backend import array_module

ADVICE = (
    "Try a lower learning rate, clip=1.0, or a longer warm-up; "
    "in float32, dtype='float64' shows whether rounding is to blame."
)


class TrainingDiverged(ArithmeticError):
    """The loss or a gradient became NaN or infinite. The weights are those before that step.

    Attributes
    ----------
    step : int
        Step at which it happened, from 1.
    parameter : str or None
        The parameter whose gradient went first, in the order of the backward pass; None when
        every gradient is finite.
    history : History or None
        What was recorded until then.
    """

    def __init__(self, message, step, parameter):
        super().__init__(message)
        self.step, self.parameter, self.history = step, parameter, None


def check_finite(model, loss, norm, step):
    """Raise :class:`TrainingDiverged` unless the loss and the gradient's norm are finite.

    Parameters
    ----------
    model : Trainable
        Its gradients are those of the step.
    loss, norm : float
    step : int
    """
    if math.isfinite(loss) and math.isfinite(norm):
        return
    value = first_not_finite(model.flat, model.flat.values)
    gradient = first_not_finite(model.flat, model.flat.grads)
    what = "the loss is " + ("finite" if math.isfinite(loss) else str(loss))
    if value is not None:
        where = f"the weights of {value!r} were not finite before the step"
    elif gradient is not None:
        where = f"the gradient of {gradient!r} went first (in the order of the backward pass)"
    else:
        where = "every gradient is finite"
    raise TrainingDiverged(
        f"training diverged at step {step}: {what}; {where}. "
        f"The weights are still those before the step. {ADVICE}",
        step,
        gradient,
    )


def first_not_finite(flat, array):
    """The last-defined parameter whose part of `array` (n,) holds NaN or inf, or None.

    The backward pass runs through the parameters from the last to the first.
    """
    xp = array_module(array)
    for name, part in reversed(flat.slices.items()):
        if not bool(xp.isfinite(array[part]).all()):
            return name
    return None
