"""Figures for explanations: their content, and the arguments that they refuse."""

import numpy as np
import pytest

from minitransformer import plots
from minitransformer.plots.canvas import readable_on
from tests.support.drawn import pixels


def bowl(x, y):
    return x**2 + 10 * y**2


def panel(**changed):
    settings = {
        "x": [1, 2, 4], "series": {"one": [1, 2, 3], "two": [3, 2, 1]}, "xlabel": "width",
        "ylabel": "variance", "title": "a title", "log": "",
    }  # fmt: skip
    return plots.Panel(**{**settings, **changed})


TRACK = np.array([[-0.9, 0.5], [0.2, -0.1], [0, 0]])
FIGURES = {
    "lines": lambda: plots.lines(panel()),
    "lines in two panels": lambda: plots.lines(panel(log="xy"), panel(log="y", title="b")),
    "numbers": lambda: plots.numbers({"A": np.eye(3), "B": np.ones((3, 3))}, "abc", "def"),
    "signed numbers": lambda: plots.numbers({"A": -np.eye(3), "B": np.eye(3)}, "abc", "def"),
    "one number": lambda: plots.numbers({"A": [[2.0]]}, ["a"], ["b"]),
    "paths": lambda: plots.paths(bowl, {"a": TRACK, "b": TRACK}, (-1, 1), (-1, 1)),
    "four paths": lambda: plots.paths(bowl, dict.fromkeys("abcd", TRACK), (-1, 1), (-1, 1)),
}


@pytest.mark.parametrize("name", list(FIGURES))
def test_nothing_is_cut_off(name):
    image = pixels(FIGURES[name]())
    edges = [image[0], image[-1], image[:, 0], image[:, -1]]
    assert all((edge == 1).all() for edge in edges), "something is drawn across the edge"
    assert (image < 1).any()


def test_lines_have_labels_a_legend_and_the_requested_scales():
    left, right = plots.lines(panel(log="xy"), panel(series={"one": [1, 2, 3]})).axes
    assert (left.get_xscale(), left.get_yscale()) == ("log", "log")
    assert (right.get_xscale(), right.get_yscale()) == ("linear", "linear")
    assert (left.get_xlabel(), left.get_ylabel()) == ("width", "variance")
    assert left.get_title() == "a title"
    assert [t.get_text() for t in left.get_legend().get_texts()] == ["one", "two"]
    assert right.get_legend() is None
    np.testing.assert_array_equal(left.lines[1].get_xydata(), [[1, 3], [2, 2], [4, 1]])


def test_seven_lines_differ_without_colour():
    names = dict.fromkeys("abcdefg", [1, 2, 3])
    drawn = plots.lines(panel(series=names)).axes[0].lines
    assert len({line.get_color() for line in drawn}) == 7
    assert len({line.get_marker() for line in drawn}) == 7


def test_numbers_are_written_readably_in_every_cell():
    matrix = np.array([[0.0, 0.25], [0.5, 1.0]])
    axes = plots.numbers({"P": matrix}, "ab", "cd", xlabel="key", ylabel="query").axes[0]
    written = {tuple(t.get_position()): (t.get_text(), t.get_color()) for t in axes.texts}
    assert written[(1, 0)] == ("0.25", "black")
    assert written[(1, 1)] == ("1.00", "white")
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("key", "query")


def test_signed_numbers_are_white_at_0_and_a_bar_shows_the_scale():
    figure = plots.numbers({"J": [[-3.0, 0.0]], "K": [[1.0, np.nan]]}, "a", "bc")
    left, right, bar = figure.axes
    for axes in (left, right):
        assert axes.images[0].get_clim() == (-3, 3)
    image = left.images[0]
    np.testing.assert_allclose(image.cmap(image.norm(0.0))[:3], 1, atol=0.02)
    below, above = (np.array(image.cmap(image.norm(v))) for v in (-3.0, 3.0))
    assert below[2] > below[0]  # blue
    assert above[0] > above[2]  # orange
    assert bar.get_ylim() == (-3, 3)


@pytest.mark.parametrize("matrix", [[[0.0, 2.0]], [[-2.0, 0.0]], [[-2.0, -1.0]]])
def test_numbers_of_one_sign_keep_one_colour(matrix):
    (axes,) = plots.numbers({"P": matrix}, "a", "bc").axes
    assert axes.images[0].get_clim() == (np.min(matrix), np.max(matrix))


def test_the_text_on_a_colour_contrasts_with_it():
    assert [readable_on(c) for c in ((1, 1, 1, 1), (0, 0, 0, 1))] == ["black", "white"]
    assert readable_on((0, 0.45, 0.7, 1)) == "white"  # blue
    assert readable_on((0.84, 0.37, 0, 1)) == "black"  # orange


@pytest.mark.parametrize("x", [[1, 2, 3], range(2), np.arange(4)])
def test_layers_have_ticks_at_whole_numbers_only(x):
    figure = plots.lines(panel(x=x, series={"one": list(x)}, xlabel="layer"))
    pixels(figure)
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    ticks = [t for t in axes.get_xticks() if low <= t <= high]
    assert ticks == list(x)


def test_labels_replace_the_numbers():
    axes = plots.numbers({"P": np.eye(2)}, "ab", "cd", labels={"P": [["w", "x"], ["y", "z"]]}).axes
    assert [t.get_text() for t in axes[0].texts] == ["w", "x", "y", "z"]


def test_each_path_has_a_panel_with_start_and_minimum():
    figure = plots.paths(bowl, {"a": TRACK, "b": TRACK[:1]}, (-1, 1), (-2, 2), minimum=(0, 0))
    a, b = figure.axes
    np.testing.assert_array_equal(a.lines[0].get_xydata(), TRACK)
    np.testing.assert_array_equal(a.lines[1].get_xydata(), TRACK[:1])
    np.testing.assert_array_equal(b.lines[2].get_xydata(), [[0, 0]])
    assert (a.get_title(), b.get_title()) == ("a", "b")
    assert b.get_ylim() == (-2, 2)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.lines(), "at least one Panel"),
        (lambda: plots.lines(panel(series={})), "1 to 7 series"),
        (lambda: plots.lines(panel(series={"one": [1, 2]})), r"'one' must have .* \(3,\)"),
        (lambda: plots.numbers({}, "a", "b"), "at least one matrix"),
        (lambda: plots.numbers({"A": np.eye(2)}, "a", "bc"), r"'A' must be \(1, 2\)"),
        (lambda: plots.paths(bowl, {}, (0, 1), (0, 1)), "at least one track"),
        (lambda: plots.paths(bowl, {"a": [1, 2]}, (0, 1), (0, 1)), "'a' must be"),
    ],
)
def test_bad_input_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
