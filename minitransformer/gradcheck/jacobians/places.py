"""Rules for entries of the Jacobian that are missing, or that should be 0."""

from __future__ import annotations

import numpy as np


def own_entry_left_out(fault):
    """Only the diagonal is missing."""
    j = fault.jacobian
    if j.y.shape != j.x.shape or j.x.size < 2:
        return None
    right, claimed = np.diag(j.right), np.diag(j.claimed)
    off = ~np.eye(j.x.size, dtype=bool)
    if not j.nonzero(right).all() or j.nonzero(claimed).any() or not j.nonzero(j.right)[off].any():
        return None
    if not j.difference[off].any():
        return (
            "the upstream gradient of each entry's own place is left out: the diagonal of the "
            "Jacobian is 0"
        )
    return None


def entries_without_gradient(fault):
    """Some entries of the input get no gradient; all others are right."""
    j = fault.jacobian
    lost = j.nonzero(j.right).any(axis=0) & ~j.nonzero(j.claimed).any(axis=0)
    if not lost.any() or lost.all() or j.difference[:, ~lost].any():
        return None
    if j.is_elementwise and threshold(j.x.ravel(), lost, fault.name):
        return None
    return f"no gradient arrives at {where(lost.reshape(j.x.shape), fault.name)}; the rest is right"


def entries_with_gradient(fault):
    """Entries that no output depends on get a gradient; all others are right."""
    j = fault.jacobian
    free = ~j.nonzero(j.right).any(axis=0)
    leaks = free & j.nonzero(j.claimed).any(axis=0)
    if j.is_elementwise and threshold(j.x.ravel(), leaks, fault.name):
        return None  # another rule says on which side of the threshold
    if not leaks.any() or j.difference[:, ~free].any():
        return None
    return (
        f"the gradient must be 0 at {where(leaks.reshape(j.x.shape), fault.name)}, where no output "
        "depends on it: masked, padded, ignored or dropped entries still receive a gradient"
    )


def outputs_not_used(fault):
    """The upstream gradients of some outputs are not used; those of all others are right."""
    j = fault.jacobian
    lost = j.nonzero(j.right).any(axis=1) & ~j.nonzero(j.claimed).any(axis=1)
    if not lost.any() or lost.all() or j.difference[~lost].any():
        return None
    if j.is_elementwise and threshold(j.x.ravel(), lost, fault.name):
        return None
    for key, ids in fault.arrays("iu").items():
        if ids.shape == j.y.shape[: ids.ndim] and _is_overwritten(ids, lost.reshape(j.y.shape)):
            return (
                f"wrong only for ids that are repeated in {key}: the gradient of the last one "
                "overwrites the others (`dW[ids] += dy` does that too), but they must be added up"
            )
    used = where(~lost.reshape(j.y.shape), "dy")
    return (
        f"only {used} is used: the rest of the upstream gradient is not summed in "
        f"({where(lost.reshape(j.y.shape), 'dy')} is lost)"
    )


def _is_overwritten(ids, lost):
    """Whether exactly those outputs are lost whose id occurs again later."""
    flat = ids.ravel()
    again = np.array([value in flat[i + 1 :] for i, value in enumerate(flat)])
    lost = lost.reshape(flat.size, -1)
    return bool(again.any() and (lost == again[:, None]).all())


def one_factor_at_some_places(fault):
    """Only some entries, or the gradients from some outputs, are wrong, all by one factor."""
    return _at_some_places(fault, one_factor=True)


def wrong_at_some_places(fault):
    """Only some entries of the input, or the gradients from some outputs, are wrong."""
    return _at_some_places(fault, one_factor=False)


def _at_some_places(fault, one_factor):
    j = fault.jacobian
    for axis, shape, name in ((0, j.x.shape, fault.name), (1, j.y.shape, "dy")):
        wrong = j.difference.any(axis=axis)
        if wrong.all() or not wrong.any():
            continue
        text = where(wrong.reshape(shape), name)
        if " at " in text:
            continue
        right, claimed = (np.compress(wrong, m, axis=1 - axis) for m in (j.right, j.claimed))
        factor = float((right * claimed).sum() / max((right * right).sum(), 1e-300))
        if j.same(claimed, factor * right) is not one_factor:
            continue
        times = f", where it is {factor:.4g} times the right one" if one_factor else ""
        what = "wrong only at" if axis == 0 else "wrong only in what comes from"
        return f"{what} {text}{times}; the rest is right"
    return None


def where(mask, name):
    """The places of a mask as ``name[...]``: slices along axes if they form a box."""
    if not mask.ndim:
        return name
    ranges = []
    for axis, size in enumerate(mask.shape):
        others = tuple(i for i in range(mask.ndim) if i != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        ranges.append((hit, size))
    box = np.zeros(mask.shape, bool)
    box[np.ix_(*(hit for hit, _ in ranges))] = True
    if (box == mask).all():
        text = [_slice(hit, size) for hit, size in ranges]
        while len(text) > 1 and text[-1] == ":":
            text.pop()
        return f"{name}[{', '.join(text)}]"
    shown = [f"[{', '.join(map(str, i))}]" for i in np.argwhere(mask)[:3]]
    return f"{name} at {', '.join(shown)}{' ...' if mask.sum() > 3 else ''}"


def threshold(x, wrong, key):
    """The condition on x that holds exactly at the wrong entries; None if there is none."""
    if wrong.all() or not wrong.any():
        return None
    for values, shown in ((x, key), (np.abs(x), f"|{key}|")):
        inside, outside = values[wrong], values[~wrong]
        if inside.max() < outside.min():
            return f"{shown} < {_between(inside.max(), outside.min())}"
        if inside.min() > outside.max():
            return f"{shown} > {_between(outside.max(), inside.min())}"
    return None


def _between(low, high):
    """A short number between the two."""
    if low <= 0 <= high:
        return "0"
    for digits in range(7):
        middle = round((low + high) / 2, digits)
        if low <= middle <= high:
            return f"{middle:g}"
    return f"{low:g}"


def _slice(hit, size):
    if len(hit) == size:
        return ":"
    if len(hit) == 1:
        return str(-1 if hit[0] == size - 1 and size > 1 else hit[0])
    if (np.diff(hit) == 1).all():
        return f"{hit[0] or ''}:{hit[-1] + 1 if hit[-1] + 1 < size else ''}"
    return f"[{', '.join(map(str, hit))}]"


FIRST = (own_entry_left_out, entries_with_gradient)
RULES = (entries_without_gradient, outputs_not_used)
LOOSE = (one_factor_at_some_places,)
VAGUE = (wrong_at_some_places,)
