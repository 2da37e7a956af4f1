"""Notebook 8: dropout."""

import math

import numpy as np

from minitransformer.exercises.cases import USUAL, Variant
from minitransformer.exercises.catalogue.entries import alone, backward

BLOCK = "08_the_block"


def _mask_arguments(p, dtype=np.float64, shape=(40, 50)):
    def drawn(inputs, rng):
        return {
            "rng": np.random.default_rng(int(rng.integers(1 << 30))),
            "shape": shape,
            "p": p,
            "dtype": dtype,
        }

    return drawn


def judge_mask(case, values, again):
    """What is wrong, in words, with a dropout mask; it is random, so statistics decide."""
    c, keep = case.names, values["keep"]
    return _wrong_array(c, keep) or _wrong_numbers(c, keep) or _wrong_source(c, keep, again)


def _wrong_array(c, keep):
    """A type, shape or dtype that is wrong, or rows that are all the same."""
    if not hasattr(keep, "dtype"):
        return f"it returns a {type(keep).__name__}; an array is expected"
    if keep.shape != c.shape:
        return f"keep has the shape {keep.shape}; it should be {c.shape}"
    if keep.dtype != c.dtype:
        return f"keep has the dtype {keep.dtype}; it should be `dtype`, {c.dtype.__name__}"
    for axis, size in enumerate(c.shape):
        if c.p and size > 1 and (keep == keep.take([0], axis=axis)).all():
            return f"the mask is the same all along axis {axis}: draw one number for each entry"
    return None


def _wrong_source(c, keep, again):
    """The numbers of a mask are right, but they may not come from `rng`."""
    if not c.p:
        return None
    seed = np.random.default_rng(7)
    if not np.array_equal(again(rng=seed)["keep"], again(rng=np.random.default_rng(7))["keep"]):
        return "two generators with the same seed give different masks: draw from rng, and only it"
    if np.array_equal(again(rng=np.random.default_rng(7))["keep"], keep):
        return (
            "every generator gives the same mask: draw from rng, not from a generator of your own"
        )
    if np.array_equal(again(rng=seed)["keep"], again(rng=np.random.default_rng(7))["keep"]):
        return "the second mask from a generator is the first one again: draw from rng itself"
    return None


def _wrong_numbers(c, keep):
    """Which entries are kept, and what they are multiplied by."""
    fraction, found = float((keep != 0).mean()), np.unique(keep)
    right = 1 / (1 - c.p)
    if found.min() < 0 or len(found) > 2:
        return "the entries should be 0 or 1 / (1 - p), and nothing else: is a comparison missing?"
    margin = 5 * math.sqrt(max(c.p * (1 - c.p), 1e-9) / keep.size)
    top = float(found.max())
    if abs(fraction - c.p) < margin < abs(fraction - 1 + c.p):
        return "entries are kept with probability p, but p is the probability of dropping an entry"
    if abs(fraction - 1 + c.p) > margin:
        return f"the fraction kept is {fraction:.3f}; it should be 1 - p = {1 - c.p:.3f}"
    if abs(top - right) < 1e-3 * right:
        return None
    if abs(top - 1) < 1e-6:
        return "what is kept should be divided by 1 - p, so that the expected value does not change"
    if c.p and abs(top - 1 / c.p) < 1e-3 / c.p:
        return "divided by p: what is kept should be divided by 1 - p"
    if abs(top - 1 + c.p) < 1e-3:
        return "multiplied by 1 - p: what is kept should be divided by it"
    return f"what is kept is {top:.4g}; it should be 1 / (1 - p) = {right:.4g}"


EXERCISES = [
    alone(
        "dropout_mask",
        ("keep",),
        BLOCK,
        (
            "Draw one random number per entry, rng.random(shape), and compare it with p.",
            "An entry is dropped with probability p, so keep it where its number is at least p.",
            "Convert the comparison to `dtype`, and divide by 1 - p, so that the expected value "
            "does not change.",
        ),
        example=lambda sizes, rng: {},
        judge=judge_mask,
        variants=(
            Variant("p = 0.3", adjust=_mask_arguments(0.3)),
            Variant("p = 0.8", adjust=_mask_arguments(0.8)),
            Variant(
                "p = 0",
                adjust=_mask_arguments(0.0),
                blame="wrong if nothing is dropped: every entry should be 1 then",
            ),
            Variant("float32", adjust=_mask_arguments(0.3, np.float32)),
            Variant("three axes", adjust=_mask_arguments(0.5, shape=(8, 15, 20))),
        ),
    ),
    backward(
        "dropout_backward",
        ("dx",),
        BLOCK,
        (
            "y = x keep. Once the mask is drawn, that is a product with a constant.",
            "Use the mask of the forward pass, not a new one. Does it already contain 1 / (1 - p)?",
            "It is one product of two arrays, dy and keep.",
        ),
        variants=tuple(
            Variant(v.label, v.sizes, ("keep",), blame=v.blame, dtype=v.dtype, limit=v.limit)
            for v in USUAL
        ),
        mistakes={
            "dropped entries pass: where keep is 0, the gradient is 0": lambda c: c.dy,
            "the factor 1 / (1 - p), which keep contains, is missing": lambda c: (
                c.dy * (c.keep > 0)
            ),
            "1 / (1 - p) is applied twice: keep already contains it": lambda c: (
                c.dy * c.keep * c.keep.max()
            ),
            "keep is applied twice": lambda c: c.dy * c.keep**2,
            "the upstream gradient is not used": lambda c: c.keep,
            "the mask is the wrong way round: what was dropped gets the gradient": lambda c: (
                c.dy * (c.keep == 0)
            ),
            "the mask is the wrong way round, with its factor": lambda c: (
                c.dy * (c.keep == 0) * c.keep.max()
            ),
            "x is used, but it is not needed: y = x keep is linear in x": lambda c: (
                c.dy * c.x * c.keep
            ),
        },
    ),
]
