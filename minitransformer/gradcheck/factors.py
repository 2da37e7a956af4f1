"""Names for a constant factor between a wrong gradient and the right one."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.fault import CLOSE
from minitransformer.gradcheck.jacobians.paths import constants

LETTERS = {4: "BHTE", 3: "BTD", 2: "BD"}  # axes of a floating array by its number of axes


def factor_words(fault, factor):
    """A description of `factor`: the number, and the sizes that produce it."""
    if abs(factor - 1) <= CLOSE:
        return None
    if abs(factor + 1) <= CLOSE:
        return "the sign is wrong"
    sign = "the sign is wrong, and it is" if factor < 0 else "the gradient is"
    size = abs(factor)
    found = [words for value, words in candidates(fault) if abs(size / value - 1) <= CLOSE]
    named = " or ".join(dict.fromkeys(found[:4])) or "no size here gives this factor"
    return f"{sign} {size:.6g} times the right one: {named}"


def candidates(fault):
    """(factor, description) for all quantities that are often left out or used twice."""
    named = _sizes(fault)
    named += [(x * y, f"{p} * {q}") for i, (x, p) in enumerate(named) for y, q in named[i + 1 :]]
    roots = [(value**0.5, f"sqrt({words})") for value, words in named]
    # Ratios, for example if sqrt(d_model) is used instead of sqrt(d_k). A size in both would
    # cancel.
    single = roots[: len(_sizes(fault))]
    ratios = [(x / y, f"{p} / {q}") for x, p in single for y, q in single if x != y]
    once = [*constants(fault), (2.0, "2"), *named, *_masked(fault), *_dropout(fault), *roots]
    for size, text in _sizes(fault):
        once.append((size / (size - 1), f"n / (n - 1) for n = {text} (Bessel's correction)"))
    once += _numbers(fault)
    once += _repeats(fault)
    words = [(value, f"a factor {text} too much") for value, text in once]
    words += [(1 / value, f"a factor {text} too little") for value, text in once]
    words.sort(key=lambda each: " (in " not in each[1])  # a number of the forward pass comes first
    return words + [(value, f"a factor {text} too much") for value, text in ratios]


def _sizes(fault):
    """Axis sizes greater than 1 of all inputs, each named once."""
    named = {}
    for key, value in fault.inputs.items():
        if isinstance(value, np.ndarray):
            letters = _letters(key, value)
            for axis, size in enumerate(value.shape):
                letter = f"{letters[axis]} = " if letters else ""
                named.setdefault(size, f"{letter}{size} (axis {axis} of {key})")
        elif isinstance(value, int) and not isinstance(value, bool):
            named.setdefault(value, f"{key} = {value}")
    return [(float(size), words) for size, words in named.items() if size > 1]


def _repeats(fault):
    """How often an output has the size of the input along an axis, as after repeat or tile."""
    found = []
    for y in fault.outputs:
        for axis, (size, each) in enumerate(zip(y.shape, fault.n.shape, strict=False)):
            if each and size > each and size % each == 0 and y.ndim == fault.n.ndim:
                words = f"{size // each}, the number of repeats along axis {axis}"
                found.append((float(size // each), words))
    return found


def _numbers(fault):
    """Numbers among the inputs, such as a probability p, and 1 - p."""
    found = []
    for key, value in fault.inputs.items():
        if isinstance(value, float) and value > 0:
            found.append((value, f"{key} = {value:.4g}"))
            if value < 1:
                found.append((1 - value, f"1 - {key} = {1 - value:.4g}"))
    return found


def _letters(key, value):
    if value.dtype.kind in "iu":
        return {2: "BT", 1: "B"}.get(value.ndim, "")
    if value.dtype.kind != "f" or key[:1] == "W":
        return ""
    letters = LETTERS.get(value.ndim, "")
    if key in ("Q", "K", "V"):
        letters = letters.replace("D", "E")
    return letters.replace("T", "S") if key in ("K", "V") else letters


def _masked(fault):
    """All positions / positions that count: the factor if a mean included padding."""
    found = []
    for key, mask in fault.arrays("b").items():
        if mask.any() and not mask.all():
            words = f"positions / positions that count in {key} (mean over padding)"
            found.append((mask.size / mask.sum(), words))
    ignored = fault.inputs.get("ignore_index")
    for key, ids in fault.arrays("iu").items():
        counted = int((ids != ignored).sum())
        words = f"entries / entries of {key} that are not negative (ignored)"
        if 0 < (ids >= 0).sum() < ids.size:
            found.append((ids.size / (ids >= 0).sum(), words))
        if ignored is not None and 0 < counted < ids.size:
            found.append((ids.size / counted, f"positions / positions that count in {key}"))
    return found


def _dropout(fault):
    """1 / (1 - p), taken from the largest entry of the dropout mask."""
    keep = fault.inputs.get("keep")
    if keep is None or not np.size(keep) or np.max(keep) <= 1:
        return []
    return [(float(np.max(keep)), "1 / (1 - p) of the dropout")]
