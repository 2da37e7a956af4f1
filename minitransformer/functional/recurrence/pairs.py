"""The registry entries of the recurrent functions; `functional/pairs.py` adds them to `PAIRS`."""

from minitransformer.functional.pair import Pair, only
from minitransformer.functional.recurrence import examples
from minitransformer.functional.recurrence.gru import gru, gru_backward
from minitransformer.functional.recurrence.lstm import lstm, lstm_backward
from minitransformer.functional.recurrence.rnn import rnn, rnn_backward

_given = only("x", "W", "U", "h0", "mask", "reverse")
_EDGES = (
    {"B": 1, "T": 1},
    {"D": 1},
    {"E": 1},
    {"T": 5, "mask": True, "reverse": True},
    {"mask": True, "share": 0.0},
    {"mask": True, "share": 1.0},
    {"mask": False, "reverse": True},
    {"B": 0},
    {"T": 0},
)

RECURRENT = {
    "rnn": Pair(
        rnn,
        rnn_backward,
        lambda inputs, outputs: _given(inputs, outputs) | {"y": outputs[0]},
        examples.rnn,
        wrt=("x", "W", "U", "b", "h0"),
        upstream=2,
        edges=_EDGES,
    ),
    "lstm": Pair(
        lstm,
        lstm_backward,
        lambda inputs, outputs: {
            **_given(inputs, outputs),
            "c0": inputs["c0"],
            "y": outputs[0],
            "gates": outputs[3],
            "cells": outputs[4],
        },
        examples.lstm,
        wrt=("x", "W", "U", "b", "h0", "c0"),
        upstream=3,
        edges=_EDGES,
    ),
    "gru": Pair(
        gru,
        gru_backward,
        lambda inputs, outputs: {
            **_given(inputs, outputs),
            "y": outputs[0],
            "gates": outputs[2],
        },
        examples.gru,
        wrt=("x", "W", "U", "b", "d", "h0"),
        upstream=2,
        edges=_EDGES,
    ),
}
