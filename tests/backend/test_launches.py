"""The launchers of the CUDA kernels on a stand-in for CuPy: launches fit, results are right.

The kernels are emulated (tests/support/emulated_kernels.py); no CUDA runs here.
"""

import numpy as np
import pytest

from minitransformer import TransformerClassifier, functional, fused
from minitransformer.backend import generator
from minitransformer.fused import gpu
from minitransformer.fused.kernels import SOURCES
from minitransformer.training import Adam, AdamW
from tests.support import laws, strict_device
from tests.support.emulated_kernels import EmulatedKernel
from tests.support.on_device import leaves, moved
from tests.support.tolerances import tolerance
from tests.support.toys import toy_data, toy_model


@pytest.fixture
def cp(monkeypatch):
    """The stand-in for CuPy, with kernels that are checked and emulated."""
    monkeypatch.setattr(EmulatedKernel, "launched", [])
    gpu._kernel.cache_clear()
    with strict_device.installed(EmulatedKernel) as cupy:
        yield cupy
    gpu._kernel.cache_clear()


def run_both(name, inputs):
    """Results of the plain function on the host and of the launcher on the stand-in device."""
    host = getattr(functional, name)(**inputs)
    return host, gpu.FASTER[name](**{key: moved(value) for key, value in inputs.items()})


def agree(host, device, dtype):
    for a, b in zip(leaves(host), leaves(device), strict=True):
        if not isinstance(b, strict_device.DeviceArray):
            assert a == b
            continue
        b = b.get()
        assert (np.shape(a), a.dtype) == (b.shape, b.dtype)
        limit = tolerance(f"fused vs plain, {np.dtype(dtype)}")
        np.testing.assert_allclose(b, a, rtol=limit, atol=limit)


PAIRS = [name for name in functional.PAIRS if name in gpu.FASTER]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_launcher_agrees_with_its_plain_twin(cp, name, dtype):
    rng, pair = np.random.default_rng(1), functional.PAIRS[name]
    for sizes in [{}] * 10 + list(pair.edges):
        inputs = laws.in_dtype(pair.example(rng, **sizes), dtype)
        agree(*run_both(name, inputs), dtype)
    assert EmulatedKernel.launched


BACKWARD = {"layer_norm": "layer_norm_backward", "gelu": "gelu_backward",
            "embedding": "embedding_backward"}  # fmt: skip


@pytest.mark.parametrize(("forward", "backward"), BACKWARD.items())
def test_a_backward_launcher_agrees_with_its_plain_twin(cp, forward, backward):
    rng, pair = np.random.default_rng(2), functional.PAIRS[forward]
    for sizes in [{}] * 10 + list(pair.edges):
        inputs = pair.example(rng, **sizes)
        outputs = pair.forward(**inputs)
        as_tuple = outputs if type(outputs) is tuple else (outputs,)
        saved = pair.saved(inputs, as_tuple)
        saved = {"dy": rng.standard_normal(as_tuple[0].shape), **saved}
        agree(*run_both(backward, saved), "float64")
    assert backward.replace("embedding_backward", "embedding_gradient") in EmulatedKernel.launched


def attention_inputs(rng, H=2, kv_heads=2, T=3, S=5, E=4):
    shapes = (2, H, T, E), (2, kv_heads, S, E), (2, kv_heads, S, E)
    return dict(zip("QKV", map(rng.standard_normal, shapes), strict=True))


MASKS = {
    "padding": functional.padding_mask(np.array([3, 5]), 5),
    "an empty sequence": functional.padding_mask(np.array([0, 5]), 5),
    "rows that see nothing": np.arange(30).reshape(2, 1, 3, 5) % 15 > 4,
    "of two axes": np.arange(15).reshape(3, 5) % 4 > 0,
    "none": None,
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("kv_heads", [1, 2])
def test_attention_with_masks_dropout_and_shared_heads(cp, mask, kv_heads):
    rng = np.random.default_rng(3)
    inputs = attention_inputs(rng, kv_heads=kv_heads) | {"mask": mask}
    agree(*run_both("attention", inputs), "float64")
    inputs["keep"] = functional.dropout_mask(rng, (2, 2, 3, 5), 0.3, np.float64)
    agree(*run_both("attention", inputs), "float64")
    assert EmulatedKernel.launched == ["masked_softmax"] * 2
    agree(*run_both("attention", inputs | {"bias": rng.standard_normal((3, 5))}), "float64")
    assert EmulatedKernel.launched == ["masked_softmax"] * 2, "a bias takes the plain way"


@pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf])
def test_what_a_masked_key_holds_does_not_reach_the_result(cp, junk):
    inputs = attention_inputs(np.random.default_rng(4)) | {"mask": MASKS["padding"]}
    expected = functional.attention(**inputs)
    for x in "KV":
        inputs[x][0, :, 3:] = junk
    with np.errstate(invalid="ignore"):
        _, found = run_both("attention", inputs)
    agree(expected, found, "float64")
    assert EmulatedKernel.launched


