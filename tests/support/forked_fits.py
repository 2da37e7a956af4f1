"""A training run with forked workers, and a task that shows where it was done."""

import os

from minitransformer.training import Adam
from tests.support.toys import toy_data, toy_model

X, Y = toy_data(48)


def fit_classifier(dtype="float64", **settings):
    """A classifier after two epochs with three workers, and its history."""
    model = toy_model(dropout=0.2, dtype=dtype)
    settings = {"metrics": ["accuracy"], **settings}
    model.compile(
        Adam(0.01), word_dropout=0.1, clip=1.0, workers=3, micro_batch_tokens=24, **settings
    )
    return model, model.fit(X, Y, epochs=2, batch_size=24, verbose=0)


def where(replica, job):
    """A task that adds to a gradient, and returns its process and a value of the model."""
    replica.parameters()["head.b"].grad += job
    return os.getpid(), float(replica.parameters()["head.b"].value[0])
