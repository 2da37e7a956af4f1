"""Bad input to the commands: one clear line, exit status 2, nothing written."""

import errno
import re
import urllib.error

import pytest

from minitransformer.cli import app
from minitransformer.storage import atomic, download
from tests.support.commands import TINY, assert_one_line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--n-heads 3 --d-model 8", "n_heads must divide d_model = 8, got 3"),
        ("--text-column review --label-column star", "no column 'star'; .* did you mean 'stars'"),
        ("--text-column stars --label-column review", "is this the right column"),
        ("--optimizer adm", "unknown optimizer 'adm'; did you mean 'adam'"),
        ("--schedule cosine", "unknown schedule 'cosine'; did you mean 'warmup_cosine'"),
        ("--pooling men", "pooling must be one of"),
        ("--monitor val_los", "did you mean 'val_loss'"),
        ("--truncate middle", "truncate must be one of end, ends, got 'middle'"),
        ("--epochs 0", "epochs must be >= 1, got 0"),
        ("--dropout 1.5", r"dropout must lie in \[0, 1\)"),
        ("--learning-rate nan", "learning_rate must be finite"),
        ("--vocab-size 2", "vocab_size must be >= 3, got 2"),
        ("--seed -1", "seed must be >= 0, got -1"),
        ("--workers 0", "workers must be >= 1"),
        ("--dataset imdb", "data and dataset exclude each other"),
        ("--resume elsewhere", "leave out --text-column"),
    ],
)
def test_bad_options_of_train(call, columns, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    rest = [] if "column" in options else columns[2:]
    code, _, err = call("train", *columns[:2], *rest, *options.split())
    assert code == 2
    assert_one_line(err)
    assert re.search(message, err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("review,stars\n", "has no rows"),
        ("review,stars\ngood,1\nbad,1\n", "every label is '1'"),
        ("review,stars\ngood,1\n,2\n", "column 'review' is empty"),
        ("review,stars\ngood,1\nbad,2\n", "none is left to train on"),
    ],
)
def test_bad_tables(call, tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text(content)
    options = "--data bad.csv --text-column review --label-column stars".split()
    code, _, err = call("train", *options)
    assert code == 2
    assert_one_line(err)
    assert re.search(message, err)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train --data none.csv --text-column a --label-column b", "No such file.*none.csv"),
        ("train --data none.csv", "No such file.*none.csv"),
        ("train --task language-model --data none", "No such file.*none"),
        ("train --task translation --data none --target b", "No such file.*none"),
        (f"train --data {__file__}", "needs text_column and label_column"),
        ("train --delimiter tab --no-header", "delimiter and header: only with data"),
        (
            "train --task translation --quoting none",
            "--quoting is not an option of .*: it reads two files",
        ),
        (
            "train --task translation --test-data a.csv",
            "--test-data is not an option .*: a part of --data is held out",
        ),
        ("train --resume nowhere --clean none --seed 1", "leave out --seed, --clean"),
        ("train --text-column a", "text_column: only with data, a file of your own"),
        ("train --dataset imbd", "unknown data set 'imbd'; did you mean 'imdb'"),
        ("train --dataset imdb --data-dir nowhere", "does not exist: nowhere"),
        ("train --dataset imdb --data-dir .", "is not the IMDB data set"),
        ("train --resume nowhere", "there is no run folder nowhere"),
        ("train --resume .", "not a run folder"),
        ("evaluate nowhere", "there is no run folder nowhere"),
        ("predict nowhere text", "there is no run folder nowhere"),
        ("gradcheck --only sotfmax", "near names: softmax"),
        ("gradcheck --shapes 0", "shapes must be at least 1"),
    ],
)
def test_bad_arguments(call, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*arguments.split())
    assert code == 2
    assert_one_line(err)
    assert re.search(message, err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", ["train --epochs many", "trian", "predict", "train --fast"])
def test_a_wrong_command_line(call, arguments):
    code, _, err = call(*arguments.split())
    assert code == 2
    assert "Traceback" not in err


def test_an_existing_folder_is_not_overwritten(call, columns, tmp_path):
    (tmp_path / "keep").write_text("mine")
    code, _, err = call("train", *columns, *TINY, "--out", tmp_path)
    assert code == 2
    assert "exists already: choose another folder\n" in err  # there is nothing to resume
    assert [path.name for path in tmp_path.iterdir()] == ["keep"]


def test_no_network_says_where_to_put_the_file(call, tmp_path, monkeypatch):
    def offline(*arguments, **more):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.delenv(download.VARIABLE, raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache")
    monkeypatch.setattr("pooch.retrieve", offline)
    monkeypatch.chdir(tmp_path)
    code, _, err = call("train", "--dataset", "imdb")
    assert code == 2
    assert_one_line(err)
    assert "put the file at" in err
    assert download.SOURCES["imdb"].sha256 in err
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(call, columns, tmp_path, monkeypatch):
    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "write", full)
    code, _, err = call("train", *columns, *TINY, "--out", tmp_path / "run")
    monkeypatch.undo()
    assert code == 2
    assert_one_line(err)
    assert "No space left" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("texts", [["  "], ["", " "]])
def test_empty_texts(call, trained, texts):
    code, out, err = call("predict", trained[0], *texts)
    assert code == 2
    assert "text 1 is empty" in err
    assert out == ""


def test_an_empty_text_gives_a_line_as_a_blank_line_of_standard_input_does(call, trained):
    texts = ["A dull film", "", "A great film"]
    code, out, _ = call("predict", trained[0], "--json", "--no-explain", *texts)
    assert code == 0
    assert out.split("\n")[1] == "null"
    assert len(out.splitlines()) == 3


def test_no_text_at_all(call, trained, monkeypatch, tmp_path):
    (tmp_path / "nothing").write_text("")
    with open(tmp_path / "nothing") as file:
        monkeypatch.setattr("sys.stdin", file)
        code, _, err = call("predict", trained[0])
    assert code == 2
    assert "no text" in err


def test_bytes_that_are_not_text(call, trained, monkeypatch, tmp_path):
    (tmp_path / "bytes").write_bytes(b"fine \xff film")
    with open(tmp_path / "bytes", encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        code, _, err = call("predict", trained[0])
    assert code == 2
    assert_one_line(err)
    assert "standard input must be UTF-8 text, got 0xff at byte 5" in err


@pytest.mark.parametrize(
    ("name", "message"),
    [("none/a.png", "there is no folder .*none to write a.png"), ("a.pdf", "must end in .png")],
)
def test_a_figure_that_cannot_be_written_is_refused_first(call, trained, tmp_path, name, message):
    code, out, err = call("predict", trained[0], "a film", "--figure", tmp_path / name)
    assert (code, out) == (2, "")
    assert_one_line(err)
    assert re.search(message, err)


def test_one_figure_shows_one_text(call, trained, tmp_path):
    code, _, err = call("predict", trained[0], "a", "b", "--figure", tmp_path / "w.png")
    assert code == 2
    assert "--figure draws one text" in err


def test_debug_shows_where(columns, capfd):
    arguments = ["train", *map(str, columns), "--n-heads", "3", "--debug"]
    with pytest.raises(ValueError, match="n_heads must divide"):
        app(args=arguments, prog_name="minitransformer")
