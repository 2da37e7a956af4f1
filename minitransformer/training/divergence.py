"""Stopping when a number becomes NaN or infinite, and naming the first parameter affected."""

import math

from minitransformer.backend import array_module
from minitransformer.training.optim.optimizer import one_part
from minitransformer.training.optim.regularisation import global_norm

ADVICE = (
    "Try a lower learning rate, clip=1.0, or a longer warm-up; "
    "in float32, dtype='float64' shows whether rounding is the cause."
)


class TrainingDiverged(ArithmeticError):
    """The loss, a gradient or a weight became NaN or infinite.

    The model's weights are those from before the step.

    Attributes
    ----------
    step : int
        Step at which it happened, counted from 1.
    parameter : str or None
        The first parameter with a non-finite gradient, in the order of the backward pass. If every
        gradient is finite, it is the parameter whose update overflowed, or None.
    history : History or None
        The history up to that step.
    """

    def __init__(self, message, step, parameter):
        super().__init__(message)
        self.step, self.parameter, self.history = step, parameter, None


def check_finite(model, loss, norm, step):
    """Raise :class:`TrainingDiverged` unless the loss and the norm of the gradient are finite.

    Parameters
    ----------
    model : Trainable
        The model, with the gradients of the step.
    loss, norm : float
        Loss of the step, and norm of all its gradients.
    step : int
        Number of the step, for the message.
    """
    if math.isfinite(loss) and math.isfinite(norm):
        return
    value = first_not_finite(model.flat, model.flat.values)
    gradient = first_not_finite(model.flat, model.flat.grads)
    what = "the loss is " + ("finite" if math.isfinite(loss) else str(loss))
    if value is not None:
        where = f"the weights of {value!r} were not finite before the step"
    elif gradient is not None:
        where = (
            f"{gradient!r} was the first parameter with a non-finite gradient "
            "(in the order of the backward pass)"
        )
    else:
        where = "every gradient is finite"
    raise TrainingDiverged(
        f"training diverged at step {step}: {what}; {where}. "
        f"The weights are still those from before the step. {ADVICE}",
        step,
        gradient,
    )


def check_update(model, before, step, share_out=one_part):
    """Restore the weights and raise :class:`TrainingDiverged` unless all of them are finite.

    Parameters
    ----------
    model : Trainable
        The model, just after a step of the optimiser.
    before : (n,) array
        Its parameters before the step.
    step : int
        Number of the step, for the message.
    share_out : callable
        As for :func:`~minitransformer.training.optim.regularisation.global_norm`.
    """
    flat = model.flat
    if math.isfinite(global_norm(flat.values, share_out)):
        return
    name = first_not_finite(flat, flat.values)
    flat.values[...] = before
    raise TrainingDiverged(
        f"training diverged at step {step}: the loss and every gradient are finite, but the "
        f"update of {name!r} overflowed. The weights from before the step were restored. {ADVICE}",
        step,
        name,
    )


def first_not_finite(flat, array):
    """The last-defined parameter whose part of `array`, (n,), contains NaN or inf; or None.

    Layers define their parameters in the order of the forward pass, so the backward pass reaches
    them from the last to the first.
    """
    xp = array_module(array)
    for name, part in reversed(flat.slices.items()):
        if not bool(xp.isfinite(array[part]).all()):
            return name
    return None
