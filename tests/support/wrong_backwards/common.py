"""What all wrong backward passes share: the list of cases, inputs and a few functions."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class WrongBackward(NamedTuple):
    """One wrong backward pass; `truth` says what is wrong, `named` is a part of the diagnosis."""

    name: str
    forward: Callable
    backward: Callable
    inputs: dict
    truth: str
    named: str


CASES = []


def case(name, forward, truth, named, **inputs):
    def register(backward):
        CASES.append(WrongBackward(name, forward, backward, inputs, truth, named))
        return backward

    return register


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def positive(seed, *shape):
    return np.random.default_rng(seed).uniform(0.5, 2.5, size=shape)


X = normal(1, 3, 4)
Y = normal(2, 3, 4)
P = positive(3, 3, 4)
Q = positive(4, 3, 4)
W = normal(5, 4, 5)
S = normal(6, 2, 5, 4)
IDS = np.array([[1, 0, 1, 3], [3, 3, 2, 1]])
TABLE = normal(7, 5, 3)
LABELS = np.array([2, 0, 3])
EPS = 0.1


def sig(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_grad(dy, p):
    return p * (dy - (dy * p).sum(-1, keepdims=True))
