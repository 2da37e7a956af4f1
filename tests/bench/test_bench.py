"""The benchmark: the figures computed from the steps, its output, and its failures."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from minitransformer.bench import (
    figures,
    growth,
    measure,
    memory,
    ours,
    report,
    run,
    worker_process,
    workloads,
)
from minitransformer.bench.worker_process import WorkerError
from minitransformer.bench.workloads.classifier import ClassifierCase
from minitransformer.bench.workloads.generation import GenerationCase
from minitransformer.bench.workloads.language_model import LanguageModelCase
from minitransformer.bench.workloads.recurrent import RecurrentCase
from minitransformer.bench.workloads.translation import TranslationCase
from minitransformer.training.parallel import allocator
from minitransformer.training.parallel.forked import can_fork
from minitransformer.training.parallel.workers import WorkerPool
from tests.support.commands import assert_one_line
from tests.support.toys import toy_model

TINY = ClassifierCase(
    "tiny", 0.1, texts=4, max_len=12, batches=2, repeats=2, vocab_size=30, d_model=8, n_heads=2,
    d_ff=8, n_layers=1,
)  # fmt: skip
SMALL = {"vocab_size": 30, "d_model": 8, "n_heads": 2, "n_layers": 1, "batches": 1, "repeats": 1}
TINY_CASES = {
    "classifier": [TINY],
    "attention": [
        ClassifierCase(f"{B} of {T}", 0.1, texts=B, max_len=T, varied=False, d_ff=8, **SMALL)
        for B, T in ((2, 4), (2, 8), (4, 4))
    ],
    "language-model": [LanguageModelCase("tiny", 0.1, windows=2, max_len=6, **SMALL)],
    "generation": [GenerationCase("tiny", 0.0, prompt=3, written=4, max_len=9, **SMALL)],
    "translation": [TranslationCase("tiny", 0.1, pairs=3, shortest=2, longest=5, d_ff=8, **SMALL)],
    "recurrent": [
        RecurrentCase(
            "tiny", 0.1, texts=3, max_len=5, vocab_size=30, d_model=8, batches=1, repeats=1
        )
    ],
}
SIDES = [run.OURS, run.TORCH]


class Fake:
    """A worker whose steps take the times in a list, or that fails at one kind of request."""

    def __init__(self, seconds, peak=None, fails_at=None):
        self.seconds, self.peak_bytes, self.fails_at = iter(seconds), peak, fails_at

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def ask(self, do, **arguments):
        if do == self.fails_at:
            raise WorkerError("torch: OutOfMemory: too little")
        return {
            "about": {"about": {"NumPy": "2"}},
            "peak": {"flops": 1e9},
            "prepare": {"ready": True},
            "memory": {"peak_bytes": self.peak_bytes, "start_bytes": 1},
        }.get(do) or {"seconds": next(self.seconds)}


def compared(ours, torch, **arguments):
    workers = {"ours": ours, "torch": torch}
    row = measure.compare(
        TINY, SIDES, lambda side: workers[side.key], repeats=3, threads=1, **arguments
    )
    return row, row.results


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(measure, "PAUSE", 0.0)


@pytest.fixture
def tiny(monkeypatch):
    """Replace the workloads with ones that take a few milliseconds."""
    assert set(TINY_CASES) == set(workloads.WORKLOADS)
    for name, cases in TINY_CASES.items():
        monkeypatch.setitem(workloads.WORKLOADS, name, lambda dropout, cases=cases: cases)
    monkeypatch.setattr(ours, "PEAK_SECONDS", 0.01)


def test_the_ratio_is_the_median_over_the_turns_without_the_first_ones():
    row, results = compared(Fake([9, 9, 1, 2, 8], 300), Fake([7, 7, 2, 8, 4], 600))
    assert results["ours"].seconds == [1, 2, 8]
    assert row.ratio("ours", "torch") == 0.5  # the median of 1/2, 2/8 and 8/4
    assert row.memory_ratio("ours", "torch") == 0.5
    assert results["ours"].median == 2
    assert results["ours"].quartiles == (1.5, 5)
    assert row.speed("ours") == TINY.tokens() / 2
    assert row.fraction_of_peak("ours", 10 * TINY.flops()) == pytest.approx(0.05)


def test_neither_side_always_comes_first():
    order = []

    class Recorded(Fake):
        def ask(self, do, **arguments):
            order.extend([self.name] if do == "step" else [])
            return super().ask(do, **arguments)

    workers = [Recorded([1] * 9), Recorded([1] * 9)]
    workers[0].name, workers[1].name = "ours", "torch"
    compared(*workers)
    assert order[:4] == ["ours", "torch", "torch", "ours"]


@pytest.mark.parametrize("when", ["prepare", "step", "memory"])
def test_a_side_that_fails_leaves_the_other_its_figures(when):
    row, results = compared(Fake([1] * 9, 300), Fake([1] * 9, fails_at=when))
    assert results["ours"].seconds == [1, 1, 1]
    assert results["torch"].error == "torch: OutOfMemory: too little"
    assert row.ratio("ours", "torch") is None
    assert row.memory_ratio("ours", "torch") is None


def test_our_figures_alone(call, tiny, tmp_path):
    path, plot = tmp_path / "b.json", tmp_path / "b.png"
    code, out, err = call("bench", "--threads", 1, "--json", path, "--plot", plot)
    assert code == 0
    assert "tiny, dropout 0.1" in out
    assert "quartiles" in out
    assert max(map(len, out.split("ours: NumPy")[0].splitlines())) <= 80
    assert "--against torch" in out
    assert "ours: NumPy 2" in out
    assert "float32 operations per second" in out
    assert "tiny, dropout 0.1" in err
    found = json.loads(path.read_text())
    assert set(found) == {"workload", "machine", "peak_flops", "notes", "rows"}
    assert found["peak_flops"]["ours"] > 1e6
    assert found["machine"]["processor"]
    (row,) = found["rows"]
    assert row["case"]["max_len"] == 12
    side = row["sides"]["ours"]
    assert len(side["seconds"]) == 2
    assert side["median_seconds"] > 0
    assert side["ratio"] is None
    assert side["start_bytes"] is None or 0 < side["start_bytes"] <= side["peak_bytes"]
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_without_pytorch_it_says_how_to_get_the_comparison(call, tiny, monkeypatch):
    found = run.importlib.util.find_spec
    monkeypatch.setattr(
        run.importlib.util, "find_spec", lambda name: None if name == "torch" else found(name)
    )
    code, out, _ = call("bench", "--against", "torch", "--threads", 1, "--repeats", 1)
    assert code == 0
    assert "python -m pip install torch" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["typing"],
            "workload must be one of classifier, attention, language-model, generation, "
            "translation, recurrent, fused, devices, got 'typing'",
        ),
        (["generation", "--dropout", 0.1], "generation uses no dropout"),
        (["--against", "jax"], "--against must be torch, got 'jax'"),
        (["--device", "tpu"], "device must be one of cpu, gpu"),
        (["--dropout", 1], "--dropout must lie in [0, 1)"),
        (["--repeats", 0], "repeats"),
        (["devices", "--dropout", 0.1], "bench devices takes no options but"),
        (["fused", "--threads", 1], "bench fused takes no options but --device"),
        (["devices"], "device 'gpu' cannot be used"),
        (["--compile"], "needs --against torch"),
        (["--plot", "no/such/folder/x.png"], "there is no folder"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(call, arguments, words):
    code, out, err = call("bench", *arguments)
    assert (code, out) == (2, "")
    assert_one_line(err)
    assert words in err


def _report(workload, fail=None):
    """A report with fake workers; PyTorch's worker fails at the request `fail`."""

    def start(side, threads):
        return Fake([2, 1] * 9 if side.key == "ours" else [4] * 9, 10**8,
                    fail if side.key == "torch" else None)  # fmt: skip

    return run.bench(workload, threads=1, against="torch", start=start)


