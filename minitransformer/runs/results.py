"""What every report at the end of a run does: curves, results.json, and what to run next."""

import shlex
import time

from minitransformer import plots
from minitransformer.runs.figures import save_figure
from minitransformer.storage import write_json
from minitransformer.training import History


def draw_curves(folder):
    """Write curves.png, where an epoch has been finished."""
    if folder.history.exists():
        save_figure(plots.curves(History.load_csv(folder.history)), folder.path / "curves.png")


def keep_results(folder, results, began):
    """Write results.json.

    Parameters
    ----------
    folder : RunFolder
    results : dict of str to what JSON can hold
    began : float
        ``time.perf_counter()`` when the command began.

    Returns
    -------
    float
        Seconds since then.
    """
    seconds = time.perf_counter() - began
    write_json(folder.path / "results.json", {**results, "seconds": round(seconds, 1)})
    return seconds


def say_what_next(folder, *arguments):
    """Print commands that use the run: for each the name and the text that follows the folder."""
    print(f"\nEverything is in {folder.path}. What to run next:")
    for name, *rest in arguments:
        dash = ["--"] if rest and rest[0].startswith("-") else []  # it would be read as an option
        words = shlex.join([name, str(folder.path), *dash, *rest])
        print(f"  python -m minitransformer {words}")
