"""Steps taken in turns, and the medians, quartiles and ratios computed from their times."""

import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from minitransformer.bench.worker_process import WorkerError

# After a step, the threads of that side keep polling for work for some milliseconds.
PAUSE = 0.05


@dataclass
class Result:
    """The measurements of one side in one case.

    Attributes
    ----------
    seconds : list of float
        Time of each timed step.
    peak_bytes, start_bytes : int or None
        Peak memory of the process, and memory of the process before the model was created.
    error : str or None
        Why the side failed, in one line; None if it did not fail.
    left_out : bool
        Whether the side was not run because it would have needed too much memory.
    """

    seconds: list = field(default_factory=list)
    peak_bytes: int | None = None
    start_bytes: int | None = None
    error: str | None = None
    left_out: bool = False

    @property
    def median(self):
        """Median time per step, in seconds."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self):
        """Lower and upper quartile in seconds; half of the steps took between these two times."""
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high


@dataclass
class Row:
    """One case, and the result of every side, by the key of the side."""

    case: object
    results: dict

    def ratio(self, key, against):
        """Time of one side divided by that of another: the median over the turns.

        The steps of a turn immediately follow each other and use the same batch. So the ratio is
        not affected if the speed of the machine or the batch changes between turns. None unless
        both sides ran.
        """
        ours, theirs = self.results.get(key, Result()), self.results.get(against, Result())
        turns = list(zip(ours.seconds, theirs.seconds, strict=False))
        return statistics.median(a / b for a, b in turns) if turns else None

    def memory_ratio(self, key, against):
        """Peak memory of one side divided by that of another; None unless both are known."""
        ours, theirs = self.results.get(key, Result()), self.results.get(against, Result())
        if not (ours.peak_bytes and theirs.peak_bytes):
            return None
        return ours.peak_bytes / theirs.peak_bytes

    def speed(self, key):
        """Tokens per second."""
        result = self.results[key]
        return self.case.tokens() / result.median if result.seconds else None

    def fraction_of_peak(self, key, peak):
        """Speed of the case's matrix products, as a fraction of `peak` (operations per second)."""
        result = self.results[key]
        return self.case.flops() / result.median / peak if result.seconds and peak else None


def compare(
    case, sides, start, *, repeats, threads, device="cpu", on_progress=lambda done: None
):  # fmt: skip
    """Let the sides take turns on a case.

    Parameters
    ----------
    case : Case
        The work to measure.
    sides : list of Side
        The implementations to compare.
    start : callable
        ``start(side)`` returns a :class:`~minitransformer.bench.worker_process.Worker`.
    repeats : int
        Number of timed steps per side.
    threads : int
        Number of threads per side.
    device : {"cpu", "gpu"}
        Where the steps are computed.
    on_progress : callable
        Called as ``on_progress(fraction)`` with the fraction of the work that is done.

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
            on_progress(0.0)
        steps = case.batches + repeats  # first, each batch is used once, untimed
        for turn in range(steps):
            for side in _in_turn(sides, turn):
                seconds = _ask(workers, side.key, results, "step", number=turn).get("seconds")
                if seconds is not None and turn >= case.batches:
                    results[side.key].seconds.append(seconds)
                time.sleep(PAUSE)
            on_progress((turn + 1) / steps)
        for side in sides:
            found = _ask(workers, side.key, results, "memory")
            results[side.key].peak_bytes = found.get("peak_bytes")
            results[side.key].start_bytes = found.get("start_bytes")
    return Row(case, results)


def _in_turn(sides, turn):
    """The sides, in reverse order in every second turn, so that no side always comes first."""
    return sides if turn % 2 == 0 else sides[::-1]


def _prepare(workers, side, results, case, device, threads):
    _ask(
        workers, side.key, results, "prepare",
        case=case.as_dict(), device=device, threads=threads, options=side.options,
    )  # fmt: skip


def _ask(workers, key, results, do, **arguments):
    """The worker's answer; empty after an error, because a failed worker is not asked again."""
    if results[key].error is not None:
        return {}
    try:
        return workers[key].ask(do, **arguments)
    except WorkerError as error:
        results[key].error, results[key].seconds = str(error), []
        return {}
