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
