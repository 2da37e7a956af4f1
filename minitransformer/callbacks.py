"""The callbacks of `training`, where users of Keras look for them."""

from minitransformer.training.callbacks import *  # noqa: F403
from minitransformer.training.callbacks import __all__, __getattr__  # noqa: F401
