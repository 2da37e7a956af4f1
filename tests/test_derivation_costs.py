"""The costs that the derivations state, counted: operations and bytes of every pair."""

import re

import numpy as np
import pytest

from minitransformer.functional import PAIRS
from tests.counted_arrays import cost, counted_zeros
from tests.test_derivations import BY_FUNCTION, FOLDER, text_of
from tests.worked_examples import Expression, normalised

RNG = np.random.default_rng(0)
NUMBER = re.compile(r"\$([^$]+)\$")


def normal(*shape):
    return RNG.standard_normal(shape)


def sizes(n, **named):
    return {"n": n, "w": 8, **named}


ROWS = {"x": normal(20, 30, 200)}
ENTRIES = sizes(ROWS["x"].size)
HEAD = {"Q": normal(500, 4), "K": normal(520, 4), "V": normal(520, 4)}
OF_HEAD = {"T": 500, "S": 520, "E": 4, "w": 8}
IDS = RNG.integers(0, 90, 400)
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
    "dropout": ({"x": ROWS["x"], "keep": np.ones((20, 30, 200))}, ENTRIES),
    "embedding": ({"ids": IDS, "W": normal(90, 250)},
                  {"M": 400, "D": 250, "m": len(set(IDS.tolist())), "V": 90, "w": 8}),
    "layer_norm": (ROWS | {"gamma": normal(200), "beta": normal(200)}, ENTRIES),
    "rms_norm": (ROWS | {"gamma": normal(200)}, ENTRIES),
    "attention": (HEAD, OF_HEAD),
    "tiled_attention": (HEAD, OF_HEAD),
    "split_heads": ({"x": normal(4, 50, 240), "n_heads": 6}, sizes(48000)),
    "merge_heads": ({"x": normal(4, 6, 50, 40)}, sizes(48000)),
    "rotary": ({"x": normal(20, 6, 30, 40), "cos": normal(30, 20), "sin": normal(30, 20)},
               sizes(144000)),
    "cross_entropy": ({"logits": normal(200, 300), "targets": RNG.integers(0, 300, 200)},
                      sizes(60000)),
    "mean_squared_error": ({"y": ROWS["x"], "target": ROWS["x"].copy()}, ENTRIES),
    "mean_pool": ({"x": normal(20, 60, 100)}, sizes(120000)),
    "max_pool": ({"x": normal(20, 60, 100)}, sizes(120000)),
    "first_pool": ({"x": normal(20, 60, 100)}, sizes(120000)),
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
            assert count == pytest.approx(wanted, rel=0.04, abs=2000), f"{step}: {text}"
