"""``check.softmax_backward(function)``: one attribute per exercise."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from minitransformer.exercises.catalogue.registry import EXERCISES
from minitransformer.exercises.judge import judge

ROOT = Path(__file__).parents[2]


class Check:
    """The check of one exercise: call it with your function.

    It prints the verdict and returns it. ``hint(1)`` to ``hint(3)`` print hints, each of which says
    more than the one before, and ``solution`` is the path of the page with the solution.
    """

    def __init__(self, exercise):
        self.exercise = exercise
        self.__doc__ = (
            f"Check a function f against the exercise: check.{exercise.name}(f).\n\n"
            f"check.{exercise.name}.hint(1) to .hint(3) print hints, and .solution is the path of "
            "the page with the solution."
        )

    def __call__(self, function, seed=0):
        """Try `function`, print the verdict and return it: ``.ok``, ``.state``, ``.fault``."""
        verdict = judge(self.exercise, function, seed)
        print(verdict)
        return verdict

    def hint(self, number=1):
        """Print hint 1, 2 or 3; the third gives almost everything away."""
        if number not in (1, 2, 3):
            raise ValueError(f"number must be 1, 2 or 3, got {number!r}")
        print(f"{self.exercise.name}, hint {number} of 3: {self.exercise.hints[number - 1]}")

    @property
    def solution(self):
        """The path of the page with the solution, from here or from the root of the repository."""
        page = ROOT / self.exercise.solution
        if not page.exists():  # the package is installed without its documentation
            return self.exercise.solution
        return Path(os.path.relpath(page)).as_posix()

    def __repr__(self):
        return f"<check of {self.exercise.name}: call it with your function>"


class Checks:
    """All checks, by name."""

    def __getattr__(self, name):
        if name in EXERCISES:
            return Check(EXERCISES[name])
        near = difflib.get_close_matches(name, EXERCISES, n=1)
        words = f"; did you mean {near[0]}?" if near else ""
        raise AttributeError(f"there is no exercise {name!r}{words}")

    def __dir__(self):
        return list(EXERCISES)

    def __repr__(self):
        return f"<checks of {len(EXERCISES)} exercises: {', '.join(EXERCISES)}>"


check = Checks()
