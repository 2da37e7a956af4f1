"""Callbacks run between steps and epochs: early stopping, checkpoints, or your own code."""

from minitransformer.training.callbacks.callback import Callback, LambdaCallback, TerminateOnNaN
from minitransformer.training.callbacks.monitoring import BestWeights, EarlyStopping
from minitransformer.training.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from minitransformer.training.callbacks.saving import Checkpoint, CSVLogger, ModelCheckpoint

__all__ = [
    "BestWeights", "CSVLogger", "Callback", "Checkpoint", "EarlyStopping", "LambdaCallback",
    "LearningRateScheduler", "ModelCheckpoint", "ReduceLROnPlateau", "TerminateOnNaN",
]  # fmt: skip

REFUSED = {
    "BackupAndRestore": "use Checkpoint(path) and fit(resume=path)",
    "TensorBoard": "use CSVLogger",
    "RemoteMonitor": "use LambdaCallback",
    "SwapEMAWeights": "use compile(average=...)",
}
"""Callbacks of Keras that do not exist, and what to use."""


def __getattr__(name):
    hint = f": {REFUSED[name]}" if name in REFUSED else ""
    raise AttributeError(f"there is no callback {name!r}{hint}")
