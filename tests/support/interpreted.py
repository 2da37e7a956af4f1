"""A small classifier and two texts for the tests of `interpret`."""

import numpy as np

from minitransformer.models import TransformerClassifier
from tests.support import writers

IDS = np.array([[2, 3, 4, 5, 6], [7, 8, 9, 0, 0]])
MASK = IDS != 0


def model_of(**changes):
    options = {
        "max_len": 8, "d_model": 8, "n_heads": 2, "d_ff": 16, "n_layers": 2, "dtype": "float64",
        "seed": 3, **changes,
    }  # fmt: skip
    return TransformerClassifier(12, options.pop("n_classes", 3), **options)


def scattered(**changes):
    """A model with random parameters, including biases and gains."""
    return writers.scattered(model_of(**changes))
