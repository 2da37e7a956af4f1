"""Language models and translators are validated, keep their best weights, and stop early."""

import csv
import json
import re

import numpy as np
import pytest

from minitransformer.data import load_text
from minitransformer.runs import TASKS, RunFolder, evaluate, resume, start, train
from minitransformer.runs.config import sealed
from minitransformer.runs.recipes.language_model import NANOGPT, OURS, TEXT
from minitransformer.runs.recipes.translation import MULTI30K
from minitransformer.runs.tasks.language_model import held_out_parts
from tests.support.commands import assert_one_line

TINY = {"d_model": 8, "n_heads": 2, "d_ff": 16, "n_layers": 1, "max_len": 8, "workers": 1}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A short text of random letters: a model can only learn it by heart."""
    path = tmp_path_factory.mktemp("data") / "letters.txt"
    letters = np.random.default_rng(0).choice(list("abcdefgh"), 600)
    path.write_text("".join(letters))
    return path


def run_of(text, path, **settings):
    """A trained run on letters, and its history; the learning rate makes it overfit."""
    settings = {"steps": 200, "learning_rate": 0.03, "warmup": 0.05, "dropout": 0.0} | settings
    folder, texts = start("language-model", data=text, out=path, **(TINY | settings))
    train(folder, texts)
    with open(folder.history) as file:
        rows = list(csv.DictReader(file))
    return RunFolder.open(path), rows


def test_the_weights_with_the_best_validation_loss_are_kept(text, tmp_path):
    folder, rows = run_of(text, tmp_path / "run", patience=0, d_model=32)
    losses = [float(row["val_loss"]) for row in rows]
    assert len(losses) == 10
    assert min(losses) < losses[-1] - 0.05  # it overfits
    validation, test = held_out_parts(load_text(text), folder.config.recipe)
    assert validation + test == text.read_text()[-60:]
    assert len(validation) == 30
    model = folder.load_model()
    kept = model.evaluate(folder.tokenizer.encode(validation), return_dict=True)["loss"]
    assert kept == pytest.approx(min(losses), abs=1e-5)
    judged = model.evaluate(folder.tokenizer.encode(test), return_dict=True)["loss"]
    assert evaluate(folder)["held-out loss"] == pytest.approx(judged, abs=1e-5)


def test_early_stopping_ends_a_language_model(text, tmp_path):
    folder, rows = run_of(text, tmp_path / "run", monitor="val_perplexity", patience=2)
    losses = [float(row["val_perplexity"]) for row in rows]
    assert len(rows) < 10
    assert len(rows) == np.argmin(losses) + 3
    lines = []
    resume(folder.path, on_progress=lines.append)
    assert "nothing is left to train: early stopping ended the run" in lines[-1]
    folder, texts = resume(folder.path, longer={"patience": 20, "steps": 240})
    _, history = train(folder, texts, resume=True)
    assert history.epoch == list(range(1, 13))  # still 20 steps each


@pytest.mark.parametrize("monitor", ["none", "off"])
def test_the_last_weights_are_kept_if_asked(text, tmp_path, monitor):
    folder, rows = run_of(text, tmp_path / "run", monitor=monitor, steps=20)
    assert ("val_loss" in rows[0]) == (monitor == "none")
    assert len(rows) == 10
    assert held_out_parts(load_text(text), folder.config.recipe)[1] == text.read_text()[-60:]
    other, _ = run_of(text, tmp_path / "other", monitor="val_loss", patience=0, steps=20)
    folder.config.recipe.check()
    assert other.config.recipe.monitor == "val_loss"


def test_validation_changes_no_weight(text, tmp_path):
    ends = [
        run_of(text, tmp_path / monitor, monitor=monitor, steps=20)[0].weights.read_bytes()
        for monitor in ("none", "off")
    ]
    assert ends[0] == ends[1]


def test_the_published_comparisons_are_as_they_were():
    for recipe in (NANOGPT, OURS):
        assert recipe.callbacks() == []
        assert recipe.monitor == "none"
    assert TEXT.callbacks()[0].patience == 3
    for recipe in (*TASKS["translation"].recipes["multi30k"].values(),):
        assert [type(c).__name__ for c in recipe.callbacks()] == ["BestWeights"]


def test_the_warm_up_of_a_shorter_run_is_shorter(text, tmp_path):
    def warmup(**settings):
        out = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        folder, _ = start("language-model", data=text, out=out, **(TINY | settings))
        return folder.config.recipe.warmup

    assert warmup() == warmup(steps=4000) == 100
    assert warmup(steps=60) == 3  # 5 % of the steps, as in 100 of 2000
    assert warmup(steps=1) == 1
    assert warmup(steps=60, warmup=20) == 20
    assert MULTI30K.changed({"epochs": 2}, "translation").warmup == 100


def test_an_older_run_is_resumed_without_validation(text, tmp_path):
    folder, _ = run_of(text, tmp_path / "run", monitor="off", steps=20)
    config = json.loads((folder.path / "config.json").read_text())
    for name in ("monitor", "patience"):
        del config["recipe"][name]
    (folder.path / "config.json").write_text(json.dumps(sealed(config)))
    folder, texts = resume(folder.path)
    assert folder.config.recipe.monitor == "off"
    before = folder.weights.read_bytes()
    train(folder, texts, resume=True)
    assert folder.weights.read_bytes() == before


@pytest.mark.parametrize("n", [5, 10, 29])
def test_a_text_that_is_too_short_is_refused_before_training(call, tmp_path, n):
    (tmp_path / "short.txt").write_text("abcdefgh "[: n % 9] + "ab" * (n // 2))
    arguments = ["--task", "language-model", "--data", tmp_path / "short.txt", "--out"]
    code, out, err = call("train", *arguments, tmp_path / "run", "--max-len", 4)
    assert code == 2
    assert_one_line(err)
    assert re.search("too short|the text must be longer: its last tenth", err)
    assert "epoch" not in out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--task language-model --monitor val_acc", "unknown monitor 'val_acc'; did you mean"),
        ("--task translation --monitor off", "unknown monitor 'off'"),
        ("--monitor val_perplexity", "unknown monitor 'val_perplexity'"),
        ("--task reverse --patience -1", "patience must be >= 0, got -1"),
    ],
)
def test_bad_monitors(call, arguments, message):
    code, _, err = call("train", *arguments.split())
    assert code == 2
    assert re.search(message, err), err
