"""`info`: what this runs on."""

import platform
from importlib.metadata import PackageNotFoundError, version

from threadpoolctl import threadpool_info

from minitransformer import __version__
from minitransformer.backend import cupy_status
from minitransformer.training.workers import default_workers, usable_cores

PACKAGES = ("numpy", "safetensors", "pooch", "typer", "rich", "matplotlib", "threadpoolctl")


def info():
    """Show versions, the BLAS, and the devices found; where there is none, why."""
    rows = [("minitransformer", __version__), ("Python", platform.python_version())]
    rows += [(name, installed(name)) for name in PACKAGES]
    rows += [("system", f"{platform.system()} {platform.machine()}")]
    rows += [("cores", f"{usable_cores()}, used by {default_workers()} workers")]
    rows += [("BLAS", text) for text in blas()]
    usable, words = cupy_status()
    rows += [("GPU", words if usable else f"none: {words}")]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {value}")


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
