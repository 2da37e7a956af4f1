"""The checker itself: it must pass right gradients, and catch and name wrong ones."""

import functools

import numpy as np
import pytest

from minitransformer import functional as F
from minitransformer import gradcheck
from minitransformer.gradcheck import diagnosis, oracles
from minitransformer.gradcheck import report as report_module
from tests.support.broken_gradients import GALLERY
from tests.support.wrong_backwards import CASES, second_set


def square(x):
    return x * x


def square_backward(dy, x):
    return 2 * x * dy


def absolute(x):
    return np.abs(x)


def absolute_backward(dy, x):
    return dy * np.sign(x)


X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


@functools.cache
def report_on(name):
    return gradcheck.check(**GALLERY[name].arguments())


@pytest.mark.parametrize("name", GALLERY)
def test_every_broken_gradient_is_caught_and_named(name):
    broken = GALLERY[name]
    report = report_on(name)
    assert not report.ok
    assert broken.where in {row.name for row in report.failed}
    assert broken.fault in report.diagnosis[broken.where]
    assert report.diagnosis[broken.where] in " ".join(str(report).split())  # lines are wrapped


@pytest.mark.parametrize("wrong", CASES, ids=[wrong.name for wrong in CASES])
def test_the_named_fault_is_the_true_one(wrong):
    report = gradcheck.check(wrong.forward, wrong.backward, wrong.inputs)
    assert not report.ok
    assert wrong.named in " ".join(report.diagnosis.values()), wrong.truth


def test_every_rule_of_the_diagnosis_names_something(monkeypatch):
    used = set()

    def watched(fault):
        for rule in diagnosis.RULES:
            if words := diagnosis.apply(rule, fault):
                used.add(rule)
                return words
        return None

    monkeypatch.setattr(report_module, "diagnose", watched)
    for wrong in (*CASES, *second_set.CASES):
        analytic = getattr(wrong, "analytic", True)
        gradcheck.check(wrong.forward, wrong.backward, wrong.inputs, analytic=analytic)
    monkeypatch.setattr(report_module, "build", lambda *arguments: None)  # as for large inputs
    for broken in GALLERY.values():
        gradcheck.check(**broken.arguments())
    assert {rule.__name__ for rule in set(diagnosis.RULES) - used} == set()


def test_an_output_small_by_chance_does_not_hide_its_size():
    """The loss of a confident, right prediction is 1e-5, but 1 - p is rounded like 1."""
    pair = F.PAIRS["cross_entropy"]
    inputs = {"logits": np.array([[12.0, 0.3, -0.4]]), "targets": np.array([0])}
    report = gradcheck.check(pair.forward, pair.backward, inputs, wrt=pair.wrt, saved=pair.saved)
    assert report.ok
    assert abs(report.row("logits").numeric) < 1e-4


@pytest.mark.parametrize("name", GALLERY)
def test_the_gallery_is_wrong_only_where_it_says(name):
    """All other gradients of a broken pass are right, except those that share its fault."""
    broken = GALLERY[name]
    wrong = {row.name for row in report_on(name).failed}
    shared = {"mask forgotten": {"Q", "K", "V"}, "dK and dV exchanged": {"K", "V"}}
    assert wrong == shared.get(name, {broken.where})


def test_complex_step_is_exact_and_central_differences_close():
    values = {"x": np.array([0.3, 1.7])}
    terms = lambda v: np.exp(v["x"]) * np.sin(v["x"])  # noqa: E731
    exact = np.exp(values["x"]) * (np.sin(values["x"]) + np.cos(values["x"]))
    np.testing.assert_allclose(oracles.complex_gradient(terms, values, "x"), exact, rtol=4e-16)
    central, gaps, kinks = oracles.central_gradient(terms, values, "x", scale=1.0)
    assert kinks == 0
    assert (gaps < 1e-10).all()
    np.testing.assert_allclose(central, exact, rtol=1e-12)


def test_an_entry_at_a_kink_is_skipped_and_counted():
    x = np.array([0.0, 1.0, -1.0])
    report = gradcheck.check(absolute, absolute_backward, {"x": x}, analytic=False)
    assert report.ok
    assert report.row("x").skipped == 1


@pytest.mark.parametrize("distance", [1e-4, -3e-3, 5e-6, 1e-9, -1e-9])
def test_an_entry_near_a_kink_is_checked_with_smaller_steps(distance):
    x = np.array([distance, 1.0])
    report = gradcheck.check(absolute, absolute_backward, {"x": x}, analytic=False)
    assert report.ok
    assert report.row("x").skipped == 0
    wrong = gradcheck.check(absolute, lambda dy, x: dy, {"x": x - 1}, analytic=False)
    assert not wrong.ok


def test_nothing_but_kinks_does_not_pass():
    report = gradcheck.check(absolute, absolute_backward, {"x": np.zeros(3)}, analytic=False)
    assert "every entry is at a kink" in report.row("x").failure


