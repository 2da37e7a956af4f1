"""Rules for what acts on what: along which axes, on which side of a mask, through which paths."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.jacobians.places import threshold


def coupled_axes(fault):
    """It sums over the wrong axes: other entries act on each other than in the forward pass."""
    j = fault.jacobian
    if j.y.shape != j.x.shape or j.x.ndim < 1 or j.x.size < 2:
        return None
    right, claimed = (_axes(j, matrix) for matrix in (j.right, j.claimed))
    missing, extra = sorted(right - claimed), sorted(claimed - right)
    if missing and extra:
        return (
            f"it sums (or averages) over {_axis(extra)} instead of {_axis(missing)}: the forward "
            f"pass mixes entries along {_axis(missing)} only"
        )
    if extra == [0] and j.x.ndim > 1:
        return "it mixes the examples of the batch (axis 0), which are independent of each other"
    if extra:
        return f"it mixes entries along {_axis(extra)}, which are independent of each other"
    on = j.nonzero(np.diag(j.right)) | ~j.nonzero(np.diag(j.claimed))
    if missing and on.all() and not _off_diagonal_of(j, right - set(missing)).any():
        return (
            f"the sum term over {_axis(missing)} is missing: each output depends on all entries "
            f"along {_axis(missing)}, but the backward pass uses only the one at its own place"
        )
    return None


def _axes(j, matrix):
    """Axes along which an output depends on entries at other places."""
    outputs, inputs = np.nonzero(j.nonzero(matrix))
    at = (
        np.array(np.unravel_index(outputs, j.y.shape)),
        np.array(np.unravel_index(inputs, j.x.shape)),
    )
    return {axis for axis in range(j.x.ndim) if (at[0][axis] != at[1][axis]).any()}


def _off_diagonal_of(j, axes):
    """The claimed Jacobian's entries whose places differ along axes that are not in `axes`."""
    places = np.indices(j.x.shape).reshape(j.x.ndim, -1)
    other = [axis for axis in range(j.x.ndim) if axis not in axes]
    differ = (places[other][:, :, None] != places[other][:, None, :]).any(axis=0)
    return j.nonzero(j.claimed) & differ


def coupling_scaled(fault):
    """The derivatives by entries at other places are all wrong by one factor."""
    j = fault.jacobian
    if j.y.shape != j.x.shape or j.x.size < 3:
        return None
    off = ~np.eye(j.x.size, dtype=bool)
    right, claimed = j.right[off], j.claimed[off]
    if not j.nonzero(right).any() or not j.nonzero(claimed).any():
        return None
    factor = float((right * claimed).sum() / (right * right).sum())
    if not j.same(claimed, factor * right) or abs(factor - 1) < 1e-6:
        return None
    axes = sorted(_axes(j, j.right))
    start = f"the sum term over {_axis(axes)}, through which other entries act on an output,"
    if abs(factor + 1) < 1e-6:
        return f"{start} has the wrong sign"
    for axis in axes:
        size = j.x.shape[axis]
        for value, words in ((1 / size, "a mean in place of a sum"), (size, "a sum, not a mean")):
            if abs(factor / value - 1) < 1e-6:
                return f"{start} is {factor:.4g} times the right one: {words} over {size} entries"
    return f"{start} is {factor:.4g} times the right one"


def mixes_what_is_independent(fault):
    """Entries of the Jacobian that must be 0: causality, groups, other examples."""
    j = fault.jacobian
    leaks = j.nonzero(j.claimed) & ~j.nonzero(j.right)
    if not leaks.any() or not j.nonzero(j.right).any():
        return None
    for axis in range(min(j.x.ndim, j.y.ndim)):
        for other in range(min(j.x.ndim, j.y.ndim)):
            if j.y.shape[axis] == j.x.shape[other] > 1 and _is_causal(j, leaks, axis, other):
                return (
                    f"the causal mask is forgotten in the backward pass: outputs at earlier places "
                    f"along axis {axis} send a gradient to later ones, which they do not see"
                )
    return None


def _is_causal(j, leaks, axis, other):
    """Whether outputs depend on the same or earlier places, and only later ones leak."""
    later = _index(j.y.shape, axis)[:, None] < _index(j.x.shape, other)[None, :]
    right = j.nonzero(j.right)
    same = _index(j.y.shape, axis)[:, None] == _index(j.x.shape, other)[None, :]
    sees_earlier = (right & ~later & ~same).any()
    return bool(sees_earlier and not (right & later).any() and not (leaks & ~later).any())


def _index(shape, axis):
    return np.indices(shape)[axis].ravel()


def leaks_in_groups(fault):
    """Right where the right Jacobian is not 0, but not 0 elsewhere."""
    j = fault.jacobian
    leaks = j.nonzero(j.claimed) & ~j.nonzero(j.right)
    if j.is_elementwise and threshold(j.x.ravel(), np.diag(leaks), fault.name):
        return None
    if leaks.any() and not j.difference[j.nonzero(j.right)].any():
        return (
            "right where outputs depend on the input, but not 0 where they do not (a mask, a group "
            "or an example that is left out in the forward pass)"
        )
    return None


def sums_over_more(fault):
    """Some derivatives must be 0 and are not; no others are 0 that should not be."""
    j = fault.jacobian
    right, claimed = j.nonzero(j.right), j.nonzero(j.claimed)
    leaks = claimed & ~right
    if j.y.shape != j.x.shape or not leaks.any() or not right.any() or (right & ~claimed).any():
        return None
    row = leaks.any(axis=1)
    return (
        "it sums over more than the forward pass does (a whole axis instead of a group, or a mask "
        f"is forgotten): y[{_place(row, j.y.shape)}] does not depend on {fault.name}"
        f"[{_place(leaks[row.argmax()], j.x.shape)}], for example"
    )


def terms_missing(fault):
    """Some derivatives are 0 that should not be; all others are right."""
    j = fault.jacobian
    lost = j.nonzero(j.right) & ~j.nonzero(j.claimed)
    if j.is_elementwise and threshold(j.x.ravel(), np.diag(lost), fault.name):
        return None
    if not lost.any() or not j.nonzero(j.claimed).any() or j.difference[~lost].any():
        return None
    if j.y.shape == j.x.shape and j.x.size > 1:
        eye = np.eye(j.x.size, dtype=bool)
        if (lost == (j.nonzero(j.right) & ~eye)).all():
            return (
                "only the diagonal of the Jacobian is there: the sum term, through which all other "
                "entries act on an output, is missing"
            )
    fraction = lost.sum() / j.nonzero(j.right).sum()
    return (
        f"a path is missing: {fraction:.0%} of the derivatives are 0 but should not be, and all "
        f"others are right (such as that of y[{_place(lost.any(axis=1), j.y.shape)}] by "
        f"{fault.name}[{_place(lost[lost.any(axis=1).argmax()], j.x.shape)}])"
    )


def _place(flags, shape):
    return ", ".join(map(str, np.unravel_index(int(flags.argmax()), shape)))


def _axis(axes):
    return "axis " + " and ".join(map(str, axes))


RULES = (mixes_what_is_independent, coupled_axes, coupling_scaled, terms_missing)
LOOSE = (leaks_in_groups, sums_over_more)
