"""Saving: writes are atomic under every fault, and every altered byte of a weight file is found."""

import errno
import itertools
import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from minitransformer.storage import (
    atomic,
    atomic_write,
    load_arrays,
    remove_leftovers,
    save_arrays,
    write_json,
    write_text,
)

CALLS = ("open", "write", "fsync", "close", "replace", "unlink")


class FaultyOs:
    """A substitute for the module os: it counts the calls that save a file, and makes some fail."""

    def __init__(self, fail_at=(), code=errno.EIO, piece=None):
        self.calls, self.fail_at, self.code, self.piece = [], fail_at, code, piece

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*args):
            self.calls.append(name)
            if len(self.calls) in self.fail_at:
                if name == "close":  # Linux closes the descriptor even if close reports an error
                    real(*args)
                raise OSError(self.code, os.strerror(self.code))
            if name == "write" and self.piece:
                return real(args[0], args[1][: self.piece])
            return real(*args)

        return call


def weights_of(value):
    return {"W": np.full((40, 30), value, np.float32), "b": np.full(7, value)}


def save_weights(path, value):
    save_arrays(path, weights_of(value), {"step": str(value)})


def save_text(path, value):
    write_text(path, f"{value}\n" * 100)


@pytest.mark.parametrize("save", [save_weights, save_text])
def test_order_of_calls(monkeypatch, tmp_path, save):
    faulty = FaultyOs()
    monkeypatch.setattr(atomic, "os", faulty)
    save(tmp_path / "f", 1)
    order = [name for name, _ in itertools.groupby(faulty.calls)]
    assert order == ["open", "write", "fsync", "close", "replace", "open", "fsync", "close"]


@pytest.mark.parametrize("save", [save_weights, save_text])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("piece", [None, 100])
def test_every_call_fails_once(monkeypatch, tmp_path, save, code, piece):
    path = tmp_path / "f"
    save(path, 1)
    old = path.read_bytes()
    counter = FaultyOs(piece=piece)
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "os", counter)
        save(path, 2)
    new = path.read_bytes()
    assert counter.calls.count("write") >= (len(new) / 100 if piece else 1)
    for k, call in enumerate(counter.calls, start=1):
        path.write_bytes(old)
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "os", FaultyOs({k}, code, piece))
            with pytest.raises(OSError, match=os.strerror(code)) as info:
                save(path, 2)
        after_replace = k > counter.calls.index("replace") + 1
        assert info.value.errno == code, call
        assert path.read_bytes() == (new if after_replace else old), call
        assert ("unchanged" in str(info.value)) != after_replace, call
        assert os.listdir(tmp_path) == ["f"], call


def test_a_file_system_that_cannot_sync_folders(monkeypatch, tmp_path):
    monkeypatch.setattr(atomic, "os", FaultyOs({7}, errno.EINVAL))
    write_text(tmp_path / "f", "x")
    assert (tmp_path / "f").read_text() == "x"


def test_failed_removal_leaves_a_harmless_file(monkeypatch, tmp_path):
    path = tmp_path / "f"
    save_weights(path, 1)
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "os", FaultyOs({3, 5}, errno.EIO))  # fsync, then unlink
        with pytest.raises(OSError, match="unchanged"):
            save_weights(path, 2)
    assert len(os.listdir(tmp_path)) == 2
    assert load_arrays(path)[1] == {"step": "1"}
    save_weights(path, 3)
    assert load_arrays(path)[1] == {"step": "3"}


def test_short_writes_still_write_everything(monkeypatch, tmp_path):
    data = np.random.default_rng(0).bytes(5000)
    monkeypatch.setattr(atomic, "os", FaultyOs(piece=7))
    atomic_write(tmp_path / "bytes", data)
    atomic_write(tmp_path / "callable", lambda file: [file.write(data[:10]), file.write(data[10:])])
    assert (tmp_path / "bytes").read_bytes() == (tmp_path / "callable").read_bytes() == data


def test_a_write_that_takes_nothing_is_an_error(monkeypatch, tmp_path):
    faulty = FaultyOs()
    faulty.write = lambda descriptor, data: 0
    monkeypatch.setattr(atomic, "os", faulty)
    with pytest.raises(OSError, match="cannot save"):
        write_text(tmp_path / "f", "x")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), MemoryError()])
def test_a_writer_that_raises_changes_nothing(tmp_path, error):
    write_text(tmp_path / "f", "old")

    def writer(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        atomic_write(tmp_path / "f", writer)
    assert (tmp_path / "f").read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]


def test_what_cannot_be_written_costs_nothing(tmp_path):
    write_json(tmp_path / "f", {"größe": 1})
    for save in (
        lambda p: write_json(p, float("nan")),
        lambda p: write_json(p, object()),
        lambda p: write_text(p, "\ud800"),
        lambda p: atomic_write(p, "text"),
    ):
        with pytest.raises((ValueError, TypeError)):
            save(tmp_path / "f")
    assert json.loads((tmp_path / "f").read_text(encoding="utf-8")) == {"größe": 1}
    with pytest.raises(FileNotFoundError, match="absent"):
        write_text(tmp_path / "absent" / "f", "x")
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.skipif(os.name == "nt", reason="symbolic links and umask are POSIX")
def test_link_and_permissions(tmp_path):
    write_text(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o666 & ~umask


CHILD = """
import os, random, signal, sys, time
import numpy as np
from minitransformer.storage import load_arrays, save_arrays
path, kills = sys.argv[1], int(sys.argv[2])
random.seed(0)

def save_for_ever(start):
    for i in range(start, 10**9):
        save_arrays(path, {"W": np.full(100_000, i, np.int64)}, {"step": str(i)})

save_arrays(path, {"W": np.zeros(100_000, np.int64)}, {"step": "0"})
last = 0
for _ in range(kills):
    child = os.fork()
    if child == 0:
        save_for_ever(last + 1)
    time.sleep(random.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    arrays, metadata = load_arrays(path)
    step = int(metadata["step"])
    assert step >= last and (arrays["W"] == step).all(), (step, last)
    last = step
print(last)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_killed_while_saving(tmp_path):
    kills = 200
    path = tmp_path / "model.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(kills)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0  # some saves were completed
    left = [name for name in os.listdir(tmp_path) if name != path.name]
    assert len(left) <= kills
    assert all(name.startswith(".saving-") for name in left)
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == [path.name]


FULL = """
import resource, sys
from minitransformer.storage import write_text
write_text(sys.argv[1], "old")
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    write_text(sys.argv[1], "x" * 20_000)
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on the size of files")
def test_a_file_that_finds_no_room(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "f")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "File too large; the previous file is unchanged" in done.stdout, done.stderr
    assert (tmp_path / "f").read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]
