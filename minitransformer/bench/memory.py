"""Memory of this process and of the machine, where the system says it."""

import multiprocessing
import re
import sys


def _kilobytes(path, field):
    """A field of a Linux status file, in bytes; None elsewhere."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            found = re.search(rf"^{field}:\s+(\d+) kB", file.read(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def current():
    """Memory of this process that lies in RAM now, in bytes; None where it is not known."""
    return _kilobytes("/proc/self/status", "VmRSS")


def peak():
    """The most that :func:`current` has been, in bytes; None where it is not known."""
    # Linux' own counter first: getrusage's also remembers the process that started this one.
    found = _kilobytes("/proc/self/status", "VmHWM")
    if found is not None:
        return found
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def of_children():
    """Memory that the processes forked from this one do not share with it, in bytes.

    As it is now: workers keep what they free for the next step.
    """
    return sum(
        _kilobytes(f"/proc/{child.pid}/smaps_rollup", field) or 0
        for child in multiprocessing.active_children()
        for field in ("Private_Clean", "Private_Dirty")
    )


def available():
    """Memory of the machine that could be had now, in bytes; None where it is not known."""
    return _kilobytes("/proc/meminfo", "MemAvailable")
