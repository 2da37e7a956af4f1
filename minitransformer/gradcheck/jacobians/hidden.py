"""Rules that look behind a matrix product: what arrives at x @ w, where a function follows."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.jacobians.expressions import name
from minitransformer.gradcheck.jacobians.places import threshold

CLOSE = 1e-7


def behind_a_product(fault):
    """The gradient of a matrix product of two inputs, which is wrong in a known way."""
    j = fault.jacobian
    if not j.right.any() or not j.claimed.any():
        return None
    for words, product, right, claimed in _gradients(fault):
        found = _by_factor(fault, words, product, right, claimed) or _by_mask(
            fault, words, product, right, claimed
        )
        if found:
            return found
    return None


def sums_behind_a_product(fault):
    """Softmax's gradient sums to 0 along its axis: so does the one behind a product, or not."""
    for words, product, right, claimed in _gradients(fault):
        for axis in range(1, product.ndim + 1):
            sums = [np.abs(g.sum(axis=axis)).max() / np.abs(g).max() for g in (right, claimed)]
            if sums[0] < CLOSE and sums[1] > 1e-3:
                return (
                    f"what arrives at {words} should sum to 0 along axis {axis - 1}, as behind a "
                    "softmax, but it does not: the sum term of softmax's backward pass, "
                    "- y * sum(y * dy), is missing or wrong"
                )
            if sums[1] < CLOSE and sums[0] > 1e-3:
                return (
                    f"what arrives at {words} sums to 0 along axis {axis - 1}, as behind a single "
                    "softmax, but should not: only a part of the gradient (one of several terms "
                    f"or directions in which {words} is used) is there, or the sum term is too much"
                )
    return None


def products(inputs):
    """(words, one factor, other factor, product) of all pairs of inputs that can be multiplied."""
    for one, a in inputs.items():
        for other, b in inputs.items():
            if one == other or min(a.ndim, b.ndim) < 2:
                continue
            for flipped, text in ((False, f"{one} @ {other}"), (True, f"{one} @ {other}.T")):
                if flipped and one > other:
                    continue
                right = b.swapaxes(-1, -2) if flipped else b
                if a.shape[-1] == right.shape[-2] and (right.ndim == 2 or a.ndim == right.ndim):
                    try:
                        yield text, one, other, flipped, a @ right
                    except ValueError:
                        continue


def _gradients(fault):
    """(words, product, right, claimed): the gradients (outputs, *product) behind each product."""
    j, inputs = fault.jacobian, fault.arrays("f")
    if any(not np.isfinite(value).all() for value in inputs.values()):
        return
    for words, one, other, flipped, product in products(inputs):
        if fault.name not in (one, other):
            continue
        found = [
            _solve(fault, m, inputs, one, other, flipped, product) for m in (j.right, j.claimed)
        ]
        if all(g is not None for g in found):
            yield words, product, *found


def _solve(fault, matrix, inputs, one, other, flipped, product):
    """G such that the gradient is G b^T, or a^T G; None if it is not, or G is not unique."""
    rows = matrix.reshape(-1, *fault.jacobian.x.shape)
    if fault.name == other and not flipped and rows.ndim == 3 and inputs[one].ndim == 2:
        if (found := _row_by_row(fault.jacobian, rows, inputs[one], product)) is not None:
            return found
    if fault.name == one:
        b = inputs[other].swapaxes(-1, -2) if flipped else inputs[other]
        back = b.swapaxes(-1, -2)
        if np.linalg.matrix_rank(back).min() < back.shape[-2]:
            return None
        g = rows @ np.linalg.pinv(back)
        again = g @ back
    else:
        a, rows = inputs[one], rows.swapaxes(-1, -2) if flipped else rows
        if rows.ndim == 3 and a.ndim > 2:
            a = a.reshape(-1, a.shape[-1])
        back = a.swapaxes(-1, -2)
        if np.linalg.matrix_rank(back).min() < back.shape[-1]:
            return None
        g = np.linalg.pinv(back) @ rows
        again = back @ g
    if np.abs(again - rows).max() > CLOSE * np.abs(rows).max():
        return None
    square = back.shape[-1] == back.shape[-2]
    if g.size != len(g) * product.size or (square and len(g) == 1):
        return None
    return g.reshape(-1, *product.shape)


def _row_by_row(j, rows, a, product):
    """G if row b of the output depends on row b of the product only: a[b]^T g, or None."""
    if j.y.ndim != 2 or len(j.y) != len(a) or j.y.shape[1] < 2 or not a.any(axis=1).all():
        return None
    at = np.repeat(np.arange(len(a)), j.y.shape[1])
    row = a[at]
    g = np.einsum("od,ode->oe", row, rows) / (row * row).sum(axis=1, keepdims=True)
    if np.abs(row[:, :, None] * g[:, None] - rows).max() > CLOSE * np.abs(rows).max():
        return None
    full = np.zeros((len(rows), *product.shape))
    full[np.arange(len(rows)), at] = g
    return full


def _by_factor(fault, words, product, right, claimed):
    """One factor at each entry of the product, whatever the output."""
    if len(right) < 2:
        return None
    norm = (right * right).sum(axis=0)
    if (np.count_nonzero(np.abs(right) > 1e-9 * np.abs(right).max(), axis=0) < 2).any():
        return None
    factors = (right * claimed).sum(axis=0) / norm
    if np.abs(claimed - factors * right).max() > CLOSE * np.abs(claimed).max():
        return None
    wrong = np.abs(factors - 1) > CLOSE
    if not wrong.any() or np.ptp(factors) <= CLOSE * np.abs(factors).max():
        return None
    start = f"the derivative of what is applied to {words} is wrong:"
    arrays = _hidden(fault, product.shape)
    if found := name(factors.ravel(), arrays):
        return f"{start} a factor {found} too much (taken at other values, or left out)"
    side = threshold(product.ravel(), wrong.ravel(), f"({words})")
    if side and np.ptp(factors[wrong]) <= CLOSE:
        return f"{start} where {side}, it is {factors[wrong][0]:.4g} times the right one"
    return (
        f"{start} it is {_range(factors.min(), factors.max())} times the right one, by one factor "
        "for each entry, which is the same for every output (an activation's derivative is left "
        "out, or taken at other values)"
    )


def _hidden(fault, shape):
    """Products of the shape, and their tanh, by name."""
    found = {}
    for words, _, _, _, product in products(fault.arrays("f")):
        if product.shape == shape:
            found[f"({words})"] = product.ravel()
            found[f"tanh({words})"] = np.tanh(product).ravel()
    return dict(list(found.items())[:4])


def _by_mask(fault, words, product, right, claimed):
    """It is 0 where an input is 0."""
    size = np.abs(right).max()
    gone = (np.abs(claimed) <= 1e-9 * size).all(axis=0)
    empty = (np.abs(right) <= 1e-9 * size).all(axis=0)
    for key, value in fault.arrays("fb").items():
        forms = [value, value.swapaxes(-1, -2)] if value.ndim > 1 else [value]
        fitting = [form == 0 for form in forms if form.shape == product.shape]
        if not fitting:
            continue
        dropped = fitting[0]
        if dropped.any() and gone[dropped].all() and not empty[dropped].all():
            return (
                f"what arrives at {words} is 0 where {key} is 0, but should not be: values after "
                f"{key} (such as dropped weights) are used in place of those before it"
            )
    return None


def _range(low, high):
    return f"{low:.4g}" if high - low <= 1e-6 * abs(high) else f"{low:.4g} to {high:.4g}"


FIRST = (behind_a_product,)
RULES = (sums_behind_a_product,)
