"""Figures of the plane: regions of a classifier, named points, arrows."""

import numpy as np
import pytest

from minitransformer import plots
from tests.support.drawn import pixels

X = np.array([[-1.0, 0.0], [1.0, 2.0], [0.5, -1.0], [-0.5, 1.0]])
LABELS = np.array([0, 1, 1, 0])
GROUPS = {"verbs": {"shines": 0, "drags": 2}, "nouns": {"$5": 1, "plot": 3}}
OUT = {"out": (X, 2 * X)}


def right_half(points):
    return 1 / (1 + np.exp(-8 * points[:, 0]))


def always(points):
    return np.full(len(points), 0.9)


FIGURES = {
    "regions": lambda: plots.regions({"a": right_half}, X, LABELS, xlabel="x", ylabel="y"),
    "two regions": lambda: plots.regions({"a": right_half, "b": always}, X, LABELS),
    "points": lambda: plots.points({"a": X}, GROUPS, shown=("shines", "$5", "plot")),
    "points twice": lambda: plots.points({"a": X, "b": -X}, GROUPS, xlabel="x", ylabel="y"),
    "arrows": lambda: plots.arrows({"a": {"from 0": (0 * X, X), "on": (X, 3 * X)}}, radius=2.0),
    "arrows twice": lambda: plots.arrows({"a": OUT, "b": OUT}, xlabel="x", ylabel="y"),
}


@pytest.mark.parametrize("name", list(FIGURES))
def test_nothing_is_cut_off(name):
    image = pixels(FIGURES[name]())
    edges = [image[0], image[-1], image[:, 0], image[:, -1]]
    assert all((edge == 1).all() for edge in edges), "something is drawn across the edge"
    assert (image < 1).any()


def boundary(axes):
    """The points of the line that marks a probability of 1/2."""
    lines = [c for c in axes.collections if list(getattr(c, "levels", [])) == [0.5]]
    return [path.vertices for line in lines for path in line.get_paths()]


def test_the_boundary_is_where_the_probability_is_one_half():
    figure = plots.regions({"half": right_half, "one side": always}, X, LABELS)
    (line,) = boundary(figure.axes[0])
    np.testing.assert_allclose(line[:, 0], 0, atol=0.02)
    assert boundary(figure.axes[1]) == []
    assert figure.axes[0].get_title() == "half"


def test_each_class_has_its_points_and_its_marker():
    axes = plots.regions({"a": right_half}, X, LABELS).axes[0]
    scattered = {c.get_label(): c for c in axes.collections if c.get_label().startswith("class")}
    np.testing.assert_array_equal(scattered["class 0"].get_offsets(), X[LABELS == 0])
    np.testing.assert_array_equal(scattered["class 1"].get_offsets(), X[LABELS == 1])
    shapes = [len(c.get_paths()[0].vertices) for c in scattered.values()]
    assert shapes[0] != shapes[1], "the sets must differ in grey too"


def test_only_the_requested_words_are_written_each_at_its_place():
    axes = plots.points({"a": X}, GROUPS, shown=("$5", "plot")).axes[0]
    places = {text.get_text(): text.xy for text in axes.texts}
    assert set(places) == {r"\$5", "plot"}
    np.testing.assert_array_equal(places["plot"], X[3])
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), X[[0, 2]])


def test_arrows_begin_and_end_where_they_should_and_all_of_it_is_seen():
    axes = plots.arrows({"a": {"from 0": (0 * X, X), "on": (X, 3 * X)}}, radius=0.5).axes[0]
    circle, *dots = axes.lines
    np.testing.assert_allclose(np.hypot(*circle.get_xydata().T), 0.5)
    first, second = axes.collections
    np.testing.assert_array_equal(first.get_offsets(), 0 * X)
    np.testing.assert_array_equal(np.c_[first.U, first.V], X)
    np.testing.assert_array_equal(second.get_offsets(), X)
    np.testing.assert_array_equal(np.c_[second.U, second.V], 2 * X)
    np.testing.assert_array_equal(dots[1].get_xydata(), X)
    np.testing.assert_array_less(axes.get_xlim()[0], -3)  # the tips are inside
    np.testing.assert_array_less(6, axes.get_ylim()[1])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["from 0", "on"]
    assert dots[0].get_marker() != dots[1].get_marker(), "the sets must differ in grey too"


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: plots.regions({}, X, LABELS), "at least one"),
        (lambda: plots.regions({"a": always}, X[:, :1], LABELS), "must be"),
        (lambda: plots.regions({"a": always}, X, LABELS[:2]), "must be"),
        (lambda: plots.points({}, GROUPS), "a panel"),
        (lambda: plots.points({"a": X}, {}), "1 to 7"),
        (lambda: plots.points({"a": X}, dict.fromkeys("abcdefgh", {"x": 0})), "1 to 7"),
        (lambda: plots.points({"a": X[0]}, GROUPS), "must be"),
        (lambda: plots.arrows({}), "a panel"),
        (lambda: plots.arrows({"a": {}}), "1 to 7"),
        (lambda: plots.arrows({"a": dict.fromkeys("abcdefgh", (X, X))}), "1 to 7"),
        (lambda: plots.arrows({"a": {"out": (X, X[:, 0])}}), "must be"),
        (lambda: plots.arrows({"a": {"out": (X, X[:2])}}), "must be"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()
