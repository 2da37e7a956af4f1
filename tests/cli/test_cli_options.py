"""Options given twice, sizes without sense, missing streams, folders that two runs want."""

import os
import re
import subprocess
import sys
import threading

import pytest

import minitransformer
from minitransformer.runs import start
from minitransformer.runs.figures import check_drawing
from minitransformer.runs.recipes import LanguageModelRecipe, StringsRecipe, settings
from minitransformer.runs.run_place import check_free, claim
from minitransformer.training.optim import optimizers
from minitransformer.training.parallel.forked import WorkerEnded
from tests.support.commands import TINY, assert_one_line


def test_the_version_is_shown(call):
    assert call("--version") == (0, f"minitransformer {minitransformer.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        "train --data a.csv --data b.csv",
        "train --data=a.csv --epochs 3 --data b.csv",
        "train --out a --out b",
        "train --text-column a --text-column b",
        "evaluate run --data a --data b",
        "predict run text --figure a.png --figure b.png",
    ],
)
def test_data_given_twice_are_refused(call, arguments):
    code, out, err = call(*arguments.split())
    assert (code, out) == (2, "")
    assert re.search(r"'--(data|out|text-column|figure)'.*given\s+more\s+than\s+once", err)


def test_a_setting_can_be_given_again(call, columns, tmp_path):
    code, _, err = call("train", *columns, *TINY, "--epochs", 0, "--epochs", -1)
    assert code == 2
    assert "epochs must be >= 1, got -1" in err


def test_every_optimiser_is_listed():
    texts = {name: text for name, _, _, text in settings()}
    assert texts["optimizer"].split(", ") == list(optimizers.NAMES)
    assert "nesterov" in texts["optimizer"]


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (StringsRecipe(n_layers=10**30), "n_layers must be <= 1,000"),
        (StringsRecipe(n_decoder_layers=1001), "n_decoder_layers must be <= 1,000, got 1,001"),
        (StringsRecipe(batch_size=2**31), "batch_size must be <= 2,147,483,647"),
        (LanguageModelRecipe(window=65), "window must be <= max_len = 64, .*, got 65"),
        (LanguageModelRecipe(window=10**30), "window must be <= max_len"),
    ],
)
def test_sizes_have_an_upper_bound(recipe, message):
    with pytest.raises(ValueError, match=message):
        recipe.check()
    with pytest.raises(ValueError, match="workers must be <= 1,000, got 10,000"):
        StringsRecipe().check(workers=10_000)
    LanguageModelRecipe(window=64, n_layers=3).check()


def test_a_wrong_backend_is_noticed_before_training(tmp_path):
    command = [sys.executable, "-m", "minitransformer", "train", "--out", tmp_path / "run"]
    found = subprocess.run(
        command, env={**os.environ, "MPLBACKEND": "nope"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (found.returncode, found.stdout) == (2, "")
    assert_one_line(found.stderr)
    assert "matplotlib cannot draw figures: " in found.stderr
    assert "'nope' is not a valid value" in found.stderr
    check_drawing()


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_streams_may_be_closed(run, closed):
    command = f'"{sys.executable}" -m minitransformer predict "{run}" "A dull film" {closed}'
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert bool(found.stdout) == (closed == "2>&-")


def test_progress_without_a_standard_output(monkeypatch, table, tmp_path):
    from minitransformer.training import progress

    monkeypatch.setattr("sys.stdout", None)
    shown = progress.choose(1)
    shown.start(1, 1)
    shown.step(0, 0, {"loss": 1.0})


def test_a_killed_worker_is_not_called_a_bug(call, run, monkeypatch):
    def killed(*arguments, **more):
        raise WorkerEnded("a worker process was ended by signal 9")

    monkeypatch.setattr("minitransformer.cli.train.train_run", killed)
    code, _, err = call("train", "--resume", run)
    assert code == 1
    assert err == (
        "error: a worker process was ended by signal 9; "
        f"to resume: python -m minitransformer train --resume {run}\n"
    )


def test_only_one_of_many_runs_gets_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def at_once(path):
        found, ready = [], threading.Barrier(8)

        def begin():
            ready.wait()
            try:
                found.append(claim(path, "name")[0])
            except ValueError as error:
                found.append(str(error))

        threads = [threading.Thread(target=begin) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    (tmp_path / "empty").mkdir()
    for path in ("new", "empty"):
        texts = [found for found in at_once(path) if isinstance(found, str)]
        assert len(texts) == 7
        assert all("exists already" in text for text in texts)
    assert len(set(at_once(None))) == 8  # runs/name, runs/name-2, ...


def test_a_run_without_a_checkpoint_may_be_deleted(call, columns, tmp_path):
    run = tmp_path / "run"
    table = dict(zip(("data", "text_column", "label_column"), columns[1::2], strict=True))
    start(out=run, **table)  # as if it had been killed then
    with pytest.raises(ValueError, match="no checkpoint yet, so if it is no longer training, it"):
        check_free(run)
    code, _, err = call("train", "--resume", run)
    assert code == 2
    assert_one_line(err)
    assert "delete the folder and start again" in err


def test_a_very_deep_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="must have fewer folders inside each other"):
        claim("/".join("a" * 1800), "name")
    assert list(tmp_path.iterdir()) == []
