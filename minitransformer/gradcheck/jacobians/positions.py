"""Rules for right numbers in the wrong places: transposed, rolled, reshaped, spread out."""

from __future__ import annotations

import itertools

import numpy as np

MAX_SWAPPED = 12  # exchanges are tried along axes of at most this size


def passed_forward_again(fault):
    """The Jacobian is used instead of its transpose."""
    j = fault.jacobian
    if j.right.shape[0] != j.right.shape[1] or j.same(j.right, j.right.T):
        return None
    if j.same(j.claimed, j.right.T):
        return (
            "the transpose is missing: dy is sent through the forward map again (the same "
            "rotation, roll, permutation or matrix) instead of the transposed (inverse) one"
        )
    return None


def moved(fault):
    """The upstream gradient, or the result, is rearranged."""
    j = fault.jacobian
    for shape, take, what in (
        (j.x.shape, lambda order: _taken(j.right.T, order).T, "the gradient"),
        (j.y.shape, lambda order: _taken(j.right, order), "the upstream gradient"),
    ):
        for order, words in arrangements(shape):
            if j.same(j.claimed, take(order)) and not j.same(j.right, take(order)):
                return f"{what} is in the wrong order: {words}"
    return None


def _taken(matrix, order):
    """Rows of `matrix` in this order; rows of zeros where it is -1."""
    return np.where((order < 0)[:, None], 0.0, matrix[order])


def arrangements(shape):
    """Ways to rearrange an array by mistake: (order of the flat entries, words)."""
    places = np.arange(int(np.prod(shape))).reshape(shape)
    for axis, size in enumerate(shape):
        if size < 2:
            continue
        yield np.flip(places, axis).ravel(), f"reversed along axis {axis}"
        for step in range(1, size):
            halves = " (the two halves are exchanged)" if 2 * step == size else ""
            yield (
                np.roll(places, step, axis).ravel(),
                f"shifted by {step if 2 * step <= size else step - size} along axis {axis}{halves}",
            )
        for step in (1, -1, 2, -2):
            if abs(step) < size:
                order = np.arange(size) - step
                order = np.where((order < 0) | (order >= size), -1, order)
                filled = np.where(order < 0, 0, order)
                edge = np.take(places, filled, axis)
                edge = np.where(np.expand_dims(order < 0, _others(axis, len(shape))), -1, edge)
                yield edge.ravel(), f"shifted by {step} along axis {axis}, and cut off at the edge"
        yield from _exchanged(places, axis, size)
        for parts in range(2, size):
            if size % parts == 0:
                order = np.arange(size).reshape(parts, -1).T.ravel()
                yield (
                    np.take(places, order, axis).ravel(),
                    f"interleaved along axis {axis}: every entry number {size // parts} or {parts} "
                    "goes together, instead of neighbours",
                )
                yield np.take(places, np.argsort(order), axis).ravel(), f"interleaved along {axis}"
    for axes in itertools.permutations(range(len(shape))):
        if list(axes) == sorted(axes):
            continue
        flipped = places.transpose(axes)
        if flipped.shape == tuple(shape):
            yield flipped.ravel(), f"transposed: its axes are in the order {axes}"
        else:
            yield flipped.ravel(), "a reshape where a transpose is needed"
            yield np.argsort(flipped.ravel()), "a reshape where a transpose is needed"


def _others(axis, count):
    return tuple(i for i in range(count) if i != axis)


def _exchanged(places, axis, size):
    """Two of two to four equal parts along an axis, or two single entries, are exchanged."""
    for parts in dict.fromkeys((2, 3, 4, size)):
        if size % parts or size > MAX_SWAPPED:
            continue
        for one, other in itertools.combinations(range(parts), 2):
            order = np.arange(size).reshape(parts, -1)
            order[[one, other]] = order[[other, one]]
            what = "entries" if parts == size else f"parts (of {parts})"
            yield (
                np.take(places, order.ravel(), axis).ravel(),
                f"the {what} {one} and {other} along axis {axis} are exchanged",
            )


