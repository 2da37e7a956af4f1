"""How forked workers end: every error is reported, and nothing is left behind."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from minitransformer.training.parallel import forked
from minitransformer.training.parallel.workers import WorkerPool
from tests.support.forked_fits import fit_classifier
from tests.support.toys import toy_model

pytestmark = pytest.mark.skipif(not forked.can_fork(), reason="this system does not fork")


class Unsendable(Exception):
    """An error that cannot be unpickled, because its arguments do not fit its constructor."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def failing(replica, job):
    if job == "lookup":
        raise LookupError("job 1")
    if job == "unsendable":
        raise Unsendable("one", "two")
    if job == "with a lock":
        raise LookupError(threading.Lock())
    if job == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return job


def test_an_error_arrives_from_the_other_process():
    with WorkerPool(toy_model(), 2, fork=True) as pool:
        with pytest.raises(LookupError, match="job 1") as raised:
            pool.add_gradients(failing, ["fine", "lookup"], [1.0, 1.0])
        assert "in failing\n" in raised.value.__notes__[0], "where it was raised"
        with pytest.raises(RuntimeError, match="Unsendable: one two"):
            pool.add_gradients(failing, ["fine", "unsendable"], [1.0, 1.0])
        with pytest.raises(RuntimeError, match="LookupError: <unlocked"):
            pool.add_gradients(failing, ["fine", "with a lock"], [1.0, 1.0])
        with pytest.raises(LookupError):  # in this process, which waits for the other one
            pool.add_gradients(failing, ["lookup", "fine"], [1.0, 1.0])
        assert pool.add_gradients(failing, [7, 8], [1.0, 1.0]) == [7, 8]


def test_a_killed_process_is_reported():
    with WorkerPool(toy_model(), 2, fork=True) as pool:
        message = "ended by signal 9; is there enough memory"
        with pytest.raises(RuntimeError, match=message):
            pool.add_gradients(failing, ["fine", "killed"], [1.0, 1.0])
        with pytest.raises(RuntimeError, match=message):  # it is not restarted
            pool.add_gradients(failing, [1, 2], [1.0, 1.0])


def test_a_process_that_other_code_has_reaped_is_reported(monkeypatch):
    monkeypatch.setattr(multiprocessing.process.BaseProcess, "exitcode", None)
    with (
        WorkerPool(toy_model(), 2, fork=True) as pool,
        pytest.raises(RuntimeError, match="a worker process ended"),
    ):
        pool.add_gradients(failing, ["fine", "killed"], [1.0, 1.0])


def test_a_process_lost_while_others_work_leaves_no_stale_result():
    with WorkerPool(toy_model(), 3, fork=True) as pool:
        pool.add_gradients(failing, [1, 2, 3], [1.0] * 3)
        lost = pool._forked[1]._process
        lost.kill()
        lost.join()
        with pytest.raises(RuntimeError, match="signal 9"):
            pool.add_gradients(failing, [4, 5, 6], [1.0] * 3)
        assert pool.add_gradients(failing, [7, 8], [1.0] * 2) == [7, 8]


def test_a_worker_ends_whatever_it_does_and_whatever_was_forked_later():
    first, second = (forked.ForkedWorker(toy_model()) for _ in range(2))
    for worker in first, second:
        worker.send(sleeping, [60])
    start = time.monotonic()
    first.close()  # the second also has the first one's end of the pipe
    second.close()
    assert time.monotonic() - start < 20


def sleeping(replica, job):
    time.sleep(job)


class Garbage:
    """An object in a cycle, which writes to a file when it is finalised."""

    def __init__(self, path):
        self.path, self.cycle = path, self

    def __del__(self):
        with open(self.path, "a", encoding="ascii") as file:
            file.write(f"{os.getpid()} ")


def collecting(replica, job):
    gc.collect()


def test_garbage_of_the_parent_is_finalised_once(tmp_path):
    gc.collect()
    gc.disable()
    try:
        Garbage(tmp_path / "finalised")
        with WorkerPool(toy_model(), 3, fork=True) as pool:
            pool.add_gradients(collecting, [1, 2, 3], [1.0] * 3)
    finally:
        gc.enable()
    assert (tmp_path / "finalised").read_text(encoding="ascii") == f"{os.getpid()} "


ENDLESS = """
import time, sys
from minitransformer.training.parallel.workers import WorkerPool
from tests.support.forked_fits import where
from tests.support.toys import toy_model
with WorkerPool(toy_model(), 3, fork=True) as pool:
    found = pool.add_gradients(where, [1, 2, 3], [1.0] * 3)
    print(*(pid for pid, _ in found[1:]), flush=True)
    time.sleep(60)
"""


def test_processes_end_when_their_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert len(pids) == 2
    end = time.monotonic() + 20
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < end, "the workers outlive their parent"
        time.sleep(0.05)


def _runs(pid):
    """Whether a process exists and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def left_behind():
    """Things that could be left behind: threads, child processes, open files."""
    children = multiprocessing.active_children()
    return threading.active_count(), children, sorted(os.listdir("/proc/self/fd"))


def test_nothing_is_left_after_training():
    before = left_behind()
    fit_classifier()
    assert left_behind() == before


def test_trainings_in_several_threads_end_with_the_same_bytes():
    expected, before, found = fit_classifier()[0].flat.values.tobytes(), left_behind(), []
    fits = [
        threading.Thread(target=lambda: found.append(fit_classifier()[0]), daemon=True)
        for _ in range(4)
    ]
    for fit in fits:
        fit.start()
    for fit in fits:
        fit.join(60)
    assert [model.flat.values.tobytes() for model in found] == [expected] * 4
    assert left_behind() == before
