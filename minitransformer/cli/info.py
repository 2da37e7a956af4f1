"""`info`: what this runs on, or what a run is."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from threadpoolctl import threadpool_info

from minitransformer import __version__
from minitransformer.backend import cupy_status
from minitransformer.runs.run_folder import RunFolder
from minitransformer.storage import read_json
from minitransformer.training.parallel.workers import default_workers, usable_cores

PACKAGES = (
    "numpy", "regex", "safetensors", "pooch", "typer", "rich", "matplotlib", "threadpoolctl",
)  # fmt: skip


def info(
    run: Annotated[
        Path | None, typer.Argument(help="Folder that train wrote.", show_default=False)
    ] = None,
):
    """Show versions, the BLAS, and the devices found; or a run: data, settings, results."""
    rows = machine() if run is None else contents(RunFolder.open(run))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {value}")


def machine():
    """What this runs on, as pairs of a name and a value."""
    rows = [("minitransformer", __version__), ("Python", platform.python_version())]
    rows += [(name, installed(name)) for name in PACKAGES]
    rows += [("system", f"{platform.system()} {platform.machine()}")]
    rows += [("cores", f"{usable_cores()}, used by {default_workers()} workers")]
    rows += [("BLAS", text) for text in blas()]
    usable, words = cupy_status()
    return [*rows, ("GPU", words if usable else f"none: {words}")]


def contents(folder):
    """What a run is, as pairs of a name and a value; results only where it has come so far.

    Parameters
    ----------
    folder : RunFolder

    Raises
    ------
    ValueError
        If its results.json is none.
    """
    config = folder.config
    rows = [("task", config.task), ("data", config.source.file or config.source.dataset)]
    if config.source.target:
        rows += [("target", config.source.target)]
    if config.class_names:
        rows += [("classes", ", ".join(config.class_names))]
    rows += [("tokens", f"{len(folder.tokenizer):,}")]
    rows += [("parameters", f"{folder.new_model().flat.values.size:,}")]
    rows += [("seed", config.seed), ("workers", config.workers)]
    rows += config.recipe.as_dict().items()
    file = folder.path / "results.json"
    if not file.exists():
        state = "none yet" if folder.weights.exists() else "none: not trained to an end"
        return [*rows, ("results", state)]
    try:
        return [*rows, *read_json(file).items()]
    except ValueError as error:
        raise ValueError(f"{file} is truncated or altered: {error}") from None


def installed(name):
    """Version of a package, or that it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def blas():
    """A line for each linear-algebra library that NumPy has loaded."""
    found = [
        f"{library['internal_api']} {library.get('version') or ''}, "
        f"{library['num_threads']} threads, {library.get('architecture', 'unknown')} kernels"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]
    return found or ["none whose threads can be counted (Apple's Accelerate, for one)"]