@pytest.mark.parametrize(
    "options",
    [{}, {"ignore_index": 2}, {"ignore_index": -7}, {"class_weights": np.array([0.5, 1, 2, 0])},
     {"ignore_index": 0, "class_weights": np.ones(4)}],
    ids=str,
)  # fmt: skip
def test_cross_entropy_with_its_options(cp, options):
    rng = np.random.default_rng(5)
    logits, targets = rng.standard_normal((2, 3, 4)), rng.integers(0, 4, (2, 3))
    if options.get("ignore_index") == -7:
        targets[:, 1:] = -7
    agree(*run_both("cross_entropy", {"logits": logits, "targets": targets, **options}), "float64")
    targets[:] = options.get("ignore_index", targets)  # where there is one, nothing counts
    agree(*run_both("cross_entropy", {"logits": logits, "targets": targets, **options}), "float64")
    assert EmulatedKernel.launched == ["cross_entropy"] * 2
    smooth = {"logits": logits, "targets": targets, "label_smoothing": 0.1, **options}
    agree(*run_both("cross_entropy", smooth), "float64")
    assert EmulatedKernel.launched == ["cross_entropy"] * 2, "smoothing takes the plain way"


def test_a_target_beyond_the_classes_is_not_read(cp):
    logits, targets = cp.zeros((2, 3)), cp.asarray(np.array([0, 3]))
    losses, p = cp.zeros(2), cp.zeros((2, 3))
    gpu._launch("cross_entropy", logits, 2, logits, targets, losses, p, 3)
    np.testing.assert_array_equal(losses.get(), [np.log(3), np.nan])


@pytest.mark.parametrize("p", [0.0, 0.25, 0.999])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dropout_masks_have_the_bits_of_the_plain_ones(cp, p, dtype):
    like = cp.zeros(1)
    for shape in ((3, 5, 7), (1,), (0, 4)):
        rngs = generator([1, 2], like), generator([1, 2], like)
        plain = functional.dropout_mask(rngs[0], shape, p, dtype)
        found = gpu.dropout_mask(rngs[1], shape, p, dtype)
        np.testing.assert_array_equal(found.get(), plain.get())
        assert found.dtype == plain.dtype
    assert len(EmulatedKernel.launched) == (0 if dtype == "float16" else 2)
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\)"):
        gpu.dropout_mask(generator([1], like), (3,), 1.0, dtype)


