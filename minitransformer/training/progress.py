"""Progress while a model is trained: in a terminal, in a notebook, in a log file."""

import sys
import time

MINUTE = 60
# A log file gets a line at least this many seconds after the last one.
LOG_INTERVAL = 10.0
# A notebook's output, or a terminal's line, is redrawn no more often than this.
DRAW_INTERVAL = 0.2


def clock(seconds):
    """Seconds as text: ``0:07``, ``12:30``, ``1:02:05``."""
    minutes, seconds = divmod(round(seconds), MINUTE)
    hours, minutes = divmod(minutes, MINUTE)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def numbers(logs):
    """Logs as text: ``loss 0.4102  accuracy 0.8125``."""
    return "  ".join(
        f"{name} {value:.3g}" if name == "learning_rate" else f"{name} {value:.4f}"
        for name, value in logs.items()
        if name != "seconds"
    )


class Progress:
    """Shows nothing; the base of those that show something. A context manager.

    A line for each epoch, and while it runs the step, the time left for the whole run, loss and
    metrics so far.
    """

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def start(self, epochs, steps, done=0, total=None):
        """A run of `epochs` epochs of `steps` steps, of which `done` steps are behind it.

        `total` is the number of all steps, where the last epoch is shorter.
        """
        self.epochs, self.steps, self.done = epochs, steps, done
        self.total = epochs * steps if total is None else total
        self._began, self._from, self._drawn = time.monotonic(), done, -1e9

    def time_left(self):
        """Seconds until the end, should it go on at the pace so far."""
        pace = (time.monotonic() - self._began) / max(self.done - self._from, 1)
        return pace * (self.total - self.done)

    def step(self, epoch, batch, logs):
        """Step `batch` of `epoch` is done (both from 0); `logs` are the epoch's means so far."""
        self.done += 1
        if time.monotonic() - self._drawn >= self.interval:
            self._drawn = time.monotonic()
            self.draw(
                f"epoch {epoch + 1}/{self.epochs}  step {batch + 1}/{self.steps}  "
                f"{clock(self.time_left())} left  {numbers(logs)}"
            )

    def epoch(self, epoch, logs):
        """Epoch `epoch` (from 0) is done, and this is its row."""
        took = clock(logs["seconds"])
        self.line(f"epoch {epoch + 1}/{self.epochs}  {took}  {numbers(logs)}")

    interval = LOG_INTERVAL

    def draw(self, text):
        """Show `text` for the moment."""

    def line(self, text):
        """Show `text` for good."""


class Epochs(Progress):
    """One line an epoch, on standard output."""

    def line(self, text):
        print(text, flush=True)


class Lines(Epochs):
    """Plain lines, for files and pipes: one an epoch, and one every ten seconds."""

    def start(self, epochs, steps, done=0, total=None):
        super().start(epochs, steps, done, total)
        self._drawn = self._began  # short epochs get their own line only

    def draw(self, text):
        self.line(text)


class Terminal(Progress):
    """A bar that moves, above it a line for each epoch."""

    interval = DRAW_INTERVAL

    def __enter__(self):
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(BarColumn(bar_width=24), TextColumn("{task.description}"), transient=True)
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
    """One output that is rewritten in place: the epochs so far, and the running one."""

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
    """What a notebook shows as plain text, without quotation marks."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def in_notebook():
    """Whether this runs in a Jupyter kernel, which can rewrite an output."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def choose(verbose):
    """The progress for `verbose`: 0 nothing, 1 what suits the place, 2 a line an epoch.

    Raises
    ------
    ValueError
        For anything else.
    """
    if verbose not in (0, 1, 2):
        raise ValueError(f"verbose must be 0, 1 or 2, got {verbose!r}")
    if verbose == 0:
        return Progress()
    if verbose == 2:
        return Epochs()
    if in_notebook():
        return Notebook()
    return Terminal() if sys.stdout.isatty() else Lines()
