"""What is wrong, in words, with a layer that is a closure: its result is a function."""

import gc
import weakref

import numpy as np


def _close(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-9, atol=1e-9)


def _pair(returned, what):
    """(y, backward), or words if that is not what a layer returned."""
    if not isinstance(returned, tuple | list) or len(returned) != 2 or not callable(returned[1]):
        return f"{what} should return two things: y, and the function backward"
    return returned


def _draw(shape):
    return np.random.default_rng(5).standard_normal((2, *shape))


def judge_gain(case, values, again):
    """What is wrong with the gain layer, in words."""
    c, dgamma = case.names, np.full(case.names.gamma.shape, 0.5)
    made = _pair(tuple(again(dgamma=dgamma).values()), "the layer")
    if isinstance(made, str):
        return made
    (y, backward), dy = made, _draw(c.x.shape)[0]
    right = (dy * c.x).reshape(-1, len(c.gamma)).sum(axis=0)
    if not _close(y, c.gamma * c.x):
        return "y is wrong: it is gamma times x, entry by entry"
    if not _close(dgamma, 0.5 * np.ones(len(c.gamma))):
        return "the forward pass changes dgamma: only backward may add to it"
    dx = backward(dy)
    if dx is None:
        return "backward returns None: is `return` missing?"
    if _close(dx, dy):
        return "dx is dy, without the factor gamma"
    if not _close(dx, c.gamma * dy):
        return "dx is wrong: it is gamma times dy, entry by entry"
    if _close(dgamma, 0.5 * np.ones(len(c.gamma))):
        return (
            "backward does not change dgamma: write into the array that you were given, += or [...]"
        )
    if _close(dgamma, right):
        return "dgamma is assigned: add to it, because a layer may be used more than once"
    if not _close(dgamma - 0.5, right):
        return "dgamma is wrong: it is the sum of dy times x over all axes but the last"
    return None


def judge_side_by_side(case, values, again):
    """What is wrong with two layers side by side, in words."""
    layer = values["layer"]
    if not callable(layer):
        return "it should return a layer, which is a function of x"
    x, dy = _draw((2, 3, 5))
    made = _pair(layer(x), "the layer")
    if isinstance(made, str):
        return made
    (y1, back1), (y2, back2), (y, backward) = case.names.f(x), case.names.g(x), made
    if _close(y, case.names.g(y1)[0]) or _close(y, case.names.f(y2)[0]):
        return "this is one layer after the other: both should take x"
    if not _close(y, y1 + y2):
        return "y is wrong: it is f(x) + g(x)"
    dx = backward(dy)
    for wrong, words in (
        (back1(dy), "dx has only the path through f: x was used twice"),
        (back2(dy), "dx has only the path through g: x was used twice"),
        ((back1(dy) + back2(dy)) / 2, "dx is a mean of the two paths: they add up"),
        (back1(dy) * back2(dy), "dx is a product of the two paths: they add up"),
        (back1(dy) + back2(dy) + dy, "dy is added to dx: there is no path around the two layers"),
    ):
        if _close(dx, wrong):
            return words
    if not _close(dx, back1(dy) + back2(dy)):
        return "dx is wrong: the gradients of the two paths add up"
    return None


def judge_forgets(case, values, again):
    """What is wrong with the layer that keeps only its input, in words."""
    inner, calls = [], []

    def watched(x):
        y, backward = case.names.f(x)
        calls.append(x)

        def wrapped(dy):
            return backward(dy)

        inner.append(weakref.ref(wrapped))
        return y, wrapped

    layer = again(f=watched)["layer"]
    if not callable(layer):
        return "it should return a layer, which is a function of x"
    if calls:
        return "f is called too early: call it when the layer is called"
    x, dy = _draw((2, 3, 5))
    made = _pair(layer(x), "the layer")
    if isinstance(made, str):
        return made
    (y, backward), (right, right_backward) = made, case.names.f(x)
    if not _close(y, right):
        return "y is wrong: it is that of f"
    if any(kept() is not None for kept in inner):
        gc.collect()  # slow, and only needed for objects that refer to each other
    if any(kept() is not None for kept in inner):
        return "it keeps the backward pass of f, and all that this remembers: keep only x"
    if not _close(backward(dy), right_backward(dy)):
        return "dx is wrong: run f(x) again, and call the backward pass that it returns with dy"
    return None
