"""Wrong gradients that could slip past the checker, and right ones it could call wrong."""

import numpy as np
import pytest

from minitransformer import gradcheck
from minitransformer.layers import Layer, Parameter
from tests.support.wrong_backwards import second_set
from tests.support.wrong_gradients import passing

X = np.array([0.3, -1.2, 2.0])


def tripled(dy, x):
    dy *= 3.0
    return 2 * x * dy


def zeroed(dy, x):
    dy *= 0.0
    return 2 * x * dy


def right_in_place(dy, x):
    dy *= 2 * x
    return dy


@pytest.mark.parametrize("backward", [tripled, zeroed, right_in_place])
def test_a_backward_pass_that_writes_into_dy_is_a_failure(backward):
    report = gradcheck.check(lambda x: x * x, backward, {"x": X})
    assert "wrote into its argument dy" in report.row("x").failure


def test_a_mask_written_into_dy_is_a_failure():
    def backward(dy, x):
        dy[dy < 0] = 0
        return dy * (x > 0)

    report = gradcheck.check(lambda x: np.maximum(x, 0), backward, {"x": X}, analytic=False)
    assert "wrote into its argument dy" in report.row("x").failure


def test_the_second_upstream_gradient_is_guarded_too():
    def backward(da, db, x):
        db *= 2.0
        return da + db

    report = gradcheck.check(lambda x: (x, x), backward, (X,), upstream=2)
    assert "wrote into its argument db" in report.row("x").failure


def test_writing_into_what_was_saved_is_a_failure():
    def backward(dy, y):
        y *= dy
        return y

    report = gradcheck.check(
        lambda x: np.exp(x), backward, {"x": X}, saved=lambda inputs, outputs: outputs
    )
    assert "the backward pass wrote into its argument y" in report.row("x").failure


def test_writing_into_an_input_without_a_gradient_is_a_failure():
    def forward(x, scale):
        y = x * scale
        scale += 1
        return y

    given = {"x": X, "scale": np.arange(3)}
    report = gradcheck.check(forward, lambda dy, x, scale: dy * scale, given)
    assert "the forward pass wrote into its argument scale" in report.row("x").failure


class Doubling(Layer):
    """y = 2 w x, whose backward pass calls `harm` on the layer, dy and the cache."""

    def __init__(self, harm):
        self.w, self.harm = Parameter(np.array([1.5, -0.5, 2.0])), harm

    def forward(self, x, **_):
        return 2 * self.w.value * x, x

    def backward(self, dy, x):
        self.harm(self, dy, x)
        self.w.grad += 2 * (dy * x).sum(axis=0)
        return 2 * self.w.value * dy


def _into_dy(layer, dy, x):
    dy *= 3


def _into_x(layer, dy, x):
    x *= 3


def _into_w(layer, dy, x):
    layer.w.value *= 3


@pytest.mark.parametrize(
    ("harm", "name"), [(_into_dy, "dy"), (_into_x, "x"), (_into_w, "w")], ids=["dy", "x", "w"]
)
def test_a_layer_that_writes_into_what_it_was_given_is_a_failure(harm, name):
    x = np.random.default_rng(0).standard_normal((2, 3))
    report = gradcheck.check_layer(Doubling(harm), x)
    assert f"the backward pass wrote into its argument {name}" in str(report)
    assert gradcheck.check_layer(Doubling(lambda layer, dy, x: None), x).ok


def exp_times(z):
    return np.exp(z[0]) * z[1]


def exp_times_backward(dy, z):
    return dy * np.array([np.exp(z[0]) * z[1], np.exp(z[0])])


@pytest.mark.parametrize("analytic", [True, False])
def test_a_large_output_elsewhere_does_not_excuse_an_error_here(analytic):
    """At the rolled inputs (50, 0.5) the output is 1e21."""
    z = {"z": np.array([0.5, 50.0])}
    assert gradcheck.check(exp_times, exp_times_backward, z, analytic=analytic).ok
    for wrong in (lambda dy, z: np.zeros(2), lambda dy, z: 1.01 * exp_times_backward(dy, z)):
        assert not gradcheck.check(exp_times, wrong, z, analytic=analytic).ok


@pytest.mark.parametrize("x", [1e-170, 1e-100, 1e-30])
def test_an_output_of_zero_does_not_count_as_one(x):
    """x * x is 0 at 1e-170."""
    given = {"x": np.array([x])}
    report = gradcheck.check(lambda x: x * x, lambda dy, x: 6 * x * dy, given)
    assert report.row("x").complex_error > 1


@pytest.mark.parametrize("analytic", [True, False])
@pytest.mark.parametrize("size", [1e3, 1e6])
def test_a_small_input_beside_a_large_one_does_not_excuse_an_error(size, analytic):
    """max|y| / max|x| is 1e6 and 1e12, and the gradient is 1."""
    given = {"x": X / size, "w": X * size}
    for wrong in (0.0, 0.9, 1.001):
        report = gradcheck.check(
            lambda x, w: x + w, lambda dy, x, w, c=wrong: (c * dy, dy), given, analytic=analytic
        )
        assert not report.row("x").ok
    right = gradcheck.check(lambda x, w: x + w, lambda dy, x, w: (dy, dy), given)
    assert right.row("x").complex_error < 1e-15


