"""Metrics: precision, recall and F1 over whole epochs, functions, and names."""

import numpy as np
import pytest

from minitransformer.training import F1, Callback, Metric, Precision, Recall
from tests.support.resumed_runs import SaveEveryStep
from tests.support.toys import ToyWriter, toy_data, toy_model

X, Y = toy_data(40)
PREDICTED = np.array([0, 0, 1, 1, 2, 2, 2, 0])
ACTUAL = np.array([0, 1, 1, 1, 2, 0, 2, 0])


def of(metric, predicted, actual, n_classes, cut=3):
    """The metric of these classes, measured in two parts."""
    logits = np.eye(n_classes)[predicted]
    parts = [metric.measure(logits[part], actual[part]) for part in (slice(cut), slice(cut, None))]
    total, count = metric.add_up(parts)
    return metric.finish(total / count)


@pytest.mark.parametrize(
    ("kind", "average", "expected"),
    [
        (Precision, "auto", np.mean([2 / 3, 1, 2 / 3])),
        (Recall, "macro", np.mean([2 / 3, 2 / 3, 1])),
        (F1, "macro", np.mean([2 / 3, 0.8, 0.8])),
        (F1, "weighted", (3 * 2 / 3 + 3 * 0.8 + 2 * 0.8) / 8),
        (F1, "micro", 6 / 8),
    ],
)
def test_three_classes_by_hand(kind, average, expected):
    assert of(kind(average), PREDICTED, ACTUAL, 3) == pytest.approx(expected)
    # a fourth class that neither occurs nor is predicted changes nothing
    assert of(kind(average), PREDICTED, ACTUAL, 4) == pytest.approx(expected)


def test_two_classes_are_those_of_class_1():
    predicted, actual = np.array([1, 1, 1, 0, 0]), np.array([1, 0, 1, 1, 0])
    assert of(Precision(), predicted, actual, 2) == pytest.approx(2 / 3)
    assert of(Recall(), predicted, actual, 2) == pytest.approx(2 / 3)
    assert of(F1(), predicted, 0 * actual, 2) == 0
    assert F1().measure(np.eye(2), np.array([1, -1]), -1)[1] == 1
    with pytest.raises(ValueError, match="average must not be 'binary' for 3 classes"):
        of(F1("binary"), PREDICTED, ACTUAL, 3)


def test_a_metric_is_reported_under_the_name_asked_for():
    model = toy_model()
    model.compile(metrics=["acc", "f1_score", Precision(name="p")])
    history = model.fit(X, Y, validation_data=(X, Y), verbose=0)
    assert {"acc", "val_acc", "val_f1_score", "val_p"} <= set(history.history)
    predicted = model.predict(X).argmax(1)
    scores = model.evaluate(X, Y, return_dict=True)
    assert scores["f1_score"] == pytest.approx(of(F1(), predicted, Y, 2))
    assert scores["p"] == pytest.approx(of(Precision(), predicted, Y, 2))


def error_rate(y_true, y_pred):
    return (y_pred.argmax(axis=1) != y_true).mean()


def per_example(y_true, y_pred):
    return y_pred[np.arange(len(y_true)), y_true]


@pytest.mark.parametrize("workers", [1, 2])
def test_functions_as_metrics(workers):
    sizes = []

    def size(y_true, y_pred):
        sizes.append((y_true.shape, y_pred.shape))
        return len(y_true)

    model = toy_model()
    model.compile(metrics=["accuracy", error_rate, per_example, size], workers=workers,
                  micro_batch_tokens=30)  # fmt: skip
    history = model.fit(X, Y, validation_data=(X, Y), batch_size=10, verbose=0).history
    assert history["error_rate"][0] == pytest.approx(1 - history["accuracy"][0])
    scores = model.evaluate(X, Y, return_dict=True)
    p = model.predict(X)
    assert scores["error_rate"] == pytest.approx(error_rate(Y, p))
    assert scores["per_example"] == pytest.approx(per_example(Y, p).mean())
    assert sizes == [((10,), (10, 2))] * 4 + [((40,), (40, 2))] * 2


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda y, p: y.nothing, "failed: AttributeError.*y_pred, .n, C. probabilities"),
        (lambda y, p: None, "failed: TypeError: it returned None"),
        (lambda y, p: [1.0, 2.0], "must return a number or one number per example .40., got"),
    ],
)
def test_functions_that_fail(function, message):
    model = toy_model()
    model.compile(metrics=[function])
    with pytest.raises(ValueError, match=message):
        model.evaluate(X, Y)


def test_functions_are_for_classifiers():
    with pytest.raises(ValueError, match="must not be functions for models of sequences"):
        ToyWriter().compile(metrics=[error_rate])
    writer = ToyWriter()
    writer.compile(metrics=["f1"])
    assert 0 <= writer.evaluate(list(range(3, 19)))[1] <= 1


def test_a_run_with_counts_resumes_in_the_middle_of_an_epoch(tmp_path):
    def run(callbacks=(), **more):
        model = toy_model()
        model.compile(metrics=["f1"], workers=1)
        return model.fit(
            X, Y, epochs=2, batch_size=10, verbose=0, callbacks=list(callbacks), **more
        )

    whole = run([SaveEveryStep(tmp_path)])
    resumed = run(resume=tmp_path / "6.safetensors")
    assert resumed.history["f1"] == whole.history["f1"]


@pytest.mark.parametrize("name", ["loss", "seconds", "learning_rate", "val_f1"])
def test_a_metric_must_not_take_the_name_of_another_column(name):
    with pytest.raises(ValueError, match=f"metrics .*{name}"):
        toy_model().compile(metrics=["f1", F1(name=name)])


def test_unknown_metrics():
    for metric in ("auc", 3, Callback, None):
        with pytest.raises((TypeError, ValueError), match="metric"):
            toy_model().compile(metrics=[metric])
    assert Metric().add_up([(1, 2), (3, 4)]) == (4, 6)
