"""The benchmark's cases and worker processes: the same work on every side, and clear errors."""

import json
import sys

import numpy as np
import pytest

from minitransformer.bench import ours, run, workloads
from minitransformer.bench.worker_process import Side, Worker, WorkerError
from minitransformer.bench.workloads.classifier import ClassifierCase as Case
from minitransformer.bench.workloads.classifier import batches
from minitransformer.bench.workloads.generation import GenerationCase
from minitransformer.bench.workloads.language_model import LanguageModelCase
from minitransformer.bench.workloads.translation import TranslationCase, sentences


def test_the_products_of_a_step_are_counted():
    case = Case("x", 0, texts=3, max_len=5, varied=False, batches=2, d_model=4, d_ff=6, n_layers=2)
    # per token: Q, K, V, output 4 x (4, 4), network 2 x (4, 6); per pair of tokens: 2 x 4
    assert case.flops() == 3 * 2 * 3 * (5 * 2 * (64 + 48) + 25 * 2 * 8)
    varied = Case("x", 0, padded=False)
    assert varied.flops() < Case("x", 0, padded=True).flops()


def test_what_is_counted_is_what_a_causal_mask_shows():
    sizes = {"vocab_size": 7, "max_len": 3, "d_model": 4, "n_heads": 2, "n_layers": 2}
    # per token: 12 x (4, 4) in each of two blocks, and the head (4, 7); six pairs: 2 x 4 each
    tokens, pairs, head = 2 * 12 * 16, 2 * 2 * 4, 4 * 7
    training = LanguageModelCase("x", 0, windows=5, **sizes)
    assert training.flops() == 3 * 5 * 2 * (3 * (tokens + head) + 6 * pairs)
    assert training.tokens() == 15
    generation = GenerationCase("x", 0, prompt=2, written=2, **sizes)
    assert generation.flops() == 2 * (3 * tokens + 6 * pairs + 2 * head)  # the last is not read
    assert generation.tokens() == 2


def test_the_products_of_an_encoder_decoder_are_counted():
    case = TranslationCase("x", 0, pairs=3, shortest=4, longest=4, vocab_size=9, d_model=2,
                           n_heads=1, d_ff=5, n_layers=2)  # fmt: skip
    assert {len(ids) for batch in sentences(case) for ids in batch.sources} == {4}
    assert {len(ids) for batch in sentences(case) for ids in batch.targets} == {3}  # without start
    assert case.tokens() == 3 * 8
    maps = 4 * 4 + 20  # Q, K, V, output; both maps of the network
    encoder, decoder = 4 * maps + 2 * 16 * 2, 4 * (maps + 8) + 4 * 8 + 2 * (10 + 16) * 2
    assert case.flops() == 3 * 2 * 3 * (2 * (encoder + decoder) + 4 * 2 * 9)


@pytest.mark.parametrize("workload", workloads.WORKLOADS)
def test_a_case_survives_json(workload):
    for case in workloads.WORKLOADS[workload](None):
        assert workloads.read_case(json.loads(json.dumps(case.as_dict()))) == case
        assert case.tokens() > 0


def test_the_batches_are_the_same_in_every_process_and_of_the_given_lengths():
    first, second = batches(Case("x", 0.1)), batches(Case("y", 0.0, padded=True))
    for a, b in zip(first, second, strict=True):
        assert all((x == y).all() for x, y in zip(a.sequences, b.sequences, strict=True))
        assert a.lengths.min() >= 10
        assert a.lengths.max() <= 256
    assert not np.array_equal(first[0].lengths, first[1].lengths)


def test_padded_alike_means_that_our_side_trims_nothing():
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
    "print('hello')": "printed 'hello', which is not an answer",
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


def test_an_error_inside_a_worker_is_reported_and_the_worker_continues():
    with Worker(run.OURS, 1) as worker:
        with pytest.raises(WorkerError, match="ours: ValueError: n_heads must divide"):
            worker.ask("prepare", case=Case("x", 0, n_heads=3).as_dict(), device="cpu",
                       threads=1, options={})  # fmt: skip
        assert "NumPy" in worker.ask("about")["about"]
