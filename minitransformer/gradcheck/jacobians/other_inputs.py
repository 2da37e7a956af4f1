"""Rules that find the inputs at which the claimed Jacobian would be right."""

from __future__ import annotations

import numpy as np

from minitransformer.gradcheck.fault import close

FUNCTIONS = {
    "sigmoid": lambda t: 1 / (1 + np.exp(-t)),
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "relu": lambda t: np.maximum(t, 0),
}
DIRECTIONS = 6  # a Jacobian is compared along this many random directions


def right_for_other_inputs(fault):
    """The backward pass is that of the same function at changed inputs."""
    # A function that is linear near 0 is that of smaller inputs, times a factor: not what is meant.
    return _right_for(fault, _changes(fault)) or _right_for(fault, _rescaled(fault), exactly=True)


def right_for_another_array(fault):
    """The backward pass uses one array, or a part of one, in place of another."""
    return _right_for(fault, _replaced(fault))


def _replaced(fault):
    arrays = fault.arrays("fbiu")
    for key, value in arrays.items():
        for other, instead in arrays.items():
            if key == other or (value.shape, value.dtype) != (instead.shape, instead.dtype):
                continue
            if fault.name not in (key, other):
                yield {key: instead}, f"{other} is used in the backward pass in place of {key}"
        if value.dtype.kind != "f":
            for axis, size in enumerate(value.shape):
                for index, word in ((0, "first"), (-1, "last")) if size > 1 else ():
                    one = np.take(value, [index], axis)
                    if (one != value).any() and (one != one.flat[0]).any():
                        yield (
                            {key: np.broadcast_to(one, value.shape).copy()},
                            f"the {word} {key} along axis {axis} is used for all of them",
                        )


def _right_for(fault, changes_and_words, exactly=False):
    j = fault.jacobian
    if not j.nonzero(j.claimed).any():
        return None
    directions = np.random.default_rng(4).standard_normal((DIRECTIONS, *j.x.shape))
    claimed, right = (
        np.concatenate([m @ v.ravel() for v in directions]) for m in (j.claimed, j.right)
    )
    for changes, words in changes_and_words:
        found = [j.times({**fault.inputs, **changes}, v) for v in directions[:1]]
        if found[0] is None or not _is_multiple(claimed[: found[0].size], found[0]):
            continue
        found += [j.times({**fault.inputs, **changes}, v) for v in directions[1:]]
        if any(part is None for part in found):
            continue
        found = np.concatenate(found)
        if _is_multiple(claimed, found) and not _is_multiple(right, found):
            factor = float(claimed @ found / (found @ found))
            if exactly and abs(factor - 1) > 1e-6:
                continue
            more = "" if abs(factor - 1) < 1e-6 else f", and the result is {factor:.4g} times that"
            return words + more
    return None


def _is_multiple(a, b):
    """Whether a = f * b for one factor f."""
    return bool(b.any() and close(a, float(a @ b / (b @ b)) * b))


def _changes(fault):
    """(changed inputs, words), the most likely mistakes first."""
    arrays = fault.arrays("fbiu")
    floats = {k: v for k, v in arrays.items() if v.dtype.kind == "f"}
    yield from _masks(fault)
    for key, value in floats.items():
        square = value.ndim >= 2 and value.shape[-1] == value.shape[-2] > 1
        if square and key != fault.name:
            flipped = value.swapaxes(-1, -2).copy()
            yield {key: flipped}, f"{key} is used instead of its transpose: square shapes hide it"
    names = list(floats)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if floats[one].shape == floats[other].shape:
                changed = {one: floats[other], other: floats[one]}
                yield changed, f"{one} and {other} are exchanged in the backward pass"
    for key, value in floats.items():
        yield (
            {key: -value},
            f"-{key} is used in the backward pass instead of {key}",
        )
        if fault.jacobian.y.shape == value.shape:
            y = np.real(fault.jacobian.y).copy()
            yield {key: y}, f"the derivative is taken at the output y instead of the input {key}"
        if key != fault.name:
            for number, like in ((1, np.ones_like(value)), (0, np.zeros_like(value))):
                yield {key: like}, f"{key} is left out (it is right for {key} = {number})"
        yield from _moved(key, value)
        yield {key: np.abs(value)}, f"|{key}| is used in the backward pass instead of {key}"
        yield {key: value * value}, f"{key} is squared in the backward pass"
        for axis, size in enumerate(value.shape):
            if size > 1:
                flipped = np.flip(value, axis).copy()
                yield {key: flipped}, f"{key} is reversed along axis {axis} in the backward pass"
    yield from _transformed(floats)
    yield from _integers(fault)


