"""Random right gradients at many scales, none of which may be called wrong.

``python -m tests.support.right_gradients --count 10000`` searches for one that is.
"""

import argparse
import collections

import numpy as np

from minitransformer import functional as F
from minitransformer import gradcheck

LARGEST, SMALLEST = 6.0, -6.0  # powers of ten of the inputs
HUGE = 1e150  # larger outputs would overflow in a product


def _written_into_zeros(x):
    y = np.zeros(x.shape)
    y[...] = x * x
    return y


# name -> forward, derivative; all elementwise, for inputs of any sign
ELEMENTWISE = {
    "square": (lambda x: x * x, lambda x: 2 * x),
    "tripled": (lambda x: 3 * x, lambda x: 3 * np.ones_like(x)),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(np.clip(x, -300, 300)) ** 2),
    "sin": (np.sin, np.cos),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "root of 1 + x^2": (lambda x: np.sqrt(1 + x * x), lambda x: x / np.sqrt(1 + x * x)),
    "bell": (lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x)),
    # not analytic
    "abs": (np.abs, np.sign),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "real part": (lambda x: x.real * 2, lambda x: 2 * np.ones_like(x)),
    "cast": (lambda x: np.asarray(x).astype(float) ** 2, lambda x: 2 * x),
    "zeros": (_written_into_zeros, lambda x: 2 * x),
    "x |x|": (lambda x: x * np.abs(x), lambda x: 2 * np.abs(x)),
    "leaky": (lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.where(x > 0, 1.0, 0.1)),
}
# the same for inputs above 0, close to the edge of the domain
POSITIVE = {
    "log": (np.log, lambda x: 1 / x),
    "root": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "inverse": (lambda x: 1 / x, lambda x: -1 / x**2),
    "power": (lambda x: x**1.5, lambda x: 1.5 * np.sqrt(x)),
    "log of 1 + x": (np.log1p, lambda x: 1 / (1 + x)),
    "x log x": (lambda x: x * np.log(x), lambda x: np.log(x) + 1),
    "cube root": (np.cbrt, lambda x: np.cbrt(x) / (3 * x)),
}


def _norm_backward(dy, x):
    return dy * x / np.linalg.norm(x)


def _mean_of_rows_backward(dy, x):
    return np.repeat(dy[:, None], x.shape[1], axis=1) / x.shape[1]


WHOLE = {
    "norm": (np.linalg.norm, _norm_backward),
    "vdot": (lambda x: np.vdot(x, x), lambda dy, x: 2 * dy * x),
    "sum": (lambda x: x.sum(), lambda dy, x: dy * np.ones_like(x)),
    "means": (lambda x: x.mean(axis=1), _mean_of_rows_backward),
    "cumulative": (
        lambda x: np.cumsum(x, axis=1),
        lambda dy, x: np.flip(np.cumsum(np.flip(dy, 1), axis=1), 1),
    ),
    "largest": (
        lambda x: x.max(axis=1),
        lambda dy, x: dy[:, None] * (x == x.max(axis=1, keepdims=True)),
    ),
}


def _scale(rng):
    return 10.0 ** rng.uniform(SMALLEST, LARGEST)


def _elementwise(rng):
    """One function, or one after another."""
    names = [*ELEMENTWISE, *POSITIVE]
    outer = names[int(rng.integers(len(names)))]
    x = rng.standard_normal((2, 3)) * _scale(rng)
    f, df = (ELEMENTWISE | POSITIVE)[outer]
    if outer in POSITIVE:
        return outer, f, lambda dy, x: dy * df(x), {"x": np.abs(x)}
    if rng.random() < 0.5:
        return outer, f, lambda dy, x: dy * df(x), {"x": x}
    inner = list(ELEMENTWISE)[int(rng.integers(len(ELEMENTWISE)))]
    g, dg = ELEMENTWISE[inner]
    return (
        f"{outer} of {inner}",
        lambda x: f(g(x)),
        lambda dy, x: dy * df(g(x)) * dg(x),
        {"x": x},
    )


def _whole(rng):
    name = list(WHOLE)[int(rng.integers(len(WHOLE)))]
    return name, *WHOLE[name], {"x": rng.standard_normal((2, 3)) * _scale(rng)}


def _several(rng):
    """Two inputs of different scales."""
    x, w = (rng.standard_normal((2, 3)) * _scale(rng) for _ in range(2))
    forward, backward = (
        (lambda x, w: x * w, lambda dy, x, w: (dy * w, dy * x)),
        (lambda x, w: x + w, lambda dy, x, w: (dy, dy)),
        (lambda x, w: x @ w.T, lambda dy, x, w: (dy @ w, dy.T @ x)),
        (lambda x, w: x / w, lambda dy, x, w: (dy / w, -dy * x / w**2)),
        (
            lambda x, w: np.sqrt(x * x + w * w),
            lambda dy, x, w: (dy * x / np.sqrt(x * x + w * w), dy * w / np.sqrt(x * x + w * w)),
        ),
        (
            lambda x, w: np.maximum(x, w),
            lambda dy, x, w: (dy * (x > w), dy * (x <= w)),
        ),
    )[int(rng.integers(6))]
    return "two inputs", forward, backward, {"x": x, "w": w}


def _registered(rng):
    """A pair of the package, with one scale for all its floating inputs, or one for each."""
    name = list(F.PAIRS)[int(rng.integers(len(F.PAIRS)))]
    pair = F.PAIRS[name]
    inputs = pair.example(rng)
    common, different = _scale(rng), rng.random() < 0.5
    for key in pair.wrt or ("x",):
        if key in inputs and hasattr(inputs[key], "dtype") and key != "keep":
            inputs[key] = inputs[key] * (_scale(rng) if different else common)
    return name, pair, None, inputs


def called_wrong(i):
    """Give right gradient number `i` to the checker.

    Returns
    -------
    "ok", "unclear", "refused" (the forward pass overflows), or the report that calls it wrong.
    """
    rng = np.random.default_rng([16, i])
    draw = (_elementwise, _whole, _several, _registered)[i % 4]
    name, forward, backward, inputs = draw(rng)
    if rng.random() < 0.3:
        inputs = {
            key: x.astype(np.float32) if getattr(x, "dtype", None) == np.float64 else x
            for key, x in inputs.items()
        }
    extra = {"analytic": bool(rng.random() < 0.7)}
    if isinstance(forward, F.Pair):
        pair, extra["name"] = forward, name
        forward, backward = pair.forward, pair.backward
        extra |= {"wrt": pair.wrt, "saved": pair.saved, "upstream": pair.upstream}
    extra["entries"] = None if rng.random() < 0.7 else 2
    with np.errstate(all="ignore"):
        try:
            report = gradcheck.check(forward, backward, inputs, seed=i, diagnose=False, **extra)
        except ValueError as error:
            return "refused" if "NaN or infinity" in str(error) else f"{i}: {name}: {error}"
    verdicts = {row.verdict for row in report.rows}
    if "WRONG" in verdicts:
        return f"{i}: {name}\n{report}"
    return "unclear" if "unclear" in verdicts else "ok"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0, help="number of the first one")
    given = parser.parse_args()
    count, numbers = given.count, range(given.start, given.start + given.count)
    found = collections.Counter(called_wrong(i) for i in numbers)
    kinds = {kind: found.pop(kind, 0) for kind in ("ok", "unclear", "refused")}
    print(f"{count} right gradients, {sum(found.values())} called wrong; {kinds}")
    print("\n".join(list(found)[:20]))


if __name__ == "__main__":
    main()
