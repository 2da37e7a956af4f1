"""Right gradients must not be called wrong, whatever the function, the inputs and their scale."""

import functools

import numpy as np
import pytest

from minitransformer import gradcheck
from minitransformer.layers import Layer, Parameter
from tests.support.right_gradients import called_wrong

X = np.array([0.3, -1.2, 2.0])


def test_no_random_right_gradient_is_called_wrong():
    found = [called_wrong(i) for i in range(50)]
    assert found.count("ok") > 46
    assert [report for report in found if report not in ("ok", "unclear", "refused")] == []


HARD = {
    1152: "unclear",  # gradients of 1e-314, which have few digits
    5335: "ok",  # silu below its bound, where it is constant
    7855: "ok",
    8895: "ok",
    8672: "unclear",  # sin(x^3) varies within one last bit of x
    9835: "ok",  # the rounding of a probability near 1 does not change with the last bits
}


@pytest.mark.parametrize("number", HARD)
def test_hard_right_gradients_are_not_called_wrong(number):
    assert called_wrong(number) == HARD[number]


@pytest.mark.parametrize("analytic", [True, False])
@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e5, 1e6, 1e12])
def test_steps_are_in_proportion_to_the_inputs(size, analytic):
    for forward, derivative in (
        (lambda x: x * x, lambda x: 2 * x),
        (lambda x: x**3, lambda x: 3 * x**2),
        (lambda x: np.log(x * x), lambda x: 2 / x),
        (lambda x: 1 / x, lambda x: -1 / x**2),
        (lambda x: 3 * x, lambda x: 3 * np.ones_like(x)),
    ):
        for factor in (1.0, 1.001):
            backward = lambda dy, x, d=derivative, c=factor: c * dy * d(x)  # noqa: E731
            report = gradcheck.check(
                forward, backward, {"x": X * size}, analytic=analytic, diagnose=False
            )
            assert report.ok is (factor == 1.0), str(report)


@pytest.mark.parametrize("x", [1e-12, 1e-6, 0.004, 1e6])
def test_steps_stay_inside_the_domain(x):
    given = {"x": np.array([x, 2.0])}
    for analytic in (True, False):
        assert gradcheck.check(np.log, lambda dy, x: dy / x, given, analytic=analytic).ok
        assert not gradcheck.check(np.log, lambda dy, x: dy / x**2, given, analytic=analytic).ok


def test_a_forward_pass_that_refuses_what_is_outside_its_domain_can_be_checked():
    def strict(x):
        if (x.real < 0).any():
            raise ValueError("x must be positive")
        return np.sqrt(x)

    report = gradcheck.check(strict, lambda dy, x: dy / (2 * np.sqrt(x)), {"x": np.array([1e-3])})
    assert report.ok


def written_into_zeros(x):
    y = np.zeros(x.shape)
    y[...] = x * x
    return y


NOT_ANALYTIC = {
    "abs": (np.abs, lambda dy, x: dy * np.sign(x)),
    "norm": (np.linalg.norm, lambda dy, x: dy * x / np.linalg.norm(x)),
    "vdot": (lambda x: np.vdot(x, x), lambda dy, x: 2 * dy * x),
    "cast": (lambda x: x.astype(float) ** 2, lambda dy, x: 2 * dy * x),
    "zeros": (written_into_zeros, lambda dy, x: 2 * dy * x),
    "no complex numbers": (np.cbrt, lambda dy, x: dy / (3 * np.cbrt(x) ** 2)),
}


@pytest.mark.parametrize("name", NOT_ANALYTIC)
def test_where_the_oracles_disagree_differences_decide(name):
    forward, backward = NOT_ANALYTIC[name]
    report = gradcheck.check(forward, backward, {"x": X})
    assert report.ok, str(report)
    assert report.row("x").not_analytic
    assert "not analytic" in str(report)
    wrong = gradcheck.check(forward, lambda dy, x: 1.001 * backward(dy, x), {"x": X})
    assert not wrong.ok


def test_a_kink_at_which_the_complex_step_takes_one_side_is_left_out():
    given = {"x": np.array([0.0, 1.0, -1.0])}
    report = gradcheck.check(lambda x: np.maximum(x, 0), lambda dy, x: dy * (x > 0), given)
    assert report.ok
    assert report.row("x").skipped == 1


