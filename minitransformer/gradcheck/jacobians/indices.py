"""Rules for wrong indices: a sum over another axis, or everything one place too far."""

from __future__ import annotations

import numpy as np

MIN_SHIFTED = 2  # places that must agree with their neighbour's


def summed_over_another_axis(fault):
    """The upstream gradient of a broadcast input is summed over another axis."""
    j = fault.jacobian
    is_sum = (np.count_nonzero(j.nonzero(j.right), axis=0) > 1).all()
    if not is_sum or not j.same(np.sort(j.right, axis=1), np.sort(j.claimed, axis=1)):
        return None
    for axis, size in enumerate(j.x.shape):
        if size < 2:
            continue
        kept, used = (_followed(j, matrix, axis) for matrix in (j.right, j.claimed))
        if len(kept) == len(used) == 1 and kept != used:
            kept, used = kept.pop(), used.pop()
            return (
                f"it is summed over the wrong axis: entry i along axis {axis} of {fault.name} "
                f"belongs to the outputs at i along axis {kept}, so that dy must be summed over "
                f"axis {used}, but it is summed over axis {kept}"
            )
    return None


def _followed(j, matrix, axis):
    """Axes of the output whose index is always that of the input along `axis`."""
    outputs, inputs = np.nonzero(j.nonzero(matrix))
    here = np.unravel_index(inputs, j.x.shape)[axis]
    places = np.unravel_index(outputs, j.y.shape)
    return {
        i
        for i, size in enumerate(j.y.shape)
        if size == j.x.shape[axis] and (places[i] == here).all()
    }


def one_place_too_far(fault):
    """Each place has the derivatives of its neighbour; only the places at the edge are new."""
    j = fault.jacobian
    for shape, matrices, name in (
        (j.x.shape, (j.right.T, j.claimed.T), fault.name),
        (j.y.shape, (j.right, j.claimed), "dy"),
    ):
        for axis, size in enumerate(shape):
            right, claimed = (np.moveaxis(m.reshape(*shape, -1), axis, 0) for m in matrices)
            for step in (1, -1, 2, -2):
                if size - abs(step) < MIN_SHIFTED:
                    continue
                here = slice(max(step, 0), size + min(step, 0))
                there = slice(max(-step, 0), size + min(-step, 0))
                if not j.same(claimed[here], right[there]) or j.same(right[here], right[there]):
                    continue
                if all(right[place].any() for place in range(size)[there]):
                    return (
                        f"off by {abs(step)} along axis {axis} of {name}: place i has the "
                        f"derivatives that belong to place i {-step:+d} (windows, padding or "
                        "indices are shifted), apart from those at the edge"
                    )
    return None


FIRST = (summed_over_another_axis,)
RULES = (one_place_too_far,)
