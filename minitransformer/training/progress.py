"""Progress of training, shown in a terminal, in a notebook, or in a log file."""

import math
import shutil
import sys
import time

from rich.cells import cell_len

from minitransformer.checks import check_choice

MINUTE = 60
# Within an epoch, a log file gets a new line no sooner than this many seconds after the last one.
LOG_INTERVAL = 10.0
# Minimum seconds between two updates of a notebook's output or a terminal's line.
DRAW_INTERVAL = 0.2


def clock(seconds):
    """Seconds as text, such as ``0:07``, ``12:30`` or ``1:02:05``."""
    minutes, seconds = divmod(round(seconds), MINUTE)
    hours, minutes = divmod(minutes, MINUTE)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def numbers(logs, room=math.inf):
    """Logs as text, such as ``loss 0.4102  accuracy 0.8125``.

    If that needs more than `room` columns, a number and its validation are written together, as in
    ``loss 0.4102 (val 0.5310)``, and what still does not fit is left out, apart from the first. The
    history has all numbers.
    """
    cells = {name: f"{name} {_number(name, value)}" for name, value in logs.items()}
    cells.pop("seconds", None)
    if cell_len(text := "  ".join(cells.values())) <= room:
        return text
    text = ""
    for name, cell in cells.items():
        if name.startswith("val_") and name.removeprefix("val_") in logs:
            continue
        if f"val_{name}" in logs:
            cell += f" (val {_number(name, logs[f'val_{name}'])})"
        if not text or cell_len(text) + 2 + cell_len(cell) <= room:
            text += ("  " if text else "") + cell
    return text


def _number(name, value):
    return f"{value:.3g}" if name == "learning_rate" else f"{value:.4f}"


class Progress:
    """A progress display that shows nothing; base class of those that do, and a context manager.

    Subclasses show one line per epoch. During an epoch they show the step, the time left for the
    whole run, and the loss and metrics so far.
    """

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def start(self, epochs, steps, done=0, total=None):
        """Begin a run of `epochs` epochs of `steps` steps each, of which `done` are already taken.

        `total` is the total number of steps, given for runs whose last epoch is shorter.
        """
        self.epochs, self.steps, self.done = epochs, steps, done
        self.total = epochs * steps if total is None else total
        self._start_time, self._done_before, self._drawn_at = time.monotonic(), done, -1e9

    def time_left(self):
        """Seconds until the end of the run, at the pace so far."""
        pace = (time.monotonic() - self._start_time) / max(self.done - self._done_before, 1)
        return pace * (self.total - self.done)

    def step(self, epoch, batch, logs):
        """Note that step `batch` of `epoch` (both from 0) is done; `logs` has the means so far."""
        self.done += 1
        if time.monotonic() - self._drawn_at >= self.interval:
            self._drawn_at = time.monotonic()
            place = f"epoch {epoch + 1}/{self.epochs}  step {batch + 1}/{self.steps}"
            place += f"  {clock(self.time_left())} left  "
            self.draw(place + numbers(logs, self.columns() - self.bar - len(place)))

    def epoch(self, epoch, logs):
        """Note that `epoch` (from 0) is done; `logs` is its row of the history."""
        place = f"epoch {epoch + 1}/{self.epochs}  {clock(logs['seconds'])}  "
        self.line(place + numbers(logs, self.columns() - len(place)))

    @staticmethod
    def columns():
        """Columns of a line: those of the terminal, or 80."""
        return shutil.get_terminal_size().columns

    interval = LOG_INTERVAL
    bar = 0
    verbose = 0

    def draw(self, text):
        """Show `text` until the next text replaces it."""

    def line(self, text):
        """Show `text` permanently."""


class EpochLines(Progress):
    """One line per epoch, on standard output."""

    def line(self, text):
        print(text, flush=True)


class Lines(EpochLines):
    """Plain lines for files and pipes: one per epoch, and one every ten seconds within an epoch."""

    def start(self, epochs, steps, done=0, total=None):
        super().start(epochs, steps, done, total)
        self._drawn_at = self._start_time  # so that a short epoch gets only its own line

    def draw(self, text):
        self.line(text)


class Terminal(Progress):
    """A moving progress bar, with one line per epoch above it."""

    interval = DRAW_INTERVAL
    bar = 11  # columns of the progress bar and of the space after it

    def __enter__(self):
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            BarColumn(bar_width=self.bar - 1), TextColumn("{task.description}"), transient=True
        )
        self._bar.start()
        return self

    def start(self, epochs, steps, done=0, total=None):
        super().start(epochs, steps, done, total)
        self._task = self._bar.add_task("", total=self.total, completed=done)

    def draw(self, text):
        self._bar.update(self._task, completed=self.done, description=text)

    def line(self, text):
        self._bar.console.print(text, highlight=False, markup=False)

    def __exit__(self, *error):
        self._bar.stop()


class Notebook(Progress):
    """One output, updated in place, with the finished epochs and the current one."""

    interval = DRAW_INTERVAL

    def __enter__(self):
        from IPython.display import display

        self._lines = []
        self._handle = display(_Text(""), display_id=True)
        return self

    def draw(self, text):
        self._handle.update(_Text("\n".join([*self._lines, text])))

    def line(self, text):
        self._lines.append(text)
        self._handle.update(_Text("\n".join(self._lines)))


class _Text:
    """Text that a notebook shows without quotation marks."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def in_notebook():
    """Whether this runs in a Jupyter kernel, which can update an output in place."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def choose(verbose):
    """The display for `verbose`: 0 nothing, 1 or "auto" what suits the output, 2 epoch lines.

    Raises
    ------
    ValueError
        If `verbose` is anything else.
    """
    verbose = check_verbose(verbose)
    if verbose == 1:
        terminal = sys.stdout is not None and sys.stdout.isatty()
        shown = Notebook() if in_notebook() else Terminal() if terminal else Lines()
    else:
        shown = EpochLines() if verbose else Progress()
    shown.verbose = verbose
    return shown


def check_verbose(verbose):
    """`verbose` as 0, 1 or 2; "auto" means 1.

    Raises
    ------
    ValueError
        If `verbose` is anything else.
    """
    check_choice("verbose", verbose, ("auto", 0, 1, 2))
    return 1 if verbose == "auto" else int(verbose)
