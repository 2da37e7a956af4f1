"""Small models and data for the tests of training: a step takes a few milliseconds."""

import numpy as np

from minitransformer.models.classifier import TransformerClassifier
from minitransformer.training import Adam

VOCAB = 20


def toy_data(n=60, seed=0, longest=9):
    """Sequences of 2 to `longest` tokens; class 1 exactly when token 5 is among them.

    Returns
    -------
    x : list of int arrays
    y : (n,) int64 array
    """
    rng = np.random.default_rng(seed)
    x = []
    for i in range(n):
        sequence = rng.integers(6, VOCAB, rng.integers(2, longest + 1))
        if i % 2:
            sequence[rng.integers(len(sequence))] = 5
        x.append(sequence)
    return x, np.array([int((sequence == 5).any()) for sequence in x])


def toy_model(**config):
    """A classifier with one block of width 8, float64, dropout on."""
    defaults = {
        "max_len": 12,
        "d_model": 8,
        "n_heads": 2,
        "d_ff": 16,
        "n_layers": 1,
        "dropout": 0.1,
        "dtype": "float64",
    }
    return TransformerClassifier(VOCAB, 2, **{**defaults, **config})


def padded(x, width=None):
    """Sequences as an (n, T) array with trailing zeros."""
    width = width or max(map(len, x))
    return np.array([[*row, *[0] * (width - len(row))] for row in x])


def fitted(seed=0, epochs=2, model=None, fit=None, **recipe):
    """A toy model after a short fit, and its history."""
    x, y = toy_data()
    model = model or toy_model(seed=seed)
    model.compile(**{"optimizer": Adam(0.01), "micro_batch_tokens": 40, **recipe})
    history = model.fit(x, y, epochs=epochs, batch_size=12, verbose=0, **(fit or {}))
    return model, history


def compiled(**config):
    """A toy model that is ready for fit."""
    model = toy_model(**config)
    model.compile(Adam(0.01), micro_batch_tokens=40)
    return model
