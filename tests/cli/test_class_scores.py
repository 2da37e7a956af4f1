"""Precision, recall and F1 of each class, and tables that fit into 80 columns."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer import TransformerClassifier
from minitransformer.data import Split, Vocabulary
from minitransformer.runs import RunFolder, classify, evaluate
from minitransformer.runs.class_scores import class_scores, confusion_table, score_table

# Quotients by hand: right over predicted, right over true, and twice right over their sum.
MATRIX = np.array([[5, 1, 0], [2, 7, 1], [0, 0, 0]])
PRECISION, RECALL, F1 = (5 / 7, 7 / 8, 0.0), (5 / 6, 7 / 10, 0.0), (10 / 13, 14 / 18, 0.0)


def test_the_scores_of_each_class():
    classes, macro = class_scores(MATRIX, ["a", "b", "macro"])
    for k, values in enumerate(classes.values()):
        expected = {"precision": PRECISION[k], "recall": RECALL[k], "F1": F1[k]}
        assert values == pytest.approx(expected | {"texts": int(MATRIX[k].sum())})
    for name, each in (("precision", PRECISION), ("recall", RECALL), ("F1", F1)):
        assert macro[name] == pytest.approx(np.mean(each))
    assert list(classes) == ["a", "b", "macro"]  # a class may have this name


def test_a_class_without_texts_and_predictions_is_left_out_of_the_means():
    classes, macro = class_scores(np.diag([3, 0, 4]), "abc")
    assert classes["b"]["F1"] == 0.0
    assert (macro["precision"], macro["recall"], macro["F1"], macro["texts"]) == (1, 1, 1, 7)
    assert class_scores(np.zeros((2, 2), int), "ab")[1]["F1"] == 0.0


def lines(table):
    assert max(map(len, table.split("\n"))) <= 80
    return table.split("\n")


def test_tables_fit_eighty_columns():
    assert lines(confusion_table(MATRIX, ["a", "b", "c"]))[2].split() == ["b", "2", "7", "1"]
    names = [f"quite a long name {k}" for k in range(12)]
    matrix = np.arange(144).reshape(12, 12) % 10
    numbered = lines(confusion_table(matrix, names))
    assert numbered[0].split()[-12:] == [str(k) for k in range(1, 13)]
    assert numbered[3].startswith("3 quite a long name 2")
    many = np.diag(np.full(50, 10_000))
    many[3, 7], many[9, 1] = 5, 8
    listed = lines(confusion_table(many, [f"class {k}" for k in range(50)]))
    assert listed == [
        "the most frequent confusions:", "  8  class 9 taken for class 1",
        "  5  class 3 taken for class 7",
    ]  # fmt: skip
    lines(score_table(*class_scores(MATRIX, ["x" * 200, "y" * 300, "z"])))


def test_train_and_evaluate_show_and_keep_the_scores(call, trained):
    path, printed = trained
    results = json.loads((path / "results.json").read_text())
    assert set(results["classes"]) == {"1", "2", "3"}
    assert sum(values["texts"] for values in results["classes"].values()) == 8
    macro = results["macro F1"]
    assert macro == pytest.approx(np.mean([v["F1"] for v in results["classes"].values()]))
    code, out, _ = call("evaluate", path)
    for shown in (printed, out):
        row = re.search(r"^macro +\S+ +\S+ +(\S+) +8$", shown, re.MULTILINE)
        assert float(row[1]) == pytest.approx(macro, abs=5e-4)
    assert evaluate(RunFolder.open(path))["macro F1"] == macro
    assert "classes" not in call("info", path)[1].split("seconds")[-1]


def test_the_loss_of_a_probability_below_float32_is_exact():
    vocabulary = Vocabulary.build(["good bad film"] * 5, min_count=1)
    recipe = SimpleNamespace(max_len=4, truncate="end")
    model = TransformerClassifier(
        len(vocabulary), 2, max_len=4, d_model=4, n_heads=2, d_ff=4, n_layers=1, seed=0
    )
    model.head.W.value[...] = 0
    model.head.b.value = [0, 200]
    split = Split(["good film", "bad film"], np.array([0, 1]))
    found = classify.score(model, vocabulary, split, recipe)
    assert classify.probabilities(model, vocabulary, split.texts, recipe)[0, 0] == 0
    assert found.loss == 100  # (200 + 0) / 2; clipped probabilities gave 43.7
    model.compile(workers=1)
    x = classify.encode(vocabulary, split.texts, recipe)
    assert model.evaluate(x, split.labels)[0] == found.loss
    long = Split(["good bad film " * 4], np.array([0]))  # several windows of the same scores
    assert classify.score(model, vocabulary, long, recipe, windows=True).loss == 200


def test_the_loss_of_windows_is_that_of_their_mean_probability():
    vocabulary = Vocabulary.build(["good bad film"] * 5, min_count=1)
    recipe = SimpleNamespace(max_len=4, truncate="end")
    model = TransformerClassifier(
        len(vocabulary), 3, max_len=4, d_model=4, n_heads=2, d_ff=4, n_layers=1, seed=0
    )
    texts = ["good bad film bad bad good film", "film"]
    p, log_p = classify.predictions(model, vocabulary, texts, recipe, windows=True)
    assert log_p == pytest.approx(np.log(p))
    one_by_one = [model.predict([vocabulary.encode(t)]) for t in texts[1:]]
    np.testing.assert_array_equal(p[1:], np.concatenate(one_by_one))
