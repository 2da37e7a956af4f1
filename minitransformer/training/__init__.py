"""LEVEL 3: optimisers, schedules, regularisation, the training loop, workers, compile/fit."""

from minitransformer.training.callbacks import (
    BestWeights,
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from minitransformer.training.divergence import TrainingDiverged
from minitransformer.training.history import History
from minitransformer.training.objective import losses, metrics
from minitransformer.training.objective.losses import (
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    TokenCrossentropy,
)
from minitransformer.training.objective.metrics import (
    F1,
    Accuracy,
    Metric,
    Perplexity,
    Precision,
    Recall,
    confusion_matrix,
)
from minitransformer.training.optim import optimizers, schedules
from minitransformer.training.optim.averaging import AveragedWeights
from minitransformer.training.optim.optimizer import Optimizer
from minitransformer.training.optim.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    RMSProp,
)
from minitransformer.training.optim.schedules import Constant, WarmupCosine, WarmupInverseSqrt
from minitransformer.training.sequences import LanguageModelling, Translating
from minitransformer.training.trainable import Trainable

__all__ = [name for name in dir() if name[0].isupper()]
__all__ += ["losses", "metrics", "optimizers", "schedules"]
