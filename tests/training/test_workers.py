"""Parallel workers: the result does not depend on how the work is assigned."""

import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from minitransformer.training import Adam
from minitransformer.training.optim import optimizers
from minitransformer.training.parallel import allocator, blas
from minitransformer.training.parallel.assign import assign
from minitransformer.training.parallel.workers import WorkerPool, default_workers, usable_cores
from minitransformer.training.step import train_step
from tests.support.tolerances import tolerance
from tests.support.toys import toy_data, toy_model

X, Y = toy_data(96)


def fifty_losses(workers):
    """Losses of fifty steps, and the weights after them."""
    model = toy_model()
    model.compile(Adam(0.01), word_dropout=0.1, clip=1.0, workers=workers, micro_batch_tokens=24)
    examples = model.read_examples(X, Y, None, model.recipe.loss)
    losses = []
    with WorkerPool(model, workers) as pool:
        for t in range(50):
            batch = np.arange(96)[t % 4 :: 4]
            losses.append(train_step(model, model.recipe, pool, examples, batch)[0])
    return np.array(losses), model.flat.values


def test_any_number_of_workers_gives_the_same_losses():
    one, _ = fifty_losses(1)
    for workers in (2, 3):
        losses, _ = fifty_losses(workers)
        assert np.abs(losses / one - 1).max() <= tolerance("fifty losses, 1 to 3 workers")
    assert one[-5:].mean() < one[:5].mean()


@pytest.mark.parametrize("workers", [2, 3])
def test_the_same_number_of_workers_gives_the_same_bytes(workers):
    (a, u), (b, v) = fifty_losses(workers), fifty_losses(workers)
    assert a.tobytes() == b.tobytes()
    assert u.tobytes() == v.tobytes()


def test_evaluate_and_predict_do_not_depend_on_workers():
    results = []
    for workers in (1, 2, 3):
        model = toy_model()
        model.compile(workers=workers, micro_batch_tokens=24)
        results.append((model.evaluate(X, Y), model.predict(X).tobytes()))
    assert results[0] == results[1] == results[2]


def test_work_is_really_shared_and_ends_with_the_pool():
    model, seen = toy_model(), set()
    barrier = threading.Barrier(3, timeout=30)

    def task(replica, job):
        barrier.wait()  # passes only when three threads work at once
        seen.add((threading.get_ident(), id(replica)))
        replica.parameters()["head.b"].grad += job
        return job * 10

    before = threading.active_count()
    with WorkerPool(model, 3) as pool:
        assert pool.add_gradients(task, [1, 2, 3], [1.0, 1.0, 1.0]) == [10, 20, 30]
        np.testing.assert_array_equal(model.parameters()["head.b"].grad, [6.0, 6.0])
        barrier.reset()
        pool.add_gradients(task, [1, 2, 4], [1.0, 1.0, 1.0])
        np.testing.assert_array_equal(model.parameters()["head.b"].grad, [7.0, 7.0])
    assert len({replica for _, replica in seen}) == 3
    assert threading.active_count() == before


def test_one_worker_starts_no_thread_and_no_replica():
    model, before = toy_model(), threading.active_count()
    with WorkerPool(model, 1) as pool:
        replicas = pool.add_gradients(lambda replica, job: replica, [0, 1], [1, 1])
        assert threading.active_count() == before
    assert all(replica is model for replica in replicas)


def test_fewer_jobs_than_workers():
    model = toy_model()
    model.compile(workers=3)
    assert model.evaluate(X[:1], Y[:1])[1] in (0.0, 1.0)
    model.train_on_batch(X[:1], Y[:1])


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_a_worker_arrives_after_all_have_ended(failing):
    done = []

    def task(model, job):
        if job == failing:
            raise LookupError(f"job {job}")
        done.append(job)

    with WorkerPool(toy_model(), 2) as pool:
        with pytest.raises(LookupError, match=f"job {failing}"):
            pool.map(task, [0, 1], [1.0, 1.0])
        assert done == [1 - failing]
        assert pool.map(lambda model, job: job, [7, 8], [1.0, 1.0]) == [7, 8]


def test_a_batch_is_cut_into_parts_of_about_1024_tokens_and_a_small_one_is_not():
    model = toy_model(max_len=512)
    model.compile(workers=1)

    def parts(n, length):
        x = [np.full(length, 5 + i % 2) for i in range(n)]
        examples = model.read_examples(x, np.arange(n) % 2, None, model.recipe.loss)
        seen = []
        pool = WorkerPool(model, 1)
        run = pool.add_gradients
        pool.add_gradients = lambda task, jobs, costs: seen.extend(jobs) or run(task, jobs, costs)
        train_step(model, model.recipe, pool, examples, np.arange(n))
        return [len(batch.ids) for _, batch in seen]

    assert parts(32, 17) == [32], "544 tokens: two threads would be slower than one"
    assert parts(32, 50) == [20, 12], "1,600 tokens"
    assert parts(32, 200) == [5] * 6 + [2], "6,400 tokens: parts of at most 1,024"


