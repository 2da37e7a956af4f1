"""Options of the tests, and fixtures for the commands: a call, a table of texts, a trained run."""

import tests.support.one_blas_thread  # noqa: F401 - before NumPy is loaded

# isort: split
import shutil
import signal
import subprocess
import sys

import pytest

from minitransformer.backend import choose_device
from minitransformer.cli import app
from tests.support.commands import TINY, write_table

ON_GPU = "test_gpu.py"  # the tests that need a GPU, and run only with --device gpu
LONGEST = {"verification", "gradcheck"}  # the folders with the longest single tests
# Folders of tests with their own option: they need more than the plain tests, or more time.
SEPARATE = {
    "notebooks": "only the tests that run every notebook in a fresh kernel",
    "site": "only the tests that build the site and open every page in Chromium",
}


def pytest_addoption(parser):
    parser.addoption(
        "--device",
        default="cpu",
        help="cpu, or gpu: only the tests of a real GPU; if there is none, stop and say why",
    )
    parser.addoption("--built", help="with --site: the folder of a site that has been built")
    parser.addoption("--screenshots", help="with --site: a folder for pictures of the pages")
    for folder, words in SEPARATE.items():
        parser.addoption(f"--{folder}", action="store_true", help=words)


def pytest_configure(config):
    # A program that a script starts in the background inherits that Ctrl-C is ignored. The tests of
    # Ctrl-C, in this process and in those it starts, would then wait forever.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        choose_device(config.getoption("--device"))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_ignore_collect(collection_path, config):
    """With --device gpu, only the GPU's tests, and so on; nothing counts as skipped."""
    if collection_path.suffix != ".py" or collection_path.name in ("__init__.py", "conftest.py"):
        return None
    chosen = {folder for folder in SEPARATE if config.getoption(f"--{folder}")}
    if config.getoption("--device") == "gpu":
        chosen.add("gpu")
    folder = collection_path.parent.name
    kind = "gpu" if collection_path.name == ON_GPU else folder if folder in SEPARATE else "plain"
    return kind not in (chosen or {"plain"}) or None


def pytest_collection_modifyitems(items):
    """The longest tests first, so that no process is left alone with one at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)


@pytest.fixture
def call(capfd):
    """Run a command as a shell would; returns exit status, standard output, standard error."""

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
    """The folder of a trained run, and what `train` printed."""
    path = tmp_path_factory.mktemp("runs") / "run"
    command = [sys.executable, "-m", "minitransformer", "train", *columns, "--out", path, *TINY]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True)
    return path, done.stdout


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the trained run, which a test may damage."""
    return shutil.copytree(trained[0], tmp_path / "copy")
