"""Running Python in several MPI processes."""

import os
import pathlib
import shutil
import subprocess
import sys


def mpiexec():
    """The launcher that the package mpich installs beside Python."""
    return shutil.which("mpiexec", path=str(pathlib.Path(sys.executable).parent))


def together(n, *arguments):
    """Run Python with `arguments` in `n` processes."""
    command = [mpiexec(), "-n", n, sys.executable, *arguments]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, check=False, timeout=60,
        env=environment,
    )  # fmt: skip
