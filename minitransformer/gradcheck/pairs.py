"""Check a pair of functions: a forward pass and its hand-written backward pass."""

from __future__ import annotations

import numpy as np

from minitransformer.backend import array_module, to_host
from minitransformer.checks import check_count
from minitransformer.gradcheck.arguments import (
    as_tuple,
    as_variable,
    by_keyword,
    check_outputs,
    choose_variables,
    describe,
    draw_upstream,
    gradient_failure,
    gradients_by_name,
    in_float64,
    in_order,
    parameter_names,
    positional,
)
from minitransformer.gradcheck.compare import PAIR, compare
from minitransformer.gradcheck.duration import announce
from minitransformer.gradcheck.jacobians.traced import Traced
from minitransformer.gradcheck.problem import Problem
from minitransformer.gradcheck.purity import changes, own, written_into
from minitransformer.gradcheck.report import Report
from minitransformer.gradcheck.row import as_tolerance


def check(
    forward,
    backward,
    inputs,
    *,
    wrt=None,
    saved=None,
    upstream=1,
    analytic=True,
    seed=0,
    rng=None,
    tolerance=None,
    entries=None,
    name=None,
    diagnose=True,
):
    r"""Check that `backward` is the vector-Jacobian product of `forward`.

    A random upstream gradient dy is drawn for every output that takes one. (A constant dy would
    reveal nothing: the gradient of ``softmax(x).sum()`` is 0, so a backward pass that returns zeros
    would look right.) The gradients that `backward` returns are compared with the gradients of the
    number sum(dy * y), computed by two oracles that do not use the formulas: the complex step, and
    extrapolated central differences. The error of a gradient `a` against the oracle's `n` is

    .. math:: \max|a - n| / \max(\max|n|, \; \max|dy| \max|y| / \max|x|)

    The last term is the gradient's natural scale: its size by dimensional analysis. If the true
    gradient is 0 (as for the bias of the keys), rounding noise is judged relative to this scale.

    Parameters
    ----------
    forward : callable
        Returns an array, or a tuple whose first element is an output. Called by keyword if
        `inputs` is a dict, by position if it is a tuple or list.
    backward : callable
        Called as ``backward(*upstream_gradients, **saved)``, or with ``*saved`` if `saved` gives a
        tuple. Returns one gradient, a tuple in the order of `wrt` (or of all inputs, with None for
        those without a gradient), or a dict by name.
    inputs : dict, tuple, list or array
        The arguments of `forward`; a single array is one argument. The order of a dict does not
        matter: that of `forward`'s parameters does. Floating arrays and lists of floats are
        converted to float64.
    wrt : sequence of str, optional
        The inputs that receive a gradient (an input that is None is skipped). By default, every
        floating array, in order. Positional inputs have the names of `forward`'s parameters.
    saved : callable, optional
        ``saved(inputs, outputs)`` -> dict or tuple: the other arguments of `backward`. `outputs` is
        a tuple. By default, these arguments are the inputs.
    upstream : int, default 1
        Number of outputs, counted from the first, that take an upstream gradient.
    analytic : bool, default True
        Whether to try the complex step. If it cannot be used, or disagrees with central differences
        (not an analytic function), these decide alone. Entries at a kink are skipped and counted.
    seed : int, default 0
        Seed of the upstream gradients; ignored if `rng` is given.
    rng : numpy.random.Generator, optional
        The source of the upstream gradients and of the random entries.
    tolerance : float or Tolerance, optional
        The largest errors that pass. By default, 1e-14 against the complex step and 1e-8 against
        central differences.
    entries : int, optional
        Number of random entries of each input that central differences check, in addition to one
        random direction. By default, they check every entry.
    name : str, optional
        Heading of the report; by default, the name of `forward`.
    diagnose : bool, default True
        Whether to look for the likely fault if a gradient is wrong.

    Returns
    -------
    Report
        ``report.ok``, ``print(report)``, ``report.raise_if_failed()``.

    Raises
    ------
    TypeError, ValueError
        If an argument cannot be used, if `forward` does not return finite numbers in float64, or if
        there is nothing to differentiate.
    """
    rng = np.random.default_rng(seed) if rng is None else rng
    setting = _Pair(forward, backward, inputs, wrt, saved, upstream)
    problem = setting.problem(rng)
    name = name or getattr(forward, "__name__", "pair")
    announce(name, problem, entries)
    rows = compare(
        problem,
        analytic=analytic,
        tolerance=as_tolerance(tolerance, PAIR),
        entries=entries,
        rng=rng,
    )
    report = Report(name, rows)
    if diagnose and not report.ok:

        def again(changed):
            return check(
                forward,
                backward,
                setting.rebuild(changed),
                wrt=wrt,
                saved=saved,
                upstream=upstream,
                analytic=analytic,
                seed=seed + 1,
                tolerance=tolerance,
                entries=4,
                diagnose=False,
            )

        report.diagnose(problem, setting.inputs, again, setting.host_outputs)
    return report


