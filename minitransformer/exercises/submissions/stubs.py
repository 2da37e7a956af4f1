"""A template file with every function left to fill in."""

import inspect
import re
import textwrap

import numpy as np

from minitransformer.exercises.catalogue.registry import EXERCISES
from minitransformer.exercises.docstrings import docstring, equation, sections, without_markup

HEADER = '''"""Exercises of minitransformer.

Write as many functions as you like, then see your progress:

    python -m minitransformer exercises {file}

If you are stuck, there are three hints for each exercise. In Python:

    from minitransformer.exercises import check
    check.softmax.hint(1)  # a nudge; hint(2) and hint(3) say more

The equations are in LaTeX. A backward pass shows the equation of its forward pass: you are given
the gradient of the loss with respect to the result, dy, and return those with respect to the
inputs, such as dx. The solutions are in docs/solutions.
"""

import numpy as np
'''


def stubs(file, names=tuple(EXERCISES)):
    """The text of a file with one unwritten function per exercise."""
    parts = [HEADER.format(file=file)]
    notebook = None
    for name in names:
        exercise = EXERCISES[name]
        if exercise.notebook != notebook:
            notebook = exercise.notebook
            parts.append(f"# notebooks/{notebook}.ipynb")
        parts.append(stub(exercise))
    return "\n\n".join(parts) + "\n"


def stub(exercise):
    """One function: its signature, its task, and an error instead of a body."""
    doc = docstring(exercise.twin)
    shapes = [
        f"{title}\n{'-' * len(title)}\n{text}"
        for title, text in sections(doc, ("Parameters", "Returns"))
    ]
    body = "\n\n".join([task(exercise, doc), *shapes, *fields(exercise)])
    lines = textwrap.indent(f'r"""{body}\n"""', "    ")
    arguments = str(inspect.signature(exercise.twin))
    arguments = arguments.replace("<class 'numpy.float64'>", "np.float64")
    if len(exercise.name + arguments) > 94:
        arguments = f"(\n    {arguments[1:-1]}\n)"
    return f"\ndef {exercise.name}{arguments}:\n{lines}\n    raise NotImplementedError"


def task(exercise, doc):
    """What to write, with the equation: a backward pass gets that of its forward pass."""
    results = ", ".join(exercise.results)
    if exercise.forward is None:
        first = without_markup(" ".join(doc.split("\n\n")[0].split()))
        formula, words = equation(exercise.twin), f"{first} Returns {results}."
    else:
        formula = equation(exercise.forward)
        words = f"Backward pass of {exercise.forward.__name__}: returns {results}."
    formula = f"\n\n{textwrap.indent(formula, '    ')}" if formula else ""
    hint = f"Hints: check.{exercise.name}.hint(1), hint(2), hint(3)."
    return textwrap.fill(words, 92) + f"{formula}\n\n{hint}"


def fields(exercise):
    """What is in an argument that has fields of its own: yields its section of attributes."""
    case = exercise.draw(np.random.default_rng(0))[0]
    for name, value in case.arguments.items():
        if hasattr(value, "_fields"):
            for _, text in sections(docstring(type(value)), ("Attributes",)):
                title = f"Fields of {name}"
                text = re.sub(r"^(\w+)(?= : )", rf"{name}.\1", text, flags=re.M)
                yield f"{title}\n{'-' * len(title)}\n{text}"
