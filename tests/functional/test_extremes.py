"""Every pair in every dtype, at its edges and at extreme inputs."""

import warnings

import numpy as np
import pytest

from minitransformer.functional import PAIRS, layer_norm
from tests.support import laws
from tests.support.extremes import TABLE
from tests.support.tolerances import tolerance

RANDOM_SHAPES = 4


def cases(pair):
    """Random generators with the pair's edges and some random shapes."""
    for i, sizes in enumerate((*pair.edges, *[{}] * RANDOM_SHAPES)):
        yield np.random.default_rng([5, i]), sizes


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", PAIRS)
def test_every_pair_keeps_every_law(name, law):
    pair = PAIRS[name]
    for rng, sizes in cases(pair):
        law(pair, pair.example(rng, **sizes), rng)


@pytest.mark.parametrize(
    ("name", "extreme"),
    [(name, extreme) for name, extremes in TABLE.items() for extreme in extremes],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_extreme_inputs_give_no_nan_and_no_warning(name, extreme):
    pair = PAIRS[name]
    for rng, sizes in cases(pair):
        laws.survives(pair, extreme, pair.example(rng, **sizes), rng)


def test_the_table_of_extremes_has_every_pair():
    assert set(TABLE) == set(PAIRS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layer_norm_far_from_zero_is_still_right(dtype):
    """The offset 1e5 costs float32 two digits at most; the one-pass variance would give NaN."""
    rng = np.random.default_rng(0)
    x = (1e5 + rng.standard_normal((64, 128))).astype(dtype)
    ones, zeros = np.ones(128, dtype), np.zeros(128, dtype)
    exact = x.astype(np.longdouble)
    exact = exact - exact.mean(axis=-1, keepdims=True)
    exact /= np.sqrt((exact * exact).mean(axis=-1, keepdims=True) + 1e-5)
    error = np.abs(layer_norm(x, ones, zeros)[0] - exact).max()
    assert error <= tolerance(f"layer norm at offset 1e5, {np.dtype(dtype).name}")


def test_the_laws_notice_what_breaks_them():
    """A law that cannot fail proves nothing."""
    x = {"x": np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])}
    rng = np.random.default_rng(0)
    relu = PAIRS["relu"]

    def in_place(x):
        x *= 2
        return x.copy()

    broken = {
        laws.keeps_dtype: relu._replace(forward=lambda x: np.maximum(x, np.zeros(1))),
        laws.is_pure: relu._replace(forward=in_place),
        laws.ignores_layout: relu._replace(forward=lambda x: x.ravel("K").reshape(x.shape)),
    }
    for law, pair in broken.items():
        law(relu, x, rng)
        with pytest.raises(AssertionError):
            law(pair, {"x": x["x"].copy()}, rng)
    with pytest.raises(AssertionError, match="aliases"):
        laws.is_pure(relu._replace(forward=lambda x: x, backward=lambda dy, y: dy), x, rng)


def test_the_laws_of_masks_notice_what_breaks_them():
    rng = np.random.default_rng(2)
    pool = PAIRS["mean_pool"]
    inputs = {
        "x": rng.standard_normal((2, 3, 4)),
        "mask": np.array([[True, True, False], [False, False, False]]),
    }

    def counts_padding(x, mask):
        return x.mean(axis=1)

    def multiplies(x, mask):
        return (x * mask[..., None]).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)[:, None]

    laws.masked_values_change_nothing(pool, inputs, rng)
    laws.nothing_allowed_gives_nothing(pool, inputs, rng)
    for forward in (counts_padding, multiplies):
        forward.__name__ = "mean_pool"
        with pytest.raises(AssertionError, match="under the mask"):
            laws.masked_values_change_nothing(pool._replace(forward=forward), inputs, rng)
    with pytest.raises(AssertionError, match="may see nothing"):
        laws.nothing_allowed_gives_nothing(pool._replace(forward=counts_padding), inputs, rng)


def test_the_extremes_notice_an_overflow():
    def naive(x):
        return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)

    pair, rng = PAIRS["softmax"]._replace(forward=naive), np.random.default_rng(0)
    with pytest.raises((AssertionError, RuntimeWarning)):
        laws.survives(pair, TABLE["softmax"][0], pair.example(rng), rng)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        laws.survives(PAIRS["softmax"], TABLE["softmax"][0], pair.example(rng), rng)
