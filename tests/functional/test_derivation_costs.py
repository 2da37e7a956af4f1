"""The costs that the derivations state, counted: operations and bytes of every pair."""

import re

import numpy as np
import pytest

from minitransformer.functional import PAIRS
from tests.support.counted_arrays import cost, counted_zeros
from tests.support.derivation_pages import BY_FUNCTION, FOLDER, text_of
from tests.support.worked_examples import Expression, normalised

RNG = np.random.default_rng(0)
NUMBER = re.compile(r"\$([^$]+)\$")


def normal(*shape):
    return RNG.standard_normal(shape)


def sizes(n, **named):
    return {"n": n, "w": 8, **named}


# Long rows: what a page leaves out, one number per row, is then too small to notice.
ROWS = {"x": normal(2, 3, 20_000)}
ENTRIES = sizes(ROWS["x"].size)
HEAD = {"Q": normal(1000, 1), "K": normal(1200, 1), "V": normal(1200, 1)}
OF_HEAD = {"T": 1000, "S": 1200, "E": 1, "w": 8}
TEXTS = {"x": normal(2, 1000, 40)}
OF_TEXTS = {"M": 800, "T": 20, "D": 30, "E": 50, "w": 8}


def recurrence(gates, biases, *states):
    """The inputs of a recurrent function: 40 texts of 20 tokens, 30 features, a state of 50."""
    inputs = {"x": normal(40, 20, 30), "W": normal(30, gates * 50), "U": normal(50, gates * 50)}
    inputs |= {name: normal(gates * 50) for name in biases}
    return inputs | {name: normal(40, 50) for name in states} | {"reverse": False}


IMAGES = {"x": normal(20, 30, 40, 5), "size": 2, "stride": 2}
ONE_BY_ONE = {"stride": 1, "padding": "valid"}
IDS = RNG.integers(0, 90, 100)
# name in PAIRS: inputs of the forward pass, what the letters of the page's formulas stand for
CASES = {
    "linear": ({"x": normal(300, 250), "W": normal(250, 200), "b": normal(200)},
               {"M": 300, "D": 250, "F": 200, "w": 8}),
    "qkv_projection": ({"x": normal(300, 200), "W": normal(200, 600), "b": normal(600)},
                       {"M": 300, "D": 200, "w": 8}),
    "relu": (ROWS, ENTRIES),
    "gelu": (ROWS, ENTRIES),
    "gelu_tanh": (ROWS | {"approximate": "tanh"}, ENTRIES),
    "silu": (ROWS, ENTRIES),
    "swiglu": ({"gate": ROWS["x"], "up": ROWS["x"].copy()}, ENTRIES),
    "softmax": (ROWS, ENTRIES),
    "log_softmax": (ROWS, ENTRIES),
    "dropout": ({"x": ROWS["x"], "keep": np.ones(ROWS["x"].shape)}, ENTRIES),
    "embedding": ({"ids": IDS, "W": normal(90, 4000)},
                  {"M": 100, "D": 4000, "m": len(set(IDS.tolist())), "V": 90, "w": 8}),
    "layer_norm": (ROWS | {"gamma": normal(20_000), "beta": normal(20_000)}, ENTRIES),
    "rms_norm": (ROWS | {"gamma": normal(20_000)}, ENTRIES),
    "attention": (HEAD, OF_HEAD),
    "tiled_attention": (HEAD, OF_HEAD),
    "split_heads": ({"x": normal(4, 50, 240), "n_heads": 6}, sizes(48_000)),
    "merge_heads": ({"x": normal(4, 6, 50, 40)}, sizes(48_000)),
    "rotary": ({"x": normal(20, 6, 30, 40), "cos": normal(30, 20), "sin": normal(30, 20)},
               sizes(144_000)),
    "cross_entropy": ({"logits": normal(5, 10_000), "targets": RNG.integers(0, 10_000, 5)},
                      sizes(50_000)),
    "mean_squared_error": ({"y": ROWS["x"], "target": ROWS["x"].copy()}, ENTRIES),
    "mean_pool": (TEXTS, sizes(80_000)),
    "max_pool": (TEXTS, sizes(80_000)),
    "first_pool": (TEXTS, sizes(80_000)),
    "conv1d": ({"x": normal(20, 52, 30), "W": normal(3, 30, 200), "b": normal(200), **ONE_BY_ONE},
               {"M": 1000, "K": 3, "D": 30, "F": 200, "B": 20, "T": 52, "w": 8}),
    "conv2d": ({"x": normal(8, 12, 13, 30), "W": normal(3, 4, 30, 200), "b": normal(200),
                **ONE_BY_ONE},
               {"M": 800, "K": 12, "D": 30, "F": 200, "B": 8, "R": 12, "C": 13, "w": 8}),
    "max_pool1d": ({"x": normal(20, 60, 40), "size": 3, "stride": 3}, sizes(48_000)),
    "max_pool2d": (IMAGES, sizes(120_000)),
    "avg_pool2d": (IMAGES, sizes(120_000, K=4)),
    "rnn": (recurrence(1, "b", "h0"), OF_TEXTS),
    "lstm": (recurrence(4, "b", "h0", "c0"), OF_TEXTS),
    "gru": (recurrence(3, "bd", "h0"), OF_TEXTS),
    "patchify": ({"x": normal(20, 28, 28, 3), "size": 4}, sizes(47_040)),
}  # fmt: skip


def stated(pair):
    """Operations and bytes, forward and backward, as the page's table has them."""
    page = FOLDER / f"{PAIRS[pair].forward.__name__}.md"
    section = text_of(page).partition("\n## Cost\n")[2].partition("\n## ")[0]
    wanted = {"gelu": "exact", "gelu_tanh": "tanh", "tiled_attention": "tiled"}.get(pair, "")
    row = rf"^\| {wanted}(?:,| \|)? ?(forward|backward) \| ([^|]+) \| ([^|]+) \|"
    found = re.findall(row, section, re.MULTILINE)
    return {label: (formula(operations), formula(n_bytes)) for label, operations, n_bytes in found}


def formula(cell):
    """The formula at the beginning of a cell, its letters apart; "none" is 0."""
    inside = NUMBER.search(cell)
    text = inside[1] if inside and not cell.startswith("none") else "0"
    return re.sub(r"(?<=[\w)])(?=[A-Za-z(])", " ", normalised(text))


def measured(pair, inputs):
    forward, backward, saved = PAIRS[pair][:3]
    outputs, *ahead = cost(forward, **inputs)
    outputs = outputs if type(outputs) is tuple else (outputs,)
    upstream = [np.array(normal(*np.shape(y))) for y in outputs[: PAIRS[pair].upstream]]
    _, *back = cost(backward, *upstream, **saved(inputs, outputs))
    return {"forward": ahead, "backward": back}


@pytest.fixture(autouse=True)
def _what_arrays_do_not_see(monkeypatch):
    """One call of erf is one operation, and a table of zeros is written."""
    monkeypatch.setattr("minitransformer.functional.activations.erf", np.tanh)
    monkeypatch.setattr(np, "zeros", counted_zeros)


def test_every_page_has_a_case():
    pages = {PAIRS[name].forward.__name__ for name in CASES}
    assert pages == {page.stem for page in BY_FUNCTION}


@pytest.mark.parametrize("pair", CASES)
def test_the_cost_is_what_the_page_says(pair):
    inputs, names = CASES[pair]
    for step, counts in measured(pair, inputs).items():
        for text, count in zip(stated(pair)[step], counts, strict=True):
            wanted = Expression(text, names).value()
            assert count == pytest.approx(wanted, rel=0.007, abs=200), f"{step}: {text}"
