"""Integrated gradients: complete, one integral per token, and 0 at padding."""

import numpy as np
import pytest

from minitransformer import interpret
from tests.support import writers
from tests.support.interpreted import IDS, MASK, model_of, scattered
from tests.support.tolerances import tolerance


def test_integrated_gradients_become_complete():
    model = scattered(activation="gelu")
    cache = model.forward(IDS, mask=MASK)[1]
    gaps = [
        np.abs(interpret.integrated_gradients(model, cache, [2, 0], steps=steps).gap).max()
        for steps in (4, 16, 32, 128)
    ]
    assert gaps[0] > 10 * gaps[1] > 1000 * gaps[2]
    assert gaps[-1] <= tolerance("completeness of integrated gradients")


@pytest.mark.parametrize("pooling", ["mean", "max", "first"])
def test_the_contributions_sum_to_what_the_lead_gains_from_no_words_to_the_text(pooling):
    model = scattered(pooling=pooling, positions="learned", activation="gelu")
    logits, cache = model.forward(IDS, mask=MASK)
    tokens, gap = interpret.integrated_gradients(model, cache, [2, 0], steps=64)
    model.embedding.W.value[:] = 0  # no words
    nothing = model.forward(IDS, mask=MASK)[0]
    gained = interpret.lead(logits, [2, 0]) - interpret.lead(nothing, [2, 0])
    assert tokens.shape == IDS.shape
    np.testing.assert_allclose(tokens.sum(axis=1) - gap, gained, rtol=1e-12)
    assert (tokens[~MASK] == 0).all()


def test_integrated_gradients_are_the_integral_of_each_token():
    """Against central differences and the trapezoid rule with many steps."""
    model = scattered(activation="gelu", n_layers=1)
    cache = model.forward(IDS[:1])[1]
    tokens, _ = interpret.integrated_gradients(model, cache, [1], steps=64)
    table, start = model.embedding.W.value, model.embedding.W.value.copy()

    def rate(alpha, t, h=1e-5):
        """How fast the lead changes at alpha on the path, if only token t moves."""
        leads = []
        for step in (h, -h):
            table[:] = alpha * start
            table[IDS[0, t]] += step * start[IDS[0, t]]  # every token occurs once
            leads.append(interpret.lead(model.forward(IDS[:1])[0], [1])[0])
        return (leads[0] - leads[1]) / (2 * h)

    alphas = np.linspace(0, 1, 1001)
    for t in (0, 3):
        by_hand = np.trapezoid([rate(alpha, t) for alpha in alphas], alphas)
        assert tokens[0, t] == pytest.approx(by_hand, abs=1e-6)


def test_for_a_linear_model_both_methods_give_the_same_contributions():
    """Without blocks and norms, the lead is linear in the words, and one step is enough."""
    model = writers.scattered(model_of(n_layers=0, norm="post"))
    cache = model.forward(IDS, mask=MASK)[1]
    tokens, gap = interpret.integrated_gradients(model, cache, [1, 1], steps=1)
    slope = interpret.gradient_x_input(model, cache, [1, 1])
    limit = tolerance("completeness of integrated gradients")
    assert np.abs(tokens - slope).max() <= limit
    assert np.abs(gap).max() <= limit


def test_any_other_text_may_be_the_baseline():
    model = scattered(activation="gelu")
    logits, cache = model.forward(IDS, mask=MASK)
    other = np.array([[11, 3, 4, 10, 6], [7, 11, 9, 1, 1]])
    tokens, gap = interpret.integrated_gradients(
        model, cache, [2, 0], steps=128, baseline=model.embedding(other)
    )
    gained = interpret.lead(logits, [2, 0]) - interpret.lead(
        model.forward(other, mask=MASK)[0], [2, 0]
    )
    assert np.abs(tokens.sum(axis=1) - gained).max() <= 1e-9
    assert (tokens[IDS == other] == 0).all()  # an unchanged token contributes nothing
    padding = interpret.integrated_gradients(  # one vector for all tokens broadcasts
        model, cache, [2, 0], steps=128, baseline=model.embedding(np.zeros((1, 1), dtype=int))
    )
    assert np.abs(padding.gap).max() <= 1e-9
    assert np.abs(padding.tokens - tokens).max() > 1e-3


def test_padding_changes_no_integrated_gradient():
    model = scattered()
    padded = model.forward(IDS, mask=MASK)[1]
    alone = model.forward(IDS[1:, :3])[1]
    in_batch = interpret.integrated_gradients(model, padded, [1, 1]).tokens[1, :3]
    by_itself = interpret.integrated_gradients(model, alone, [1]).tokens[0]
    error = np.abs(in_batch - by_itself).max() / np.abs(by_itself).max()
    assert error <= tolerance("alone vs in a batch")
