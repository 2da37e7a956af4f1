"""Names a list of numbers as a simple expression in the inputs and the output: 1 - y^2, x * w."""

from __future__ import annotations

import math

import numpy as np

CLOSE = 1e-7
MIN_POINTS = 4  # fewer numbers fit some expression by chance


def _sigmoid(t):
    return 1 / (1 + np.exp(-t))


def _gelu_inner(t):
    return math.sqrt(2 / math.pi) * (t + 0.044715 * t**3)


ATOMS = {
    "{}": lambda t: t,
    "{}^2": lambda t: t * t,
    "{}^3": lambda t: t**3,
    "exp({})": np.exp,
    "exp(-{})": lambda t: np.exp(-t),
    "sigmoid({})": _sigmoid,
    "(1 - sigmoid({}))": lambda t: 1 - _sigmoid(t),
    "tanh({})": np.tanh,
    "(1 - tanh({})^2)": lambda t: 1 - np.tanh(t) ** 2,
    "(1 - tanh({}))": lambda t: 1 - np.tanh(t),
    "(1 - {})": lambda t: 1 - t,
    "(1 + {})": lambda t: 1 + t,
    "(1 - {}^2)": lambda t: 1 - t * t,
    "(1 + {}^2)": lambda t: 1 + t * t,
    "log({})": np.log,
    "sqrt({})": np.sqrt,
    "sin({})": np.sin,
    "cos({})": np.cos,
    "sin({})^2": lambda t: np.sin(t) ** 2,
    "cos({})^2": lambda t: np.cos(t) ** 2,
    "|{}|": np.abs,
    "sign({})": np.sign,
    "sqrt(1 + {}^2)": lambda t: np.sqrt(1 + t * t),
    "exp(-{}^2)": lambda t: np.exp(-t * t),
    "exp(-{}^2 / 2)": lambda t: np.exp(-t * t / 2),
    "softplus({})": lambda t: np.logaddexp(0, t),
    "sinh({})": np.sinh,
    "cosh({})": np.cosh,
    "(1 - tanh(sqrt(2 / pi) ({0} + 0.044715 {0}^3))^2)": lambda t: 1 - np.tanh(_gelu_inner(t)) ** 2,
    "(1 + |{}|)": lambda t: 1 + np.abs(t),
    "Phi({})": lambda t: np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in t]),
    "sigmoid(1.702 {})": lambda t: _sigmoid(1.702 * t),
    "(1 - sigmoid(1.702 {}))": lambda t: _sigmoid(-1.702 * t),
}


def is_constant_along_an_axis(values):
    """Whether the values vary along some of several axes only."""
    size = np.abs(values).max(initial=0.0)
    return any(
        values.shape[axis] > 1 and np.ptp(values, axis=axis).max() <= 1e-9 * size
        for axis in range(values.ndim)
    )


def candidates(arrays):
    """(name of the array, words, values) of all atoms and their inverses, for arrays by name."""
    found = []
    with np.errstate(all="ignore"):
        for key, values in arrays.items():
            for words, function in ATOMS.items():
                value = function(values)
                for shown, number in ((words, value), (f"1 / {words}", 1 / value)):
                    if np.isfinite(number).all() and number.any():
                        found.append((key, shown.format(key), number))
    return found


def name(values, arrays):
    """An expression for `values`, or None.

    Parameters
    ----------
    values : array of shape (n,)
    arrays : dict of str to array of shape (n,)
        The arrays that may appear, by name.

    Returns
    -------
    str or None
        One atom, or a product of two, with a constant factor.
    """
    values = np.asarray(values, float)
    if np.unique(np.round(values, 9)).size < MIN_POINTS:
        return None
    atoms = candidates(arrays)
    if not atoms:
        return None
    table = np.stack([number for _, _, number in atoms])
    for i in _fits(values, table):
        return _words(values, table[i], atoms[i][1])
    for same in (True, False):  # products of one array are simpler than those of two
        for i, (key, words, number) in enumerate(atoms):
            products = table[i:] * number
            for k in _fits(values, products):
                other = atoms[i + k]
                if (other[0] == key) is same:
                    return _words(values, products[k], _product(words, other[1]))
    return None


def _product(first, second):
    if first.startswith("1 / "):
        first, second = second, first
    if second.startswith("1 / "):
        return f"{first} / {second[4:]}"
    return f"{first} * {second}"


def _fits(values, table):
    """Rows of the table that `values` is a multiple of."""
    with np.errstate(all="ignore"):
        factors = (table @ values) / (table * table).sum(axis=1)
        gap = np.abs(values - factors[:, None] * table).max(axis=1)
    return np.flatnonzero(gap <= CLOSE * np.abs(values).max())


def _words(values, number, words):
    factor = float(number @ values / (number @ number))
    if abs(factor - 1) < 1e-6:
        return words
    if abs(factor + 1) < 1e-6:
        return f"-{words}"
    return f"{factor:.4g} * {words}"
