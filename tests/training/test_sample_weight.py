"""Weights of examples: the loss is the sum of weight times loss over the sum of the weights."""

import numpy as np
import pytest

from minitransformer.training import SGD, CategoricalCrossentropy, Loss, MeanSquaredError
from minitransformer.training.objective.losses import SparseCategoricalCrossentropy
from tests.support.toys import ToyWriter, padded, toy_data, toy_model, toy_text

X, Y = toy_data(14)
COUNTS = np.array([0, 1, 2, 3, 1, 1, 2, 1, 4, 1, 1, 2, 0, 1])
LOSSES = {
    "cross-entropy": CategoricalCrossentropy,
    "smoothed": lambda: CategoricalCrossentropy(0.2),
    "class weights": lambda: CategoricalCrossentropy(class_weights=[0.5, 2.0]),
    "smoothed, class weights": lambda: CategoricalCrossentropy(0.1, [0.5, 2.0]),
    "sparse": SparseCategoricalCrossentropy,
    "squared error": MeanSquaredError,
}


def prepared(loss=CategoricalCrossentropy, **recipe):
    model = toy_model(dropout=0.0)
    model.compile(**{"optimizer": SGD(0.5), "loss": loss(), "micro_batch_tokens": 24, **recipe})
    return model


def repeated():
    """Every example as often as its weight says."""
    rows = np.repeat(np.arange(len(X)), COUNTS)
    return [X[i] for i in rows], Y[rows]


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_weights_are_repetitions(loss):
    a, b = prepared(loss), prepared(loss)
    a.train_on_batch(X, Y, COUNTS)
    b.train_on_batch(*repeated())
    np.testing.assert_allclose(a.flat.grads, b.flat.grads, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(
        a.evaluate(X, Y, sample_weight=COUNTS)[0], b.evaluate(*repeated())[0], rtol=1e-12
    )


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("form", ["list", "padded"])
def test_weights_are_repetitions_in_a_whole_fit(workers, form):
    a, b = prepared(workers=workers), prepared()
    x = X if form == "list" else padded(X)
    many, labels = repeated()
    common = {"epochs": 3, "batch_size": 100, "verbose": 0, "class_weight": {1: 3.0}}
    one = a.fit(x, Y, sample_weight=COUNTS, validation_data=(x, Y, COUNTS), **common)
    two = b.fit(many, labels, validation_data=(many, labels), **common)
    np.testing.assert_allclose(a.flat.values, b.flat.values, rtol=1e-9, atol=1e-12)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(one.history[name], two.history[name], rtol=1e-9)


def test_the_formula_of_the_loss():
    """sum(w l) / sum(w); accuracy is not weighted."""
    model, weights = prepared(), np.linspace(0, 2, len(X))
    p = model.predict(X)[np.arange(len(X)), Y]
    loss, accuracy = model.evaluate(X, Y, sample_weight=weights)
    assert loss == pytest.approx((weights * -np.log(p)).sum() / weights.sum(), rel=1e-12)
    assert accuracy == model.evaluate(X, Y)[1]
    assert model.evaluate(X, Y, sample_weight=np.full(len(X), 7.0))[0] == pytest.approx(
        model.evaluate(X, Y)[0], rel=1e-12
    )


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_gradient_by_finite_differences(loss):
    rng = np.random.default_rng(0)
    loss, logits, targets = loss(), rng.normal(size=(5, 2)), rng.integers(0, 2, 5)
    weights = np.array([0.0, 0.3, 1.0, 2.5, 0.7])
    total = loss.normaliser(targets, weights)

    def value(logits):
        parts = [slice(0, 2), slice(2, 5)]  # two micro-batches
        return sum(loss.forward(logits[p], targets[p], total, weights=weights[p])[0] for p in parts)

    _, saved = loss.forward(logits, targets, total, weights=weights)
    gradient = loss.backward(saved)
    for place in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[place] = 1e-5
        expected = (value(logits + step) - value(logits - step)) / 2e-5
        assert gradient[place] == pytest.approx(expected, abs=1e-9)


def test_an_example_of_weight_zero_cannot_spoil_the_loss():
    loss, logits = CategoricalCrossentropy(), np.array([[-np.inf, 0.0], [0.0, 0.0]])
    value, saved = loss.forward(logits, np.array([0, 1]), 1.0, weights=np.array([0.0, 1.0]))
    assert value == pytest.approx(np.log(2))
    np.testing.assert_allclose(loss.backward(saved), [[0, 0], [0.5, -0.5]])


def test_a_split_takes_the_weights_along():
    a, b, common = prepared(), prepared(), {"verbose": 0, "batch_size": 5}
    a.fit(X, Y, sample_weight=COUNTS, validation_split=0.5, **common)
    data = (X[7:], Y[7:], COUNTS[7:])
    b.fit(X[:7], Y[:7], sample_weight=COUNTS[:7, None], validation_data=data, **common)
    assert a.flat.values.tobytes() == b.flat.values.tobytes()
    assert a.history.history["val_loss"] == b.history.history["val_loss"]


class Mine(Loss):
    def normaliser(self, targets):
        return float(targets.size)

    def forward(self, logits, targets, total, ops=None):
        return 0.0, ()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"must have the shape \(14,\), one weight per example, got shape \(3,\)"),
        (-COUNTS, r"sample_weight\[1\] must be finite and >= 0, got -1"),
        (np.full(14, np.nan), r"sample_weight\[0\] must be finite"),
        (np.zeros(14), "must not be 0 for all examples"),
        (np.full(14, 1e39), r"sample_weight\[0\] must be 0 or from 1e-30 to 1e\+30, got 1e\+39"),
        (COUNTS * 1e-40, r"sample_weight\[1\] must be 0 or from 1e-30 to 1e\+30"),
        (["a"] * 14, "must hold numbers"),
        (3, r"got shape \(\)"),
        ([[1], [1, 2]], "must be a flat list of numbers"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises((TypeError, ValueError), match=message):
        prepared().fit(X, Y, sample_weight=weights, verbose=0)


def test_models_and_losses_without_weights_of_examples():
    with pytest.raises(ValueError, match="Mine.forward has no argument 'weights'"):
        prepared(Mine).fit(X, Y, sample_weight=COUNTS, verbose=0)
    writer = ToyWriter()
    writer.compile()
    with pytest.raises(ValueError, match="sample_weight must be None for models of sequences"):
        writer.fit(toy_text(), sample_weight=[1.0], verbose=0)


@pytest.mark.parametrize(("given", "expected"), [("balanced", [14 / 8, 14 / 20]), (None, [1, 1])])
def test_balanced_classes(given, expected):
    labels = np.array([0] * 4 + [1] * 10)
    a, b = prepared(), prepared()
    a.fit(X, labels, class_weight=given, verbose=0)
    b.fit(X, labels, class_weight=expected, verbose=0)
    np.testing.assert_allclose(a.flat.values, b.flat.values, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_weight": [0, 0]}, "gives every example the weight 0"),
        ({"class_weight": {0: 0, 1: 0}}, "gives every example the weight 0"),
        ({"class_weight": {1: 0}, "sample_weight": Y}, "gives every example the weight 0"),
        ({"class_weight": "auto"}, "class_weight must be one of balanced, got 'auto'"),
        ({"class_weight": 3}, "class_weight must be 'balanced', a dict, or 2 weights, got 3"),
        ({"initial_epoch": 5, "epochs": 2}, "initial_epoch must be below epochs=2"),
        ({"initial_epoch": 1}, "initial_epoch must be below epochs=1"),
        ({"validation_split": 0.2, "validation_data": (X, Y)}, "not both: validation_split=0.2"),
        ({"validation_freq": 5, "validation_split": 0.5}, "must name one of the 1 epochs, got 5"),
        ({"validation_freq": 0}, "validation_freq must be >= 1, got 0"),
        ({"validation_steps": 3}, "must be None unless .* all of validation_data are used"),
        ({"epoch": 3}, "fit has no argument 'epoch'; did you mean 'epochs'"),
    ],
)
def test_arguments_that_would_do_nothing(arguments, message):
    model = prepared()
    before = model.flat.values.copy()
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, Y, verbose=0, **arguments)
    np.testing.assert_array_equal(model.flat.values, before)
