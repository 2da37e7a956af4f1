"""Bars of attributions, and the matrix of ablated heads."""

import numpy as np
import pytest

from minitransformer import plots
from tests.support.drawn import TOKENS, pixels

T = len(TOKENS)
SIGNED = np.array([0.5, -1.0, 0.0, 2.0, -0.25, 0.1, -2.0])
CHANGES = {"blocks.0.attention": [0.1, -0.4, 0.2], "blocks.1.attention": [0.0, 0.8, -0.1]}
FIGURES = {
    "bars": lambda: plots.bars(TOKENS, {"rollout": np.full(T, 1 / T), "gradient": SIGNED}),
    "bars of one token": lambda: plots.bars(["$"], {"rollout": [0.0]}, xlabel="fraction"),
    "bars of many tokens": lambda: plots.bars(TOKENS * 5, {"rollout": np.arange(35)}),
    "heads": lambda: plots.heads(CHANGES, label="change of the loss (nats)"),
    "one head": lambda: plots.heads({"a": [0.0]}, label="change of the loss (nats)"),
    "many heads": lambda: plots.heads({str(i): np.arange(12) for i in range(12)}, label="change"),
}


@pytest.mark.parametrize("name", list(FIGURES))
def test_nothing_is_cut_off(name):
    image = pixels(FIGURES[name]())
    edges = [image[0], image[-1], image[:, 0], image[:, -1]]
    assert all((edge == 1).all() for edge in edges), "something is drawn across the edge"
    assert (image < 1).any()


def test_bars_are_as_long_as_the_scores_and_differ_by_sign_without_colour():
    first, second = plots.bars(TOKENS, {"a": SIGNED**2, "b": SIGNED}, xlabel="lead").axes
    assert [axes.get_title() for axes in (first, second)] == ["a", "b"]
    lengths = [bar.get_width() for bar in second.patches]
    np.testing.assert_array_equal(np.add(lengths[:T], lengths[T:]), SIGNED)
    assert {bar.get_hatch() for bar in second.patches[:T]} == {None}
    assert all(bar.get_hatch() for bar in second.patches[T:])
    assert min(lengths[:T]) == 0 == max(lengths[T:])
    labels = [label.get_text() for label in first.get_yticklabels()]
    assert labels == ["not", "at", "all", "dull", r"\$5", r"\$", "unforgettably"]
    low, high = first.get_ylim()
    assert low > high, "the first token must be on top"
    assert first.get_figure().get_supxlabel() == "lead"


def test_heads_are_a_matrix_coloured_around_zero():
    axes, _ = plots.heads(CHANGES, label="change of the loss (nats)").axes
    image = axes.images[0]
    np.testing.assert_array_equal(image.get_array(), list(CHANGES.values()))
    assert image.get_clim() == (-0.8, 0.8)
    np.testing.assert_allclose(image.to_rgba(0.0)[:3], 1, atol=0.01)  # white
    up, down = image.to_rgba(0.8), image.to_rgba(-0.8)
    assert up[0] > up[2]  # orange
    assert down[2] > down[0]  # blue
    texts = {t.get_position(): t.get_text() for t in axes.texts}
    assert texts[(1, 0)] == "-0.40"
    assert texts[(1, 1)] == "+0.80"
    assert [t.get_text() for t in axes.get_yticklabels()] == list(CHANGES)
    assert axes.get_xticklabels()[2].get_text() == "head 3"
    assert axes.get_title() == "change of the loss (nats)"


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.bars([], {"a": []}), "at least one token"),
        (lambda: plots.bars(["x"], {}), "one method"),
        (lambda: plots.bars(["x"], {"a": [1, 2]}), r"'a' must be .* 1 tokens, got shape \(2,\)"),
        (lambda: plots.bars(["x"], {"a": [np.inf]}), "finite"),
        (lambda: plots.heads({}, label=""), r"changes must be \(H,\) for each layer"),
        (lambda: plots.heads({"a": []}, label=""), r"changes must be \(H,\)"),
        (lambda: plots.heads({"a": [1], "b": [1, 2]}, label=""), r"got \[\(1,\), \(2,\)\]"),
        (lambda: plots.heads({"a": [[1, 2]]}, label=""), r"got \[\(1, 2\)\]"),
        (lambda: plots.heads({"a": 1.0}, label=""), r"got \[\(\)\]"),
        (lambda: plots.heads({"a": [np.nan]}, label=""), "finite"),
    ],
)
def test_bad_input_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
