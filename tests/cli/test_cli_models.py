"""`train --model`: classifiers without attention, from training to prediction."""

import json

import pytest

from minitransformer.models import BagOfEmbeddings, RecurrentClassifier, TextCNN
from minitransformer.runs import RunFolder
from minitransformer.runs.recipes.classification import IMDB, MODELS, REVIEWS

CLASSES = {
    "cnn": TextCNN, "rnn": RecurrentClassifier, "lstm": RecurrentClassifier,
    "gru": RecurrentClassifier, "bag": BagOfEmbeddings,
}  # fmt: skip
SMALL = {
    "cnn": ("--n-filters", "8"), "rnn": ("--d-state", "8"), "lstm": ("--d-state", "8"),
    "gru": ("--d-state", "8", "--pooling", "last"), "bag": (),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_a_run_from_training_to_prediction(call, columns, tmp_path, name):
    out = tmp_path / "run"
    arguments = ("--model", name, "--d-model", "8", *SMALL[name])
    code, _, error = call("train", *columns, *arguments, "--epochs", "2", "--out", out)
    assert code == 0, error
    folder = RunFolder.open(out)
    assert folder.config.recipe.model == name
    assert type(folder.load_model()) is CLASSES[name]
    assert not (out / "attention.png").exists()
    assert (out / "confusion.png").exists()
    code, printed, error = call("predict", out, "good film", "--json")
    assert code == 0, error
    (values,) = [json.loads(line) for line in printed.splitlines()]
    assert all(word["attention"] == 0 for word in values["words"])
    assert abs(values["gap"]) < 0.05
    _, printed, _ = call("predict", out, "good film")
    assert "+ for, - against:" in printed
    assert "attention" not in printed
    assert call("evaluate", out)[0] == 0
    assert call("train", "--resume", out, "--epochs", "3")[0] == 0


def test_there_is_no_attention_to_draw(call, columns, tmp_path):
    out = tmp_path / "run"
    call("train", *columns, "--model", "bag", "--epochs", "1", "--out", out)
    code, _, error = call("predict", out, "good film", "--figure", tmp_path / "a.png")
    assert code == 2
    assert "the model has no attention to draw" in error


@pytest.mark.parametrize(("arguments", "message"), [
    (("--model", "lstmm"), "model must be one of transformer, cnn, rnn, lstm, gru, bag"),
    (("--model", "cnn", "--n-heads", "2"), "n_heads is not a setting of the model cnn"),
    (("--model", "bag", "--n-layers", "2"), "n_layers is not a setting of the model bag"),
    (("--n-filters", "8"), "n_filters is not a setting of the model transformer"),
    (("--model", "lstm", "--pooling", "first"), "pooling must be one of last, mean, max"),
    (("--task", "reverse", "--model", "cnn"), "model"),
])  # fmt: skip
def test_settings_that_a_model_does_not_have(call, arguments, message):
    code, _, error = call("train", *arguments)
    assert code == 2
    assert message in " ".join(error.split())


def test_the_settings_of_the_transformer_are_as_they_were():
    for recipe in (REVIEWS, IMDB):
        assert recipe.changed({}, "classification") == recipe
        assert recipe.model == "transformer"
    values = REVIEWS.as_dict()
    for name in ("model", "n_filters", "d_state"):  # a run from before has none of them
        del values[name]
    assert type(REVIEWS).from_dict(values) == REVIEWS


def test_every_model_has_settings_of_its_own():
    for name in MODELS:
        recipe = REVIEWS.changed({"model": name}, "classification")
        model = recipe.new_model(vocab_size=9, seed=0, n_classes=2)
        assert type(model) is MODELS[name]
    assert REVIEWS.changed({"model": "cnn"}, "classification").dropout == 0.5
    assert REVIEWS.changed({"model": "cnn", "dropout": 0.1}, "classification").dropout == 0.1
