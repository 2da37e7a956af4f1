"""Print at the end of the run how long each notebook took."""

import pytest

TIMES = pytest.StashKey[dict]()


@pytest.fixture(scope="session")
def times(request):
    """Seconds by file name, for the notebooks that have been run."""
    return request.config.stash.setdefault(TIMES, {})


def pytest_terminal_summary(terminalreporter, config):
    times = config.stash.get(TIMES, {})
    for name, seconds in times.items():
        terminalreporter.write_line(f"{seconds:7.1f} s  {name}")
    if times:
        terminalreporter.write_line(f"{sum(times.values()):7.1f} s  all {len(times)} together")
