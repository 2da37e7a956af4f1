"""What every pair promises in addition to a correct gradient: checks that raise AssertionError."""

import hashlib
import warnings

import numpy as np

from tests.support.tolerances import tolerance

DTYPES = (np.float16, np.float32, np.float64)
LAYOUT = tolerance("another memory layout")
MASKED = ("attention", "tiled_attention", "mean_pool", "max_pool", "first_pool")


def as_tuple(x):
    return x if type(x) is tuple else (x,)


def leaves(value):
    """All arrays and NumPy scalars in a value, which may be a tuple or a dict."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return [leaf for member in value for leaf in leaves(member)]
    return [value] if isinstance(value, np.ndarray | np.generic) else []


def in_dtype(inputs, dtype):
    """The floating arrays of a dict in one dtype."""
    return {
        key: value.astype(dtype) if leaves(value) and value.dtype.kind == "f" else value
        for key, value in inputs.items()
    }


def run(pair, inputs, rng):
    """Forward and backward once: outputs, arguments of the backward pass, gradients."""
    outputs = as_tuple(pair.forward(**inputs))
    upstream = tuple(
        np.asarray(rng.standard_normal(np.shape(y)), y.dtype) for y in outputs[: pair.upstream]
    )
    saved = pair.saved(inputs, outputs)
    return outputs, (upstream, saved), as_tuple(pair.backward(*upstream, **saved))


def floating(arrays):
    return [array for array in arrays if array.dtype.kind == "f"]


def keeps_dtype(pair, inputs, rng):
    """dtype in = dtype out, forward and backward, in float16, float32 and float64."""
    for dtype in DTYPES:
        outputs, _, gradients = run(pair, in_dtype(inputs, dtype), rng)
        for result in (*outputs[: pair.upstream], *gradients):
            assert result.dtype == dtype, f"{dtype.__name__} gives {result.dtype}"
        for result in floating(leaves(outputs)):
            assert result.dtype == dtype, f"{dtype.__name__} saves {result.dtype}"


def digest(arrays):
    """SHA-256 of the bytes, shapes and dtypes of arrays."""
    hashed = hashlib.sha256()
    for array in arrays:
        hashed.update(repr((array.shape, array.dtype)).encode())
        hashed.update(array.tobytes())
    return hashed.hexdigest()


def is_pure(pair, inputs, rng):
    """Neither pass writes into an argument, and no result aliases one unless `view` says so."""
    before = digest(leaves(inputs))
    outputs, (upstream, saved), gradients = run(pair, inputs, rng)
    assert digest(leaves(inputs)) == before, "the forward or backward pass changed an input"
    given = digest(leaves((upstream, saved)))
    pair.backward(*upstream, **saved)
    assert digest(leaves((upstream, saved))) == given, "the backward pass changed an argument"
    if not pair.view:
        _share_nothing(leaves(outputs[: pair.upstream]), leaves(inputs), "output", "input")
        _share_nothing(leaves(gradients), leaves((upstream, saved)), "gradient", "argument")


def _share_nothing(results, arguments, result, argument):
    for one in results:
        for other in arguments:
            assert not np.shares_memory(one, other), f"an {result} aliases an {argument}"


def ignores_layout(pair, inputs, rng):
    """Arrays in another order of memory, or with gaps, give the same numbers."""
    seed = int(rng.integers(1 << 30))
    plain = run(pair, inputs, np.random.default_rng(seed))
    for relaid in (_column_major, _with_gaps):
        other = {key: relaid(v) if leaves(v) else v for key, v in inputs.items()}
        outputs, (upstream, saved), _ = run(pair, other, np.random.default_rng(seed))
        upstream = tuple(relaid(dy) for dy in upstream)
        gradients = as_tuple(pair.backward(*upstream, **saved))
        for one, two in zip(
            floating(leaves((plain[0], plain[2]))),
            floating(leaves((outputs, gradients))),
            strict=True,
        ):
            np.testing.assert_allclose(two, one, rtol=LAYOUT, atol=LAYOUT, err_msg=relaid.__name__)


def _column_major(x):
    return np.asfortranarray(x)


def _with_gaps(x):
    """Every second place of an array twice as long."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype) if x.ndim else x.copy()
    if not x.ndim:
        return wide
    wide[..., ::2] = x
    return wide[..., ::2]


