"""What people type: arguments in any order, empty arrays, arrays that are too large to wait for."""

import numpy as np
import pytest

from minitransformer import gradcheck

RNG = np.random.default_rng(3)
A, B = RNG.standard_normal((2, 3, 3))


def product(a, b):
    return a @ b


def product_backward(dy, a, b):
    return dy @ b.T, a.T @ dy


def exchanged(dy, a, b):
    return a.T @ dy, dy @ b.T


@pytest.mark.parametrize("inputs", [{"a": A, "b": B}, {"b": B, "a": A}, (A, B)])
def test_gradients_come_in_the_order_of_the_parameters(inputs):
    report = gradcheck.check(product, product_backward, inputs)
    assert report.ok
    assert [row.name for row in report.rows] == ["a", "b"]
    assert not gradcheck.check(product, exchanged, inputs).ok


def test_wrt_has_an_order_of_its_own():
    def backward(dy, a, b):
        return exchanged(dy, a, b)

    assert gradcheck.check(product, backward, {"a": A, "b": B}, wrt=("b", "a")).ok


def test_an_input_without_a_gradient_keeps_its_place():
    def scaled(x, by, y):
        return by * x * y

    def backward(dy, x, by, y):
        return dy * by * y, None, dy * by * x

    assert gradcheck.check(scaled, backward, {"y": A, "by": 2, "x": B}).ok


def test_a_report_says_that_nothing_was_compared():
    report = gradcheck.check(np.sin, lambda dy, x: dy * np.cos(x), np.zeros((0, 3)))
    assert report.ok
    assert "nothing was compared, it has no entries" in str(report)
    assert "nothing" not in str(gradcheck.check(np.sin, lambda dy, x: dy * np.cos(x), A))


def test_a_long_check_is_announced(capfd, monkeypatch):
    monkeypatch.setattr("minitransformer.gradcheck.duration.LONG", 1e-9)
    gradcheck.check(product, product_backward, (A, B))
    words = capfd.readouterr().err
    assert words.startswith("product: 18 entries take about 0 s; smaller inputs show")
    assert "entries=20" in words
    gradcheck.check(product, product_backward, (A, B), entries=2)
    assert "entries=20" not in capfd.readouterr().err


def test_a_short_check_prints_nothing(capfd):
    gradcheck.check(product, product_backward, (A, B))
    assert capfd.readouterr() == ("", "")


def _fails_later():
    calls = []

    def backward(dy, x):
        calls.append(dy)
        return 2 * x * dy * (1 if len(calls) < 5 else 2)

    return backward


FIRST = np.random.default_rng(0).standard_normal((3, 3))  # the upstream gradient of seed 0
NOT_LINEAR = {
    "clipped": (lambda dy, x: 2 * x * np.clip(dy, -3, 3), "for 2^20 dy it must return 2^20 times"),
    "one dy": (lambda dy, x: 2 * x * FIRST, "for 2^20 dy it must return 2^20 times"),
    "not 0 at 0": (lambda dy, x: 2 * x * dy + (dy == 0), "for dy = 0 it must return 0"),
    "ones": (lambda dy, x: x if (dy == 1).all() else 2 * x * dy, "the sum of the results of dy"),
    "later": (_fails_later(), "not linear"),
    "fails": (lambda dy, x: 2 * x * dy / (0 if dy.max() > 1e5 else 1), "for 2^20 dy"),
}


def _divides(dy, x):
    if not dy.any():
        raise ZeroDivisionError("no upstream gradient")
    return 2 * x * dy


@pytest.mark.parametrize("fault", NOT_LINEAR)
def test_a_backward_pass_that_is_right_for_one_upstream_gradient_only_is_wrong(fault):
    backward, words = NOT_LINEAR[fault]
    report = gradcheck.check(lambda x: x * x, backward, A)
    assert not report.ok
    assert words in report.rows[0].failure


def test_a_backward_pass_that_fails_for_another_upstream_gradient_is_wrong():
    report = gradcheck.check(lambda x: x * x, _divides, A)
    assert (
        "fails for another upstream gradient, dy = 0: ZeroDivisionError" in report.rows[0].failure
    )


def test_a_backward_pass_may_be_linear_only_up_to_rounding():
    def backward(dy, x):
        return (dy + 1e-16) * np.cos(x) * 3 / 3

    assert gradcheck.check(np.sin, lambda dy, x: dy * np.cos(x) * 3 / 3, 1e6 * A).ok
    assert gradcheck.check(np.sin, backward, A).ok
