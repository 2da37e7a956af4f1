"""The losses by name."""

from minitransformer.checks import lookup
from minitransformer.training.objective.cross_entropies import (
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    TokenCrossentropy,
)
from minitransformer.training.objective.loss import Loss
from minitransformer.training.objective.squared_error import MeanSquaredError

__all__ = [
    "CategoricalCrossentropy", "Loss", "MeanSquaredError", "SparseCategoricalCrossentropy",
    "TokenCrossentropy", "get",
]  # fmt: skip

NAMES = {
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
}


def get(loss):
    """A loss from its name, its class or an object.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests close matches.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss()
    return lookup("loss", loss, NAMES)()
