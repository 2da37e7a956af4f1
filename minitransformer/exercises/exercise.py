"""What an exercise is: a function to write, the cases it is tried on, what may be said of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace


@dataclass(frozen=True)
class Case:
    """One set of arguments, and in words what is particular about it.

    Attributes
    ----------
    label : str
        What is particular: "B = 3", "padding".
    arguments : dict
        The arguments of the function to write, by the names of the twin's parameters.
    inputs : dict
        For a backward pass, what the forward pass was given; else the arguments.
    outputs, upstream : tuple of arrays
        For a backward pass, the forward pass's outputs that take a gradient, and the gradient.
    about : tuple of str
        Options without which it makes no sense to try it.
    blame : str
        What to say if this is the first case that fails and no rule knows more.
    rebuild : callable or None
        ``rebuild(inputs)`` -> Case: the same with other inputs, for rules that try again.
    tolerance : float or None
        Relative error that counts as rounding; None: what is usual for the dtype.
    """

    label: str
    arguments: dict
    inputs: dict
    outputs: tuple = ()
    upstream: tuple = ()
    about: tuple = ()
    blame: str = ""
    rebuild: Callable | None = None
    tolerance: float | None = None

    @property
    def names(self):
        """Inputs and arguments as attributes: ``names.dy``."""
        return SimpleNamespace(**{**self.inputs, **self.arguments})


@dataclass(frozen=True)
class Exercise:
    """A function to write.

    Attributes
    ----------
    name : str
    twin : callable
        The package's own function of that name and signature.
    results : tuple of str
        Names of its results.
    draw : callable
        ``draw(rng)`` -> list of Case, the simplest first.
    hints : tuple of three str
        From a nudge to nearly the whole way.
    notebook : str
        Where it is posed, the file's name without its suffix.
    wrt : tuple of str
        The forward pass's inputs to which the results belong; for a forward pass the results.
    required : int or None
        So many results have to be returned, the others may; None: all.
    needed : tuple of str
        Options of the twin that the function must take. Others are tried where it takes them.
    parts : callable or None
        ``parts(names)`` -> {result: {words: array}}: the terms whose sum is the result.
    mistakes : dict of str to callable
        What is often made instead: words, and ``compute(names)`` -> the wrong result, or a dict of
        wrong results by name.
    judge : callable or None
        Judges a result that chance decides: ``judge(case, results)`` -> words, or None if right.
    """

    name: str
    twin: Callable
    results: tuple
    draw: Callable
    hints: tuple
    notebook: str
    wrt: tuple = ()
    required: int | None = None
    needed: tuple = ()
    parts: Callable | None = None
    mistakes: dict = field(default_factory=dict)
    judge: Callable | None = None

    @property
    def solution(self):
        """The page with the solution, from the root of the repository."""
        return f"docs/solutions/{self.name}.md"

    @property
    def parameters(self):
        """The twin's parameters, by name."""
        return inspect.signature(self.twin).parameters

    @property
    def n_required(self):
        """How many results have to be returned."""
        return len(self.results) if self.required is None else self.required
