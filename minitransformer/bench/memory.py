"""Memory of this process and of the machine, on systems that report it to a program."""

import multiprocessing
import re
import sys


def _kilobytes(path, field):
    """A field of a Linux status file, in bytes; None on other systems."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            found = re.search(rf"^{field}:\s+(\d+) kB", file.read(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def current():
    """Memory of this process that is in RAM at present, in bytes; None if unknown."""
    return _kilobytes("/proc/self/status", "VmRSS")


def peak():
    """The maximum of :func:`current` so far, in bytes; None if unknown."""
    # First try Linux's counter; that of getrusage includes the process that started this one.
    found = _kilobytes("/proc/self/status", "VmHWM")
    if found is not None:
        return found
    try:
        import resource
    except ImportError:  # Windows
        return None
    maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return maximum if sys.platform == "darwin" else maximum * 1024


def of_children():
    """Present memory of forked processes, in bytes, without what they share with this process.

    The peak is not needed, because workers keep the memory that they free, for the next step.
    """
    return sum(
        _kilobytes(f"/proc/{child.pid}/smaps_rollup", field) or 0
        for child in multiprocessing.active_children()
        for field in ("Private_Clean", "Private_Dirty")
    )


def available():
    """Memory that is available on the machine at present, in bytes; None if unknown."""
    return _kilobytes("/proc/meminfo", "MemAvailable")
