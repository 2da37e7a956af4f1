"""A transformer you can look inside, with hand-written backward passes, on NumPy or CuPy arrays.

>>> from minitransformer import BagOfWords, TransformerClassifier
>>> model = TransformerClassifier(vocab_size=100, n_classes=2, max_len=8, d_model=16)
>>> model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
>>> model.predict([[5, 17, 3], [8, 2]]).shape
(2, 2)
"""

__version__ = "0.1.0"

from minitransformer import functional, gradcheck, inference, interpret, layers, plots
from minitransformer.models import (
    GPT,
    BagOfWords,
    ClassifierConfig,
    GPTConfig,
    Transformer,
    TransformerClassifier,
    TransformerConfig,
    load_model,
)
from minitransformer.training import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    BestWeights,
    Callback,
    CategoricalCrossentropy,
    Checkpoint,
    Constant,
    EarlyStopping,
    History,
    MeanSquaredError,
    Momentum,
    Nesterov,
    RMSProp,
    SparseCategoricalCrossentropy,
    TrainingDiverged,
    WarmupCosine,
    WarmupInverseSqrt,
)

__all__ = [
    "AdaGrad",
    "Adam",
    "AdamW",
    "BagOfWords",
    "BestWeights",
    "Callback",
    "CategoricalCrossentropy",
    "Checkpoint",
    "ClassifierConfig",
    "Constant",
    "EarlyStopping",
    "GPT",
    "GPTConfig",
    "History",
    "MeanSquaredError",
    "Momentum",
    "Nesterov",
    "RMSProp",
    "SGD",
    "SparseCategoricalCrossentropy",
    "TrainingDiverged",
    "Transformer",
    "TransformerClassifier",
    "TransformerConfig",
    "WarmupCosine",
    "WarmupInverseSqrt",
    "functional",
    "gradcheck",
    "inference",
    "interpret",
    "layers",
    "load_model",
    "plots",
]
