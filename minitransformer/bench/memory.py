"""Memory of this process and of the machine, on systems that report it."""

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
    """Memory of this process that is in RAM now, in bytes; None if unknown."""
    return _kilobytes("/proc/self/status", "VmRSS")


def peak():
    """The maximum that :func:`current` has reached, in bytes; None if unknown."""
    # Linux's own counter first: getrusage's also includes the process that started this one.
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
    """Memory that the processes forked from this one do not share with it now, in bytes.

    The present value is enough, because workers keep what they free for the next step.
    """
    return sum(
        _kilobytes(f"/proc/{child.pid}/smaps_rollup", field) or 0
        for child in multiprocessing.active_children()
        for field in ("Private_Clean", "Private_Dirty")
    )


def available():
    """Memory that is available on the machine now, in bytes; None if unknown."""
    return _kilobytes("/proc/meminfo", "MemAvailable")
