"""Workers that are forked processes give the same bytes as threads."""

import multiprocessing
import os

import numpy as np
import pytest

from minitransformer.layers import FlatParameters
from minitransformer.models import GPT, Transformer
from minitransformer.training import Adam, TrainingDiverged
from minitransformer.training.objective.losses import CategoricalCrossentropy
from minitransformer.training.objective.metrics import Accuracy
from minitransformer.training.parallel import forked, workers
from minitransformer.training.parallel.workers import WorkerPool
from tests.support.forked_fits import X, Y, fit_classifier, where
from tests.support.toys import toy_model

pytestmark = pytest.mark.skipif(not forked.can_fork(), reason="this system does not fork")


def fit_gpt():
    model = GPT(vocab_size=11, max_len=8, d_model=8, n_heads=2, n_layers=2, dropout=0.2, seed=1)
    model.compile(Adam(0.01), workers=2, micro_batch_tokens=16)
    ids = np.random.default_rng(0).integers(0, 11, 300)
    return model, model.fit(ids, epochs=2, batch_size=6, verbose=0)


def fit_transformer():
    model = Transformer(
        vocab_size=13, max_len=8, d_model=8, n_heads=2, n_layers=1, dropout=0.2, seed=1
    )
    model.compile(Adam(0.01), workers=2, micro_batch_tokens=16, start_id=2, end_id=3)
    rng = np.random.default_rng(0)
    pairs = [[rng.integers(5, 13, rng.integers(2, 6)).tolist() for _ in range(20)] for _ in "ab"]
    return model, model.fit(*pairs, epochs=2, batch_size=10, verbose=0)


@pytest.fixture
def pids(monkeypatch):
    """Process ids of the forked workers."""
    found, init = [], forked.ForkedWorker.__init__

    def spy(self, replica):
        init(self, replica)
        found.append(self._process.pid)

    monkeypatch.setattr(forked.ForkedWorker, "__init__", spy)
    return found


@pytest.mark.parametrize(
    ("fit", "processes"), [(fit_classifier, 2), (fit_gpt, 1), (fit_transformer, 1)]
)
def test_processes_give_the_same_bytes_as_threads(fit, processes, pids, monkeypatch):
    model, history = fit()
    assert len(pids) == processes
    monkeypatch.setenv("MINITRANSFORMER_FORK", "0")
    threaded, threaded_history = fit()
    assert len(pids) == processes, "0 means threads"
    assert model.flat.values.tobytes() == threaded.flat.values.tobytes()
    for logs in (history.history, threaded_history.history):
        logs.pop("seconds")
    assert history.history == threaded_history.history


def test_work_is_really_shared_and_ends_with_the_pool():
    model = toy_model()
    with WorkerPool(model, 3, fork=True) as pool:
        found = pool.add_gradients(where, [1, 2, 3], [1.0] * 3)
        assert len({pid for pid, _ in found}) == 3
        np.testing.assert_array_equal(model.parameters()["head.b"].grad, [6.0, 6.0])
        model.flat.values += 1  # in place, as the optimiser does: all processes see it
        assert pool.add_gradients(where, [1, 2, 4], [1.0] * 3) == [
            (pid, value + 1) for pid, value in found
        ]
        np.testing.assert_array_equal(model.parameters()["head.b"].grad, [7.0, 7.0])
    for pid in {pid for pid, _ in found} - {os.getpid()}:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_arrays_taken_before_the_training_hold_its_result():
    model = toy_model()
    model.compile(workers=2, micro_batch_tokens=24)
    flat, weight = model.flat.values, model.parameters()["head.b"].value
    before = flat.copy()
    model.fit(X, Y, epochs=1, verbose=0)
    assert model.flat.values is flat
    assert model.parameters()["head.b"].value.base is weight.base
    assert np.abs(flat - before).max() > 0


def test_a_gradient_that_is_not_finite_is_found_wherever_it_was_computed():
    model = toy_model(dtype="float32")
    model.compile("sgd", workers=2, micro_batch_tokens=24)
    model.parameters()["head.W"].value[...] = 3e38
    with pytest.raises(TrainingDiverged):
        model.fit(X, Y, epochs=1, verbose=0)


class OwnLoss(CategoricalCrossentropy):
    """A loss from outside the package, which counts its calls."""

    calls = 0

    def forward(self, *args):
        type(self).calls += 1
        return super().forward(*args)


class OwnMetric(Accuracy):
    """A metric from outside the package."""


def test_losses_and_metrics_that_may_have_state_run_in_threads(pids):
    OwnLoss.calls = 0
    fit_classifier(loss=OwnLoss())
    assert OwnLoss.calls > 8
    fit_classifier(metrics=[OwnMetric()])
    fit_classifier("float32", precision="mixed")
    assert not pids


def test_a_single_step_and_a_single_worker_fork_nothing(pids):
    model = toy_model()
    model.compile(workers=2, micro_batch_tokens=24)
    model.train_on_batch(X, Y)
    model.compile(workers=1)
    model.fit(X, Y, epochs=1, verbose=0)
    assert not pids


@pytest.mark.parametrize("fork", [False, True])
def test_an_array_of_parameters_that_workers_do_not_see_is_refused(fork):
    model = toy_model()
    with WorkerPool(model, 2, fork=fork) as pool:
        pool.add_gradients(where, [1, 2], [1.0] * 2)
        new = model.flat.values + 1
        model.flat = FlatParameters(model.parameters())
        model.flat.values[...] = new
        with pytest.raises(RuntimeError, match="array of parameters was replaced"):
            pool.add_gradients(where, [1, 2], [1.0] * 2)
    np.testing.assert_array_equal(model.flat.values, new)
    value = model.parameters()["head.b"].value
    np.testing.assert_array_equal(value, new[model.flat.slices["head.b"]])
    assert np.shares_memory(value, model.flat.values)


@pytest.mark.parametrize("missing", ["ForkedWorker", "shared_zeros"])
def test_threads_are_used_if_no_process_or_memory_is_available(missing, monkeypatch):
    expected = fit_classifier()[0].flat.values.tobytes()

    def unavailable(*args):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(workers, missing, unavailable)
    assert fit_classifier()[0].flat.values.tobytes() == expected


def _fit_and_send(queue):
    queue.put(fit_classifier()[0].flat.values.tobytes())


def test_a_daemon_process_trains_with_threads():
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_fit_and_send, args=(queue,), daemon=True)
    child.start()
    assert queue.get(timeout=60) == fit_classifier()[0].flat.values.tobytes()
    child.join()
