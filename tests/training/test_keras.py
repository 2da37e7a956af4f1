"""The Keras-like interface: forms of data, losses, evaluate, predict."""

import numpy as np
import pytest

from minitransformer.checks import near_names
from minitransformer.models.classifier import TransformerClassifier
from minitransformer.training import Accuracy, Metric, confusion_matrix
from minitransformer.training.arguments import split_off
from minitransformer.training.objective.losses import CategoricalCrossentropy
from tests.support.toys import VOCAB, compiled, padded, toy_data, toy_model


def test_the_example_of_the_readme():
    train_data, train_labels = toy_data(50)
    val_data, val_labels = toy_data(20, seed=1)
    test_data, _ = toy_data(7, seed=2)
    model = TransformerClassifier(vocab_size=VOCAB, n_classes=2, max_len=256)
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        train_data, train_labels, epochs=2, batch_size=32,
        validation_data=(val_data, val_labels), verbose=0,
    )  # fmt: skip
    predictions = model.predict(test_data)
    predicted_labels = predictions.argmax(axis=1)
    assert predictions.shape == (7, 2)
    assert predicted_labels.shape == (7,)
    assert len(history.history["val_accuracy"]) == 2


def forms(x):
    """The same examples in every allowed form, as (x, mask)."""
    ids = padded(x, 11)
    junk = np.where(ids == 0, 7, ids)
    return {
        "list of arrays": (x, None),
        "list of lists": ([row.tolist() for row in x], None),
        "tuple": (tuple(x), None),
        "object array": (np.array([*x, None], dtype=object)[:-1], None),
        "padded": (ids, None),
        "padded int8": (ids.astype("int8"), None),
        "padded with mask": (junk, ids != 0),
        "list with mask": ([*junk], [*(ids != 0)]),
    }


@pytest.mark.parametrize("form", sorted(forms(toy_data(4)[0])))
def test_forms_of_data_agree(form):
    x, y = toy_data(30)
    given, mask = forms(x)[form]
    reference, model = compiled(), compiled()
    reference.fit(x, y, verbose=0)
    model.fit(given, y, mask=mask, validation_data=(given, y, mask), verbose=0)
    assert model.flat.values.tobytes() == reference.flat.values.tobytes()
    assert model.evaluate(given, y, mask=mask) == reference.evaluate(x, y)
    np.testing.assert_array_equal(model.predict(given, mask=mask), reference.predict(x))


def test_in_a_list_every_id_is_a_token_in_an_array_trailing_zeros_are_not():
    model = compiled()
    with_zero = model.predict([[5, 7, 0]])
    assert np.abs(with_zero - model.predict([[5, 7]])).max() > 1e-6
    np.testing.assert_array_equal(model.predict(np.array([[5, 7, 0]])), model.predict([[5, 7]]))
    inside = model.predict(np.array([[5, 0, 7, 0]]))
    np.testing.assert_array_equal(inside, model.predict([[5, 0, 7]]))


def test_a_mask_with_holes():
    """A masked token in the middle keeps its position, but its id does not matter."""
    model = compiled()
    mask = np.array([[True, False, True, False]])
    a, b = (model.predict(np.array([[5, junk, 7, junk]]), mask=mask) for junk in (9, 13))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - model.predict([[5, 7]])).max() > 1e-9
    logits, _ = model.forward(np.array([[5, 9, 7, 9]]), mask=mask)
    p = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(a, p, rtol=1e-12)


def test_predictions_are_probabilities_in_the_order_given():
    x, _ = toy_data(50)
    model = compiled()
    p = model.predict(x)
    assert p.shape == (50, 2)
    np.testing.assert_allclose(p.sum(1), 1.0, rtol=1e-14)
    for i in (0, 17, 49):
        np.testing.assert_allclose(p[i], model.predict([x[i]])[0], rtol=1e-12)
    order = np.random.default_rng(0).permutation(50)
    np.testing.assert_allclose(model.predict([x[i] for i in order]), p[order], rtol=1e-12)


def test_predict_works_without_compile():
    np.testing.assert_array_equal(toy_model().predict([[5, 6]]), compiled().predict([[5, 6]]))


def test_evaluate_against_its_definition():
    x, y = toy_data(41)
    model = compiled()
    p = model.predict(x)
    result = model.evaluate(x, y, return_dict=True)
    assert list(result) == ["loss", "accuracy"]
    assert result["loss"] == pytest.approx(-np.log(p[np.arange(41), y]).mean(), rel=1e-12)
    assert result["accuracy"] == (p.argmax(1) == y).mean()


