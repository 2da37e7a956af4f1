"""Exercises that grade themselves: ``check.softmax_backward(my_function)``.

A check tries a function on many cases and reports the cases on which the function is right. If the
function is wrong, the check names the fault, but never shows the solution.
``check.softmax_backward.hint(1)`` to ``hint(3)`` print hints, and
``check.softmax_backward.solution`` is the path of the page with the solution.

The exercises are in ``catalogue``. The modules in this package check one function: ``cases`` draws
the inputs, ``binding``, ``calls`` and ``contract`` call the function and compare its results,
``diagnosis`` names the fault, and ``judge`` returns the ``Verdict``. ``submissions`` grades files
and notebooks.

>>> from minitransformer.exercises import check
>>> def softmax_backward(dy, y):
...     raise NotImplementedError
>>> check.softmax_backward(softmax_backward).ok
softmax_backward: not written yet
False
"""

from minitransformer.exercises.catalogue.registry import EXERCISES
from minitransformer.exercises.check import check
from minitransformer.exercises.exercise import Case, Exercise
from minitransformer.exercises.judge import judge
from minitransformer.exercises.verdict import NOT_WRITTEN, RIGHT, RIGHT_BUT_FLOAT64, WRONG, Verdict

__all__ = [
    "EXERCISES", "NOT_WRITTEN", "RIGHT", "RIGHT_BUT_FLOAT64", "WRONG", "Case", "Exercise",
    "Verdict", "check", "judge",
]  # fmt: skip
