"""The results of a check, as a table for the terminal."""

from __future__ import annotations

import textwrap

from minitransformer.gradcheck.diagnosis import diagnose
from minitransformer.gradcheck.fault import Fault
from minitransformer.gradcheck.jacobians.jacobian import build
from minitransformer.gradcheck.jacobians.measured import UNKNOWN


class GradientError(AssertionError):
    """A gradient is wrong; the message is the printed report."""


class Report:
    """The verdict on every gradient of one pair, layer or model.

    Attributes
    ----------
    name : str
        The name of the pair, layer or model.
    rows : list of Row
        One row per input and parameter: both errors, the tolerance, the place of the largest error.
    diagnosis : dict of str to str
        For failing rows, a description of the likely fault, if its pattern is known.
    """

    def __init__(self, name, rows):
        self.name, self.rows, self.diagnosis = name, rows, {}

    @property
    def ok(self):
        """Whether every gradient is right."""
        return all(row.ok for row in self.rows)

    @property
    def _empty(self):
        return [row for row in self.rows if 0 in row.shape and row.failure is None]

    @property
    def failed(self):
        """The rows that are not right."""
        return [row for row in self.rows if not row.ok]

    def row(self, name):
        """The row of one input or parameter."""
        return next(row for row in self.rows if row.name == name)

    def worst(self, oracle):
        """The largest "complex_error" or "central_error" of all rows; None if not measured."""
        rows = self.rows
        if oracle == "complex_error":
            rows = [row for row in rows if not row.not_analytic]
        errors = [getattr(row, oracle) for row in rows]
        return max((error for error in errors if error is not None), default=None)

    def diagnose(self, problem, inputs, again, run=None):
        """Look for the likely fault of every failing row.

        Parameters
        ----------
        problem : Problem
        inputs : dict of str to object
            All arguments of the forward pass, including masks and ids.
        again : callable
            ``again(changed_inputs)`` -> Report of the same check on other inputs.
        run : callable, optional
            ``run(changed_inputs)`` -> tuple of outputs. Without it, only variables are changed.
        """
        for row in self.failed:
            words = row.failure
            if words is None and not row.unclear:
                analytic = row.complex_error is not None and not row.not_analytic
                jacobian = build(problem, row.name, inputs, run, row.oracle, analytic)
                words = diagnose(Fault.of(row, self.rows, problem, inputs, again, jacobian))
            self.diagnosis[row.name] = words
        found = {row.name: self.diagnosis[row.name] or UNKNOWN for row in self.failed}
        without = [name for name, text in found.items() if text.startswith(UNKNOWN)]
        named = [row.name for row in self.failed if row.name not in without]
        for row in self.failed:
            if named and not row.unclear and row.name in without:
                self.diagnosis[row.name] = f"no pattern of its own: see {named[0]} first"

    def raise_if_failed(self):
        """Raise :class:`GradientError` with the printed report unless every gradient is right."""
        if not self.ok:
            raise GradientError(str(self))

    @property
    def verdict(self):
        """One of "ok", "WRONG" and "unclear": the worst verdict of all rows."""
        verdicts = {row.verdict for row in self.rows}
        return next((v for v in ("WRONG", "unclear") if v in verdicts), "ok")

    def __str__(self):
        lines = [f"{self.name}: {self.verdict}", _line(_HEADINGS)]
        lines += [_line(_cells(row)) for row in self.rows]
        lines += [f"\n{_NOT_ANALYTIC.format(row.name)}" for row in self.rows if row.not_analytic]
        lines += [f"\n{row.name}: nothing was compared, it has no entries" for row in self._empty]
        for row in self.failed:
            lines += ["", *self._explain(row)]
        return "\n".join(lines)

    __repr__ = __str__

    def _explain(self, row):
        words = self.diagnosis.get(row.name) or row.failure
        if row.failure is not None:
            return _wrapped(f"{row.name}: ", words)
        place = f"{row.name}[{', '.join(map(str, row.index))}]" if row.index else row.name
        lines = [
            f"worst place     {place}",
            f"backward says   {row.analytic:.17g}",
            f"oracle says     {row.numeric:.17g}",
            f"ratio           {ratio(row.analytic, row.numeric)}",
        ]
        if row.unclear:
            return _wrapped(f"{row.name}: ", f"cannot be judged: {row.unclear}") + lines
        return [*lines, *_wrapped("likely fault    ", words or "no known pattern")]


WIDTH = 79
_HEADINGS = ("verdict", "complex step", "central", "skipped", "shape", "gradient of")
_NOT_ANALYTIC = (
    "{}: not analytic (abs, a norm, a cast to float), so that the complex step cannot\n"
    "be used; judged by central differences alone"
)


def _wrapped(start, words):
    """`words` after `start`, as lines of at most 79 characters, without breaking a word."""
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * min(len(start), 16),
        break_long_words=False,
        break_on_hyphens=False,
    )


def ratio(a, n):
    """a / n as text. There is no ratio if the true gradient is 0."""
    return f"{a / n:.6g}" if n else "none (the true gradient is 0)"


def figure(error):
    """An error as text with two digits; a dash if the oracle was not used."""
    return "-" if error is None else f"{error:.1e}"


def _cells(row):
    shape = "x".join(map(str, row.shape)) or "scalar"
    if row.failure is not None:
        return row.verdict, "-", "-", "-", shape, row.name
    complex_error = None if row.not_analytic else row.complex_error
    errors = figure(complex_error), figure(row.central_error)
    return row.verdict, *errors, str(row.skipped), shape, row.name


def _line(cells):
    verdict, complex_step, central, skipped, shape, name = cells
    return f"  {verdict:<7} {complex_step:>12} {central:>8} {skipped:>7} {shape:>9}  {name}"
