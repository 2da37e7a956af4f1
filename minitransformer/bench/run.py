"""A whole benchmark: its sides, its cases in order, and which are left out and why."""

import functools
import importlib.util
import os
import platform
from dataclasses import dataclass, field

from minitransformer import __version__
from minitransformer.backend import choose_device
from minitransformer.bench import memory
from minitransformer.bench.measure import Result, Row, compare
from minitransformer.bench.worker_process import Side, Worker
from minitransformer.bench.workloads import WORKLOADS
from minitransformer.checks import check_count
from minitransformer.training.parallel.workers import usable_cores

OURS = Side("ours", "ours", "ours", {})
TILED = Side("ours", "ours, tiled", "ours", {"attention": "tiled"})
FULL = Side("full", "ours, full", "ours", {"attention": "full"})
TORCH = Side("torch", "PyTorch", "torch", {})
GROUPED = Side("grouped", "PyTorch, 4 groups", "torch", {"groups": 4})
COMPILED = Side("compiled", "PyTorch, compiled", "torch", {"compiled": True}, optional=True)
MAX_MEMORY_FRACTION = 0.8
"""A side is left out of a case if it would probably need more than this fraction of free memory."""


@dataclass
class Report:
    """The results of a benchmark.

    Attributes
    ----------
    workload : str
        The name of the workload.
    sides : list of Side
        The implementations that were compared.
    machine : dict
        System, cores, threads, versions, and the load before the benchmark began.
    peaks : dict of str to float
        Operations per second of each side's fastest float32 matrix product, by module.
    rows : list of Row
        The cases that were measured.
    notes : list of str
        Remarks that a reader of the figures needs.
    """

    workload: str
    sides: list
    machine: dict
    peaks: dict = field(default_factory=dict)
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def peak(self):
        """The highest of the `peaks`; None before they are measured."""
        return max(self.peaks.values(), default=None)

    @property
    def failures(self):
        """Errors of the sides that are not optional, one line per error."""
        needed = [side.key for side in self.sides if not side.optional]
        return [
            f"{row.case.name}: {row.results[key].error}"
            for row in self.rows for key in needed
            if key in row.results and row.results[key].error
        ]  # fmt: skip


def bench(
    workload, *, against=None, compiled=False, device="cpu", dropout=None, repeats=None,
    threads=None, start=Worker, on_progress=lambda text, done, total: None,
):  # fmt: skip
    """Measure a workload.

    Parameters
    ----------
    workload : str
        A key of `WORKLOADS`.
    against : {None, "torch"}
        The library to compare with. If it is not installed, the report says how to install it.
    compiled : bool
        Whether to compare with ``torch.compile`` too.
    device : {"cpu", "gpu", "auto"}
        Where the steps are computed; "auto" uses a GPU if there is one.
    dropout : float, optional
        The only dropout to measure, instead of the usual ones.
    repeats : int, optional
        Number of timed steps per side; by default the number that the case defines.
    threads : int, optional
        Number of threads per side; by default one per core.
    start : callable
        ``start(side, threads)`` returns a worker.
    on_progress : callable
        Called as ``on_progress(text, done, total)``; the text says what is being measured.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If an argument is not allowed.
    KeyboardInterrupt
        If the benchmark is interrupted before the first case is done. If it is interrupted later,
        the report contains the cases that are done.
    """
    _check(workload, against, compiled, dropout)
    device = {"numpy": "cpu", "cupy": "gpu"}[choose_device(device)]
    repeats = None if repeats is None else check_count("repeats", repeats)
    threads = usable_cores() if threads is None else check_count("threads", threads)
    cases = WORKLOADS[workload](dropout)
    sides, notes = _sides(workload, against, compiled, cases)
    start = functools.partial(start, threads=threads)
    report = Report(workload, sides, _machine(threads, device), notes=notes)
    on_progress("this machine's fastest matrix product", 0, len(cases))
    _look_at_machine(report, start, device)
    try:
        for number, case in enumerate(cases):
            _add_row(report, number, case, start, repeats, on_progress, len(cases))
    except KeyboardInterrupt:
        if not report.rows:
            raise
        report.notes.append(f"interrupted after {len(report.rows)} of {len(cases)} cases")
    # Measure again, because another program may have slowed down the first measurement.
    _measure_peak(report, start, device)
    return report


