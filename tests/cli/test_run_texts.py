"""A run knows its texts: other files are scored whole, and changed files do not leak."""

import json
import re
import shutil

import numpy as np
import pytest

from minitransformer.runs import RunFolder, evaluate, resume, start, train
from minitransformer.runs.config import sealed
from minitransformer.runs.source import Source
from minitransformer.runs.text_record import TextRecord, hashes
from tests.support.commands import assert_one_line, write_table

NEW = "review,stars\n" + "".join(f'"An odd {w} {i}",{1 + i % 3}\n' for w in "ab" for i in range(6))


@pytest.fixture
def own(run, tmp_path):
    """A copy of the trained run, whose table is a copy of its own; and that table."""
    table = write_table(tmp_path / "own.csv")
    folder = RunFolder.open(run)
    folder.write_config(
        type(folder.config)(**{**vars(folder.config), "source": moved(folder, table)})
    )
    return run, table


def moved(folder, table):
    return folder.config.source.moved(data=table)


def without_record(run):
    """Make the folder one from before there were records."""
    (run / "texts.safetensors").unlink()
    config = json.loads((run / "config.json").read_text())
    del config["texts_sha256"]
    (run / "config.json").write_text(json.dumps(sealed(config)))


def number(pattern, text):
    return float(re.search(pattern, text, re.MULTILINE)[1])


def test_the_record_has_the_texts_of_each_part(trained, table):
    folder = RunFolder.open(trained[0])
    parts = folder.task.parts_of(folder.task.load(folder.config.source, folder.config.recipe))
    record = folder.record()
    assert {name: len(part) for name, part in record.parts.items()} == {
        "train": 64, "validation": 8, "test": 8
    }  # fmt: skip
    for name, texts in parts.items():
        assert record.has(name, texts).all()
        assert not record.has("test" if name == "train" else "train", texts).any()
    content = (trained[0] / "texts.safetensors").read_bytes()
    assert b"dull" not in content  # hashes, not texts


def test_another_file_is_scored_whole(call, trained, tmp_path):
    (tmp_path / "new.csv").write_text(NEW)
    code, out, _ = call("evaluate", trained[0], "--data", tmp_path / "new.csv")
    assert code == 0
    assert "all of new.csv is scored: 12 texts" in out
    assert "\n0 of them were trained on\n" in out
    counts = [line.split()[1:] for line in out.splitlines()[-3:]]
    assert np.array(counts, int).sum() == 12
    assert "unseen texts" not in out


def test_texts_that_were_trained_on_are_counted(call, trained, table, tmp_path):
    mixed = tmp_path / "mixed.csv"
    mixed.write_text(table.read_text() + NEW.split("\n", 1)[1])
    folder = RunFolder.open(trained[0])
    code, out, _ = call("evaluate", trained[0], "--data", mixed)
    assert code == 0
    assert "all of mixed.csv is scored: 92 texts\n64 of them were trained on, 8 validated on" in out
    assert "\nthe scores are for the 20 texts that the model has not seen\n" in out
    unseen = number(r"^test accuracy: (.*)$", out)
    assert np.array([line.split()[1:] for line in out.splitlines()[-3:]], int).sum() == 20
    found = evaluate(folder, data=mixed)
    assert (found["texts"], found["trained on"]) == (92, 64)
    assert found["test accuracy"] == pytest.approx(unseen, abs=5e-4)
    assert sum(scores["texts"] for scores in found["classes"].values()) == 20
    (tmp_path / "new.csv").write_text(NEW)
    new, test = evaluate(folder, data=tmp_path / "new.csv"), evaluate(folder)
    for name in ("test accuracy", "test loss"):
        assert found[name] == pytest.approx((12 * new[name] + 8 * test[name]) / 20)
    assert number(r"^accuracy on all texts: (.*)$", out) == pytest.approx(
        found["accuracy on all texts"], abs=5e-4
    )
    assert found["loss on all texts"] != found["test loss"]


def test_a_file_of_nothing_but_trained_texts_is_named(trained, tmp_path, call):
    folder = RunFolder.open(trained[0])
    parts = folder.task.load(folder.config.source, folder.config.recipe)
    rows = zip(parts.train.texts, parts.train.labels, strict=True)
    path = tmp_path / "seen.csv"
    path.write_text("review,stars\n" + "".join(f'"{text}",{1 + k}\n' for text, k in rows))
    code, out, _ = call("evaluate", trained[0], "--data", path)
    assert code == 0
    assert "\nwarning: the model has seen all of them: this is not what new texts get\n" in out
    assert "on all texts" not in out


def test_a_run_on_the_bundled_reviews_is_evaluated_on_your_file(trained, tmp_path, call):
    table = tmp_path / "mine.csv"
    table.write_text("text;label\nA dull film.;negative\nA fine film.;positive\n")
    small = {"epochs": 1, "d_model": 8, "n_heads": 2, "d_ff": 8, "n_layers": 1, "workers": 1}
    folder, _ = start(out=tmp_path / "run", **small)
    folder.new_model().save(folder.weights)
    with pytest.raises(ValueError, match="a data file needs text_column and label_column"):
        evaluate(folder, data=table)
    found = evaluate(folder, data=table, text_column="text", label_column="label")
    assert (found["texts"], found["trained on"]) == (2, 0)
    with pytest.raises(ValueError, match="text_column can be given only with data"):
        evaluate(folder, text_column="text")


