"""Prints each line of the ledger when it is done: with rich in a terminal, else as plain text."""

from __future__ import annotations

import shutil
import sys

WIDE = 200  # columns if the output is not a terminal, and nothing says how wide it is


class Printer:
    """Context manager with `start(subject)` and `done(line)`; silent unless `enabled`."""

    def __init__(self, enabled, headings):
        self.enabled, self.headings, self.status, self.console = enabled, headings, None, None
        self.widths = [len(heading) for heading in headings]

    def __enter__(self):
        if self.enabled:
            self.console = _rich_console()
            if self.console is not None:
                self.status = self.console.status("")
                self.status.start()
            self._write(self.headings, "bold")
        return self

    def __exit__(self, *error):
        if self.status is not None:
            self.status.stop()

    def start(self, subject):
        """Show which subject is being checked."""
        if self.status is not None:
            self.status.update(f"checking {subject.name}")

    def done(self, line):
        """Print one line of the ledger."""
        if self.enabled:
            self._write(line.cells(), "" if line.ok else "bold red")

    def _write(self, cells, style):
        text = "  ".join(c.ljust(w) for c, w in zip(cells, self.widths, strict=True)).rstrip()
        text = cut(text, shutil.get_terminal_size((WIDE, 24)).columns)
        if self.console is None:
            print(text, flush=True)
        else:
            self.console.print(text, style=style, highlight=False, no_wrap=True)


def cut(text, width):
    """The line, shortened with dots if it is wider than the terminal."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _rich_console():
    """A rich console if rich is installed and the output is a terminal, otherwise None."""
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console()
