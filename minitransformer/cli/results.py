"""What every report at the end of a run does: curves, results.json, and what to run next."""

import time

from minitransformer import plots
from minitransformer.cli.figures import save_figure
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
    """Print commands that use the run: for each the name and what follows the folder."""
    print(f"\nEverything is in {folder.path}. What to run next:")
    for name, *rest in arguments:
        print(" ".join(["  python -m minitransformer", name, str(folder.path), *rest]))
