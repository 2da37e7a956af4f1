"""Runs a forward pass step by step, so that each of its paths can be followed, cut or changed.

The complex step carries a derivative in the imaginary part. A step of the forward pass that drops
the imaginary part of an operand treats that operand as constant: that path is cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIGNS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "matmul": "@",
    "power": "**",
}
# these only give another view of the same numbers
VIEWS = {
    "swapaxes",
    "transpose",
    "reshape",
    "ravel",
    "squeeze",
    "expand_dims",
    "moveaxis",
    "broadcast_to",
    "asarray",
    "copy",
    "shape",
    "ndim",
    "size",
    "zeros_like",
    "ones_like",
}


@dataclass
class Step:
    """One operation of the forward pass.

    Attributes
    ----------
    words : str
        The expression that it computes.
    function : str
        The name of the operation.
    operands : list
        The operands that are traced, as plain arrays with the derivative in the imaginary part.
    sources : list of int
        The number of the value that each of them is.
    constants : list
        The operands that are numbers.
    result : array
    """

    words: str
    function: str
    operands: list
    sources: list
    constants: list
    result: np.ndarray = None


class Trace:
    """What one run of the forward pass computes.

    Parameters
    ----------
    edit : callable, optional
        ``edit(number, call, operands)`` -> the result of a step, or None to leave it as it is.
    still : set of int
        Numbers of the steps whose results are constants.
    """

    def __init__(self, edit=None, still=frozenset()):
        self.edit, self.still = edit, still
        self.steps = []
        self.texts = []

    def value(self, array, words):
        """`array` as a traced value with this name."""
        traced = np.asarray(array).view(Traced)
        traced.record, traced.node = self, len(self.texts)
        self.texts.append(words)
        return traced

    def step(self, function, call, arguments):
        """Run one operation; `call` takes the traced operands among the `arguments`."""
        leaves = [x for x in arguments if isinstance(x, Traced)]
        operands = [np.asarray(x) for x in leaves]
        shown = [self.texts[x.node] if isinstance(x, Traced) else _shown(x) for x in arguments]
        constants = [float(x) for x in arguments if isinstance(x, (int, float, np.floating))]
        made = Step(
            _words(function, shown), function, operands, [x.node for x in leaves], constants
        )
        number = len(self.steps)
        self.steps.append(made)
        found = None if self.edit is None else self.edit(number, call, operands)
        made.result = call(*operands) if found is None else found
        if number in self.still:
            made.result = np.real(made.result) + 0j
        if isinstance(made.result, (tuple, list)):
            return type(made.result)(
                self._wrapped(part, f"{made.words}[{i}]") for i, part in enumerate(made.result)
            )
        return self._wrapped(made.result, made.words)

    def _wrapped(self, result, words):
        is_number = getattr(result, "dtype", np.dtype(bool)).kind in "fc"
        return self.value(result, words) if is_number else result


class Traced(np.ndarray):
    """An array that tells its trace about every operation on it."""

    record = None
    node = None

    def __array_finalize__(self, obj):
        self.record, self.node = getattr(obj, "record", None), getattr(obj, "node", None)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        options = {key: _plain(value) for key, value in options.items()}
        if method == "at":
            return getattr(ufunc, method)(*map(_plain, inputs), **options)

        def call(*operands):
            return getattr(ufunc, method)(*_filled(inputs, iter(operands)), **options)

        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        found = _trace((*inputs, *(out or ()))).step(name, call, list(inputs))
        if out is None:
            return found
        np.copyto(np.asarray(out[0]), np.asarray(found), casting="unsafe")
        if isinstance(out[0], Traced) and isinstance(found, Traced):
            out[0].node = found.node
        return out[0]

    def __array_function__(self, func, types, args, kwargs):
        leaves = list(_leaves((args, kwargs)))

        def call(*operands):
            filled, named = _filled((args, kwargs), iter(operands))
            return func(*filled, **named)

        if func.__name__ in VIEWS:
            found = call(*map(np.asarray, leaves))
            if not isinstance(found, np.ndarray):
                return found
            found = found.view(Traced)
            found.record, found.node = leaves[0].record, leaves[0].node
            return found
        return _trace(leaves).step(func.__name__, call, leaves)

    def __getitem__(self, key):
        if self.record is None:
            return np.asarray(self)[key]
        key = _filled(key, iter(map(np.asarray, _leaves(key))))
        return self.record.step("[]", lambda x: x[key], [self])


def _trace(values):
    return next(x.record for x in values if isinstance(x, Traced))


def _plain(x):
    return np.asarray(x) if isinstance(x, Traced) else x


def _leaves(tree):
    if isinstance(tree, Traced):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for part in tree:
            yield from _leaves(part)
    elif isinstance(tree, dict):
        yield from _leaves(list(tree.values()))


def _filled(tree, operands):
    """`tree` with its traced arrays replaced by the next of the operands."""
    if isinstance(tree, Traced):
        return next(operands)
    if isinstance(tree, (tuple, list)):
        return type(tree)([_filled(part, operands) for part in tree])
    if isinstance(tree, dict):
        return {key: _filled(part, operands) for key, part in tree.items()}
    return tree


def _shown(x):
    if isinstance(x, (int, float, np.number)) or (isinstance(x, np.ndarray) and x.shape == ()):
        return f"{np.real(x):.4g}"
    return "..."


def _words(function, shown):
    """The expression of a step, from the expressions of its operands."""
    name = {"add.reduce": "sum", "maximum.reduce": "max", "minimum.reduce": "min"}
    name = name.get(function, function)
    if known := _known(name, shown):
        return known
    if name in SIGNS and len(shown) == 2:
        left, right = map(bracketed, shown)
        return f"{left} {SIGNS[name]} {right}"
    if name == "[]":
        return f"{bracketed(shown[0])}[...]"
    if name == "negative":
        return f"-{bracketed(shown[0])}"
    return f"{name}({', '.join(shown)})"


def _known(name, shown):
    """The name of a function that is computed in several steps."""
    left, right = shown if len(shown) == 2 else (None, None)
    if name == "subtract" and right == f"max({left})":
        return left  # only guards against overflow
    if name == "divide" and left.startswith("exp(") and right == f"sum({left})":
        return f"softmax({left[4:-1]})"
    if name == "divide" and left == "1" and right.startswith("1 + exp(-"):
        inner = right[len("1 + exp(-") : -1]
        is_bracketed = bracketed(inner[1:-1]) == inner
        return f"sigmoid({inner[1:-1] if is_bracketed else inner})"
    if name == "log" and shown[0].startswith("sum(exp("):
        return f"logsumexp({shown[0][len('sum(exp(') : -2]})"
    return None


def bracketed(text):
    """The text in brackets, if it is a sum or a product."""
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == " " and not depth:
            return f"({text})"
    return text
