"""Short functions that make the exercises of the catalogue."""

from minitransformer import functional
from minitransformer.exercises.cases import (
    USUAL,
    Variant,
    backward_cases,
    forward_cases,
    given_cases,
)
from minitransformer.exercises.exercise import Exercise
from minitransformer.functional import PAIRS


def backward(name, results, notebook, hints, *, variants=USUAL, pair=None, twin=None, **more):
    """An exercise on a backward pass, whose cases come from ``functional.PAIRS``."""
    pair = PAIRS[pair or name.removesuffix("_backward")]
    twin = twin or getattr(functional, name)
    draw = backward_cases(pair, twin, variants)
    more = {"wrt": pair.wrt, "forward": pair.forward, **more}
    return Exercise(name, twin, results, draw, hints, notebook, **more)


def forward(name, results, notebook, hints, *, variants=USUAL, **more):
    """An exercise on a forward pass, whose cases come from ``functional.PAIRS``."""
    draw = forward_cases(PAIRS[name], variants)
    return Exercise(name, getattr(functional, name), results, draw, hints, notebook, **more)


def alone(name, results, notebook, hints, *, example, variants, twin=None, **more):
    """An exercise without a pair; ``example(sizes, rng)`` returns the function's arguments."""
    draw = given_cases(example, variants)
    twin = twin or getattr(functional, name)
    return Exercise(name, twin, results, draw, hints, notebook, **more)


def scaled(name, factor, label, blame, **more):
    """A variant whose input `name` is multiplied by `factor`."""
    return Variant(
        label,
        adjust=lambda inputs, rng: inputs | {name: factor * inputs[name]},
        blame=blame,
        **more,
    )
