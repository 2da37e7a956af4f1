"""The commands: their output and files if nothing goes wrong."""

import json
import re
import shutil
import sys

import numpy as np
import pytest

from minitransformer.functional import PAIRS
from minitransformer.interpret import attention_received
from minitransformer.runs import recipes
from minitransformer.runs.classify import pieces_of
from minitransformer.runs.run_folder import RunFolder
from minitransformer.runs.source import Source
from tests.support.commands import TINY

FILES = {
    "attention.png", "checkpoint.safetensors", "config.json", "confusion.png", "curves.png",
    "history.csv", "model.safetensors", "results.json", "vocab.txt", "texts.safetensors",
}  # fmt: skip


def test_train_writes_the_folder_and_ends_with_the_fixed_lines(trained):
    path, out = trained
    assert {file.name for file in path.iterdir()} == FILES
    lines = out.splitlines()
    number = r"[01]\.\d{3}"
    for name in ("test accuracy", "bag of words", "bag of word pairs"):
        assert len([line for line in lines if re.fullmatch(f"{name}: {number}", line)]) == 1
    assert any(re.fullmatch(r"total time: \d+ s", line) for line in lines)
    assert f"minitransformer predict {path}" in out
    assert f"minitransformer evaluate {path}" in out
    for file in ("attention", "confusion", "curves"):
        assert (path / f"{file}.png").read_bytes().startswith(b"\x89PNG")


def test_train_shows_progress_at_once(trained):
    lines = trained[1].splitlines()
    assert lines[0].startswith("loading")
    assert any(line.startswith("epoch 1/2") and "(val " in line for line in lines)


def test_the_configuration_says_everything(trained, table):
    config = json.loads((trained[0] / "config.json").read_text())
    assert config["class_names"] == ["1", "2", "3"]
    assert config["data"]["file"] == str(table)
    assert config["recipe"]["d_model"] == 8
    assert config["task"] == "classification"
    known = recipes.settings(recipes.ClassificationRecipe)
    assert set(config["recipe"]) == {name for name, *_ in known}