def _add_row(report, number, case, start, repeats, on_progress, total):
    def within(fraction):
        on_progress(case.title, number + fraction, total)

    within(0.0)
    machine = report.machine
    sides = [side for side in report.sides if case.unequal or side != GROUPED]
    small = [side for side in sides if not _too_large(report, side, case, machine["device"])]
    row = compare(
        case, small, start, repeats=repeats or case.repeats, threads=machine["threads"],
        device=machine["device"], on_progress=within,
    )  # fmt: skip
    left_out = {side.key: Result(left_out=True) for side in sides if side not in small}
    report.rows.append(Row(case, row.results | left_out))


def _check(workload, against, compiled, dropout):
    if workload not in WORKLOADS:
        names = ", ".join(WORKLOADS)
        raise ValueError(f"workload must be one of {names}, fused, devices, got {workload!r}")
    if against not in (None, "torch"):
        raise ValueError(f"--against must be torch, got {against!r}")
    if compiled and against is None:
        raise ValueError("--compile concerns PyTorch: it needs --against torch")
    if dropout is not None and not 0 <= dropout < 1:
        raise ValueError(f"--dropout must lie in [0, 1), got {dropout}")


def _sides(workload, against, compiled, cases):
    """The sides to measure, and notes on those that are missing."""
    ours = [TILED, FULL] if workload == "attention" else [OURS]
    if against is None:
        return ours, ["to compare with PyTorch: --against torch"]
    if importlib.util.find_spec("torch") is None:
        return ours, [
            "PyTorch is not installed, so only our own figures are shown; to compare: "
            "python -m pip install torch"
        ]
    grouped = [GROUPED] if any(case.unequal for case in cases) else []
    return [*ours, TORCH, *grouped, *([COMPILED] if compiled else [])], []


def _machine(threads, device):
    machine = {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "Python": platform.python_version(),
        "minitransformer": __version__,
        "cores": usable_cores(),
        "threads": threads,
        "device": device,
    }
    if hasattr(os, "getloadavg"):
        machine["load before"] = round(os.getloadavg()[0], 2)
    return machine


def processor():
    """Name, family and model of the processor on Linux; elsewhere the name that Python returns."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = [line.split(":", 1) for line in file if ":" in line]
    except OSError:
        lines = []
    found = {key.strip(): value.strip() for key, value in reversed(lines)}
    if "model name" not in found:
        return platform.processor() or "unknown"
    return f"{found['model name']}, family {found.get('cpu family')} model {found.get('model')}"


def _look_at_machine(report, start, device):
    """Record every side's versions and fastest matrix product, and note if the machine is busy."""
    for side in _one_of_each(report):
        with start(side) as worker:
            report.machine[side.module] = worker.ask("about")["about"]
    _measure_peak(report, start, device)
    if report.machine.get("load before", 0) > 0.3:
        report.notes.append(
            f"the load was {report.machine['load before']:g} before this began: another program "
            "may have been running, which makes the figures less reliable"
        )


def _measure_peak(report, start, device):
    """Measure the fastest matrix product of each side, and keep the best so far."""
    for side in _one_of_each(report):
        with start(side) as worker:
            found = worker.ask("peak", device=device)["flops"]
        report.peaks[side.module] = max(report.peaks.get(side.module, 0.0), found)


def _one_of_each(report):
    """One of our sides, and one of PyTorch's sides."""
    return {side.module: side for side in reversed(report.sides)}.values()


def _too_large(report, side, case, device):
    """Whether a side would need too much memory, judging by its memory in the row before."""
    free = memory.available()
    if device == "gpu" or free is None or not report.rows:
        return False
    before, grows = (
        report.rows[-1].results.get(side.key, Result()),
        case.times_as_large(report.rows[-1].case),
    )
    if grows is None:
        return False
    if before.left_out:
        too_large = grows >= 1
    else:
        used = (before.peak_bytes or 0) - (before.start_bytes or 0)
        too_large = used * grows > MAX_MEMORY_FRACTION * free
    if too_large:
        reason = "it would need more memory than is free"
        report.notes.append(f"{side.label} is left out at {case.name}: {reason}")
    return too_large