def test_one_hot_labels_and_losses_by_name():
    x, y = toy_data(20)
    results = []
    for loss in ("categorical_crossentropy", "sparse_categorical_crossentropy",
                 CategoricalCrossentropy, CategoricalCrossentropy()):  # fmt: skip
        model = toy_model()
        model.compile("adam", loss)
        results.append(model.evaluate(x, y))
    model.compile("adam", "categorical_crossentropy")
    results.append(model.evaluate(x, np.eye(2)[y]))
    results.append(model.evaluate(x, np.eye(2, dtype=int)[y].tolist()))
    assert all(r == results[0] for r in results)
    model.compile("adam", "mean_squared_error")
    brier = ((model.predict(x) - np.eye(2)[y]) ** 2).mean()
    assert model.evaluate(x, y)[0] == pytest.approx(brier, rel=1e-12)


def test_label_smoothing_matches_its_definition():
    x, y = toy_data(20)
    model = toy_model()
    model.compile("adam", CategoricalCrossentropy(label_smoothing=0.2))
    logp = np.log(model.predict(x))
    target = 0.8 * np.eye(2)[y] + 0.1
    assert model.evaluate(x, y)[0] == pytest.approx(-(target * logp).sum(1).mean(), rel=1e-12)


def test_validation_split_takes_the_last_examples():
    x, y = toy_data(40)
    split, given = compiled(), compiled()
    a = split.fit(x, y, validation_split=0.25, epochs=2, verbose=0)
    b = given.fit(x[:30], y[:30], validation_data=(x[30:], y[30:]), epochs=2, verbose=0)
    assert split.flat.values.tobytes() == given.flat.values.tobytes()
    assert a.history["val_loss"] == b.history["val_loss"]


def test_validation_split_of_two_examples_leaves_one_on_each_side():
    model = compiled()
    examples = model.learns_from.read_inputs(model, [[5], [6, 7]], None)
    train, validation = split_off(examples, 0.9)
    assert (train.lengths.tolist(), validation.lengths.tolist()) == ([1], [2])


def test_class_weights_in_training_only():
    x, y = toy_data(40)
    even, skewed = compiled(dropout=0.0), compiled(dropout=0.0)
    even.fit(x, y, epochs=2, class_weight=[1.0, 1.0], verbose=0)
    plain = compiled(dropout=0.0)
    plain.fit(x, y, epochs=2, verbose=0)
    assert plain.flat.values.tobytes() == even.flat.values.tobytes()
    named, listed = compiled(), compiled()
    named.fit(x, y, class_weight={1: 3.0}, verbose=0)
    listed.fit(x, y, class_weight=[1.0, 3.0], verbose=0)
    assert named.flat.values.tobytes() == listed.flat.values.tobytes()
    history = skewed.fit(x, y, epochs=8, class_weight={1: 50.0}, validation_data=(x, y), verbose=0)
    assert skewed.predict(x)[:, 1].mean() > plain.predict(x)[:, 1].mean() + 0.1
    assert skewed.evaluate(x, y)[0] == history.history["val_loss"][-1], "not weighted"


def test_a_metric_of_your_own():
    class Zeros(Metric):
        name = "zeros"

        def measure(self, logits, targets, ignore_index=None):
            return float((logits.argmax(-1) == 0).sum()), targets.size

    x, y = toy_data(30)
    model = toy_model()
    model.compile(metrics=[Zeros(), Accuracy])
    result = model.evaluate(x, y, return_dict=True)
    assert result["zeros"] == (model.predict(x).argmax(1) == 0).mean()


def test_accuracy_ignores_what_does_not_count():
    logits, targets = np.eye(3), np.array([0, 2, -1])
    assert Accuracy().measure(logits, targets) == (1.0, 3)
    assert Accuracy().measure(logits, targets, ignore_index=-1) == (1.0, 2)


def test_confusion_matrix():
    table = confusion_matrix([0, 0, 1, 2, 2], [0, 1, 1, 0, 2], 3)
    np.testing.assert_array_equal(table, [[1, 1, 0], [0, 1, 0], [1, 0, 1]])
    with pytest.raises(ValueError, match="same length"):
        confusion_matrix([0, 1], [0], 2)
    with pytest.raises(ValueError, match="predictions must be integers in 0..1"):
        confusion_matrix([0, 1], [0, 2], 2)


def test_near_names():
    assert near_names("Adma", ["adam", "sgd"]) == "did you mean 'adam'? allowed: 'adam', 'sgd'"
    assert near_names("xyz", ["b", "a"]) == "allowed: 'a', 'b'"


def test_evaluate_returns_a_list_as_in_keras():
    x, y = toy_data(20)
    model = compiled()
    loss, accuracy = model.evaluate(x, y)
    assert model.evaluate(x, y, return_dict=True) == {"loss": loss, "accuracy": accuracy}
    assert model.metrics_names == ["loss", "accuracy"]
    assert model.train_on_batch(x, y)[1] == accuracy
    model.compile(metrics=[])
    assert model.evaluate(x, y) == model.evaluate(x, y, return_dict=True)["loss"]
    with pytest.raises(TypeError, match="return_dict must be True or False, got 1"):
        model.evaluate(x, y, return_dict=1)