def spread(fault):
    """The gradient is averaged over an axis."""
    j = fault.jacobian
    for axis, size in enumerate(j.x.shape):
        if size < 2:
            continue
        right = j.right.reshape(-1, *j.x.shape)
        total = np.broadcast_to(right.sum(axis + 1, keepdims=True), right.shape)
        for divisor, words in ((size, "spread evenly"), (1, "repeated")):
            if j.same(j.claimed, total.reshape(j.right.shape) / divisor):
                one = (np.count_nonzero(right, axis=axis + 1) <= 1).all()
                aim = "only one entry (the maximum?) receives it" if one else "each gets its own"
                return f"the gradient is {words} along axis {axis}, but {aim}"
    return None


def one_of_several(fault):
    """Each output's gradient goes to one entry, but must be shared out; or the other way round."""
    j = fault.jacobian
    counts = [np.count_nonzero(j.nonzero(m), axis=1) for m in (j.right, j.claimed)]
    if not all(count.all() for count in counts) or not _are_level(j.right, j.claimed):
        return None
    if not j.same(j.right.sum(axis=1), j.claimed.sum(axis=1)):
        return None
    if (counts[1] == 1).all() and counts[0].min() > 1:
        return (
            "each output's gradient goes to one entry, but must be shared out evenly over "
            f"{counts[0].max()} entries (an average, not a maximum)"
        )
    if (counts[0] == 1).all() and counts[1].min() > 1:
        return (
            f"each output's gradient is spread evenly over {counts[1].max()} entries, but only one "
            "(the maximum?) receives it"
        )
    return None


def _are_level(*matrices):
    """Whether the entries of each row that are not 0 are equal."""
    return all(np.ptp(row[row != 0]) <= 1e-9 * np.abs(row).max() for m in matrices for row in m)


def other_outputs(fault):
    """Each entry has the right derivatives, but of other outputs."""
    j = fault.jacobian
    if j.right.shape[0] < 2 or not j.difference.any():
        return None
    if not j.same(np.sort(j.right, axis=0), np.sort(j.claimed, axis=0)):
        return None
    return (
        "the right numbers, but with the upstream gradient of another output: dy is broadcast or "
        "indexed along the wrong axis"
    )


def averaged_upstream(fault):
    """The upstream gradient is averaged, or summed, over an axis before it is used."""
    j = fault.jacobian
    for axis, size in enumerate(j.y.shape):
        if size < 2:
            continue
        right = j.right.reshape(*j.y.shape, -1)
        total = np.broadcast_to(right.sum(axis, keepdims=True), right.shape)
        for divisor, word in ((size, "averaged"), (1, "summed")):
            if j.same(j.claimed, total.reshape(j.right.shape) / divisor):
                return f"the upstream gradient is {word} over axis {axis} before it is used"
    return None


def symmetric_upstream(fault):
    """Right only if the upstream gradient is symmetric."""
    j = fault.jacobian
    if j.y.ndim < 2 or j.y.shape[-1] != j.y.shape[-2] or j.y.shape[-1] < 2:
        return None
    right, claimed = (m.reshape(*j.y.shape, -1) for m in (j.right, j.claimed))
    sums = [m + m.swapaxes(-2, -3) for m in (right, claimed)]
    if j.same(*sums) and not j.same(right, claimed):
        return (
            "right only if dy is symmetric: the input is used twice, and the second path needs "
            "the transposed dy (dy + dy.T)"
        )
    return None


def scattered(fault):
    """Each output sends the right numbers to the wrong entries."""
    j = fault.jacobian
    if not j.difference.any() or min(j.right.shape) < 2:
        return None
    if not j.same(np.sort(j.right, axis=1), np.sort(j.claimed, axis=1)):
        return None
    axes = _moved_axes(j)
    if not axes:
        return None
    return (
        f"the right numbers in the wrong places: each output's gradient goes to other places along "
        f"axis {' and '.join(map(str, axes))} of {fault.name} (a reshape where a transpose is "
        "needed, repeat and tile confused, or a wrong index)"
    )


def _moved_axes(j):
    """Axes of the input along which the gradient of the outputs is moved."""
    right = j.nonzero(j.right).reshape(-1, *j.x.shape)
    claimed = j.nonzero(j.claimed).reshape(-1, *j.x.shape)
    axes = []
    for axis in range(j.x.ndim):
        others = tuple(i + 1 for i in range(j.x.ndim) if i != axis)
        if (right.any(axis=others) != claimed.any(axis=others)).any():
            axes.append(axis)
    return axes


RULES = (passed_forward_again, moved, spread, averaged_upstream, symmetric_upstream)
LOOSE = (one_of_several, scattered, other_outputs)
