"""The figures: their content, that nothing is cut off, and that no global state changes."""

import subprocess
import sys

import numpy as np
import pytest

from minitransformer import plots
from tests.support.drawn import TOKENS, pixels

HISTORY = {
    "loss": [0.7, 0.4, 0.2],
    "val_loss": [0.7, 0.5, 0.45],
    "accuracy": [0.5, 0.8, 0.9],
    "val_accuracy": [0.5, 0.75, 0.8],
}


def attention_weights(H, T):
    return cross_weights(H, T, T)


def cross_weights(H, T, S):
    return np.random.default_rng(0).dirichlet(np.ones(S), (H, T))


FIGURES = {
    "curves": lambda: plots.curves(HISTORY),
    "curves of one epoch": lambda: plots.curves({"loss": [0.5]}),
    "confusion": lambda: plots.confusion([[9, 1], [2, 8]], ["negative", "positive"]),
    "confusion of many": lambda: plots.confusion(np.eye(9, dtype=int), ["a long class name"] * 9),
    "attention": lambda: plots.attention(attention_weights(4, 7), TOKENS),
    "attention of three heads": lambda: plots.attention(attention_weights(3, 7), TOKENS),
    "attention of one token": lambda: plots.attention(np.ones((1, 1, 1)), ["fine"]),
    "cross-attention": lambda: plots.attention(cross_weights(4, 7, 3), TOKENS, TOKENS[:3]),
    "words": lambda: plots.words(TOKENS * 9, np.linspace(-1, 1, 63), "negative, 93 %"),
    "one word": lambda: plots.words(["fine"], [0.0]),
}


@pytest.mark.parametrize("name", list(FIGURES))
def test_nothing_is_cut_off(name):
    image = pixels(FIGURES[name]())
    edges = [image[0], image[-1], image[:, 0], image[:, -1]]
    assert all((edge == 1).all() for edge in edges), "something is drawn across the edge"
    assert (image < 1).any()


def test_curves_show_the_values_with_units_and_a_legend():
    figure = plots.curves(HISTORY)
    loss, accuracy = figure.axes
    assert loss.get_ylabel() == "loss (nats)"
    assert accuracy.get_ylabel() == "accuracy (%)"
    assert loss.get_xlabel() == "epoch"
    assert (loss.get_title(), accuracy.get_title()) == ("loss", "accuracy")
    np.testing.assert_allclose(loss.lines[0].get_xydata(), [[1, 0.7], [2, 0.4], [3, 0.2]])
    np.testing.assert_allclose(accuracy.lines[1].get_ydata(), [50, 75, 80])
    assert [t.get_text() for t in loss.get_legend().get_texts()] == ["training", "validation"]


def test_the_lines_of_a_curve_differ_without_colour():
    training, validation = plots.curves(HISTORY).axes[0].lines
    assert training.get_linestyle() != validation.get_linestyle()
    assert training.get_marker() != validation.get_marker()


def test_curves_take_an_object_with_a_history():
    class Fitted:
        history = {"loss": [0.5, 0.25]}

    assert len(plots.curves(Fitted()).axes) == 1


def test_confusion_shows_counts_and_percentages_of_the_true_class():
    axes = plots.confusion([[30, 10], [0, 0]], ["bad", "good"]).axes[0]
    texts = {t.get_position(): t.get_text() for t in axes.texts}
    assert texts[(0, 0)] == "30\n75.0 %"
    assert texts[(1, 0)] == "10\n25.0 %"
    assert texts[(0, 1)] == "0\n0.0 %"
    assert axes.get_ylabel() == "true class"
    assert axes.get_title() == "confusion matrix: 30 of 40 texts right"
    assert [t.get_text() for t in axes.get_xticklabels()] == ["bad", "good"]


def test_attention_has_a_map_per_head_with_queries_as_rows():
    P = attention_weights(3, 7)
    figure = plots.attention(P, TOKENS)
    maps = [axes for axes in figure.axes if axes.images and axes.get_title()]
    assert [axes.get_title() for axes in maps] == ["head 1", "head 2", "head 3"]
    for head, axes in enumerate(maps):
        np.testing.assert_array_equal(axes.images[0].get_array(), P[head])
    # head 2 is the last in its column, so the names of the keys are below it
    assert maps[1].get_xticklabels()[0].get_text() == "not"
    assert maps[0].get_yticklabels()[3].get_text() == "dull"


def test_cross_attention_names_the_rows_and_the_columns_differently():
    P = cross_weights(2, 7, 3)
    figure = plots.attention(P, TOKENS, ["a", "b", "c"])
    maps = [axes for axes in figure.axes if axes.images and axes.get_title()]
    np.testing.assert_array_equal(maps[1].images[0].get_array(), P[1])
    assert [label.get_text() for label in maps[1].get_xticklabels()] == ["a", "b", "c"]
    assert maps[0].get_yticklabels()[3].get_text() == "dull"


def test_words_colour_by_sign_and_strength():
    axes = plots.words(["good", "dull", "film"], [2.0, -1.0, 0.0]).axes[0]
    good, dull, film = (np.array(patch.get_facecolor()[:3]) for patch in axes.patches)
    assert good[0] > good[2]  # orange: more red than blue
    assert dull[2] > dull[0]  # blue
    np.testing.assert_allclose(film, 1)  # white
    assert np.ptp(good) > np.ptp(dull)  # half the score, half the colour


def test_dollar_signs_do_not_make_formulas():
    figure = plots.words(["$", "x_1", "$"], [1.0, 2.0, 3.0])
    pixels(figure)
    assert [t.get_text() for t in figure.axes[0].texts] == [r"\$", "x_1", r"\$"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.curves({"loss": []}), "at least one epoch"),
        (lambda: plots.confusion(np.eye(3), ["a", "b"]), r"matrix must be \(2, 2\)"),
        (lambda: plots.attention(np.ones((2, 3, 4)), ["a"] * 3), r"P must be \(H, 3, 3\) for 3"),
        (lambda: plots.attention(np.ones((1, 0, 0)), []), "P must be"),
        (lambda: plots.words(["a"], [np.nan]), "finite"),
        (lambda: plots.words([], []), "at least"),
        (lambda: plots.words(["a"], [1, 2]), "got shape"),
    ],
)
def test_bad_input_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_matplotlib_is_imported_only_to_draw_and_pyplot_never():
    code = (
        "import sys, minitransformer.plots as p; assert 'matplotlib' not in sys.modules\n"
        "p.curves({'loss': [1.0]}).draw_without_rendering()\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
