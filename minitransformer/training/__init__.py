"""LEVEL 3: optimisers, schedules, regularisation, the loop, parallel workers, the Keras face."""

from minitransformer.training.callbacks import BestWeights, Callback, Checkpoint, EarlyStopping
from minitransformer.training.divergence import TrainingDiverged
from minitransformer.training.history import History
from minitransformer.training.keras import Trainable
from minitransformer.training.losses import (
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
    TokenCrossentropy,
)
from minitransformer.training.metrics import Accuracy, Metric, Perplexity, confusion_matrix
from minitransformer.training.optimizer_base import Optimizer
from minitransformer.training.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    RMSProp,
)
from minitransformer.training.regularisation import AveragedWeights
from minitransformer.training.schedules import Constant, WarmupCosine, WarmupInverseSqrt
from minitransformer.training.sequences import LanguageModelling, Translating

__all__ = [name for name in dir() if name[0].isupper()]