def test_rows_of_the_embedding_gradient(cp):
    rng = np.random.default_rng(6)
    dy, ids = rng.standard_normal((4, 9, 3)), rng.integers(1, 6, (4, 9))
    rows, sums = gpu.embedding_row_gradients(moved(dy), moved(ids), 8)
    assert rows == slice(None)
    np.testing.assert_allclose(sums.get(), functional.embedding_backward(dy, ids, 8), atol=1e-12)
    with pytest.raises(ValueError, match="reshape"):
        gpu.embedding_backward(moved(dy[:2]), moved(ids), 8)
    assert EmulatedKernel.launched == ["embedding_gradient"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adams_step_agrees_with_adam(cp, dtype):
    rng, optimizer = np.random.default_rng(7), Adam(0.01)
    theta = rng.standard_normal(1000).astype(dtype)
    there, m, v = moved(theta), cp.zeros(1000, dtype), cp.zeros(1000, dtype)
    for t in range(1, 6):
        g = rng.standard_normal(1000).astype(dtype)
        optimizer.step(theta, g)
        gpu.adam_step(there, moved(g), m, v, 0.9, 0.999, 1e-8, 0.01, t)
    agree((theta, *(optimizer.state()[s] for s in "mv")), (there, m, v), dtype)
    for wrong in (cp.zeros(2000, dtype)[::2], there[:9], cp.zeros(1000, np.float16)):
        with pytest.raises(ValueError, match="g must be a contiguous flat"):
            gpu.adam_step(there, wrong, m, v, 0.9, 0.999, 1e-8, 0.01, 1)


def test_every_kernel_has_a_launcher_and_nothing_waits(cp):
    x, g = (moved(np.ones(shape, np.float32)) for shape in ((3, 4), (4,)))
    ids = moved(np.array([0, 1, 1]))
    strict_device.counters.reset()
    gpu.softmax(x)
    _, xhat, rstd = gpu.layer_norm(x, g, g)
    gpu.layer_norm_backward(x, xhat, rstd, g)
    gpu.gelu_backward(x, gpu.gelu(x), "tanh")
    gpu.attention(x, x, x, moved(np.eye(3, dtype=bool)))
    gpu.cross_entropy(x, ids)
    gpu.dropout_mask(generator([1], x), (3, 4), 0.5, np.float32)
    gpu.embedding_row_gradients(x, ids, 5)
    gpu.adam_step(g, g, g, g, 0.9, 0.999, 1e-8, 0.1, 1)
    assert strict_device.counters.waits == 0
    assert set(EmulatedKernel.launched) == set(SOURCES)


@pytest.mark.parametrize("change", ["fewer", "order", "dtype", "kind"])
def test_a_wrong_launch_is_noticed(cp, change):
    lanes, keep = cp.zeros(4, np.uint16), cp.zeros(4, np.float32)
    wrong = {
        "fewer": (lanes, np.int32(1), 2.0, keep),
        "order": (keep, np.int32(1), 2.0, lanes, 4),
        "dtype": (lanes, 1, 2.0, keep, 4),
        "kind": (lanes, keep, 2.0, keep, 4),
    }[change]
    with pytest.raises((AssertionError, ValueError)):
        gpu._launch("dropout_mask", keep, 1, *wrong)


def test_a_model_on_a_device_calls_the_kernels_and_gives_the_same_gradients(cp):
    ids, results = np.random.default_rng(1).integers(0, 50, (3, 9)), []
    for ops in ("plain", "fused"):
        model = TransformerClassifier(50, 3, max_len=9, d_model=8, n_heads=2, d_ff=12, ops=ops,
                                      activation="gelu", dropout=0.2, dtype="float64")  # fmt: skip
        model.to("cupy")
        logits, cache = model.forward(moved(ids), rng=generator([2], moved(ids)))
        model.backward(logits, cache)
        results.append((logits, model.flat.grads))
    limit = tolerance("fused vs plain, float64")
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a.get(), b.get(), rtol=limit, atol=limit)
    unreached = {"cross_entropy", "adam"}  # which only training calls
    assert set(EmulatedKernel.launched) == set(SOURCES) - unreached


def test_training_on_a_device_calls_every_kernel_and_learns_the_same(cp):
    x, y = toy_data(24)
    results = []
    for ops in ("plain", "fused"):
        EmulatedKernel.launched.clear()
        model = toy_model(ops=ops, activation="gelu", dtype="float64")
        model.compile(AdamW(0.01))
        model.to("cupy")
        model.fit(x, y, batch_size=12, epochs=2, verbose=0)
        results.append(model.flat.values.get())
        assert set(EmulatedKernel.launched) == (set(SOURCES) if ops == "fused" else set())
    np.testing.assert_allclose(*results, rtol=0, atol=1e-9)


def test_kernels_can_be_switched_off(cp, monkeypatch):
    x = cp.zeros((2, 3), np.float32)
    fused.softmax(x)
    assert EmulatedKernel.launched == ["masked_softmax"]
    monkeypatch.setenv("MINITRANSFORMER_GPU_KERNELS", "0")
    fused.softmax(x)
    assert fused.optimizer_kernel("adam") is None
    assert EmulatedKernel.launched == ["masked_softmax"]
