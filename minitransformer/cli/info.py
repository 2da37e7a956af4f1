"""`info`: the machine and the installed versions, or the settings and results of a run."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from threadpoolctl import threadpool_info

from minitransformer import __version__
from minitransformer.backend import cupy_status
from minitransformer.runs import RunFolder, summary
from minitransformer.training.parallel.workers import default_workers, usable_cores

PACKAGES = (
    "numpy", "regex", "safetensors", "pooch", "typer", "rich", "matplotlib", "threadpoolctl",
)  # fmt: skip


def info(
    run: Annotated[
        Path | None,
        typer.Argument(help="Folder written by train. Without it, the machine is shown.",
                       show_default=False),
    ] = None,
):  # fmt: skip
    """Show versions, the BLAS library and devices; or the data, settings and results of a run."""
    rows = machine() if run is None else summary(RunFolder.open(run))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {value}")


def machine():
    """The machine and the versions, as pairs of a name and a value."""
    rows = [("minitransformer", __version__), ("Python", platform.python_version())]
    rows += [(name, installed(name)) for name in PACKAGES]
    rows += [("system", f"{platform.system()} {platform.machine()}")]
    rows += [("cores", f"{usable_cores()}, used by {default_workers()} workers")]
    rows += [("BLAS", text) for text in blas()]
    usable, words = cupy_status()
    return [*rows, ("GPU", words if usable else f"none: {words}")]


def installed(name):
    """The version of a package, or "not installed"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def blas():
    """One line for each BLAS library that NumPy has loaded."""
    found = [
        f"{library['internal_api']} {library.get('version') or ''}, "
        f"{library['num_threads']} threads, {library.get('architecture', 'unknown')} kernels"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]
    return found or ["unknown (threadpoolctl cannot see every library, such as Apple's Accelerate)"]
