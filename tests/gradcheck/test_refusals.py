"""What the checker refuses, by the name of the argument."""

import numpy as np
import pytest

from minitransformer import gradcheck
from minitransformer.gradcheck.fault import close

X = np.array([0.3, -1.2, 2.0])


def check(forward=lambda x: x * x, backward=lambda dy, x: 2 * x * dy, inputs=None, **settings):
    return gradcheck.check(forward, backward, {"x": X} if inputs is None else inputs, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"forward": lambda x: None}, "forward must return an array of floats, .* got None"),
        ({"forward": lambda x: "text"}, "forward must return an array of floats"),
        ({"forward": lambda x: {"y": x}}, "forward must return an array of floats"),
        ({"forward": lambda x: np.arange(3)}, "forward must return float64 .* array of int64"),
        ({"forward": lambda x: x.astype(object)}, "forward must return float64 .* of object"),
        ({"forward": lambda x: x.astype("f")}, "forward must return float64 .* of float32"),
        ({"forward": lambda x: x + 0j}, "forward must return float64 .* of complex128"),
        ({"forward": 3}, "forward must be a function, got int 3"),
        ({"backward": None}, "backward must be a function, got None"),
        ({"forward": lambda z: z}, "forward must take the arguments x by name"),
        ({"backward": lambda dy, z: z}, "backward must take the arguments x by name"),
        ({"inputs": "text"}, "inputs must be a dict, a tuple or an array, got str"),
        ({"inputs": {"x": "text"}}, "nothing to check: .* x is str 'text'"),
        ({"inputs": {"x": np.array([1, 2])}}, "nothing to check: .* x is an array of int64"),
        ({"inputs": {"x": "text"}, "wrt": ["x"]}, "input x must be an array of real numbers"),
        ({"inputs": {"x": X + 0j}, "wrt": ["x"]}, "input x must be an array of real numbers"),
        ({"upstream": 2}, "upstream must be at most 1"),
        ({"upstream": 0}, "upstream must be >= 1"),
        ({"tolerance": np.inf}, "tolerance must be finite"),
        ({"tolerance": np.nan}, "tolerance must be finite"),
        ({"tolerance": -1e-3}, "tolerance must be finite and >= 0"),
        ({"tolerance": "strict"}, "tolerance must be a number"),
        ({"entries": -1}, "entries must be >= 0"),
        ({"entries": 1.5}, "entries must be a whole number"),
    ],
)
def test_a_wrong_argument_is_refused_by_name(settings, words):
    with pytest.raises((TypeError, ValueError), match=words):
        check(**settings)


@pytest.mark.parametrize(
    ("backward", "words"),
    [
        (lambda dy, x: (dy, dy), r"must return 1 gradient \(x\), but it returned 2"),
        (lambda dy, x: {"x": 2 * x * dy, "w": dy}, "but it has gradients of w"),
        (lambda dy, x: [0.1, 0.2, 0.3], "but it returned 3"),
        (
            lambda dy, x: np.outer(dy, dy),
            "sum it over the axes along which the input was broadcast",
        ),
    ],
)
def test_gradients_that_do_not_fit_are_failures_in_words(backward, words):
    report = check(backward=backward)
    assert not report.ok
    with pytest.raises(gradcheck.GradientError):
        report.raise_if_failed()
    assert words.replace("\\", "") in report.row("x").failure


def test_an_inf_or_nan_tolerance_of_one_oracle_is_refused():
    with pytest.raises(ValueError, match="central must be finite"):
        gradcheck.Tolerance(complex_step=1e-10, central=np.inf)


def test_a_report_fits_into_eighty_columns():
    inputs = {"encoder.blocks.0.attention": np.ones((4, 3)) * X}
    report = gradcheck.check(
        lambda **given: np.tanh(*given.values()), lambda dy, **given: dy, inputs, name="long"
    )
    lines = str(report).splitlines()
    assert lines[2].split()[0] == "WRONG"
    assert max(map(len, lines)) < 80


@pytest.mark.parametrize("value", [0.0, np.inf, np.nan])
def test_what_overflows_agrees_with_nothing(value):
    other = np.array([1.0, 2.0, value])
    assert not close(np.full(3, value), other)
    assert not close(np.zeros(3), np.zeros(3))
