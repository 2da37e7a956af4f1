"""Rules for Jacobians that are right except for a factor per output, or per entry of the input."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.jacobians.expressions import is_constant_along_an_axis, name

STATISTICS = {
    "the sum of {} over axis {}": lambda x, axis: x.sum(axis=axis, keepdims=True),
    "the mean of {} over axis {}": lambda x, axis: x.mean(axis=axis, keepdims=True),
    "the standard deviation of {} over axis {}": lambda x, a: x.std(axis=a, keepdims=True),
    "the variance of {} over axis {}": lambda x, axis: x.var(axis=axis, keepdims=True),
    "the norm of {} over axis {}": lambda x, a: np.sqrt((x * x).sum(axis=a, keepdims=True)),
    "the sum of exp({}) over axis {}": lambda x, axis: np.exp(x).sum(axis=axis, keepdims=True),
    "the sum of exp({0} - max({0})) over axis {1}": lambda x, axis: np.exp(
        x - x.max(axis=axis, keepdims=True)
    ).sum(axis=axis, keepdims=True),
    "the largest {} over axis {}": lambda x, axis: x.max(axis=axis, keepdims=True),
}


def factor_per_output(fault):
    """dy is multiplied by a wrong factor, one for each output."""
    j = fault.jacobian
    factors = _factors(j.claimed, j.right)
    if factors is None or np.ptp(factors) <= 1e-6 * np.abs(factors).max():
        return None
    return _words(fault, factors.reshape(j.y.shape))


def factor_per_entry(fault):
    """The result is multiplied by a wrong factor, one for each entry of the input."""
    j = fault.jacobian
    factors = _factors(j.claimed.T, j.right.T)
    if factors is None or np.ptp(factors) <= 1e-6 * np.abs(factors).max():
        return None
    return _words(fault, factors.reshape(j.x.shape))


def _factors(claimed, right):
    """One factor per row with claimed = factor * right, or None. Rows of zeros have factor 1."""
    norm = (right * right).sum(axis=1)
    empty = norm == 0
    factors = np.where(empty, 1.0, (claimed * right).sum(axis=1) / np.where(empty, 1.0, norm))
    size = max(np.abs(right).max(), np.abs(claimed).max())
    if np.abs(claimed - factors[:, None] * right).max() > 1e-7 * size:
        return None
    return factors


def _words(fault, factors):
    with np.errstate(all="ignore"):
        inverse = 1 / factors
    for numbers, template in (
        (factors, "a factor {} too much"),
        (inverse, "the factor {} is missing"),
    ):
        if np.isfinite(numbers).all():
            for words, value in _known(fault, factors.shape):
                if np.abs(numbers - value).max() <= 1e-6 * np.abs(numbers).max():
                    return template.format(words)
                factor = float((numbers * value).sum() / max((value * value).sum(), 1e-300))
                if np.ptp(value) > 1e-6 * np.abs(value).max() and (
                    np.abs(numbers - factor * value).max() <= 1e-6 * np.abs(numbers).max()
                ):
                    return template.format(f"{factor:.4g} * {words}")
    arrays = _arrays(fault, factors)
    found = name(factors.ravel(), arrays)
    if found:
        missing = name(inverse.ravel(), arrays) if np.isfinite(inverse).all() else None
        if missing and ("1 / " in found or " / " in found):
            return f"the factor {missing} is missing"
        return f"a factor {found} too much"
    return None


def factor_along_an_axis(fault):
    """The factor has no name, but varies along some axes only."""
    j = fault.jacobian
    for claimed, right, shape, what in (
        (j.claimed, j.right, j.y.shape, "the upstream gradient"),
        (j.claimed.T, j.right.T, j.x.shape, "the gradient"),
    ):
        factors = _factors(claimed, right)
        if factors is not None and (words := _along(factors.reshape(shape), what)):
            return words
    return None


def weight_along_another_axis(fault):
    """A weight that belongs to one axis is applied along another: u[i] v[k] times the right one."""
    j = fault.jacobian
    if j.x.ndim != 2 or min(j.x.shape) < 2:
        return None
    factors = _factors(j.claimed.T, j.right.T)
    if factors is None or not j.nonzero(j.right).any(axis=0).all() or not factors.all():
        return None
    factors = factors.reshape(j.x.shape)
    if np.abs(factors * factors[:1, :1] - factors[:, :1] * factors[:1]).max() > 1e-6:
        return None
    if min(np.ptp(factors, axis=axis).max() for axis in (0, 1)) <= 1e-6:
        return None
    for key, ids in fault.arrays("iu").items():
        if ids.shape == j.x.shape[:1] and ids.min() >= 0 and ids.max() < j.x.shape[1]:
            own = factors[np.arange(len(ids)), ids]
            if np.ptp(own) <= 1e-6 * np.abs(own).max():
                return (
                    "each column is multiplied by the weight of its own class, but the whole row "
                    f"must be multiplied by the weight of the class in {key}"
                )
    return (
        "right except for one factor for each row times one for each column: a weight that belongs "
        "to one of the axes is applied along the other"
    )


def _along(factors, what):
    axes = [axis for axis in range(factors.ndim) if (np.ptp(factors, axis=axis) > 1e-9).any()]
    if not axes or len(axes) == factors.ndim:
        return None  # any elementwise error is a factor that depends on everything
    one = factors[tuple(slice(None) if axis in axes else 0 for axis in range(factors.ndim))]
    shown = ", ".join(f"{f:.4g}" for f in one.ravel()[:4])
    axis = " and ".join(map(str, axes))
    return f"right except for a factor that depends on axis {axis} only: {shown} ... (of {what})"


def _arrays(fault, factors):
    j, shape = fault.jacobian, factors.shape
    found = {}
    given = {**fault.arrays("f")}
    if "y" not in given:
        given["y"] = np.real(j.y)
    for key, value in given.items():
        try:
            value = np.broadcast_to(value, shape)
        except ValueError:
            continue
        if is_constant_along_an_axis(value) or not is_constant_along_an_axis(factors):
            found[key] = value.ravel()
    return found


def _known(fault, shape):
    """(words, values) of counts and sums that are often left out, in a form that fits `shape`."""
    for key, ids in fault.arrays("iu").items():
        if ids.size and ids.min() >= 0 and shape:
            count = np.maximum(np.bincount(ids.ravel(), minlength=shape[0]), 1)
            if count.size == shape[0]:
                value = count.reshape(-1, *[1] * (len(shape) - 1)) * np.ones(shape)
                yield f"of how often each id occurs in {key}", value
    yield from _looked_up(fault, shape)
    arrays = {**fault.arrays("f"), "y": np.real(fault.jacobian.y)}
    for key, mask in fault.arrays("b").items():
        arrays[f"{key}"] = mask.astype(float)
    for key, value in arrays.items():
        for axis in range(value.ndim):
            for words, function in STATISTICS.items():
                with np.errstate(all="ignore"):
                    found = function(value, axis)
                for form in (found, np.squeeze(found, axis)):
                    yield from _broadcast(words.format(key, axis), form, shape)
            if set(np.unique(value)) <= {0.0, 1.0}:
                yield from _masked(key, value, axis, shape)


def _looked_up(fault, shape):
    """Numbers that an array of ids selects, such as the weight of each label's class."""
    for key, ids in fault.arrays("iu").items():
        for table, value in fault.arrays("f").items():
            if value.ndim == 1 and ids.size and -value.size <= ids.min() <= ids.max() < value.size:
                yield from _broadcast(f"{table}[{key}]", value[ids], shape)


def _masked(key, mask, axis, shape):
    total = mask.sum(axis=axis, keepdims=True)
    if total.all():
        words = f"positions / positions that count in {key} (mean over padding)"
        for form in (mask.shape[axis] / total, mask.shape[axis] / np.squeeze(total, axis)):
            yield from _broadcast(words, form, shape)


def _broadcast(words, value, shape):
    for _ in range(len(shape) - np.ndim(value) + 1):
        try:
            yield words, np.broadcast_to(value, shape)
        except ValueError:
            pass
        value = np.asarray(value)[..., None]


RULES = (factor_per_output, factor_per_entry)
LOOSE = (factor_along_an_axis, weight_along_another_axis)