def test_a_row_more_does_not_move_texts_into_the_test_part(call, own):
    run, table = own
    before = call("evaluate", run)[1]
    table.write_text(table.read_text() + '"A new great film",3\n')
    code, out, _ = call("evaluate", run)
    assert code == 0
    note = "texts added since training, which are not scored: 1\n"
    assert note in out
    assert out.replace(note, "") == before


def test_a_missing_test_text_is_refused(call, own):
    run, table = own
    folder = RunFolder.open(run)
    parts = folder.task.parts_of(folder.task.load(folder.config.source, folder.config.recipe))
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(line for line in lines if parts["test"][0] not in line))
    code, out, err = call("evaluate", run)
    assert code == 2
    assert_one_line(err)
    assert "the data have changed since training: 1 of the 8 test texts are missing" in err
    assert call("evaluate", run, "--data", table)[0] == 0


def test_a_run_without_a_record_is_still_evaluated(call, own, tmp_path):
    run, table = own
    before = call("evaluate", run)[1]
    without_record(run)
    code, out, _ = call("evaluate", run)
    assert code == 0
    unknown = "this run keeps no record of its texts, so it is not known"
    assert f"{unknown} whether {table} has changed since training\n" in out
    assert out.endswith(before.split("\n", 1)[1])
    (tmp_path / "new.csv").write_text(NEW)
    code, out, _ = call("evaluate", run, "--data", tmp_path / "new.csv")
    assert code == 0
    assert f"{unknown} how many of them the model was trained on" in out


@pytest.mark.parametrize(
    "spoil", [lambda p: p.write_bytes(p.read_bytes()[:-1]), lambda p: p.unlink()]
)
def test_an_altered_record_is_refused(call, own, spoil):
    spoil(own[0] / "texts.safetensors")
    code, _, err = call("evaluate", own[0])
    assert code == 2
    assert_one_line(err)
    assert "texts.safetensors" in err


def test_a_moved_file_is_resumed_from_and_remembered(call, own, tmp_path):
    run, table = own
    config = (run / "config.json").read_bytes()
    there = shutil.move(table, tmp_path / "there.csv")
    code, _, err = call("train", "--resume", run)
    assert code == 2
    assert f"{table} does not exist: if it was moved, give its new place with --data" in err
    assert "give its new place with --data" in call("evaluate", run)[2]
    other = write_table(tmp_path / "other.csv", n=81)
    code, _, err = call("train", "--resume", run, "--data", other)
    assert code == 2
    assert "other.csv is not the file that the run was started with: its SHA-256 differs" in err
    assert (run / "config.json").read_bytes() == config
    lines = []
    resume(run, places={"data": there}, on_progress=lines.append)
    assert lines[-1] == "nothing is left to train: all 2 epochs are done; --epochs MORE extends it"
    assert RunFolder.open(run).config.source.file == str(there)
    assert call("evaluate", run)[0] == 0


def test_a_changed_file_is_not_resumed_from(call, own):
    run, table = own
    table.write_text(table.read_text() + '"A new great film",3\n')
    code, _, err = call("train", "--resume", run)
    assert code == 2
    assert_one_line(err)
    assert "own.csv has changed since the run began: its train texts differ" in err


def test_a_finished_run_is_extended(call, own):
    run, _ = own
    lines = []
    folder, texts = resume(run, longer={"epochs": 4}, on_progress=lines.append)
    assert not any("nothing is left" in line for line in lines)
    _, history = train(folder, texts, resume=True)
    assert history.epoch == [1, 2, 3, 4]
    assert RunFolder.open(run).config.recipe.epochs == 4
    for option, value, message in (
        ("--epochs", 3, "epochs must be at least 4, which are done, got 3"),
        ("--learning-rate", 0.1, "leave out --learning-rate"),
        ("--steps", 5, "steps is not a setting of the task classification"),
    ):
        code, _, err = call("train", "--resume", run, option, value)
        assert code == 2
        assert message in err


def test_early_stopping_is_named_and_extended(table, tmp_path):
    flat = {"learning_rate": 1e-30, "patience": 1, "epochs": 9, "d_model": 8, "n_layers": 0}
    columns = {"text_column": "review", "label_column": "stars"}
    folder, texts = start(data=table, **columns, out=tmp_path / "run", workers=1, **flat)
    train(folder, texts)
    lines = []
    resume(folder.path, on_progress=lines.append)
    stopped = "early stopping ended the run after epoch 2; --patience MORE continues it"
    assert lines[-1].endswith(stopped)
    folder, texts = resume(folder.path, longer={"patience": 3})
    _, history = train(folder, texts, resume=True)
    assert history.epoch == [1, 2, 3, 4]


def test_hashes_and_the_files_of_a_record(tmp_path):
    assert len(set(hashes(["a", "b", "a "]).tolist())) == 3
    hashes(["\ud800"])  # half a surrogate has a hash too
    (tmp_path / "a").write_text("x")
    record = TextRecord.of(Source.of_file(tmp_path / "a"), {"train": ["b", "a", "a"], "test": []})
    record.save(tmp_path / "r.safetensors")
    loaded = TextRecord.load(tmp_path / "r.safetensors")
    assert loaded.files == record.files
    assert loaded.has("train", ["a", "c"]).tolist() == [True, False]
    assert not loaded.has("test", ["a"]).any()
    assert not loaded.has("nothing", ["a"]).any()
