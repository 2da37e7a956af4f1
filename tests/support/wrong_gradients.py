"""Random wrong gradients at many scales, none of which may pass the checker.

``python -m tests.support.wrong_gradients --count 10000`` searches for one that does.
"""

import argparse

import numpy as np

from minitransformer import functional as F
from minitransformer import gradcheck

MIN_CHANGE = 1e-6  # a smaller change, relative to the largest entry, could be rounding


def _softmax_times(x, w):
    return F.softmax(x) * w


def _softmax_times_backward(dy, x, w):
    y = F.softmax(x)
    return F.softmax_backward(dy * w, y), dy * y


# name -> forward, right backward, whether it is analytic
FUNCTIONS = {
    "square": (lambda x: x * x, lambda dy, x: (2 * x * dy,), True),
    "sum": (lambda x, w: x + w, lambda dy, x, w: (dy, dy), True),
    "product": (lambda x, w: x * w, lambda dy, x, w: (dy * w, dy * x), True),
    "exp product": (
        lambda x: np.exp(x[..., :1]) * x[..., 1:],
        lambda dy, x: (
            np.concatenate(
                [
                    (dy * np.exp(x[..., :1]) * x[..., 1:]).sum(-1, keepdims=True),
                    dy * np.exp(x[..., :1]),
                ],
                axis=-1,
            ),
        ),
        True,
    ),
    "tanh": (np.tanh, lambda dy, x: (dy * (1 - np.tanh(x) ** 2),), True),
    "softmax": (_softmax_times, _softmax_times_backward, True),
    "relu": (
        lambda x, w: F.relu(x) * w,
        lambda dy, x, w: (dy * w * (x > 0), dy * F.relu(x)),
        False,
    ),
    "matmul": (
        lambda x, w: x @ np.swapaxes(w, -1, -2),
        lambda dy, x, w: (dy @ w, np.swapaxes(dy, -1, -2) @ x),
        True,
    ),
}
FAULTS = {
    "zero": lambda g, rng: 0 * g,
    "negated": lambda g, rng: -g,
    "factor": lambda g, rng: g * (1 + 10.0 ** rng.uniform(-5, 3)),
    "one entry": lambda g, rng: _at_one(g, rng, lambda value, size: value + size),
    "entries exchanged": lambda g, rng: np.roll(g, 1, axis=-1),
    "offset": lambda g, rng: g + np.abs(g).max() * 10.0 ** rng.uniform(-5, 0),
    "random": lambda g, rng: np.abs(g).max() * rng.standard_normal(g.shape),
}


def _at_one(g, rng, change):
    place = np.unravel_index(rng.integers(g.size), g.shape)
    g = g.copy()
    g[place] = change(g[place], np.abs(g).max())
    return g


def passing(i):
    """Give wrong gradient number `i` to the checker.

    Returns
    -------
    None if it was caught, "right" if the change left the gradient right, otherwise what passed.
    """
    rng = np.random.default_rng([15, i])
    name = list(FUNCTIONS)[i % len(FUNCTIONS)]
    forward, backward, analytic = FUNCTIONS[name]
    shape = (2, int(rng.integers(2, 4)))
    count = forward.__code__.co_argcount if hasattr(forward, "__code__") else 1
    largest = 2 if name in ("exp product", "tanh", "softmax") else 6
    inputs = {
        key: rng.standard_normal(shape) * 10.0 ** rng.uniform(-6, largest)
        for key in ("x", "w")[:count]
    }
    fault = list(FAULTS)[int(rng.integers(len(FAULTS)))]
    which = int(rng.integers(count))
    seed = int(rng.integers(2**31))
    changed = [0.0]

    def wrong(dy, x, w=None):
        right = backward(dy, x) if count == 1 else backward(dy, x, w)
        g = FAULTS[fault](right[which], np.random.default_rng(seed))
        size = np.abs(right[which]).max()
        changed[0] = np.abs(g - right[which]).max() / size if size else 0.0
        return *right[:which], g, *right[which + 1 :]

    with np.errstate(all="ignore"):
        report = gradcheck.check(
            lambda **given: forward(*given.values()),
            wrong,
            inputs,
            analytic=analytic,
            seed=i,
            diagnose=False,
        )
    if changed[0] < MIN_CHANGE:
        return "right"
    if report.row(list(inputs)[which]).ok:
        return f"{i}: {name}, {fault}, changed by {changed[0]:.1e}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0, help="number of the first one")
    given = parser.parse_args()
    count, numbers = given.count, range(given.start, given.start + given.count)
    found = [passing(i) for i in numbers]
    wrong = count - found.count("right")
    through = [name for name in found if name not in (None, "right")]
    print(f"{wrong} wrong gradients, {len(through)} passed")
    print("\n".join(through[:20]))


if __name__ == "__main__":
    main()
