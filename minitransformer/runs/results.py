"""What all reports at the end of a run share: curves, results.json, and commands to run next."""

import shlex
import time

from minitransformer import plots
from minitransformer.runs.figures import save_figure
from minitransformer.storage import write_json
from minitransformer.training import History


def draw_curves(folder):
    """Write curves.png, if at least one epoch was finished."""
    if folder.history.exists():
        save_figure(plots.curves(History.load_csv(folder.history)), folder.path / "curves.png")


def save_results(folder, results, began):
    """Write results.json.

    Parameters
    ----------
    folder : RunFolder
    results : dict of str to what JSON can store
    began : float
        ``time.perf_counter()`` when the run began.

    Returns
    -------
    float
        Seconds since the run began.
    """
    seconds = time.perf_counter() - began
    write_json(folder.path / "results.json", {**results, "seconds": round(seconds, 1)})
    return seconds


def what_next(folder, *arguments):
    """The text that lists commands to run next.

    Parameters
    ----------
    folder : RunFolder
    *arguments : tuples of str
        For each command, its name and, optionally, the text that follows the folder.
    """
    lines = [f"\nEverything is in {folder.path}. What to run next:"]
    for name, *rest in arguments:
        # without "--", the text would be read as an option
        dashes = ["--"] if rest and rest[0].startswith("-") else []
        words = shlex.join([name, str(folder.path), *dashes, *rest])
        lines.append(f"  python -m minitransformer {words}")
    return "\n".join(lines)
