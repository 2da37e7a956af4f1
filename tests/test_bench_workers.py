"""The benchmark's work and its worker processes: the same work on every side, clear errors."""

import sys

import numpy as np
import pytest

from minitransformer.bench import ours, run
from minitransformer.bench.worker_process import Side, Worker, WorkerError
from minitransformer.bench.workloads import Case, batches, flops
from tests.tolerances import tolerance


def test_the_products_of_a_step_are_counted():
    case = Case("x", 0, texts=3, max_len=5, varied=False, batches=2, d_model=4, d_ff=6, n_layers=2)
    # a token: Q, K, V, output 4 x (4, 4), network 2 x (4, 6); a pair of tokens: twice 4
    assert flops(case) == 3 * 2 * 3 * (5 * 2 * (64 + 48) + 25 * 2 * 8)
    varied = Case("x", 0, padded=False)
    assert flops(varied) < flops(Case("x", 0, padded=True))


def test_the_batches_are_the_same_in_every_process_and_of_the_given_lengths():
    first, second = batches(Case("x", 0.1)), batches(Case("y", 0.0, padded=True))
    for a, b in zip(first, second, strict=True):
        assert all((x == y).all() for x, y in zip(a.sequences, b.sequences, strict=True))
        assert a.lengths.min() >= 10
        assert a.lengths.max() <= 256
    assert not np.array_equal(first[0].lengths, first[1].lengths)


def test_padded_alike_means_that_the_engine_trims_nothing():
    case = Case("x", 0.0, texts=4, max_len=256, padded=True, vocab_size=50)
    batch = batches(case)[0]
    examples = ours.examples_of(case, batch)
    assert (examples.lengths == 256).all()
    short = int(batch.lengths.argmin())
    cut = examples.batch(np.array([short]))
    assert cut.ids.shape == (1, 256)
    assert cut.mask.sum() == batch.lengths[short]
    trimmed = ours.examples_of(Case("x", 0.0, texts=4, max_len=256, vocab_size=50), batch)
    assert trimmed.batch(np.array([short])).ids.shape == (1, batch.lengths[short])


PROGRAMS = {
    "import sys; sys.exit('Traceback\\nError: no x')": "ended with status 1: Error: no x",
    "print('hello')": "said 'hello', which is no answer",
    "import os; os.kill(os.getpid(), 9)": "ended by signal 9; is there enough memory?",
    'input(); print(\'{"error": "ValueError: no"}\')': "x: ValueError: no",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_worker_that_fails_says_why_in_one_line(program):
    side = Side("x", "x", "ours", {})
    with Worker(side, 1, [sys.executable, "-c", program]) as worker:
        with pytest.raises(WorkerError) as raised:
            worker.ask("about")
    assert PROGRAMS[program] in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_error_inside_a_worker_comes_back_and_it_lives_on():
    with Worker(run.OURS, 1) as worker:
        with pytest.raises(WorkerError, match="ours: ValueError: n_heads must divide"):
            worker.ask("prepare", case={"name": "x", "dropout": 0, "n_heads": 3}, device="cpu",
                       threads=1, options={})  # fmt: skip
        assert "NumPy" in worker.ask("about")["about"]


@pytest.fixture
def torch_side():
    """PyTorch's side, where PyTorch is installed."""
    reason = "PyTorch is only what we are compared with"
    pytest.importorskip("torch", reason=reason)
    return pytest.importorskip("minitransformer.bench.torch_side", reason=reason)


@pytest.mark.parametrize("padded", [False, True])
def test_both_sides_compute_the_same(torch_side, padded):
    """Our weights in PyTorch's model give our logits, with padding in the batch."""
    case = Case("x", 0.1, texts=6, vocab_size=300, padded=padded)
    model = ours.model_of(case)
    for parameter in model.parameters().values():
        noise = np.random.default_rng(0).standard_normal(parameter.shape)
        parameter.value[...] += 0.1 * noise
    theirs = torch_side.Classifier(case).eval()
    theirs.copy_in({name: p.value for name, p in model.parameters().items()})
    ids, mask = batches(case)[0].padded(case.max_len if padded else None)
    assert not mask.all()
    logits, _ = model.forward(ids, mask=mask)
    with torch_side.torch.no_grad():
        expected = theirs(*(torch_side.torch.from_numpy(a) for a in (ids, mask))).numpy()
    error = np.abs(logits - expected) / np.maximum(1, np.abs(expected))
    assert error.max() <= tolerance("bench: logits vs PyTorch")


def test_both_sides_take_the_same_steps(torch_side):
    """The losses of eight steps from the same weights, without dropout."""
    case = Case("x", 0.0, texts=5, vocab_size=300, d_model=32)
    steps, theirs = ours.Steps(case, "cpu", 1), torch_side.Steps(case, "cpu", 1)
    values = steps.model.parameters().items()
    theirs.model.copy_in({name: parameter.value for name, parameter in values})
    losses = np.array([[float(s.step(i)[0]) for s in (steps, theirs)] for i in range(8)])
    error = np.abs(losses[:, 0] / losses[:, 1] - 1).max()
    assert error <= tolerance("bench: losses vs PyTorch")
    assert losses[4:].mean() < losses[:4].mean()
