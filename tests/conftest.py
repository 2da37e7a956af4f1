"""Fixtures for the tests of the commands: calling them, a table of texts, a trained run."""

import shutil
import subprocess
import sys

import pytest

from minitransformer.cli import app
from tests.commands import TINY, write_table


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


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("data") / "stars.csv")


@pytest.fixture(scope="session")
def columns(table):
    return ["--data", table, "--text-column", "review", "--label-column", "stars"]


@pytest.fixture(scope="session")
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