def test_assigning():
    assert assign([5.0, 1.0, 1.0, 1.0, 1.0, 1.0], 2) == [[0], [1, 2, 3, 4, 5]]
    assert assign([1.0, 1.0, 1.0], 1) == [[0, 1, 2]]
    assert assign([], 2) == [[], []]
    rng = np.random.default_rng(0)
    for _ in range(50):
        costs = rng.random(rng.integers(1, 40)).tolist()
        shares = assign(costs, 3)
        assert sorted(sum(shares, [])) == list(range(len(costs)))
        loads = [sum(costs[i] for i in share) for share in shares]
        assert max(loads) - min(loads) <= max(costs) + 1e-12


def blas_threads():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


def test_blas_has_one_thread_while_workers_run_and_its_own_afterwards():
    before = blas_threads()
    with WorkerPool(toy_model(), 2):
        assert blas_threads() == {1}
    assert blas_threads() == before


def test_blas_has_its_own_threads_again_after_two_that_overlap():
    with threadpool_limits(3, user_api="blas"):
        first, second = (WorkerPool(toy_model(), 2).__enter__() for _ in range(2))
        first.__exit__()
        assert blas_threads() == {1}, "one still needs it"
        second.__exit__()
        assert blas_threads() == {3}


def test_blas_that_cannot_be_limited_is_warned_about_once(monkeypatch):
    class NoBlas:
        lib_controllers = ()

        def limit(self, limits):
            return SimpleNamespace(restore_original_limits=lambda: None)

    monkeypatch.setattr(blas, "_blas", NoBlas)
    blas._warn_once.cache_clear()
    with pytest.warns(UserWarning, match="cannot be limited"), WorkerPool(toy_model(), 2):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with WorkerPool(toy_model(), 2) as pool:
            assert pool.map(lambda model, job: job, [1, 2], [1, 1]) == [1, 2]


def test_the_default_number():
    assert 1 <= default_workers() == min(usable_cores(), 8)
    assert WorkerPool(toy_model()).size == default_workers()
    with pytest.raises(ValueError, match="workers must be >= 1, got 0"):
        WorkerPool(toy_model(), 0)
    with pytest.raises(TypeError, match="workers must be a whole number"):
        WorkerPool(toy_model(), 1.5)


def test_each_part_of_a_long_array_is_worked_on_once_and_without_warnings():
    with WorkerPool(toy_model(), 3) as pool:
        for size in (0, 1, 2, 10):
            seen = np.zeros(size, int)

            def work(part, seen=seen):
                seen[part] += 1
                np.float32(3e38) * np.float32(3e38)  # overflows; no warning

            pool.share_out(size, work)
            assert (seen == 1).all()


def test_the_optimizer_takes_the_same_step_however_the_array_is_divided():
    rng = np.random.default_rng(0)
    grads, decay = rng.standard_normal((3, 1001)), rng.random(1001) < 0.5
    with WorkerPool(toy_model(), 3) as pool:
        results = []
        for more in ((), (pool.share_out,)):
            values, optimizer = np.ones(1001), optimizers.get("adamw")
            for g in grads:
                optimizer.step(values, g, 0.01, decay, *more)
            results.append((values, *(v for k, v in optimizer.state().items() if k != "t")))
    for one, shared in zip(*results, strict=True):
        np.testing.assert_array_equal(one, shared)


def test_freed_memory_is_kept_until_the_last_one_leaves(monkeypatch):
    calls = []

    class Library:
        def mallopt(self, name, value):
            calls.append((name, value))

        def malloc_trim(self, pad):
            calls.append("trim")

    monkeypatch.setattr(allocator, "_glibc", Library)
    with allocator.freed_memory_kept():
        entered = len(calls)
        assert entered == 3
        with WorkerPool(toy_model(), 1):
            pass
        assert len(calls) == entered, "a pool inside changes nothing"
    assert calls[-1] == "trim"
    assert calls.count("trim") == 1


def test_a_single_step_leaves_some_memory_for_the_next(monkeypatch):
    trimmed = []

    class Library:
        mallopt = staticmethod(lambda name, value: None)
        malloc_trim = staticmethod(trimmed.append)

    monkeypatch.setattr(allocator, "_glibc", Library)
    model = toy_model()
    model.compile(workers=2)
    model.train_on_batch(X[:4], Y[:4])
    assert trimmed == []
    model.evaluate(X[:4], Y[:4])
    assert trimmed == [0]
