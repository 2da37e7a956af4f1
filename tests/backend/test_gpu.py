"""A real GPU against NumPy: ``python -m pytest --device gpu``. Not collected without one."""

import gc

import numpy as np
import pytest

from minitransformer.backend import cupy_status, generator, memory, synchronize, to_device, to_host
from minitransformer.functional import PAIRS, attention, dropout_mask, embedding_backward
from minitransformer.fused import gpu
from minitransformer.training import Adam
from tests.support.tolerances import tolerance
from tests.support.toys import toy_data, toy_model

USABLE, REASON = cupy_status()
pytestmark = pytest.mark.skipif(not USABLE, reason=f"no GPU: {REASON}")

CASES = [(name, sizes) for name, pair in PAIRS.items() for sizes in ({}, *pair.edges)]


def mapped(convert, value):
    """`value` with `convert` applied to every array in it."""
    if isinstance(value, tuple):
        parts = [mapped(convert, part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return convert(value) if getattr(value, "dtype", None) is not None else value


def there(value):
    return mapped(lambda a: to_device(a, "cupy"), value)


def leaves(value):
    return [x for part in value for x in leaves(part)] if isinstance(value, tuple) else [value]


def agree(host, device, limit):
    for a, b in zip(leaves(host), leaves(device), strict=True):
        if getattr(a, "dtype", None) is not None:
            b = to_host(b)
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_allclose(b, a, rtol=limit, atol=limit * max(1.0, _largest(a)))


def _largest(a):
    return float(np.abs(a[np.isfinite(a)]).max(initial=0.0)) if a.dtype.kind == "f" else 0.0


def inputs_of(name, sizes, dtype):
    inputs = PAIRS[name].example(np.random.default_rng(3), **sizes)
    if "seed" in inputs:
        inputs |= {"dropout": 0.0}  # the device's generator draws other masks
    return {
        key: value.astype(dtype) if getattr(value, "dtype", None) == np.float64 else value
        for key, value in inputs.items()
    }


def both_ways(pair, inputs, upstream, move=lambda x: x):
    """Outputs and gradients of a pair."""
    outputs = pair.forward(**inputs)
    as_tuple = outputs if type(outputs) is tuple else (outputs,)
    return outputs, pair.backward(*map(move, upstream), **pair.saved(inputs, as_tuple))


@pytest.mark.parametrize(("name", "sizes"), CASES, ids=lambda part: str(part))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_pair_agrees_with_numpy_and_with_itself(name, sizes, dtype):
    pair, inputs = PAIRS[name], inputs_of(name, sizes, dtype)
    outputs = pair.forward(**inputs)
    rng = np.random.default_rng(4)
    upstream = [
        np.asarray(rng.standard_normal(y.shape), y.dtype)
        for y in (outputs if type(outputs) is tuple else (outputs,))[: pair.upstream]
    ]
    host = both_ways(pair, inputs, upstream)
    on_gpu = {key: there(value) for key, value in inputs.items()}
    first, second = (both_ways(pair, on_gpu, upstream, there) for _ in range(2))
    agree(host, first, tolerance(f"GPU vs NumPy, {dtype}"))
    for a, b in zip(leaves(first), leaves(second), strict=True):
        if getattr(a, "dtype", None) is not None:
            assert to_host(a).tobytes() == to_host(b).tobytes()


SWITCHED = [
    name
    for name, pair in PAIRS.items()
    if {pair.forward.__name__, pair.backward.__name__} & gpu.FASTER.keys()
]


@pytest.mark.parametrize("name", SWITCHED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_kernel_that_is_off_agrees_with_numpy(name, dtype):
    pair = PAIRS[name]
    fused = pair._replace(
        forward=gpu.FASTER.get(pair.forward.__name__, pair.forward),
        backward=gpu.FASTER.get(pair.backward.__name__, pair.backward),
    )
    for sizes in ({}, *pair.edges):
        inputs = inputs_of(name, sizes, dtype)
        outputs = pair.forward(**inputs)
        shape = np.shape(outputs[0] if type(outputs) is tuple else outputs)
        upstream = [np.asarray(np.random.default_rng(5).standard_normal(shape), dtype)]
        on_gpu = {key: there(value) for key, value in inputs.items()}
        host = both_ways(pair, inputs, upstream)
        device = both_ways(fused, on_gpu, upstream, there)
        agree(host, device, tolerance(f"GPU vs NumPy, {dtype}"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_attention_by_a_kernel_with_every_option_agrees_with_numpy(dtype):
    rng = np.random.default_rng(7)
    Q, K, V = (rng.standard_normal((2, H, 300, 8)).astype(dtype) for H in (4, 2, 2))
    mask = rng.random((2, 1, 300, 300)) < 0.5
    mask[0, 0, 5] = mask[1, ..., 9] = False  # a query that sees nothing, a key that nobody sees
    K[1, :, 9] = V[1, :, 9] = np.nan
    keep = dropout_mask(rng, (2, 4, 300, 300), 0.2, dtype)
    host = attention(Q, K, V, mask, keep=keep)
    device = gpu.attention(*map(there, (Q, K, V, mask)), keep=there(keep))
    agree(host, device, tolerance(f"GPU vs NumPy, {dtype}"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_masks_of_a_kernel_have_the_bits_of_the_plain_ones(dtype):
    like = there(np.zeros(1))
    masks = [
        to_host(draw(generator([1, 2], like), (7, 999), 0.25, dtype))
        for draw in (dropout_mask, gpu.dropout_mask)
    ]
    np.testing.assert_array_equal(*masks)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adams_step_by_a_kernel_agrees_with_adam(dtype):
    rng, optimizer = np.random.default_rng(8), Adam(0.01)
    theta = rng.standard_normal(1000).astype(dtype)
    arrays = [there(a.copy()) for a in (theta, 0 * theta, 0 * theta)]
    for t in range(1, 6):
        g = rng.standard_normal(1000).astype(dtype)
        optimizer.step(theta, g)
        gpu.adam_step(arrays[0], there(g), *arrays[1:], 0.9, 0.999, 1e-8, 0.01, t)
    host = (theta, *(optimizer.state()[name] for name in "mv"))
    agree(host, tuple(arrays), tolerance(f"GPU vs NumPy, {dtype}"))


def trained(steps):
    x, y = toy_data(48)
    model = toy_model(dtype="float32")
    model.compile(Adam(0.01), micro_batch_tokens=400)
    model.to("cupy")
    model.fit(x, y, batch_size=12, epochs=steps // 4, verbose=0)
    return model


def test_training_gives_the_same_bits_twice():
    first, second = (to_host(trained(40).flat.values).tobytes() for _ in range(2))
    assert first == second


def test_dropout_masks_depend_on_their_seed_alone():
    like = there(np.zeros(1))
    draws = [to_host(generator([1, 2, 3], like).random(1000)) for _ in range(2)]
    np.testing.assert_array_equal(*draws)
    assert (draws[0] != to_host(generator([1, 2, 4], like).random(1000))).any()
    masks = [
        to_host(dropout_mask(generator([1, 2, seed], like), (999, 101), 0.25, np.float32))
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()
    for mask in masks:
        assert set(np.unique(mask)) == {np.float32(0), np.float32(4 / 3)}
        # five standard deviations of a share of 100,899 entries
        assert abs((mask > 0).mean() - 0.75) < 5 * (0.75 * 0.25 / mask.size) ** 0.5


def test_small_rows_of_the_embedding_gradient_do_not_drown_in_large_ones():
    rng = np.random.default_rng(6)
    ids = rng.integers(0, 50, (4, 256))
    size = np.where(ids % 2, 1e-5, 1.0)[..., None]
    dy = (size * rng.standard_normal((*ids.shape, 8))).astype(np.float32)
    exact = embedding_backward(dy.astype(np.float64), ids, 50)
    found = to_host(embedding_backward(there(dy), there(ids), 50))
    largest = np.abs(exact).max(axis=1)
    assert (np.abs(found - exact).max(axis=1) <= 1e-5 * largest).all()


def test_a_thousand_steps_do_not_leak():
    like = there(np.zeros(1))

    def used_after(steps):
        trained(steps)
        gc.collect()  # a model is part of circles: it goes when these are looked for
        synchronize(like)
        return memory(like)["used"]

    before = used_after(8)
    assert used_after(1000) <= before
