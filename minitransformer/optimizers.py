"""The optimisers and the schedules of `training`, where users of Keras look for them."""

from minitransformer.training.optim import schedules
from minitransformer.training.optim.optimizer import Optimizer
from minitransformer.training.optim.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    RMSProp,
    get,
)

__all__ = [
    "AdaGrad", "Adam", "AdamW", "Momentum", "Nesterov", "Optimizer", "RMSProp", "SGD", "get",
    "schedules",
]  # fmt: skip
