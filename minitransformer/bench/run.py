"""A whole benchmark: which sides, which cases, in which order, and what is left out and why."""

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
COMPILED = Side("compiled", "PyTorch, compiled", "torch", {"compiled": True}, optional=True)
MAX_MEMORY_FRACTION = 0.8
"""A side is left out where it would probably need more than this share of what is free."""


@dataclass
class Report:
    """What a benchmark found.

    Attributes
    ----------
    workload : str
    sides : list of Side
    machine : dict
        System, cores, threads, versions, the load before it began.
    peaks : dict of str to float
        Operations a second of each library's fastest float32 matrix product, by module.
    rows : list of Row
    notes : list of str
        What a reader of the figures has to know.
    """

    workload: str
    sides: list
    machine: dict
    peaks: dict = field(default_factory=dict)
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def peak(self):
        """The fastest of all; None before it was measured."""
        return max(self.peaks.values(), default=None)

    @property
    def failures(self):
        """Errors of sides that are not optional, one line each."""
        needed = [side.key for side in self.sides if not side.optional]
        return [
            f"{row.case.name}: {row.results[key].error}"
            for row in self.rows for key in needed if row.results[key].error
        ]  # fmt: skip


def bench(
    workload, *, against=None, compiled=False, device="cpu", dropout=None, repeats=None,
    threads=None, start=Worker, told=lambda text, done, total: None,
):  # fmt: skip
    """Measure a workload.

    Parameters
    ----------
    workload : str
        A key of `WORKLOADS`.
    against : {None, "torch"}
        What to compare with; where it is not installed, the report says how to install it.
    compiled : bool
        Compare with ``torch.compile`` as well.
    device : {"cpu", "gpu", "auto"}
    dropout : float, optional
        Only this one.
    repeats : int, optional
        Timed steps of each side; by default what the case says.
    threads : int, optional
        Of each side; one a core by default.
    start : callable
        ``start(side, threads)`` gives a worker.
    told : callable
        ``told(text, done, total)`` hears what is being done.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If an argument is none of those allowed.
    KeyboardInterrupt
        If it is stopped before the first case is done; later, the report holds what is done.
    """
    _check(workload, against, compiled, dropout)
    device = {"numpy": "cpu", "cupy": "gpu"}[choose_device(device)]
    repeats = None if repeats is None else check_count("repeats", repeats)
    threads = usable_cores() if threads is None else check_count("threads", threads)
    sides, notes = _sides(workload, against, compiled)
    begin = functools.partial(start, threads=threads)
    report = Report(workload, sides, _machine(threads, device), notes=notes)
    cases = WORKLOADS[workload](dropout)
    told("this machine's fastest matrix product", 0, len(cases))
    _look_at_machine(report, begin, device)
    try:
        for number, case in enumerate(cases):
            _add_row(report, number, case, begin, repeats, told, len(cases))
    except KeyboardInterrupt:
        if not report.rows:
            raise
        report.notes.append(f"interrupted after {len(report.rows)} of {len(cases)} cases")
    _measure_peak(report, begin, device)  # again: another program may have disturbed the first
    return report


def _add_row(report, number, case, begin, repeats, told, total):
    def within(share):
        told(case.title, number + share, total)

    within(0.0)
    machine, sides = report.machine, report.sides
    small = [side for side in sides if not _too_large(report, side, case, machine["device"])]
    row = compare(
        case, small, begin, repeats=repeats or case.repeats, threads=machine["threads"],
        device=machine["device"], told=within,
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
        raise ValueError("--compile is about PyTorch: it needs --against torch")
    if dropout is not None and not 0 <= dropout < 1:
        raise ValueError(f"--dropout must lie in [0, 1), got {dropout}")


def _sides(workload, against, compiled):
    """The sides to measure, and notes on those that are not there."""
    ours = [TILED, FULL] if workload == "attention" else [OURS]
    if against is None:
        return ours, ["for the comparison with PyTorch: --against torch"]
    if importlib.util.find_spec("torch") is None:
        return ours, [
            "PyTorch is not installed, so these are our own figures; for the comparison: "
            "python -m pip install torch"
        ]
    return [*ours, TORCH, *([COMPILED] if compiled else [])], []


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
    """Name, family and model of the processor where Linux tells them; else what Python knows."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = [line.split(":", 1) for line in file if ":" in line]
    except OSError:
        lines = []
    told = {key.strip(): value.strip() for key, value in reversed(lines)}
    if "model name" not in told:
        return platform.processor() or "a processor that gives no name"
    return f"{told['model name']}, family {told.get('cpu family')} model {told.get('model')}"


def _look_at_machine(report, begin, device):
    """Versions of every side, the fastest matrix product, and a note on what disturbs."""
    for side in _one_of_each(report):
        with begin(side) as worker:
            report.machine[side.module] = worker.ask("about")["about"]
    _measure_peak(report, begin, device)
    if report.machine.get("load before", 0) > 0.3:
        report.notes.append(
            f"load was {report.machine['load before']:g} before this began: another program may "
            "have been running, and the figures are worth less for it"
        )


def _measure_peak(report, begin, device):
    """The fastest matrix product of each side, so far."""
    for side in _one_of_each(report):
        with begin(side) as worker:
            found = worker.ask("peak", device=device)["flops"]
        report.peaks[side.module] = max(report.peaks.get(side.module, 0.0), found)


def _one_of_each(report):
    """The first side of ours, and of PyTorch's."""
    return {side.module: side for side in reversed(report.sides)}.values()


def _too_large(report, side, case, device):
    """Whether a side would need too much memory, by what it needed in the row before."""
    free = memory.available()
    if device == "gpu" or free is None or not report.rows:
        return False
    before, grows = report.rows[-1].results[side.key], case.times_as_large(report.rows[-1].case)
    if grows is None:
        return False
    if before.left_out:
        too_large = grows >= 1
    else:
        used = (before.peak_bytes or 0) - (before.start_bytes or 0)
        too_large = used * grows > MAX_MEMORY_FRACTION * free
    if too_large:
        words = "it would need more memory than is free"
        report.notes.append(f"{side.label} is left out at {case.name}: {words}")
    return too_large
