"""The losses of `training`, where users of Keras look for them."""

from minitransformer.training.objective.losses import *  # noqa: F403
from minitransformer.training.objective.losses import __all__  # noqa: F401
