"""Functions that the builds of the ledger's layers and models share."""

import numpy as np

from minitransformer.functional import causal_mask, combine_masks, padding_mask
from minitransformer.layers import Layer

DROPOUT = {"dropout_seed": 7}
MODEL_FRACTION = 0.015  # of a pair's number of shapes: a model has hundreds of parameters
MODEL_EDGES = ({"B": 1, "T": 1}, {"B": 0}, {"empty": True})


class Twice(Layer):
    """One layer applied twice with the same parameters: both paths must add to the gradient.

    Parameters
    ----------
    layer : Layer
        Its output must have the shape of its input.
    """

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x, *, mask=None, rng=None):
        h, first = self.layer.forward(x, mask=mask, rng=rng)
        y, second = self.layer.forward(h, mask=mask, rng=rng)
        return y, (first, second)

    def backward(self, dy, cache):
        first, second = cache
        return self.layer.backward(self.layer.backward(dy, second), first)


def scatter_parameters(layer, rng):
    """Give all parameters of `layer` random values: a gain of 1 and a shift of 0 would hide faults.

    Parameters
    ----------
    layer : Layer
    rng : numpy.random.Generator

    Returns
    -------
    Layer
        The same layer.
    """
    for name, parameter in layer.parameters().items():
        parameter.value[...] = 0.5 * rng.standard_normal(parameter.shape)
        if name.split(".")[-1] == "gamma":
            parameter.value += 1.0
    return layer


def random_sizes(rng, sizes, **highs):
    """One size per letter in `highs`: from `sizes` if given, else random from 1 to its high."""
    return tuple(sizes.get(k, int(rng.integers(1, high + 1))) for k, high in highs.items())


def masks(rng, B, T, causal=False):
    """A padding mask for B rows of random lengths up to T, and a causal mask too if `causal`."""
    lengths = rng.integers(1, T + 1, B) if T else np.zeros(B, int)
    return combine_masks(padding_mask(lengths, T), causal_mask(T) if causal else None)