def _transformed(floats):
    """Inputs to which a function is applied once too often."""
    for key, value in floats.items():
        for function, values in FUNCTIONS.items():
            yield (
                {key: values(value)},
                f"{function}({key}) is used in the backward pass instead of {key}",
            )
        for axis in range(value.ndim):
            e = np.exp(value - value.max(axis=axis, keepdims=True))
            found = {"softmax": e / e.sum(axis=axis, keepdims=True)}
            centred = value - value.mean(axis=axis, keepdims=True)
            found["the normalised"] = centred / value.std(axis=axis, keepdims=True)
            norm = np.sqrt((value * value).sum(axis=axis, keepdims=True))
            found["the unit length of"] = value / norm
            for function, values in found.items():
                yield (
                    {key: values},
                    f"{function} {key} (along axis {axis}) is used instead of {key}",
                )


def _rescaled(fault):
    for key, value in fault.arrays("f").items():
        sizes = {size: f"{size}" for size in value.shape if size > 1}
        factors = {2.0: "2", 3.0: "3", 4.0: "4", 10.0: "10"}
        factors = {n**0.5: f"sqrt({text})" for n, text in sizes.items()} | factors
        factors |= {float(n): text for n, text in sizes.items()}
        for factor, text in factors.items():
            instead = f"is used in the backward pass instead of {key}"
            yield {key: value * factor}, f"{text} * {key} {instead}"
            yield {key: value / factor}, f"{key} / {text} {instead}"


def _moved(key, value):
    for axis, size in enumerate(value.shape):
        if size > 1:
            centred = value - value.mean(axis=axis, keepdims=True)
            yield {key: centred}, f"{key} minus its mean over axis {axis} is used instead of {key}"
            for step in (1, -1):
                rolled = np.roll(value, step, axis)
                yield {key: rolled}, f"{key} is shifted by {step} along axis {axis}"


def _masks(fault):
    for key, mask in fault.arrays("b").items():
        yield {key: np.ones_like(mask)}, f"the mask {key} is forgotten in the backward pass"
        yield {key: np.zeros_like(mask)}, f"the backward pass is that of an empty mask {key}"
        yield {key: ~mask}, f"the mask {key} is inverted: the entries that it drops get a gradient"
        if mask.ndim > 1 and mask.shape[-1] == mask.shape[-2]:
            yield {key: mask.swapaxes(-1, -2).copy()}, f"the mask {key} is transposed"


def _integers(fault):
    for key, ids in fault.arrays("iu").items():
        for step in (1, -1):
            yield {key: ids + step}, f"{key} is off by one in the backward pass"
            for axis, size in enumerate(ids.shape):
                if size > 1:
                    yield {key: np.roll(ids, step, axis)}, f"{key} is shifted along axis {axis}"
        for axis in range(ids.ndim):
            yield (
                {key: np.flip(ids, axis).copy()},
                f"{key} is reversed along axis {axis} in the backward pass",
            )
    for key, value in fault.inputs.items():
        if isinstance(value, bool):
            yield {key: not value}, f"the backward pass is that of {key} = {not value}"
        elif isinstance(value, int):
            for other in dict.fromkeys((value - 1, value + 1, 0, 1, 2, -1, -2)):
                if other != value:
                    yield {key: other}, f"the backward pass is that of {key} = {other}"
        elif isinstance(value, float):
            for other in (0.0, 1.0, value * value, value**0.5 if value > 0 else 0.0, 1 - value):
                if other != value:
                    yield {key: other}, f"the backward pass is that of {key} = {other:.4g}"


FIRST = (right_for_another_array,)
RULES = (right_for_other_inputs,)