@pytest.fixture
def with_torch(monkeypatch):
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: name)


def test_a_failure_of_pytorch_is_one_line_and_the_exit_status(call, tiny, with_torch, monkeypatch):
    found = _report("classifier", fail="step")
    monkeypatch.setattr(run, "bench", lambda *arguments, **named: found)
    code, out, err = call("bench", "--against", "torch")
    assert code == 1
    assert err == "error: tiny: torch: OutOfMemory: too little\n"
    assert "failed: torch: OutOfMemory" in out
    assert " 1,500 " in out


def test_compile_may_fail(tiny, with_torch):
    def start(side, threads):
        return Fake([1] * 9, 10**8, "step" if side.key == "compiled" else None)

    found = run.bench("classifier", threads=1, against="torch", compiled=True, start=start)
    assert found.failures == []
    assert any("did not work here" in line for line in report.lines(found))


@pytest.mark.parametrize("workload", workloads.WORKLOADS)
@pytest.mark.parametrize("fail", [None, "step"])
def test_the_figure_shows_every_side_with_units(tiny, with_torch, workload, fail):
    figure = figures.draw(_report(workload, fail))
    words = {axes.get_xlabel() for axes in figure.axes} | {a.get_ylabel() for a in figure.axes}
    assert "time per step (ms)" in words
    assert "peak memory of the process (MB)" in words
    shown = {text.get_text() for text in figure.legends[0].get_texts()}
    working = {side.label for side in _report(workload).sides if not (fail and side == run.TORCH)}
    assert working <= shown


def test_the_table_fits_80_columns_with_every_number_whole(tiny, with_torch):
    """Also with ratios above 10, times above 10 s, and more than 10 GB."""

    def start(side, threads):
        return Fake([12.3456] * 9 if side.key == "ours" else [0.98765] * 9, 16_314 * 10**6)

    found = run.bench("classifier", threads=1, against="torch", compiled=True, start=start)
    console = Console(width=80, file=io.StringIO())
    console.print(report.table(found))
    shown = console.file.getvalue()
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    (ours,) = [line.split() for line in shown.splitlines() if line.startswith("ours ")]
    assert ours[1:4] == ["12,346", "12,346-12,346", "12.50"]
    assert ours[5:7] == ["16,314", "1.00"]
    assert sum(line.startswith("PyTorch") for line in shown.splitlines()) == 3


