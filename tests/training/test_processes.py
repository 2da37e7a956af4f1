"""MPI processes that train together give the bits of workers in one process, and end together."""

import re
import sys

import numpy as np
import pytest

from minitransformer.training.history import History
from minitransformer.training.parallel import mpi
from tests.support.mpi_processes import together

SMALL = (
    "--d-model 8 --n-heads 2 --d-ff 8 --n-layers 1 --max-len 64 --epochs 2 --batch-size 48"
    " --average 0.9 --word-dropout 0.2"
).split()

# The command `train`, with an event in process 1 after the second step.
PRELUDE = """
import os, signal, time
from mpi4py import MPI
from minitransformer.cli import main, together
from minitransformer.training import EarlyStopping, loop

together.GRACE = 0.5
RANK = MPI.COMM_WORLD.rank

def happens(self, batch, logs):
    if RANK == 1 and self.run.step == 2:
        self.model.x()

EarlyStopping.on_train_batch_end = happens
"""


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    """Arguments for a table whose batches are cut into several micro-batches."""
    path, rng = tmp_path_factory.mktemp("data") / "long.csv", np.random.default_rng(0)
    rows = ["review,stars"]
    for i in range(80):
        words = rng.choice(["film", "plot", "cast", "dull", "great", "odd"], rng.integers(20, 60))
        rows.append(f'"{" ".join(words)} number {i}",{i % 3}')
    path.write_text("\n".join(rows) + "\n")
    return ["--data", path, "--text-column", "review", "--label-column", "stars"]


def failing(columns, tmp_path, happening):
    code = PRELUDE.replace("self.model.x()", happening) + "\nmain()\n"
    return together(2, "-c", code, "train", *columns, *SMALL, "--out", tmp_path / "run")


def test_two_processes_give_the_same_files_as_two_workers(call, columns, tmp_path):
    many, one = tmp_path / "many", tmp_path / "one"
    done = together(2, "-m", "minitransformer", "train", *columns, *SMALL, "--out", many)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(re.findall(r"^epoch 2/2", done.stdout, re.MULTILINE)) == 1, "only one process prints"
    assert call("train", *columns, *SMALL, "--workers", 2, "--out", one)[0] == 0
    for name in ("model.safetensors", "config.json", "vocab.txt"):
        assert (many / name).read_bytes() == (one / name).read_bytes(), name
    a, b = (History.load_csv(folder / "history.csv").history for folder in (many, one))
    assert {**a, "seconds": 0} == {**b, "seconds": 0}
    assert sorted(p.name for p in many.iterdir()) == sorted(p.name for p in one.iterdir())


def test_a_process_that_fails_alone_ends_the_others(columns, tmp_path):
    done = failing(columns, tmp_path, "raise LookupError('lost')")
    assert done.returncode != 0
    assert "error: process 1 of 2 failed alone: lost" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_task_that_fails_in_one_process_is_an_error_in_all(columns, tmp_path):
    happening = "self.model.run = None"
    done = failing(columns, tmp_path, happening)
    assert done.returncode == 1
    assert done.stderr.startswith("error: RuntimeError: process 1 failed: TypeError")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_in_one_process_stops_all_after_the_same_step(columns, tmp_path):
    done = failing(columns, tmp_path, "os.kill(os.getpid(), signal.SIGINT)")
    assert done.returncode == 130
    assert "interrupted after step 2\n" in done.stdout
    assert done.stderr.startswith("interrupted: the best weights so far are in")
    assert done.stderr.count("\n") == 1


def test_weights_that_differ_are_noticed_at_the_end_of_the_epoch(columns, tmp_path):
    done = failing(columns, tmp_path, "self.model.flat.values[3] += 1")
    assert done.returncode == 1
    words = "error: RuntimeError: process 1 has different weights from process 0"
    assert done.stderr.startswith(words)


def test_an_error_in_all_processes_is_reported_once(columns, tmp_path):
    done = together(2, "-m", "minitransformer", "train", *columns, "--workers", 3)
    assert done.returncode == 2
    words = r"error: (--)?workers must be 2, one per process, got 3\n"
    assert re.fullmatch(words, done.stderr), done.stderr


def test_mpi4py_is_needed_only_with_several_processes(monkeypatch):
    for name in mpi.SIZE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert mpi.join() is None
    monkeypatch.setenv("PMI_SIZE", "1")
    assert mpi.join() is None
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    with pytest.raises(ValueError, match=r"4 processes .* pip install 'minitransformer\[mpi\]'"):
        mpi.join()
