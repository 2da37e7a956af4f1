"""The cases on which a function is tried. Every seed gives different ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from minitransformer.exercises.exercise import Case
from minitransformer.gradcheck.arguments import as_tuple, draw_upstream

# Few of the sizes and their products are equal. So an extra factor can be identified, and a wrong
# transpose seldom has the right shape by chance.
SIZES = {
    "B": 3, "T": 5, "S": 4, "D": 7, "F": 2, "E": 6, "H": 2, "V": 4, "C": 6, "E/2": 3, "G": 2,
    "H/G": 1, "block": 2, "mask": False, "ignored": 0.0, "rows": False,
}  # fmt: skip
OPTIONAL = (
    "mask", "keep", "bias", "dropout", "seed", "label_smoothing", "class_weights", "ignore_index",
)  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """A description of how a case differs from the default case.

    Attributes
    ----------
    label, blame, tolerance, limit, sure
        As in :class:`Case`.
    sizes : dict
        Sizes that differ from :data:`SIZES`.
    options : tuple of str
        Optional inputs that are passed; all other optional inputs are left out.
    adjust : callable or None
        ``adjust(inputs, rng)`` -> inputs: a final change to the random inputs.
    dtype : dtype
        The dtype of all floating inputs.
    """

    label: str
    sizes: dict = field(default_factory=dict)
    options: tuple = ()
    adjust: Callable | None = None
    blame: str = ""
    dtype: type = np.float64
    tolerance: float | None = None
    limit: bool = False
    sure: bool = False


BATCH_OF_ONE = Variant("B = 1", {"B": 1})
BATCH = Variant("B = 3")
SMALL = Variant("B = T = 1", {"B": 1, "T": 1})
SINGLE = Variant("float32", dtype=np.float32, blame="right in float64, wrong in float32")
EMPTY = Variant("an empty batch", {"B": 0}, limit=True)
USUAL = (BATCH_OF_ONE, BATCH, SMALL, SINGLE, EMPTY)


def inputs_of(pair, variant, rng):
    """Random inputs of a pair's forward pass."""
    required = {name for name in OPTIONAL if not _may_be_left_out(pair.forward, name)}
    passed = required | set(variant.options)
    while True:
        inputs = pair.example(rng, **{**SIZES, **variant.sizes})
        if set(variant.options) & set(OPTIONAL) <= set(inputs):
            break
    inputs = {k: v for k, v in inputs.items() if k not in OPTIONAL or k in passed}
    return variant.adjust(inputs, rng) if variant.adjust else inputs


def _may_be_left_out(function, name):
    parameter = inspect.signature(function).parameters.get(name)
    return parameter is None or parameter.default is not inspect.Parameter.empty


def in_dtype(value, dtype):
    """`value` in `dtype` if it is a floating-point array; anything else unchanged."""
    floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(dtype) if floating else value


def backward_case(pair, twin, variant, rng, inputs=None):
    """Make a case for a backward pass: run the forward pass and draw an upstream gradient."""
    drawn = inputs_of(pair, variant, rng) if inputs is None else inputs
    inputs = {name: in_dtype(value, variant.dtype) for name, value in drawn.items()}
    outputs = as_tuple(pair.forward(**inputs))
    upstream = tuple(
        np.asarray(dy, variant.dtype)[()] for dy in draw_upstream(rng, outputs[: pair.upstream])
    )
    names = list(inspect.signature(twin).parameters)
    arguments = dict(zip(names, upstream, strict=False))
    saved = {**inputs, **pair.saved(inputs, outputs)}
    arguments |= {k: v for k, v in saved.items() if k in names[pair.upstream :] and v is not None}
    return Case(
        variant.label,
        arguments,
        inputs,
        outputs[: pair.upstream],
        upstream,
        about=variant.options,
        blame=variant.blame,
        tolerance=variant.tolerance,
        limit=variant.limit,
        sure=variant.sure,
        rebuild=lambda changed: backward_case(pair, twin, variant, rng, changed),
    )


def forward_case(example, variant, rng, inputs=None):
    """Make a case for a forward pass, whose arguments are the inputs."""
    drawn = example(variant, rng) if inputs is None else inputs
    inputs = {name: in_dtype(value, variant.dtype) for name, value in drawn.items()}
    return Case(
        variant.label,
        inputs,
        inputs,
        about=variant.options,
        blame=variant.blame,
        tolerance=variant.tolerance,
        limit=variant.limit,
        sure=variant.sure,
        rebuild=lambda changed: forward_case(example, variant, rng, changed),
    )


def backward_cases(pair, twin, variants):
    """``draw(rng)`` for the backward pass of a pair."""
    return lambda rng: [backward_case(pair, twin, variant, rng) for variant in variants]


def forward_cases(pair, variants):
    """``draw(rng)`` for the forward pass of a pair."""
    return lambda rng: [
        forward_case(partial(inputs_of, pair), variant, rng) for variant in variants
    ]


def given_cases(example, variants):
    """``draw(rng)`` for arguments that come from ``example(sizes, rng)``."""

    def drawn(variant, rng):
        inputs = example({**SIZES, **variant.sizes}, rng)
        return variant.adjust(inputs, rng) if variant.adjust else inputs

    return lambda rng: [forward_case(drawn, variant, rng) for variant in variants]
