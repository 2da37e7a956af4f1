"""The same training step on the CPU and on a GPU, for models of increasing width.

The table shows at which width a GPU begins to pay off. Both devices run the same source code, that
of this package. They take turns in one process. On the CPU there is one worker per core.
"""

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from minitransformer.bench.ours import classifier_steps
from minitransformer.bench.workloads.classifier import ClassifierCase
from minitransformer.training.parallel.workers import usable_cores

WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
BASE = ClassifierCase(
    "", 0.1, texts=32, max_len=64, varied=False, vocab_size=5000, n_heads=4, batches=1
)
ROUNDS, WARM_UP = 7, 2


class Place(NamedTuple):
    """Median seconds per step of a model of width `d_model`, on the CPU and on the GPU."""

    d_model: int
    cpu: float
    gpu: float

    @property
    def ratio(self):
        """The speedup of the GPU: time on the CPU divided by time on the GPU."""
        return self.cpu / self.gpu


def case_of(width):
    """The case for one width: 32 texts of 64 tokens, 2 blocks, 4 heads, d_ff four times d_model."""
    return replace(BASE, name=f"d_model {width}", d_model=width, d_ff=4 * width)


def places(threads=None, rounds=ROUNDS, on_progress=lambda text, done, total: None):
    """Measure a step at every width of :data:`WIDTHS` on both devices.

    Parameters
    ----------
    threads : int, optional
        Number of workers on the CPU; by default one per core.
    rounds : int
        Number of timed steps per device, after :data:`WARM_UP` untimed steps.
    on_progress : callable
        Called as ``on_progress(text, done, total)`` before each width.

    Returns
    -------
    list of Place
    """
    threads, found = threads or usable_cores(), []
    for done, width in enumerate(WIDTHS):
        case = case_of(width)
        on_progress(case.name, done, len(WIDTHS))
        sides = classifier_steps(case, "cpu", threads), classifier_steps(case, "gpu", 1)
        times = np.array([[_seconds(side, k) for side in sides] for k in range(rounds + WARM_UP)])
        found.append(Place(width, *np.median(times[WARM_UP:], axis=0).tolist()))
        sides[0].pool.__exit__(None, None, None)
    return found


def _seconds(side, number):
    start = time.perf_counter()
    side.step(number)
    side.wait()
    return time.perf_counter() - start


def table(found):
    """A rich table with one line per width."""
    from rich.table import Table

    title = "one training step, 32 texts of 64 tokens, 2 blocks"
    shown = Table(title=title, title_justify="left")
    for heading in ("d_model", "CPU (ms)", "GPU (ms)", "CPU / GPU"):
        shown.add_column(heading, justify="right")
    for place in found:
        shown.add_row(
            str(place.d_model), f"{1000 * place.cpu:.1f}", f"{1000 * place.gpu:.1f}",
            f"{place.ratio:.2f}",
        )  # fmt: skip
    return shown
