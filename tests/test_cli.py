"""The commands: what they print and write, and what becomes of bad input."""

import errno
import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.error

import numpy as np
import pytest

from minitransformer.cli import app, recipes
from minitransformer.cli.run_folder import RunFolder
from minitransformer.cli.texts import pieces_of
from minitransformer.functional import PAIRS
from minitransformer.interpret import attention_received
from minitransformer.storage import atomic, download

TINY = (
    "--d-model 8 --n-heads 2 --d-ff 8 --n-layers 1 --max-len 12 --epochs 2 --batch-size 16"
    " --workers 1"
).split()
FILES = {
    "attention.png", "checkpoint.safetensors", "config.json", "confusion.png", "curves.png",
    "history.csv", "model.safetensors", "results.json", "vocab.txt",
}  # fmt: skip


@pytest.fixture
def call(capfd):
    """Run a command as from a shell; returns exit status, standard output, standard error."""

    def run(*arguments):
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            app(args=[str(a) for a in arguments], prog_name="minitransformer")
        out, err = capfd.readouterr()
        return ended.value.code or 0, out, err

    return run


def write_table(path, n=80):
    """A CSV of `n` short reviews in three classes."""
    nouns = ["film", "plot", "cast", "score", "scene"]
    rows = ["review,stars"]
    for i in range(n):
        word, stars = [("dull", 1), ("decent", 2), ("great", 3)][i % 3]
        rows.append(f'"A {word} {nouns[i % 5]}, number {i}",{stars}')
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("data") / "stars.csv")


@pytest.fixture(scope="module")
def columns(table):
    return ["--data", table, "--text-column", "review", "--label-column", "stars"]


