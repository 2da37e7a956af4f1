"""Bad batches for generative models: the error is one sentence that says what is allowed."""

import numpy as np
import pytest

from tests.support import writers
from tests.support.writers import T, V

BAD_FOR_GPT = {
    "no batch": (lambda m, x: m(x[0]), ValueError, r"ids must be \(B, T\), got shape \(8,\)"),
    "too long": (
        lambda m, x: m(np.zeros((1, 9), int)), ValueError, "9 tokens, more than max_len = 8"
    ),
    "unknown id": (lambda m, x: m(x + V), ValueError, r"ids must lie in 0 \.\. 10"),
    "floats": (lambda m, x: m(x * 1.0), TypeError, "ids must be an integer array"),
    "mask of another shape": (
        lambda m, x: m(x, mask=np.ones((3, 7), bool)), ValueError, "the shape of ids"
    ),
    "mask of numbers": (lambda m, x: m(x, mask=np.ones((3, 8))), TypeError, "must be boolean"),
    "padding on the left": (
        lambda m, x: m(x, mask=np.arange(8) > np.array([[1], [2], [3]])),
        ValueError, "ids must be padded on the right",
    ),
    "no capacity": (
        lambda m, x: m.start(1, 0), ValueError, r"capacity must lie in 1 \.\. max_len = 8"
    ),
    "too much capacity": (lambda m, x: m.start(1, 9), ValueError, r"1 \.\. max_len = 8, got 9"),
    "capacity used up": (
        lambda m, x: m.extend(x, m.start(3, 7)), ValueError, "8 more do not fit the capacity of 7"
    ),
    "another number of rows": (
        lambda m, x: m.extend(x, m.start(2, 8)),
        ValueError, "ids must have 2 rows, one per sequence, got 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FOR_GPT)
def test_bad_input_of_gpt_is_named(name):
    call, error, words = BAD_FOR_GPT[name]
    with pytest.raises(error, match=words):
        call(writers.gpt(), writers.ids())


BAD_FOR_A_TRANSFORMER = {
    "source too long": (
        lambda m, s, t: m(np.zeros((3, 9), int), t), ValueError, "source has 9 tokens, more"
    ),
    "target too long": (
        lambda m, s, t: m(s, np.zeros((3, 9), int)), ValueError, "target has 9 tokens, more"
    ),
    "unknown source": (
        lambda m, s, t: m(s + V, t), ValueError, r"source must lie in 0 \.\. 10"
    ),
    "unknown target": (lambda m, s, t: m(s, t - V), ValueError, r"target must lie in 0 \.\. 10"),
    "different numbers": (
        lambda m, s, t: m(s[:2], t), ValueError, "there are 2 sources, but 3 targets"
    ),
    "padding before a token": (
        lambda m, s, t: m(s, t, target_mask=np.arange(T) > np.array([[0], [1], [2]])),
        ValueError, "target must be padded on the right",
    ),
    "mask of numbers": (
        lambda m, s, t: m(s, t, source_mask=np.ones((3, 6), int)), TypeError, "must be boolean"
    ),
    "too much capacity": (
        lambda m, s, t: m.start(s, capacity=9), ValueError, r"1 \.\. max_len = 8, got 9"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FOR_A_TRANSFORMER)
def test_bad_input_of_a_transformer_is_named(name):
    call, error, words = BAD_FOR_A_TRANSFORMER[name]
    with pytest.raises(error, match=words):
        call(writers.transformer(), writers.sources()[0], writers.ids())


@pytest.mark.parametrize("last", [True, False])
def test_decoding_refuses_padding_after_a_token(last):
    """Otherwise the scores at the last position, which give the next token, would be junk."""
    ids, mask = np.ones((2, 3), int), np.array([[True, True, True], [True, True, False]])
    gpt, transformer = writers.gpt(), writers.transformer()
    with pytest.raises(ValueError, match="ids must be padded on the left in decoding"):
        gpt.extend(ids, gpt.start(2, 8), mask=mask, last=last)
    state = transformer.start(*(x[:2] for x in writers.sources()))
    with pytest.raises(ValueError, match="ids must be padded on the left"):
        transformer.extend(ids, state, mask=mask, last=last)
