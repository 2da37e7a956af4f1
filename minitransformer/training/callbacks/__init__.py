"""Callbacks run between steps and epochs: early stopping, checkpoints, or your own code."""

from minitransformer.training.callbacks.callback import Callback, LambdaCallback, TerminateOnNaN
from minitransformer.training.callbacks.monitoring import BestWeights, EarlyStopping
from minitransformer.training.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from minitransformer.training.callbacks.saving import Checkpoint, CSVLogger, ModelCheckpoint

__all__ = [
    "BestWeights", "CSVLogger", "Callback", "Checkpoint", "EarlyStopping", "LambdaCallback",
    "LearningRateScheduler", "ModelCheckpoint", "ReduceLROnPlateau", "TerminateOnNaN",
]  # fmt: skip