def test_the_error_of_a_constant_factor_is_not_rounding_where_terms_cancel():
    """1e8 (x - x) + x: the noise of the large terms is forgiven, a factor of 1.001 is not."""

    def backward(dy, x, c=1.0):
        return (dy * (1 + 1e8 * np.cos(x) - 1e8 * np.cos(x))) * c

    def forward(x):
        return x + 1e8 * np.sin(x) - 1e8 * np.sin(x)

    limits = gradcheck.Tolerance(complex_step=1e-6, central=1e-3)
    assert gradcheck.check(forward, backward, {"x": X}, tolerance=limits).ok
    wrong = gradcheck.check(
        forward, lambda dy, x: backward(dy, x, 1.001), {"x": X}, tolerance=limits
    )
    assert not wrong.ok


def test_a_forward_pass_that_drops_the_imaginary_part_does_not_excuse_a_gradient_of_zero():
    """By complex step the gradient is 0; the natural scale is 1e12."""
    given = {"x": X / 1e3, "w": X * 1e9}
    report = gradcheck.check(
        lambda x, w: x.real + w.real, lambda dy, x, w: 0 * dy, given, wrt=("x",)
    )
    assert report.row("x").complex_error == 0
    assert not report.row("x").ok
    assert report.row("x").numeric != 0  # the report shows the oracle that disagrees


def test_rounding_where_the_function_is_constant_is_not_called_wrong():
    """The loss of a single class is 0, and so is its gradient; 1 - 1 may leave a last bit."""
    report = gradcheck.check(lambda x: 0 * x, lambda dy, x: 1e-17 * dy, {"x": X})
    assert report.ok
    assert not gradcheck.check(lambda x: 0 * x, lambda dy, x: 1e-9 * dy, {"x": X}).ok
    tiny = {"x": X * 1e-9}
    assert not gradcheck.check(lambda x: 0 * x, lambda dy, x: dy, tiny, analytic=False).ok


def test_a_function_that_refuses_the_rolled_inputs_can_be_checked():
    def increasing(x):
        if not (np.diff(x.real) > 0).all():
            raise ValueError("x must increase")
        return x * x

    given = {"x": np.array([1.0, 2.0, 4.0])}
    assert gradcheck.check(increasing, lambda dy, x: 2 * x * dy, given).ok
    assert not gradcheck.check(increasing, lambda dy, x: x * dy, given).ok


def test_a_layer_that_writes_into_an_option_is_a_failure():
    class Unmasking(Layer):
        def forward(self, x, mask):
            mask[...] = True
            return x * mask, mask

        def backward(self, dy, mask):
            return dy * mask

    report = gradcheck.check_layer(Unmasking(), X, options={"mask": np.array([True, False, True])})
    assert "the forward pass wrote into its argument mask" in str(report)


def test_no_random_wrong_gradient_passes():
    found = [passing(i) for i in range(200)]
    assert found.count(None) > 190
    assert [name for name in found if name not in (None, "right")] == []


@pytest.mark.parametrize("number", [3677, 6981, 8893])
def test_wrong_gradients_of_a_saturated_softmax_do_not_pass(number):
    assert passing(number) is None


def test_a_scalar_whose_true_gradient_is_zero_is_right():
    """Softmax ignores a shift: the gradient of b is rounding noise."""

    def forward(x, b):
        e = np.exp(x + b)
        return e / e.sum()

    def backward(dy, x, b):
        y = forward(x, b)
        dx = y * (dy - (dy * y).sum())
        return dx, dx.sum()

    report = gradcheck.check(forward, backward, (X, np.array(0.3)))
    assert report.ok, str(report)


@pytest.mark.parametrize(
    "other",
    [
        np.array([np.nan, "a"], object),
        np.array(["NaT"], "M8[D]"),
        np.array([np.ones(2), np.ones(3)], object),
        np.array([(np.nan, 1)], [("a", float), ("b", int)]),
    ],
    ids=["objects", "dates", "arrays", "records"],
)
def test_arguments_without_equality_are_not_said_to_be_written_into(other):
    given = {"x": X, "other": other}
    assert gradcheck.check(lambda x, other: x * 2, lambda dy, x, other: dy * 2, given).ok


@pytest.mark.parametrize("case", second_set.CASES, ids=lambda case: case.name)
def test_no_wrong_backward_pass_of_the_second_set_passes(case):
    assert max(second_set.errors(case).values()) > 1e-3
    report = gradcheck.check(
        case.forward, case.backward, case.inputs, analytic=case.analytic, diagnose=False
    )
    assert not report.ok
