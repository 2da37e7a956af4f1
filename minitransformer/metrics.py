"""The metrics of `training`, where users of Keras look for them."""

from minitransformer.training.objective.metrics import (
    F1,
    Accuracy,
    Metric,
    Perplexity,
    Precision,
    Recall,
    confusion_matrix,
    get,
)

__all__ = [
    "Accuracy", "F1", "Metric", "Perplexity", "Precision", "Recall", "confusion_matrix", "get",
]  # fmt: skip