def test_a_gradient_whose_true_value_is_zero_is_judged_by_its_natural_scale():
    """The key bias: softmax ignores a shift, so the backward pass returns rounding noise."""
    rng = np.random.default_rng(0)
    Q, K, V = (rng.standard_normal((2, 2, 4, 3)) for _ in range(3))

    def forward(b):
        return F.attention(Q, K + b, V)[0]

    def backward(dO, b):
        P = F.attention(Q, K + b, V)[1]
        return F.attention_backward(dO, Q, K + b, V, P)[1].sum(axis=(0, 1, 2))

    b = rng.standard_normal(3)
    report = gradcheck.check(forward, backward, {"b": b})
    assert report.ok
    assert abs(report.row("b").numeric) < 1e-15
    assert not gradcheck.check(forward, lambda dO, b: backward(dO, b) + 1e-6, {"b": b}).ok


FAILURES = {
    "missing: ": lambda dy, x: None,
    "wrong shape (2,)": lambda dy, x: square_backward(dy, x).sum(axis=-1),
    "wrong dtype float32": lambda dy, x: square_backward(dy, x).astype(np.float32),
    "NaN or infinity": lambda dy, x: square_backward(dy, x) * np.nan,
    "not an array but a float": lambda dy, x: 1.5,
}


@pytest.mark.parametrize("words", FAILURES)
def test_what_cannot_be_compared_is_a_failure_in_words(words):
    report = gradcheck.check(square, FAILURES[words], {"x": X})
    assert not report.ok
    assert words in report.row("x").failure
    assert words in str(report)


def test_too_few_gradients_are_a_failure():
    report = gradcheck.check(lambda x, w: x * w, lambda dy, x, w: (dy * w,), {"x": X, "w": X + 1})
    assert [row.name for row in report.failed] == ["w"]
    assert "missing" in report.row("w").failure


def test_a_pass_that_writes_into_its_argument_is_a_failure():
    def impure(dy, x):
        x *= 2
        return x * dy

    assert "wrote into its argument" in gradcheck.check(square, impure, {"x": X}).row("x").failure


def test_a_function_that_is_not_analytic_does_not_pass():
    report = gradcheck.check(lambda x: np.abs(x) ** 1.5, lambda dy, x: x * dy, {"x": X})
    assert not report.ok


def test_forward_that_overflows_is_refused():
    with pytest.raises(ValueError, match="forward pass gives NaN"):
        gradcheck.check(lambda x: x * np.inf, square_backward, {"x": X})


def test_nothing_to_differentiate_is_refused():
    with pytest.raises(ValueError, match="nothing to check"):
        gradcheck.check(lambda ids: ids, lambda dy, ids: dy, {"ids": np.arange(3)})


def test_wrt_must_name_inputs():
    with pytest.raises(ValueError, match="wrt must name"):
        gradcheck.check(square, square_backward, {"x": X}, wrt=("y",))


def test_inputs_by_position_are_named_after_the_parameters():
    report = gradcheck.check(square, square_backward, (X.astype(np.float32),))
    assert report.ok
    assert [row.name for row in report.rows] == ["x"]


def test_several_outputs_take_an_upstream_gradient():
    def both(x):
        return x * x, 3 * x

    right = gradcheck.check(both, lambda da, db, x: 2 * x * da + 3 * db, (X,), upstream=2)
    assert right.ok
    assert not gradcheck.check(both, lambda da, db, x: 2 * x * da, (X,), upstream=2).ok


def test_a_report_prints_a_table_and_raises():
    report = gradcheck.check(square, lambda dy, x: 2.1 * x * dy, {"x": X}, name="my square")
    text = str(report)
    for part in ("my square: WRONG", "complex step", "backward says", "oracle says", "1.05"):
        assert part in text
    with pytest.raises(gradcheck.GradientError, match="my square"):
        report.raise_if_failed()
    gradcheck.check(square, square_backward, {"x": X}).raise_if_failed()


def test_the_tolerance_can_be_set():
    def sloppy(dy, x):
        return 2 * x * dy * (1 + 1e-6)

    assert not gradcheck.check(square, sloppy, {"x": X}).ok
    assert gradcheck.check(square, sloppy, {"x": X}, tolerance=1e-5).ok


def test_few_entries_and_a_direction_still_catch_a_fault_anywhere():
    """Without the complex step every entry is visited; with it, the full gradient is compared."""
    x = np.random.default_rng(3).standard_normal(50)

    def one_wrong(dy, x):
        dx = square_backward(dy, x)
        dx[17] *= 1.001
        return dx

    assert not gradcheck.check(square, one_wrong, {"x": x}, entries=1).ok
    report = gradcheck.check(square, one_wrong, {"x": x}, entries=1, analytic=False)
    assert not report.ok
    assert report.row("x").index == (17,)


def test_a_direction_through_all_entries_sees_what_the_complex_step_cannot():
    """A forward pass that drops the imaginary part has the derivative 0 by complex step."""
    x = np.random.default_rng(3).standard_normal(5)
    report = gradcheck.check(lambda x: x.real**2, lambda dy, x: 0 * x, {"x": x}, entries=0)
    assert report.row("x").complex_error == 0
    assert not report.ok


def test_a_complex_step_that_fails_leaves_the_judgement_to_differences():
    def only_real(x):
        return x * x if x.dtype.kind == "f" else x * np.nan

    for analytic in (True, False):
        given = {"forward": only_real, "inputs": {"x": X}, "analytic": analytic}
        assert gradcheck.check(backward=square_backward, **given).ok
        assert not gradcheck.check(backward=lambda dy, x: x * dy, **given).ok
