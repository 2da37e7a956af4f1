"""The mean squared error as a loss."""

from minitransformer import functional
from minitransformer.backend import array_module, as_number
from minitransformer.training.objective.loss import Loss


class MeanSquaredError(Loss):
    r"""Mean squared difference between the probabilities and the one-hot targets, over all entries.

    .. math:: L = \frac{1}{n C} \sum_{ij} (p_{ij} - [\,j = y_i\,])^2, \qquad p = softmax(logits)

    Source: Brier, "Verification of forecasts expressed in terms of probability", 1950 (there not
    divided by C).
    """

    def normaliser(self, targets, weights=None):
        return float(targets.size if weights is None else weights.sum())

    def forward(self, logits, targets, total, ops=functional, weights=None):
        p = ops.softmax(logits)
        one_hot = array_module(logits).eye(logits.shape[-1], dtype=logits.dtype)[targets]
        loss, difference = ops.mean_squared_error(p, one_hot)
        fraction = targets.size / total if total else 0.0
        if weights is not None:
            weights = array_module(logits).asarray(weights, logits.dtype)
            loss = (weights * (difference * difference).mean(axis=-1)).sum() / targets.size
        return as_number(loss) * fraction, (fraction, difference, p, weights)

    def backward(self, saved, ops=functional):
        fraction, difference, p, weights = saved
        dp = ops.mean_squared_error_backward(fraction, difference)
        if weights is not None:
            dp *= weights[..., None]
        return ops.softmax_backward(dp, p)
