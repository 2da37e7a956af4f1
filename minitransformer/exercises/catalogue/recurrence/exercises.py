"""The exercises of notebook 18."""

import numpy as np

from minitransformer.exercises.cases import Variant
from minitransformer.exercises.catalogue.entries import backward
from minitransformer.exercises.catalogue.recurrence.mistakes import GRU, LSTM, RNN

RECURRENCE = "18_recurrence"
BASE = {"B": 3, "T": 5, "D": 4, "E": 2, "reverse": False, "mask": False}


def _variant(label, sizes=(), **more):
    return Variant(label, {**BASE, **dict(sizes)}, **more)


def _short_texts(inputs, rng):
    """Padding after the first text's second token, and before the last text's second."""
    mask = np.arange(5) < np.array([[2], [5], [5]])
    mask[2, 0] = False
    return inputs | {"mask": mask}


CASES = (
    _variant("B = 1", {"B": 1}),
    _variant("B = 3"),
    _variant("a single step", {"T": 1}),
    _variant("float32", dtype=np.float32, blame="right in float64, wrong in float32"),
    _variant("an empty batch", {"B": 0}, limit=True),
    _variant(
        "padding",
        {"mask": True},
        options=("mask",),
        adjust=_short_texts,
        blame="right without padding: at padding da is 0, and dh goes on unchanged",
    ),
    _variant(
        "reverse",
        {"reverse": True},
        options=("reverse",),
        blame="right forwards: with reverse, the steps go from the last token to the first, and "
        "the state before token t is that of token t + 1",
    ),
)
SUMS = (
    "After the loop, every parameter is one product: dW is x, transposed, times da, with all texts "
    "and steps as rows; dU uses the states before the steps, which begin with h0; db is a sum."
)

EXERCISES = [
    backward(
        "rnn_backward",
        ("dx", "dW", "dU", "db", "dh0"),
        RECURRENCE,
        (
            "Walk back from the last step. A state influences its own output and the next step.",
            "At each step: dh = dh + dy[:, t], then da = dh * (1 - y[:, t]**2), then dh = da @ "
            "U.T. What is left at the end is dh0.",
            SUMS,
        ),
        variants=CASES,
        needed=("mask", "reverse"),
        mistakes=RNN,
    ),
    backward(
        "lstm_backward",
        ("dx", "dW", "dU", "db", "dh0", "dc0"),
        RECURRENCE,
        (
            "Two gradients walk back: dh through the matrix U, and dc through the forget gate.",
            "At each step: dc += dh * o * (1 - tanh(c)**2). The gates get dc * g, dc * c_before, "
            "dc * i and dh * tanh(c), each times its slope. Then dc = dc * f and dh = da @ U.T.",
            SUMS,
        ),
        variants=CASES,
        needed=("mask", "reverse"),
        mistakes=LSTM,
    ),
    backward(
        "gru_backward",
        ("dx", "dW", "dU", "db", "dd", "dh0"),
        RECURRENCE,
        (
            "The state before a step is read twice: by the mixture, and through U.",
            "At each step: da_n = dh * (1 - z) * (1 - n**2), da_z = dh * (h_before - n) * z * (1 - "
            "z), da_r = da_n * u_n * r * (1 - r). u gets the same, but da_n * r in the last block.",
            SUMS + " W and b get da, U and d get du.",
        ),
        variants=CASES,
        needed=("mask", "reverse"),
        mistakes=GRU,
    ),
]
