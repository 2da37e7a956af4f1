"""Exercises: a function to write, with its cases, hints, and the mistakes that are recognised."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace


@dataclass(frozen=True)
class Case:
    """One set of arguments, with a description of what is special about it.

    Attributes
    ----------
    label : str
        What is special about the case, such as "B = 3" or "padding".
    arguments : dict
        The arguments of the function to write, by the names of the twin's parameters.
    inputs : dict
        For a backward pass, the inputs of the forward pass; otherwise the arguments.
    outputs, upstream : tuple of arrays
        For a backward pass, the outputs of the forward pass that have an upstream gradient, and
        these gradients.
    about : tuple of str
        The options that the case tests. The case is skipped for a function that does not take them.
    blame : str
        The fault to report if this is the first case that fails and no rule gives a better answer.
    rebuild : callable or None
        ``rebuild(inputs)`` -> Case: the same case with different inputs, for rules that need them.
    tolerance : float or None
        The relative error that counts as rounding. None means the default for the dtype.
    limit : bool
        Whether a function that fails in this case is right all the same, with a limit to mention.
    sure : bool
        Whether `blame` is the fault, whatever the rules say, if this is the first case that fails.
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
    limit: bool = False
    sure: bool = False

    @property
    def names(self):
        """Inputs and arguments as attributes, such as ``names.dy``."""
        return SimpleNamespace(**{**self.inputs, **self.arguments})


@dataclass(frozen=True)
class Exercise:
    """A function to write.

    Attributes
    ----------
    name : str
        The name of the function to write.
    twin : callable
        The package's own function of that name and signature.
    results : tuple of str
        Names of the function's results.
    draw : callable
        ``draw(rng)`` -> list of Case, the simplest first.
    hints : tuple of three str
        Three hints, from a nudge to almost the whole solution.
    notebook : str
        The notebook that poses the exercise: its file name without the suffix.
    wrt : tuple of str
        For a backward pass, the inputs of the forward pass to which the gradients belong; otherwise
        empty.
    forward : callable or None
        For a backward pass, the forward pass that it belongs to.
    required : int or None
        Number of results without which none are compared. A function that returns fewer results
        than `results` is told which are missing once the others are right. None means all.
    needed : tuple of str
        Options of the twin that the function must take. Other options are tested only if the
        function takes them.
    parts : callable or None
        ``parts(names)`` -> {result: {words: array}}: the terms whose sum is the result.
    mistakes : dict of str to callable
        Common mistakes. The key describes a mistake in words, and the value ``compute(names)``
        returns the wrong result, or a dict of wrong results by name.
    judge : callable or None
        ``judge(case, results, again)`` judges a random result: it describes the fault in words, or
        returns None if there is none. ``again(**changes)`` returns the results for other arguments.
    """

    name: str
    twin: Callable
    results: tuple
    draw: Callable
    hints: tuple
    notebook: str
    wrt: tuple = ()
    forward: Callable | None = None
    required: int | None = None
    needed: tuple = ()
    parts: Callable | None = None
    mistakes: dict = field(default_factory=dict)
    judge: Callable | None = None

    @property
    def solution(self):
        """The path of the page with the solution, from the root of the repository."""
        return f"docs/solutions/{self.name}.md"

    @property
    def parameters(self):
        """The twin's parameters, by name."""
        return inspect.signature(self.twin).parameters

    @property
    def n_required(self):
        """Number of results without which none are compared."""
        return len(self.results) if self.required is None else self.required
