"""Check a layer or a whole model: every parameter and every floating input."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from minitransformer.backend import array_module, to_host
from minitransformer.gradcheck.arguments import (
    as_tuple,
    check_outputs,
    draw_upstream,
    gradient_failure,
    in_float64,
    is_floating,
    parameter_names,
)
from minitransformer.gradcheck.compare import NETWORK, compare
from minitransformer.gradcheck.noise import EPS
from minitransformer.gradcheck.problem import Problem
from minitransformer.gradcheck.purity import changes, own, written_into
from minitransformer.gradcheck.report import Report
from minitransformer.gradcheck.row import as_tolerance

ADDING = 1e-9  # the error of a doubled gradient, relative to its largest entry


def check_layer(
    layer,
    inputs,
    *,
    options=None,
    dropout_seed=None,
    analytic=True,
    seed=0,
    rng=None,
    tolerance=None,
    entries=None,
    name=None,
    diagnose=True,
):
    r"""Check the backward pass of a layer or model, and that it adds to the gradients.

    The error is defined as in :func:`~minitransformer.gradcheck.check`. The backward pass also runs
    a second time, without setting gradients to zero in between. Every gradient must then double,
    because gradients must add up if a layer is used twice, or if a batch is split into two parts.

    Parameters
    ----------
    layer : Layer
        Any object with ``forward(*inputs, **options) -> (y, cache)``, ``backward(dy, cache)`` ->
        one gradient per array input, and ``parameters()`` -> dict from names to objects with
        float64 `value` and `grad`. The values are replaced during the check and restored after it.
    inputs : array, tuple or list
        Positional arguments of `forward`. Floating arrays are converted to float64; ids are not.
    options : dict, optional
        Keyword arguments of `forward`, such as ``{"mask": mask}``.
    dropout_seed : int, optional
        Turns dropout on. Each forward pass gets a new ``rng=default_rng(dropout_seed)``, so that
        all passes draw the same masks.
    analytic, seed, rng, tolerance, entries, name, diagnose
        As for :func:`~minitransformer.gradcheck.check`. By default, errors up to 1e-13 against the
        complex step, and up to 1e-8 against central differences, pass.

    Returns
    -------
    Report
        ``report.ok``, ``print(report)``, ``report.raise_if_failed()``.

    Raises
    ------
    TypeError
        If a parameter is not float64, because rounding would hide errors.
    """
    rng = np.random.default_rng(seed) if rng is None else rng
    setting = _Network(layer, as_tuple(inputs), dict(options or {}), dropout_seed)
    problem = setting.problem(rng)
    rows = compare(
        problem,
        analytic=analytic,
        tolerance=as_tolerance(tolerance, NETWORK),
        entries=entries,
        rng=rng,
    )
    report = Report(name or type(layer).__name__, rows)
    if diagnose and not report.ok:

        def again(changed):
            setting_of = setting.with_inputs(changed)
            with setting_of.parameters_at(changed):
                return check_layer(
                    layer,
                    setting_of.positional(),
                    options=setting_of.options,
                    dropout_seed=changed["dropout_seed"],
                    analytic=analytic,
                    seed=seed + 1,
                    tolerance=tolerance,
                    entries=4,
                    diagnose=False,
                )

        report.diagnose(problem, setting.everything(), again)
    return report


class _Network:
    """One layer, and the inputs of one check."""

    def __init__(self, layer, inputs, options, dropout_seed):
        self.layer, self.options, self.dropout_seed = layer, options, dropout_seed
        self.parameters = layer.parameters()
        for key, parameter in self.parameters.items():
            if parameter.value.dtype != np.float64:
                raise TypeError(
                    f"parameter {key} must be float64, got {parameter.value.dtype}: gradients are "
                    "checked in float64"
                )
        names = parameter_names(layer.forward, len(inputs))
        names = [f"input {key}" if key in self.parameters else key for key in names]
        self.inputs = {key: in_float64(x) for key, x in zip(names, inputs, strict=True)}

    def positional(self):
        """The inputs in the form in which `forward` takes them."""
        return tuple(self.inputs.values())

    def everything(self):
        """Inputs, options, parameters and the dropout seed, by name, for the diagnosis."""
        values = {key: to_host(p.value).copy() for key, p in self.parameters.items()}
        return {**self.inputs, **self.options, **values, "dropout_seed": self.dropout_seed}

    def with_inputs(self, changed):
        """The same layer with other inputs and options."""
        inputs = tuple(changed[key] for key in self.inputs)
        options = {key: changed[key] for key in self.options}
        return _Network(self.layer, inputs, options, changed["dropout_seed"])

    @contextmanager
    def parameters_at(self, values):
        """Replace the parameters' values, and restore the old values afterwards."""
        original = {key: parameter.value for key, parameter in self.parameters.items()}
        try:
            for key, parameter in self.parameters.items():
                _use(parameter, array_module(original[key]).asarray(values[key]))
            yield
        finally:
            for key, parameter in self.parameters.items():
                _use(parameter, original[key])

    def run(self, inputs):
        """Forward pass with a new generator from the same seed."""
        generator = {}
        if self.dropout_seed is not None:
            generator["rng"] = np.random.default_rng(self.dropout_seed)
        return self.layer.forward(*inputs, **self.options, **generator)

    def outputs(self, values):
        """The layer's output at these values of parameters and inputs, for the oracles."""
        with self.parameters_at(values):
            return (to_host(self.run(self._inputs_at(values))[0]),)

    def _inputs_at(self, values):
        return [
            array_module(x).asarray(values[key]) if is_floating(x) else x
            for key, x in self.inputs.items()
        ]

    def problem(self, rng):
        """Run the forward and backward passes twice, and collect the gradients to compare."""
        given = {**self.inputs, **self.options, **self._parameter_values()}
        before = own(given)
        y, cache = self.run(self.positional())
        check_outputs((y,), 1)
        impure = written_into("forward", given, before) or changes(
            "forward", (y,), lambda: self.run(self.positional())[:1]
        )
        (dy,) = draw_upstream(rng, (y,))
        to_backward = dy.copy()
        for parameter in self.parameters.values():
            parameter.grad[...] = 0
        returned = as_tuple(self.layer.backward(to_backward, cache))
        once = {key: to_host(p.grad).copy() for key, p in self.parameters.items()}
        impure = impure or written_into(
            "backward", {"dy": to_backward, **given}, {"dy": dy, **before}
        )
        self.layer.backward(dy.copy(), self.run(self.positional())[1])
        values, gradients, failures = self._inputs(returned)
        for key, parameter in self.parameters.items():
            values[key], gradients[key] = parameter.value, once[key]
            failures[key] = gradient_failure(once[key], parameter.value)
            if not failures[key]:
                failures[key] = _adding_failure(once[key], to_host(parameter.grad), to_host(dy))
        failures = {key: impure or words for key, words in failures.items()}
        return Problem(
            values={key: to_host(value) for key, value in values.items()},
            forward=self.outputs,
            upstream=(to_host(dy),),
            gradients=gradients,
            backward=self.gradients,
            failures={key: words for key, words in failures.items() if words},
        )

    def _parameter_values(self):
        return {key: parameter.value for key, parameter in self.parameters.items()}

    def gradients(self, values, upstream):
        """The gradients from the backward pass at these values of parameters and inputs."""
        with self.parameters_at(values):
            y, cache = self.run(self._inputs_at(values))
            for parameter in self.parameters.values():
                parameter.grad[...] = 0
            dy = array_module(y).array(upstream[0])
            _, found, _ = self._inputs(as_tuple(self.layer.backward(dy, cache)))
            found = {key: g for key, g in found.items() if g is not None}
            return {**found, **{k: to_host(p.grad).copy() for k, p in self.parameters.items()}}

    def _inputs(self, returned):
        """Values, returned gradients and failures of the floating inputs."""
        floating = [key for key, x in self.inputs.items() if is_floating(x)]
        keys = list(self.inputs) if len(returned) == len(self.inputs) else floating
        found = dict(zip(keys, returned, strict=False))
        values = {key: self.inputs[key] for key in floating}
        failures = {key: gradient_failure(found.get(key), values[key]) for key in floating}
        gradients = {key: None if failures[key] else to_host(found[key]) for key in floating}
        return values, gradients, failures


def _use(parameter, array):
    """Make `array` itself the value: the complex step needs another dtype than the parameter's."""
    if hasattr(parameter, "use"):
        parameter.use(array)
    else:
        parameter.value = array


def _adding_failure(once, twice, dy):
    """What is wrong after a second backward pass without zeroing; None if nothing is."""
    if once.any() and np.array_equal(twice, once):
        return (
            "the gradient is overwritten: a second backward pass must add to it (+=), otherwise a "
            "layer that is used twice loses a path"
        )
    rounding = ADDING * np.abs(once).max(initial=0.0) + 1e2 * EPS * np.abs(dy).max(initial=0.0)
    if np.abs(twice - 2 * once).max(initial=0.0) <= rounding:
        return None
    return "a second backward pass does not double the gradient: it depends on the old gradient"