def test_a_kink_beside_a_large_output_is_seen():
    """The natural scale is 1e9 here."""
    given = {"x": np.array([0.0, 1e-3]), "w": np.array([1e6, 1e6])}
    report = gradcheck.check(
        lambda x, w: np.abs(x) + w, lambda dy, x, w: (dy * np.sign(x), dy), given, analytic=False
    )
    assert report.ok, str(report)
    assert report.row("x").skipped == 1


def test_an_output_of_0_is_not_taken_for_one_that_is_too_small():
    """The largest entry is 0, so the output is, but its slope is 1."""
    report = gradcheck.check(
        lambda x: x.max(), lambda dy, x: dy * (x == x.max()), {"x": np.array([0.0, -0.1])},
        analytic=False,
    )  # fmt: skip
    assert report.ok


def test_what_differences_cannot_see_is_unclear_and_not_wrong():
    given = {"x": np.array([1e-170])}
    report = gradcheck.check(lambda x: x * x, lambda dy, x: 2 * x * dy, given, analytic=False)
    assert not report.ok
    assert "unclear" in str(report)
    assert "WRONG" not in str(report)


def dropped_anew(x, rng=np.random.default_rng(0)):  # noqa: B008
    return x * (rng.random(x.shape) > 0.2)


def test_a_random_forward_pass_is_a_failure_in_words():
    report = gradcheck.check(dropped_anew, lambda dy, x: dy, {"x": X})
    assert "the forward pass gives different results" in str(report)
    report = gradcheck.check(lambda x: x * 2, lambda dy, x: 2 * dropped_anew(dy), {"x": X})
    assert "the backward pass gives different results" in str(report)


class Random(Layer):
    def __init__(self):
        self.w = Parameter(np.array([1.0, 2.0, 3.0]))

    def forward(self, x):
        return dropped_anew(x * self.w.value), x

    def backward(self, dy, x):
        self.w.grad += dy * x
        return dy * self.w.value


def test_a_random_layer_is_a_failure_in_words():
    assert "the forward pass gives different results" in str(gradcheck.check_layer(Random(), X))


class Cancelling(Layer):
    """The two paths of w cancel but for a millionth."""

    def __init__(self):
        self.w = Parameter(np.array([1.0, 2.0, 3.0]))

    def forward(self, x):
        return 1e6 * x * self.w.value - (1e6 - 1) * x * self.w.value, x

    def backward(self, dy, x):
        self.w.grad += 1e6 * dy * x
        self.w.grad -= (1e6 - 1) * dy * x
        return dy * self.w.value


def test_gradients_that_cancel_may_double_up_to_rounding():
    report = gradcheck.check_layer(Cancelling(), X, tolerance=1e-6)
    assert report.row("w").ok, str(report)


@pytest.mark.parametrize(
    ("forward", "inputs"),
    [
        (np.tanh, {"x": X}),
        (np.tanh, (X,)),
        (np.tanh, X),
        (np.tanh, {"x": [0.3, -1.2, 2.0]}),
        (np.tanh, {"x": 0.5}),
        (functools.partial(np.tanh), {"x": X}),
        (functools.partial(lambda x, scale: np.tanh(scale * x), scale=1), {"x": X}),
    ],
)
def test_functions_and_inputs_of_any_kind(forward, inputs):
    right = gradcheck.check(forward, lambda dy, x: dy * (1 - np.tanh(x) ** 2), inputs)
    assert right.ok, str(right)
    assert not gradcheck.check(forward, lambda dy, x: dy * (1 - np.tanh(x)), inputs).ok


def test_integers_are_converted_if_wrt_names_them():
    given = {"x": np.array([1, 2, 3])}
    assert gradcheck.check(lambda x: x * x, lambda dy, x: 2 * x * dy, given, wrt="x").ok


@pytest.mark.parametrize(
    "backward",
    [
        lambda dy, x, ids: {"x": 2 * dy},
        lambda dy, x, ids: (2 * dy, None),
        lambda dy, x, ids: 2 * dy,
    ],
)
def test_gradients_by_name_in_order_or_for_every_input(backward):
    given = {"x": X, "ids": np.arange(3)}
    assert gradcheck.check(lambda x, ids: 2 * x, backward, given).ok
