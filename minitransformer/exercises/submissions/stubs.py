"""A template file with every function left to fill in."""

import inspect
import itertools

from minitransformer.exercises.catalogue.registry import EXERCISES

HEADER = '''"""Exercises of minitransformer.

Write as many functions as you like, then see your progress:

    python -m minitransformer exercises {file}
"""

import numpy as np
'''
SECTIONS = ("Parameters", "Returns")


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
    """One function: its signature, its parameters and results, and an error instead of a body."""
    sections = _sections(inspect.cleandoc(exercise.twin.__doc__ or ""))
    shapes = "\n\n".join(f"{title}\n{'-' * len(title)}\n{text}" for title, text in sections)
    body = f'r"""{exercise.name}: returns {", ".join(exercise.results)}.\n\n{shapes}\n"""'
    lines = "\n".join(f"    {line}".rstrip() for line in body.splitlines())
    arguments = str(inspect.signature(exercise.twin))
    arguments = arguments.replace("<class 'numpy.float64'>", "np.float64")
    signature = f"def {exercise.name}{arguments}:"
    return f"\n{signature}\n{lines}\n    raise NotImplementedError"


def _sections(doc):
    """(title, text) of the sections on parameters and results, without equations."""
    lines = doc.splitlines()
    heads = [i for i in range(len(lines) - 1) if lines[i + 1] and not lines[i + 1].strip("-")]
    for head, end in itertools.pairwise([*heads, len(lines)]):
        if lines[head] in SECTIONS:
            text = "\n".join(lines[head + 2 : end]).split("\n\n")[0]
            yield lines[head], text.rstrip()