@pytest.fixture(scope="module")
def trained(columns, tmp_path_factory):
    """A trained run's folder and what `train` printed."""
    path = tmp_path_factory.mktemp("runs") / "run"
    command = [sys.executable, "-m", "minitransformer", "train", *columns, "--out", path, *TINY]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True)
    return path, done.stdout


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the trained run, to spoil."""
    return shutil.copytree(trained[0], tmp_path / "copy")


def assert_one_line(err):
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


# What goes well


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
    assert any(line.startswith("epoch 1/2") and "val_loss" in line for line in lines)


def test_the_configuration_says_everything(trained, table):
    config = json.loads((trained[0] / "config.json").read_text())
    assert config["class_names"] == ["1", "2", "3"]
    assert config["data"]["file"] == str(table)
    assert config["recipe"]["d_model"] == 8
    assert set(config["recipe"]) == {name for name, *_ in recipes.settings()}


def test_embedded_reviews_are_the_default(call, tmp_path, monkeypatch):
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


def test_evaluate_takes_the_file_from_elsewhere(call, trained, table, tmp_path):
    moved = shutil.copy(table, tmp_path / "moved.csv")
    assert call("evaluate", trained[0], "--data", moved)[:2] == call("evaluate", trained[0])[:2]


def test_predict_prints_label_probability_and_words(call, trained):
    code, out, _ = call("predict", trained[0], "A dull film", "great\ngreat [bold]cast[/bold] :)")
    assert code == 0
    lines = out.splitlines()
    assert re.fullmatch(r"[123]  0\.\d{3}  A dull film", lines[0])
    assert lines[1].startswith("  attention:")
    assert lines[2].startswith("  gradient:")
    assert {"a", "dull", "film"} <= set(lines[1].split())
    assert lines[3].endswith("great great [bold]cast[/bold] :)")
    assert "\x1b" not in out  # no colours where nobody sees them


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


def test_windows_read_all_of_a_long_text_and_are_averaged(call, trained):
    text = " ".join(["a dull film"] * 9)  # 27 tokens, and the model reads 12
    cut = json.loads(call("predict", trained[0], text, "--json")[1])
    whole = json.loads(call("predict", trained[0], text, "--json", "--windows")[1])
    assert [len(cut["words"]), len(whole["words"])] == [12, 27]
    folder = RunFolder.open(trained[0])
    ids, places = pieces_of(folder.vocabulary, text, folder.config.recipe, windows=True)
    assert [(place[0], place[-1] + 1) for place in places] == [(0, 12), (6, 18), (12, 24), (15, 27)]
    model = folder.load_model()
    each = model.predict([ids[place] for place in places])
    np.testing.assert_allclose(
        list(whole["probabilities"].values()), each.mean(axis=0), atol=1e-6
    )
    received = [
        attention_received(model, model.forward(ids[place][None])[1])[0] for place in places
    ]
    word = whole["words"][7]["attention"]  # in the first two windows
    assert word == pytest.approx((received[0][7] + received[1][1]) / 2, abs=1e-6)


def test_gradcheck_proves_and_fails(call, monkeypatch):
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


# Stopping and going on


def start(arguments):
    command = [sys.executable, "-u", "-m", "minitransformer", "train", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


def test_ctrl_c_leaves_a_run_that_can_be_used_and_resumed_to_the_same_bits(
    call, columns, tmp_path
):
    many = [*columns, *TINY, "--epochs", 40, "--patience", 100, "--average", 0.9]
    with start([*many, "--out", tmp_path / "cut"]) as process:
        for line in process.stdout:
            if line.startswith("epoch 3/"):
                process.send_signal(signal.SIGINT)
        error = process.stderr.read()
    assert process.returncode == 130
    assert f"--resume {tmp_path / 'cut'}" in error
    assert "Traceback" not in error
    assert call("predict", tmp_path / "cut", "A dull film")[0] == 0
    assert call("train", *many, "--out", tmp_path / "whole")[0] == 0
    code, out, _ = call("train", "--resume", tmp_path / "cut")
    assert code == 0
    assert re.search(r"^epoch 40/40", out, re.MULTILINE)
    assert not re.search(r"^epoch 1/40", out, re.MULTILINE)
    cut, whole = ((tmp_path / p / "model.safetensors").read_bytes() for p in ("cut", "whole"))
    assert cut == whole


def test_a_finished_run_can_be_judged_again(call, run, trained):
    code, out, _ = call("train", "--resume", run)
    assert code == 0
    assert re.search(r"^test accuracy: .*$", trained[1], re.MULTILINE)[0] in out
    name = "model.safetensors"
    assert (run / name).read_bytes() == (trained[0] / name).read_bytes()


def test_diverging_training_keeps_the_last_good_weights(call, columns, tmp_path):
    wild = "--optimizer sgd --learning-rate 1e30 --clip 0 --schedule constant".split()
    code, _, err = call("train", *columns, *TINY, *wild, "--out", tmp_path / "run")
    assert code == 1
    assert_one_line(err)
    assert "diverged at step" in err
    assert np.isfinite(RunFolder.open(tmp_path / "run").load_model().flat.values).all()


def test_ctrl_c_while_judging_says_where_the_model_is(call, columns, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("minitransformer.cli.report.baseline_accuracies", interrupted)
    code, _, err = call("train", *columns, *TINY, "--out", tmp_path / "run")
    assert code == 130
    assert f"the trained model is in {tmp_path / 'run'}" in err


# Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--n-heads 3 --d-model 8", "n_heads must divide d_model = 8, got 3"),
        ("--label-column star", "no column 'star'; .* did you mean 'stars'"),
        ("--text-column stars --label-column review", "needed"),
        ("--optimizer adm", "unknown optimizer 'adm'; did you mean 'adam'"),
        ("--schedule cosine", "unknown schedule 'cosine'; did you mean 'warmup_cosine'"),
        ("--pooling men", "pooling must be one of"),
        ("--monitor val_los", "did you mean 'val_loss'"),
        ("--truncate middle", "truncate must be 'end' or 'ends'"),
        ("--epochs 0", "epochs must be at least 1, got 0"),
        ("--dropout 1.5", r"dropout must lie in \[0, 1\)"),
        ("--learning-rate nan", "learning_rate must be finite"),
        ("--vocab-size 2", "vocab_size must be at least 3"),
        ("--seed -1", "seed must be at least 0"),
        ("--workers 0", "workers must be >= 1"),
        ("--dataset imdb", "--data and --dataset exclude each other"),
        ("--resume elsewhere", "leave out --data"),
    ],
)
def test_bad_options_of_train(call, columns, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = call("train", *columns, *options.split())
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
        ("train --data none.csv", "needs --text-column and --label-column"),
        ("train --text-column a", "belong to --data"),
        ("train --dataset imbd", "unknown data set 'imbd'; did you mean 'imdb'"),
        ("train --dataset imdb --data-dir nowhere", "does not exist: nowhere"),
        ("train --dataset imdb --data-dir .", "is not IMDB"),
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
    assert "exists already" in err
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


@pytest.mark.parametrize("texts", [["  "], ["A dull film", ""]])
def test_empty_texts(call, trained, texts):
    code, out, err = call("predict", trained[0], *texts)
    assert code == 2
    assert re.search(r"text \d is empty", err)
    assert out == ""


def test_no_text_at_all(call, trained, monkeypatch, tmp_path):
    (tmp_path / "nothing").write_text("")
    with open(tmp_path / "nothing") as file:
        monkeypatch.setattr("sys.stdin", file)
        code, _, err = call("predict", trained[0])
    assert code == 2
    assert "no text" in err


def test_one_figure_shows_one_text(call, trained, tmp_path):
    code, _, err = call("predict", trained[0], "a", "b", "--figure", tmp_path / "w.png")
    assert code == 2
    assert "--figure draws one text" in err


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-2] ^= 64
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocab.txt"])
@pytest.mark.parametrize("spoil", [cut, flip, lambda path: path.unlink()])
def test_a_truncated_or_altered_run_is_refused(call, run, name, spoil):
    if name == "config.json" and spoil is flip:
        (run / name).write_text((run / name).read_text().replace('"d_ff": 8', '"d_ff": "8"'))
    else:
        spoil(run / name)
    for arguments in (["predict", run, "A dull film"], ["evaluate", run]):
        code, out, err = call(*arguments)
        assert code == 2
        assert_one_line(err)
        assert str(run) in err
        assert out == ""


@pytest.mark.parametrize("spoil", [cut, flip, lambda path: path.unlink()])
def test_a_spoilt_checkpoint_is_not_resumed(call, run, spoil):
    spoil(run / "checkpoint.safetensors")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    code, _, err = call("train", "--resume", run)
    assert code == 2
    assert_one_line(err)
    assert "checkpoint.safetensors" in err
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_weights_of_another_configuration_are_refused(call, run, columns, tmp_path):
    other = tmp_path / "other"
    assert call("train", *columns, *TINY, "--d-ff", 12, "--out", other)[0] == 0
    shutil.copy(other / "model.safetensors", run / "model.safetensors")
    code, _, err = call("evaluate", run)
    assert code == 2
    assert "d_ff is 12 there, 8 here" in err
    shutil.copy(other / "checkpoint.safetensors", run / "checkpoint.safetensors")
    code, _, err = call("train", "--resume", run)
    assert code == 2
    assert "checkpoint of another run: model d_ff: 12 there, 8 here" in err


def test_other_data_are_not_resumed_with(call, run, table, tmp_path):
    write_table(tmp_path / "fewer.csv", n=70)
    config = json.loads((run / "config.json").read_text())
    config["data"]["file"] = str(tmp_path / "fewer.csv")
    (run / "config.json").write_text(json.dumps(config))
    code, _, err = call("train", "--resume", run)
    assert code == 2
    assert "data" in err


def test_debug_shows_where(columns, capfd):
    arguments = ["train", *map(str, columns), "--n-heads", "3", "--debug"]
    with pytest.raises(ValueError, match="n_heads must divide"):
        app(args=arguments, prog_name="minitransformer")