class _Pair:
    """The inputs of one check, by name, and the way to call the two functions with them."""

    def __init__(self, forward, backward, inputs, wrt, saved, upstream):
        for name, function in (("forward", forward), ("backward", backward)):
            if not callable(function):
                raise TypeError(f"{name} must be a function, got {describe(function)}")
        self.forward, self.backward = forward, backward
        self.saved, self.count = saved, check_count("upstream", upstream)
        self.positional = not isinstance(inputs, dict)
        inputs = positional(forward, inputs) if self.positional else in_order(forward, inputs)
        self.inputs = {key: in_float64(value) for key, value in inputs.items()}
        self.wrt = choose_variables(self.inputs, wrt)
        self.inputs |= {key: as_variable(key, self.inputs[key]) for key in self.wrt}
        self.named = not self.positional and by_keyword("forward", forward, 0, self.inputs)

    def rebuild(self, inputs):
        """Turn inputs by name into the form in which the caller passed them."""
        return tuple(inputs.values()) if self.positional else inputs

    def outputs(self, inputs):
        """All outputs of the forward pass, as a tuple."""
        if self.named:
            return as_tuple(self.forward(**inputs))
        return as_tuple(self.forward(*inputs.values()))

    def problem(self, rng):
        """Run the forward and backward passes once, and collect the gradients to compare."""
        given = {key: own(value) for key, value in self.inputs.items()}
        outputs = self.outputs(given)
        check_outputs(outputs, self.count)
        impure = written_into("forward", given, self.inputs) or changes(
            "forward", outputs, lambda: self.outputs(own(self.inputs))
        )
        upstream = draw_upstream(rng, outputs[: self.count])
        arguments, named = self._arguments(upstream, given, outputs)
        before = own(arguments), own(named)
        returned = self.backward(*arguments, **named)
        names = parameter_names(self.backward, len(arguments))
        gradients, surplus = gradients_by_name(returned, self.wrt, self.inputs)
        impure = (
            impure
            or written_into(
                "backward",
                {**dict(zip(names, arguments, strict=True)), **named},
                {**dict(zip(names, before[0], strict=True)), **before[1]},
            )
            or written_into("backward", given, self.inputs)
            or surplus
            or self._random_backward(gradients, before)
        )
        values = {key: self.inputs[key] for key in gradients}
        failures = {key: impure or gradient_failure(gradients[key], x) for key, x in values.items()}
        return Problem(
            values={key: to_host(value) for key, value in values.items()},
            forward=self.host_outputs,
            upstream=tuple(to_host(dy) for dy in upstream),
            gradients={
                key: gradients[key] if failures[key] else to_host(gradients[key]) for key in values
            },
            backward=self._host_gradients,
            failures={key: words for key, words in failures.items() if words},
        )

    def _random_backward(self, gradients, before):
        def again():
            arguments, named = own(before)
            returned = self.backward(*arguments, **named)
            return gradients_by_name(returned, self.wrt, self.inputs)[0].values()

        return changes("backward", list(gradients.values()), again, repeats=2)

    def _arguments(self, upstream, inputs, outputs):
        """Positional and named arguments of the backward pass, with upstream gradients copied."""
        saved = self.rebuild(inputs)
        if self.saved is not None:
            saved = self.saved(saved, outputs)
        if isinstance(saved, dict):
            if by_keyword("backward", self.backward, len(upstream), saved):
                return own(upstream), saved
            saved = tuple(saved.values())
        return (*own(upstream), *(saved if type(saved) in (tuple, list) else (saved,))), {}

    def _at(self, values):
        """Copies of all inputs, with those in `values` replaced and moved to their device."""
        moved = {
            key: array_module(self.inputs[key]).array(x) if hasattr(x, "shape") else x
            for key, x in values.items()
        }
        return {key: moved[key] if key in moved else own(x) for key, x in self.inputs.items()}

    def _host_gradients(self, values, upstream):
        """The gradients from the backward pass at other values, on the host."""
        inputs = self._at(values)
        outputs = self.outputs(inputs)
        moved = (array_module(y).asarray(dy) for dy, y in zip(upstream, outputs, strict=False))
        arguments, named = self._arguments(tuple(moved), inputs, outputs)
        returned = self.backward(*arguments, **named)
        found, _ = gradients_by_name(returned, self.wrt, self.inputs)
        return {key: to_host(g) for key, g in found.items() if hasattr(g, "shape")}

    def host_outputs(self, values):
        """The outputs that take an upstream gradient, with some inputs replaced, on the host."""
        traced = {key: x for key, x in values.items() if isinstance(x, Traced)}
        return tuple(to_host(y) for y in self.outputs(self._at(values) | traced)[: self.count])