def survives(pair, extreme, inputs, rng):
    """Extreme inputs give finite results and gradients, and no warning."""
    for dtype in extreme.dtypes:
        with warnings.catch_warnings(), np.errstate(all="warn", under="ignore"):
            warnings.simplefilter("error")
            changed = in_dtype(extreme.change(rng, inputs), dtype)
            outputs, _, gradients = run(pair, changed, rng)
        for result in (*outputs[: pair.upstream], *gradients):
            words = f"{extreme.name} in {dtype.__name__} gives {result}"
            assert np.isfinite(result).all(), words


def _scores_shape(inputs):
    """The shape of the scores of attention, (B, H, T, S)."""
    return (*inputs["Q"].shape[:-1], inputs["K"].shape[-2])


def _masked_everywhere(inputs):
    """Where an input of this pair has no effect at all: name -> bool array over its rows."""
    mask = inputs["mask"]
    if "Q" not in inputs:
        return {"x": ~mask}
    Q, K = inputs["Q"], inputs["K"]
    used = np.broadcast_to(mask, _scores_shape(inputs)).any(axis=-2)
    # A key head serves a group of query heads: it is unused when none of them may see it.
    if K.ndim > 2:
        group = Q.shape[-3] // K.shape[-3]
        used = used.reshape(*K.shape[:-2], group, K.shape[-2]).any(axis=-2)
    return {"K": ~used, "V": ~used}


def masked_values_change_nothing(pair, inputs, rng):
    """What stands under a mask, even NaN, changes neither results nor gradients, bit for bit."""
    if pair.forward.__name__ not in MASKED or inputs.get("mask") is None:
        return
    hidden, seed = _masked_everywhere(inputs), int(rng.integers(1 << 30))
    plain = run(pair, inputs, np.random.default_rng(seed))
    for number in (1e30, -7.5, np.nan):
        changed = {
            name: np.where(rows[..., None], number, inputs[name]) for name, rows in hidden.items()
        }
        other = run(pair, {**inputs, **changed}, np.random.default_rng(seed))
        _same_bits(plain, other, f"{number} under the mask changes a result")
    for name, gradient in zip(pair.wrt, plain[2], strict=True):
        if name in hidden:
            assert not gradient[hidden[name]].any(), f"a masked {name} has a gradient"
    if inputs.get("bias") is not None:
        scores = np.broadcast_to(inputs["bias"], _scores_shape(inputs))
        bias = np.where(inputs["mask"], scores, 1e30)
        other = run(pair, {**inputs, "bias": bias}, np.random.default_rng(seed))
        _same_bits(plain, other, "a score under the mask changes a result")


def _same_bits(plain, other, words):
    for one, two in zip((*plain[0], *plain[2]), (*other[0], *other[2]), strict=True):
        assert np.array_equal(one, two), words


def nothing_allowed_gives_nothing(pair, inputs, rng):
    """A row that may see nothing gives 0, and sends back 0."""
    if pair.forward.__name__ not in MASKED or inputs.get("mask") is None:
        return
    outputs, _, gradients = run(pair, inputs, rng)
    mask = inputs["mask"]
    if "Q" in inputs:
        mask = np.broadcast_to(mask, _scores_shape(inputs))
    blind = ~mask.any(axis=-1)
    assert not outputs[0][blind].any(), "a row that may see nothing gives something"
    assert not gradients[0][blind].any(), "a row that may see nothing has a gradient"


LAWS = (
    keeps_dtype,
    is_pure,
    ignores_layout,
    masked_values_change_nothing,
    nothing_allowed_gives_nothing,
)
