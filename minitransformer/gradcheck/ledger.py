"""The ledger: one line per pair, layer and model, each checked with many random shapes."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field

import numpy as np

from minitransformer.gradcheck.printer import Printer
from minitransformer.gradcheck.report import figure

SKIPPED = 0.02  # maximum fraction of central differences that may be skipped because of kinks


@dataclass
class Line:
    """One subject's verdict: the worst errors over all shapes, and the first failed report."""

    name: str
    kind: str
    shapes: int = 0
    skipped: int = 0
    visited: int = 0
    complex_error: float | None = None
    central_error: float | None = None
    tolerance: object = None
    seconds: float = 0.0
    failed: object = None

    @property
    def ok(self):
        """Whether there was a shape, all gradients were right, and few kinks were met."""
        return self.shapes > 0 and self.failed is None and not self.too_many_skipped

    @property
    def too_many_skipped(self):
        """Whether so many differences were skipped at kinks that too little is verified."""
        return self.skipped > SKIPPED * self.visited

    def failure(self):
        """What is wrong; None if nothing is."""
        if self.failed is not None:
            return str(self.failed)
        if self.too_many_skipped:
            return (
                f"{self.name}: WRONG\n  {self.skipped} of {self.visited} central differences were "
                f"skipped at kinks, more than {SKIPPED:.0%}: too little is verified"
            )
        return None

    def add(self, report):
        """Add the report of one more shape."""
        self.shapes += 1
        self.skipped += sum(row.skipped for row in report.rows)
        self.visited += sum(row.visited for row in report.rows)
        self.tolerance = report.rows[0].tolerance
        for oracle in ("complex_error", "central_error"):
            errors = [getattr(self, oracle), report.worst(oracle)]
            setattr(self, oracle, max((e for e in errors if e is not None), default=None))
        if not report.ok and self.failed is None:
            self.failed = report

    def as_dict(self):
        """The line as plain values, for JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "shapes": self.shapes,
            "skipped": self.skipped,
            "complex_step": self.complex_error,
            "central_differences": self.central_error,
            "tolerance_complex_step": self.tolerance and self.tolerance.complex_step,
            "tolerance_central_differences": self.tolerance and self.tolerance.central,
            "seconds": round(self.seconds, 3),
            "ok": self.ok,
            "failure": self.failure(),
        }

    def cells(self):
        """The line as text, one cell per entry of :data:`HEADINGS`."""
        return (
            "ok" if self.ok else "WRONG",
            str(self.shapes),
            figure(self.complex_error),
            figure(self.central_error),
            str(self.skipped),
            self.name,
        )


HEADINGS = ("verdict", "shapes", "complex step", "central", "skipped", "name")


@dataclass
class Ledger:
    """All lines. ``print(ledger)`` shows the table and every failed report."""

    lines: list = field(default_factory=list)

    @property
    def ok(self):
        """Whether there is at least one line, and every line is ok."""
        return bool(self.lines) and all(line.ok for line in self.lines)

    def as_dict(self):
        """The ledger as plain values, for JSON."""
        return {"ok": self.ok, "lines": [line.as_dict() for line in self.lines]}

    def summary(self):
        """How many subjects are right, in how many shapes, the time, and the tolerances."""
        right = sum(line.ok for line in self.lines)
        shapes = sum(line.shapes for line in self.lines)
        seconds = sum(line.seconds for line in self.lines)
        return (
            f"{right} of {len(self.lines)} right, {shapes} shapes, {seconds:.0f} s"
            f"{''.join(self._tolerances())}"
        )

    def _tolerances(self):
        """The tolerances, one line for each that was used."""
        used = {}
        for line in self.lines:
            if line.tolerance is not None:
                used.setdefault(line.tolerance, []).append(line.kind)
        for tolerance, kinds in used.items():
            yield (
                f"\ntolerances of each {' and '.join(dict.fromkeys(kinds))}: "
                f"{tolerance.complex_step:.0e} (complex step), {tolerance.central:.0e} (central)"
            )

    def __str__(self):
        rows = [HEADINGS, *(line.cells() for line in self.lines)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        text = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
        failed = [f"\n{words}" for line in self.lines if (words := line.failure())]
        return "\n".join([*map(str.rstrip, text), self.summary(), *failed])


def ledger(subjects, shapes=200, seed=0, progress=True):
    """Check every subject with many random shapes and with all its edge cases.

    Parameters
    ----------
    subjects : iterable of Subject
        The subjects to check.
    shapes : int, default 200
        Number of random shapes of a subject whose `share` is 1. Every subject gets at least one.
    seed : int, default 0
        The seed. The random generator of a subject's trial i depends only on this seed, the
        subject's name and i.
    progress : bool, default True
        Print each line as soon as it is done, with rich if it is installed.

    Returns
    -------
    Ledger
        ``ledger.ok``, ``print(ledger)``, ``ledger.as_dict()``.
    """
    if shapes < 1:
        raise ValueError(f"shapes must be at least 1, got {shapes}")
    subjects = list(subjects)
    result = Ledger()
    with Printer(progress, HEADINGS) as printer:
        for subject in subjects:
            printer.start(subject)
            result.lines.append(_verify(subject, shapes, seed))
            printer.done(result.lines[-1])
    return result


def _verify(subject, shapes, seed):
    """One line: the subject's random shapes, then its edge cases, up to the first failure."""
    line, start = Line(subject.name, subject.kind), time.perf_counter()
    number = zlib.crc32(
        subject.name.encode()
    )  # so that no two subjects use the same random numbers
    cases = [{}] * max(1, round(shapes * subject.share)) + list(subject.edges)
    for i, sizes in enumerate(cases):
        line.add(subject.trial(np.random.default_rng([seed, number, i]), sizes))
        if line.failed is not None:
            break
    line.seconds = time.perf_counter() - start
    return line
