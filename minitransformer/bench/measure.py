"""Turns of steps, and what they say: medians, spread, ratios, memory."""

import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from minitransformer.bench.worker_process import WorkerError

# Threads of the side that has just worked go on looking for work for some milliseconds.
PAUSE = 0.05


@dataclass
class Result:
    """What was measured of one side in one case.

    Attributes
    ----------
    seconds : list of float
        Of each timed step.
    peak_bytes, start_bytes : int or None
        Most memory of the process, and its memory before the model was made.
    error : str or None
        Why there is nothing else; one line.
    left_out : bool
        It was not tried: it would have needed too much memory.
    """

    seconds: list = field(default_factory=list)
    peak_bytes: int | None = None
    start_bytes: int | None = None
    error: str | None = None
    left_out: bool = False

    @property
    def median(self):
        """Median of the steps, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self):
        """The quarter points: half of the steps took between these two times, in seconds."""
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high


@dataclass
class Row:
    """One case with the results of every side, by the side's key."""

    case: object
    results: dict

    def ratio(self, key, against):
        """Time of one side over that of another: the median over the turns; None without both.

        The steps of a turn follow each other and are on the same batch, so that neither a change
        of the machine's speed nor of the batch counts.
        """
        ours, theirs = self.results.get(key, Result()), self.results.get(against, Result())
        turns = list(zip(ours.seconds, theirs.seconds, strict=False))
        return statistics.median(a / b for a, b in turns) if turns else None

    def memory_ratio(self, key, against):
        """Peak memory of one side over that of another; None without both."""
        ours, theirs = self.results.get(key, Result()), self.results.get(against, Result())
        if not (ours.peak_bytes and theirs.peak_bytes):
            return None
        return ours.peak_bytes / theirs.peak_bytes

    def speed(self, key):
        """Tokens a second."""
        result = self.results[key]
        return self.case.tokens() / result.median if result.seconds else None

    def share_of_peak(self, key, peak):
        """Share of `peak`, in operations a second, that the products of the case come to."""
        result = self.results[key]
        return self.case.flops() / result.median / peak if result.seconds and peak else None


def compare(case, sides, start, *, repeats, threads, device="cpu", told=lambda done: None):
    """Let the sides take turns on a case.

    Parameters
    ----------
    case : Case
    sides : list of Side
    start : callable
        ``start(side)`` gives a :class:`~minitransformer.bench.worker_process.Worker`.
    repeats : int
        Timed steps of each side.
    threads : int
    device : {"cpu", "gpu"}
    told : callable
        ``told(share)`` hears how much is done, from 0 to 1.

    Returns
    -------
    Row
    """
    results = {side.key: Result() for side in sides}
    with ExitStack() as stack:
        workers = {}
        for side in sides:
            workers[side.key] = stack.enter_context(start(side))
            _prepare(workers, side, results, case, device, threads)
            told(0.0)
        steps = case.batches + repeats  # each batch once beforehand, untimed
        for turn in range(steps):
            for side in _in_turn(sides, turn):
                seconds = _ask(workers, side.key, results, "step", number=turn).get("seconds")
                if seconds is not None and turn >= case.batches:
                    results[side.key].seconds.append(seconds)
                time.sleep(PAUSE)
            told((turn + 1) / steps)
        for side in sides:
            found = _ask(workers, side.key, results, "memory")
            results[side.key].peak_bytes = found.get("peak_bytes")
            results[side.key].start_bytes = found.get("start_bytes")
    return Row(case, results)


def _in_turn(sides, turn):
    """Every other turn backwards: nobody always comes first."""
    return sides if turn % 2 == 0 else sides[::-1]


def _prepare(workers, side, results, case, device, threads):
    _ask(
        workers, side.key, results, "prepare",
        case=case.as_dict(), device=device, threads=threads, options=side.options,
    )  # fmt: skip


def _ask(workers, key, results, do, **arguments):
    """The answer; after an error none, and the worker is not asked again."""
    if results[key].error is not None:
        return {}
    try:
        return workers[key].ask(do, **arguments)
    except WorkerError as error:
        results[key].error, results[key].seconds = str(error), []
        return {}