def test_the_bundled_reviews_are_the_default(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("train", *TINY, "--epochs", 1, "--batch-size", 500)
    assert code == 0
    for name in ("test accuracy", "unseen combinations", "handwritten", "bag of words"):
        assert re.search(rf"^{name}: [01]\.\d{{3}}$", out, re.MULTILINE)
    assert {file.name for file in (tmp_path / "runs" / "reviews-0").iterdir()} == FILES


def test_a_taken_default_folder_gets_a_number(call, columns, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "stars-7").mkdir(parents=True)
    assert call("train", *columns, *TINY, "--seed", 7, "--epochs", 1)[0] == 0
    assert (tmp_path / "runs" / "stars-7-2" / "model.safetensors").exists()


def test_the_same_command_gives_the_same_bytes(call, columns, trained, tmp_path):
    assert call("train", *columns, "--out", tmp_path / "again", *TINY)[0] == 0
    for name in FILES - {"results.json", "history.csv", "curves.png", "checkpoint.safetensors"}:
        assert (tmp_path / "again" / name).read_bytes() == (trained[0] / name).read_bytes(), name


def test_evaluate_agrees_with_train(call, trained):
    path, printed = trained
    code, out, _ = call("evaluate", path)
    accuracy = re.search(r"^test accuracy: .*$", printed, re.MULTILINE)[0]
    assert code == 0
    assert accuracy in out.splitlines()
    table = [line.split() for line in out.splitlines()[-3:]]
    counts = np.array([row[1:] for row in table], int)
    assert counts.sum() == 8  # a tenth of the rows
    assert f"{np.trace(counts) / counts.sum():.3f}" in accuracy
    assert re.search(r"^test loss: \d\.\d{4}$", out, re.MULTILINE)


def test_a_run_finds_its_file_from_any_folder(call, table, tmp_path, monkeypatch):
    monkeypatch.chdir(table.parent)
    assert Source.of_file(table.name).file == str(table.resolve())


def test_evaluate_takes_the_file_from_elsewhere(call, trained, table, tmp_path):
    moved = shutil.copy(table, tmp_path / "moved.csv")
    assert call("evaluate", trained[0], "--data", moved)[:2] == call("evaluate", trained[0])[:2]


def test_predict_prints_label_probability_and_words(call, trained):
    code, out, _ = call("predict", trained[0], "A dull film", "great\ngreat [bold]cast[/bold] :)")
    assert code == 0
    lines = out.splitlines()
    assert re.fullmatch(r"[123]  0\.\d{3}  A dull film", lines[0])
    assert lines[1].startswith("  + for, - against:")
    assert lines[2].startswith("  attention:")
    for line in lines[1:3]:
        assert {"a", "dull", "film"} <= set(line.split())
        assert len(line) <= 80
    assert lines[3].endswith("great great [bold]cast[/bold] :)")
    assert "\x1b" not in out  # no colours outside a terminal


def test_predict_as_json_from_standard_input(call, trained, monkeypatch, tmp_path):
    (tmp_path / "texts").write_text("A dull film\nA great cäst\n", encoding="utf-8")
    with open(tmp_path / "texts", encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        code, out, _ = call("predict", trained[0], "--json")
    assert code == 0
    first, second = map(json.loads, out.splitlines())
    assert first["text"] == "A dull film"
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert first["probability"] == first["probabilities"][first["label"]]
    assert [w["word"] for w in first["words"]] == ["a", "dull", "film"]
    assert sum(w["attention"] for w in first["words"]) == pytest.approx(1, abs=1e-5)
    assert second["words"][2]["word"] == "<unk>"


def test_predict_draws_the_attention(call, trained, tmp_path):
    code, _, _ = call("predict", trained[0], "A dull film", "--figure", tmp_path / "w.png")
    assert code == 0
    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_with_tiled_attention_is_trained_and_explained(call, columns, tmp_path):
    run, picture = tmp_path / "run", tmp_path / "w.png"
    code, _, _ = call("train", *columns, *TINY, "--attention", "tiled", "--out", run)
    assert code == 0
    assert (run / "attention.png").exists()
    assert RunFolder.open(run).load_model().config["attention"] == "tiled"
    _, out, _ = call("predict", run, "A dull film", "--json", "--figure", picture)
    assert sum(w["attention"] for w in json.loads(out)["words"]) == pytest.approx(1, abs=1e-5)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_windows_read_all_of_a_long_text_and_are_averaged(call, trained):
    text = " ".join(["a dull film"] * 9)  # 27 tokens, and the model reads 12
    cut = json.loads(call("predict", trained[0], text, "--json")[1])
    whole = json.loads(call("predict", trained[0], text, "--json", "--windows")[1])
    assert [len(cut["words"]), len(whole["words"])] == [12, 27]
    folder = RunFolder.open(trained[0])
    ids, places = pieces_of(folder.tokenizer, text, folder.config.recipe, windows=True)
    assert [(place[0], place[-1] + 1) for place in places] == [(0, 12), (6, 18), (12, 24), (15, 27)]
    model = folder.load_model()
    each = model.predict([ids[place] for place in places])
    np.testing.assert_allclose(list(whole["probabilities"].values()), each.mean(axis=0), atol=1e-6)
    received = [
        attention_received(model, model.forward(ids[place][None])[1])[0] for place in places
    ]
    word = whole["words"][7]["attention"]  # in the first two windows
    assert word == pytest.approx((received[0][7] + received[1][1]) / 2, abs=1e-6)


def test_gradcheck_passes_and_fails(call, monkeypatch):
    code, out, _ = call("gradcheck", "--shapes", 3, "--only", "softmax")
    assert code == 0
    assert "4 of 4 right" in out
    wrong = PAIRS["softmax"]._replace(backward=lambda dy, y: y * dy)
    monkeypatch.setitem(PAIRS, "softmax", wrong)
    code, out, _ = call("gradcheck", "--shapes", 3, "--only", "softmax")
    assert code == 1
    assert "WRONG" in out
    assert "likely fault" in out
    code, out, _ = call("gradcheck", "--shapes", 3, "--only", "softmax", "--json")
    assert code == 1
    assert json.loads(out)["ok"] is False


def test_info_says_why_there_is_no_gpu(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    code, out, _ = call("info")
    assert code == 0
    assert re.search(rf"^numpy +{np.__version__}$", out, re.MULTILINE)
    assert re.search(r"^GPU +none: CuPy is not installed", out, re.MULTILINE)
    assert re.search(r"^BLAS +\S", out, re.MULTILINE)