def test_a_case_without_padding_has_no_groups_of_like_length(with_torch, monkeypatch):
    """Groups save padding, so a case whose sequences have one length has no row for them."""
    cases = [TINY, replace(TINY, name="padded", padded=True)]
    for name, chosen in (("classifier", cases), ("attention", TINY_CASES["attention"])):
        monkeypatch.setitem(workloads.WORKLOADS, name, lambda dropout, chosen=chosen: chosen)
    found = _report("classifier")
    assert list(found.rows[0].results) == ["ours", "torch", "grouped"]
    assert list(found.rows[1].results) == ["ours", "torch"]
    assert run.GROUPED not in _report("attention").sides


def test_both_sides_have_the_same_allocator_policy(monkeypatch):
    """The environment of PyTorch's process sets what our side sets by mallopt."""
    given = worker_process.environment(run.TORCH, threads=2)
    policy = {name.removeprefix("M_"): value for name, value in mallopt_calls(monkeypatch).items()}
    assert {name: given[f"MALLOC_{name}_"] for name in policy} == policy
    assert set(policy) == {"MMAP_THRESHOLD", "TRIM_THRESHOLD", "TOP_PAD"}


def mallopt_calls(monkeypatch):
    """What the first entry into `freed_memory_kept` tells glibc: values by glibc's names."""
    names = {-1: "M_TRIM_THRESHOLD", -2: "M_TOP_PAD", -3: "M_MMAP_THRESHOLD"}
    calls = []

    class Library:
        def mallopt(self, name, value):
            calls.append((names[name], str(value)))

        def malloc_trim(self, pad):
            pass

    monkeypatch.setattr(allocator, "_glibc", Library)
    with allocator.freed_memory_kept():
        entered = dict(calls)
    return entered


def test_ctrl_c_keeps_the_cases_that_are_done(tiny):
    class Stopped(Fake):
        def ask(self, do, **arguments):
            if do == "prepare" and arguments["case"]["texts"] == 4:
                raise KeyboardInterrupt
            return super().ask(do, **arguments)

    found = run.bench("attention", threads=1, start=lambda side, threads: Stopped([1] * 9, 10**8))
    assert [row.case.name for row in found.rows] == ["2 of 4", "2 of 8"]
    assert "interrupted after 2 of 3 cases" in found.notes


def test_ctrl_c_before_the_first_case_is_done_is_raised(tiny):
    class Stopped(Fake):
        def ask(self, do, **arguments):
            if do == "prepare":
                raise KeyboardInterrupt
            return super().ask(do, **arguments)

    with pytest.raises(KeyboardInterrupt):
        run.bench("attention", threads=1, start=lambda side, threads: Stopped([1] * 9))


def test_growth_is_the_power_of_the_size(tiny):
    class Growing(Fake):
        def ask(self, do, **arguments):
            if do == "prepare":
                case = arguments["case"]
                power = 2 if arguments["options"]["attention"] == "full" else 1
                self.seconds = iter([case["texts"] ** 1.5 * case["max_len"] ** power] * 9)
            return super().ask(do, **arguments)

    found = run.bench("attention", threads=1, start=lambda side, threads: Growing([]))
    words = list(growth.lines(found))
    assert [line.split("power of ")[1] for line in words] == [
        "1.00 (1.00 at the end)", "2.00 (2.00 at the end)",
        "1.50 (1.50 at the end)", "1.50 (1.50 at the end)",
    ]  # fmt: skip
    assert "ours, tiled: time grows with the number of tokens in each of 2 texts" in words[0]


def test_what_needs_more_memory_than_there_is_is_left_out(tiny, with_torch, monkeypatch):
    monkeypatch.setattr(run.memory, "available", lambda: 3 * 10**8)
    found = _report("attention")
    assert found.rows[0].results["torch"].seconds
    assert found.rows[1].results["torch"].left_out  # four times 100 MB
    assert found.rows[2].results["torch"].seconds
    assert any("PyTorch is left out at 2 of 8" in note for note in found.notes)


def test_each_library_has_its_fastest_product_and_the_faster_one_is_the_peak():
    found = run.Report("classifier", [], {}, peaks={"ours": 2e9, "torch": 3e9})
    assert found.peak == 3e9
    assert run.Report("classifier", [], {}).peak is None


HOLDS = []


def _hold(replica, job):
    """A task after which its process holds another `job` megabytes."""
    HOLDS.append(np.ones(job << 17))


@pytest.mark.skipif(not can_fork(), reason="this system does not fork")
def test_memory_counts_what_forked_workers_hold():
    assert memory.of_children() == 0
    with WorkerPool(toy_model(), 2, fork=True) as pool:
        pool.add_gradients(_hold, [1, 1], [2.0, 1.0])
        before = memory.of_children()
        pool.add_gradients(_hold, [1, 40], [2.0, 1.0])  # the cheaper job goes to the forked process
        held = memory.of_children() - before
    HOLDS.clear()
    assert before > 1e6
    assert 41e6 < held < 50e6
