"""The verdict of a check."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import dataclass

NOT_WRITTEN, WRONG, RIGHT = "not written", "wrong", "right"
RIGHT_BUT_FLOAT64 = "right, but float64"  # right numbers, but in float64 for float32 arguments


@dataclass(frozen=True)
class Verdict:
    """The verdict on one function.

    Attributes
    ----------
    name : str
        The name of the exercise.
    state : str
        "not written", "wrong", "right", or "right, but float64".
    fault : str
        What is wrong, in words, or where the float64 comes from; empty if there is nothing to say.
    right, wrong : tuple of str
        The cases in which the function is right, and those in which it is wrong.
    place : str
        The place of the largest error, with the function's value and the right value.
    untried : tuple of str
        Options that were not tested, because the function does not take them.
    limits : tuple of str
        Unusual cases in which a right function fails, each with the reason.
    """

    name: str
    state: str
    fault: str = ""
    right: tuple = ()
    wrong: tuple = ()
    place: str = ""
    untried: tuple = ()
    limits: tuple = ()

    @property
    def ok(self):
        """Whether the numbers are right."""
        return self.state in (RIGHT, RIGHT_BUT_FLOAT64)

    def __str__(self):
        if self.state == NOT_WRITTEN:
            return f"{self.name}: not written yet"
        hints = f"check.{self.name}.hint(1), .hint(2), .hint(3)" if self.state == WRONG else ""
        lacks = "it" if len(self.untried) == 1 else "them"
        untried = f"{', '.join(self.untried)}: your function does not take {lacks}"
        rows = [
            ("right", ", ".join(self.right)),
            ("wrong", ", ".join(self.wrong)),
            ("worst", self.place),
            ("dtype" if self.ok else "fault", self.fault),
            ("hints", hints),
            ("untried", untried if self.untried else ""),
            *(("limits", limit) for limit in self.limits),
        ]
        lines = [_wrapped(title, text) for title, text in rows if text]
        return "\n".join([f"{self.name}: {self.state}", *lines])

    def __repr__(self):
        return f"<{self.name}: {self.state}>"

    def _ipython_display_(self):
        """Show nothing at the end of a cell, because the check has already printed the verdict."""


def _wrapped(title, text):
    """A row of the verdict, no wider than the terminal."""
    width = max(40, min(100, shutil.get_terminal_size().columns))
    first, *more = text.split("\n")
    lines = textwrap.wrap(
        first, width, initial_indent=f"  {title:<8}", subsequent_indent=" " * 10,
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip
    return "\n".join([*lines, *more])
