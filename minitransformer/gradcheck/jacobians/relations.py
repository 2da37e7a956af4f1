"""Rules for relations between the two Jacobians: other places, other partners, other uses."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.fault import close
from minitransformer.gradcheck.jacobians.places import threshold, where


def from_outputs_that_do_not_depend(fault):
    """The first (or last) outputs do not depend on the input at all, but send a gradient."""
    j = fault.jacobian
    free = ~j.nonzero(j.right).any(axis=1)
    leaks = free & j.nonzero(j.claimed).any(axis=1)
    if not leaks.any() or (leaks != free).any() or j.y.ndim < 2 or j.y.shape[0] == j.x.shape[0]:
        return None
    box = leaks.reshape(j.y.shape)
    for axis in range(1, j.y.ndim):
        for place, what, step in ((0, "first", "previous"), (-1, "last", "next")):
            only = np.zeros(j.y.shape, bool)
            np.moveaxis(only, axis, 0)[place] = True
            if (box == only).all():
                return (
                    f"y{where(box, '')} does not depend on {fault.name}, but the backward pass "
                    f"sends its gradient there: off by one along axis {axis} (the value of the "
                    f"current place is used in place of that of the {step} one; the {what} "
                    "place has none)"
                )
    return f"{where(box, 'y')} does not depend on {fault.name}, but sends a gradient to it"


def used_more_than_once(fault):
    """The claimed Jacobian times the input is y: only one of several uses gets a gradient."""
    j = fault.jacobian
    y = np.real(j.y).ravel()
    if j.x.ndim < 2 or not y.any():
        return None
    products = [m @ j.x.ravel() for m in (j.claimed, j.right)]
    if close(products[0], y) and not close(products[1], y):
        return (
            f"a path is missing: the result is that of a y that is linear in {fault.name}. Either "
            f"{fault.name} is used more than once in the forward pass, and only its last use gets "
            "a gradient, or a factor that depends on it is treated as constant"
        )
    return None


def counted_from_elsewhere(fault):
    """The derivatives at each place are right for a place further along an axis."""
    j = fault.jacobian
    if j.y.shape != j.x.shape:
        return None
    for axis, size in enumerate(j.x.shape):
        for step in [s for k in range(1, size - 1) for s in (k, -k)]:
            places = np.moveaxis(np.arange(j.x.size).reshape(j.x.shape), axis, 0)
            here = places[max(step, 0) : size + min(step, 0)].ravel()
            there = places[max(-step, 0) : size + min(-step, 0)].ravel()
            claimed = j.claimed[np.ix_(here, here)]
            if j.same(claimed, j.right[np.ix_(there, there)]):
                if not j.same(claimed, j.right[np.ix_(here, here)]):
                    return (
                        f"the derivatives at place t along axis {axis} are those that belong to "
                        f"place t {-step:+d}: positions (or angles) are counted from another start "
                        "than in the forward pass"
                    )
    return None


def other_partners(fault):
    """As many entries act on an output as in the forward pass, but others."""
    j = fault.jacobian
    right, claimed = j.nonzero(j.right), j.nonzero(j.claimed)
    if j.y.shape != j.x.shape or (right.sum(axis=1) != claimed.sum(axis=1)).any():
        return None
    differ = (right != claimed).any(axis=1)
    count = int(right.sum(axis=1).max())
    if not differ.any() or not 1 < count < max(j.x.shape) + 1:
        return None
    at = int(differ.argmax())
    place, rights, claims = (
        ", ".join(f"[{', '.join(map(str, np.unravel_index(k, shape)))}]" for k in np.atleast_1d(i))
        for i, shape in (
            (at, j.y.shape),
            (np.flatnonzero(right[at]), j.x.shape),
            (np.flatnonzero(claimed[at]), j.x.shape),
        )
    )
    return (
        f"other entries belong together than in the forward pass: y{place} depends on {fault.name} "
        f"at {rights}, but its gradient goes to {claims} (other pairs or groups: halves and "
        "neighbours confused, or a wrong index)"
    )


def only_the_largest(fault):
    """Each output's gradient goes to the largest entry, but must be shared out unevenly."""
    j = fault.jacobian
    right, claimed = j.nonzero(j.right), j.nonzero(j.claimed)
    if not ((claimed.sum(axis=1) == 1).all() and (right.sum(axis=1) > 1).all()):
        return None
    x = j.x.ravel()
    for sign, word in ((1, "largest"), (-1, "smallest")):
        chosen = [np.where(row, sign * x, -np.inf).argmax() for row in right]
        if (claimed.argmax(axis=1) == chosen).all():
            share = np.abs(j.right).max(axis=1) / np.abs(j.right).sum(axis=1)
            return (
                f"each output's gradient goes to the {word} entry alone, as for a maximum or "
                f"minimum, but it must be shared out over {right.sum(axis=1).max()} entries (the "
                f"{word} gets {share.min():.2g} to {share.max():.2g} of it, as by a softmax)"
            )
    return None


def in_a_region(fault):
    """Right on one side of a threshold of an input, or of a difference of two."""
    j = fault.jacobian
    diagonal = _entries(j)
    if diagonal is None or j.x.size < 4:
        return None
    right, claimed = diagonal
    wrong = np.abs(claimed - right) > 1e-9 * j.size
    if not 0 < wrong.sum() < wrong.size or min(wrong.sum(), (~wrong).sum()) < 2:
        return None
    for text, values in _conditions(fault):
        if side := threshold(values.ravel(), wrong, text):
            return (
                f"right elsewhere, but wrong where {side}: {_sizes(right[wrong], claimed[wrong])}"
            )
    return None


def _entries(j):
    """The derivative at each entry, for an elementwise function or a loss; otherwise None."""
    if j.right.shape[0] == 1:
        return j.right[0], j.claimed[0]
    if j.is_elementwise:
        return np.diag(j.right), np.diag(j.claimed)
    return None


def _conditions(fault):
    shape = fault.jacobian.x.shape
    arrays = {k: v for k, v in fault.arrays("f").items() if v.shape == shape}
    yield from arrays.items()
    names = list(arrays)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            yield f"({one} - {other})", arrays[one] - arrays[other]
            yield f"({one} * {other})", arrays[one] * arrays[other]


def _sizes(right, claimed):
    if not np.abs(claimed).max() > 1e-12 * np.abs(right).max():
        return "there the gradient is 0, but should not be"
    if not np.abs(right).max() > 1e-12 * np.abs(claimed).max():
        return "there the gradient must be 0, but is not"
    with np.errstate(all="ignore"):
        ratio = claimed / right
    if np.isfinite(ratio).all():
        low, high = ratio.min(), ratio.max()
        if high - low <= 1e-6 * abs(high):
            return f"there it is {low:.4g} times the right one (1 / {1 / low:.4g})"
        return f"there it is {low:.4g} to {high:.4g} times the right one"
    return "there it is another function"


FIRST = (from_outputs_that_do_not_depend, only_the_largest)
RULES = (counted_from_elsewhere,)
LOOSE = (used_more_than_once, other_partners, in_a_region)
