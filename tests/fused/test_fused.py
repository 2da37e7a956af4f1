"""The faster functions: the same results, errors and promises as the plain ones."""

import inspect

import numpy as np
import pytest

from minitransformer import TransformerClassifier, functional, fused
from minitransformer.bench import twins
from minitransformer.gradcheck import check
from tests.support import laws
from tests.support.extremes import TABLE
from tests.support.tolerances import tolerance

FASTER = fused.faster_pairs()
SHAPES = 40


def each_pair(test):
    return pytest.mark.parametrize("name", FASTER)(test)


def on_host(name):
    """What a name of `fused` is for arrays on the host."""
    function = getattr(fused, name)
    return function.__wrapped__ if name in fused.gpu.FASTER else function


def test_every_faster_function_is_in_a_pair_and_has_its_twins_signature():
    used = {f for pair in FASTER.values() for f in (pair.forward, pair.backward)}
    assert set(fused.FASTER.values()) <= used
    for name, function in fused.FASTER.items():
        twin = getattr(functional, name)
        assert function is not twin
        assert on_host(name) is function
        assert inspect.signature(function) == inspect.signature(twin)
        # and the body behind the decorator has it too
        body = inspect.getclosurevars(function).nonlocals["fast"]
        assert inspect.signature(body) == inspect.signature(twin)


def test_all_other_names_are_the_plain_ones():
    for name in functional.__all__:
        if name not in fused.FASTER:
            assert on_host(name) is getattr(functional, name)


@each_pair
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parity_with_the_plain_twin(name, dtype):
    rng = np.random.default_rng(5)
    plain, fast = functional.PAIRS[name], FASTER[name]
    allowed = tolerance(f"fused vs plain, {np.dtype(dtype)}")
    examples = [{} for _ in range(SHAPES)] + list(plain.edges)
    for sizes in examples:
        inputs = laws.in_dtype(plain.example(rng, **sizes), dtype)
        seed = int(rng.integers(1 << 30))
        one = laws.run(plain, inputs, np.random.default_rng(seed))
        two = laws.run(fast, inputs, np.random.default_rng(seed))
        for a, b in zip(laws.leaves((one[0], one[2])), laws.leaves((two[0], two[2])), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            scale = max(1.0, np.abs(a).max(initial=0))
            assert np.abs(a - b).max(initial=0) <= allowed * scale, (name, sizes)


def test_attention_larger_than_one_piece():
    """Several pieces, and pieces of heads."""
    rng = np.random.default_rng(6)
    for B, H, T, S in [(5, 2, 130, 200), (2, 3, 300, 290), (1, 2, 400, 401)]:
        inputs = {
            "Q": rng.standard_normal((B, H, T, 4)), "K": rng.standard_normal((B, H, S, 4)),
            "V": rng.standard_normal((B, H, S, 4)), "mask": rng.random((B, 1, T, S)) < 0.7,
            "keep": functional.dropout_mask(rng, (B, H, T, S), 0.2, np.float64),
        }  # fmt: skip
        one = laws.run(functional.PAIRS["attention"], inputs, np.random.default_rng(1))
        two = laws.run(FASTER["attention"], inputs, np.random.default_rng(1))
        for a, b in zip(one[2], two[2], strict=True):
            assert np.abs(a - b).max() <= tolerance("fused vs plain, float64")


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("scale", [1.0, 1e-20, 3.3e-30, 1e-45, 1e4, 3e38])
def test_gelu_backward_by_the_result(approximate, scale):
    """y / x is Phi(x), also at 0, beside it, and where y or its square overflows."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 201) * scale
    x = np.concatenate([x, [-0.0, 5e-31, -5e-31], rng.standard_normal(70_000) * 3])
    x = x.astype(np.float32)
    dy = rng.standard_normal(x.shape).astype(np.float32)
    found = fused.gelu_backward(dy, x, approximate, fused.gelu(x, approximate))
    expected = functional.gelu_backward(dy.astype(float), x.astype(float), approximate)
    allowed = tolerance("fused vs plain, float32") * max(1, np.abs(expected).max())
    assert np.abs(found - expected).max() <= allowed


def test_gelu_backward_by_the_result_where_the_result_does_not_tell():
    x = np.array([np.inf, -np.inf, np.nan, 0.5, -1e-30], np.float32)
    with np.errstate(invalid="ignore"):
        found = fused.gelu_backward(np.ones_like(x), x, "none", fused.gelu(x))
        np.testing.assert_array_equal(found, fused.gelu_backward(np.ones_like(x), x))
    assert np.isnan(found[2])
    assert np.isfinite(found[3:]).all()


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_larger_than_one_piece(approximate):
    """Against the plain twin in float64, from one end of what counts to the other."""
    x = np.linspace(-12, 12, 150_000).reshape(3, -1)
    dy = np.random.default_rng(11).standard_normal(x.shape)
    narrow = x.astype(np.float32), dy.astype(np.float32)
    wide = [array.astype(np.float64) for array in narrow]
    y = fused.gelu(narrow[0], approximate)
    dx = fused.gelu_backward(narrow[1], narrow[0], approximate)
    assert (y.dtype, dx.dtype, y.shape, dx.shape) == (np.float32, np.float32, x.shape, x.shape)
    allowed = tolerance("fused vs plain, float32")
    assert np.abs(y - functional.gelu(wide[0], approximate)).max() <= allowed
    assert np.abs(dx - functional.gelu_backward(wide[1], wide[0], approximate)).max() <= allowed


def test_cross_entropy_larger_than_one_piece():
    """Rows that do not fill the last piece, of which some do not count."""
    rng = np.random.default_rng(12)
    inputs = functional.PAIRS["cross_entropy"].example(rng) | {
        "logits": rng.standard_normal((5, 31, 1000)), "targets": rng.integers(0, 1000, (5, 31)),
        "class_weights": rng.uniform(0.5, 2, 1000), "label_smoothing": 0.1, "ignore_index": 7,
    }  # fmt: skip
    inputs["targets"][:, ::4] = 7
    one = laws.run(functional.PAIRS["cross_entropy"], inputs, np.random.default_rng(1))
    two = laws.run(FASTER["cross_entropy"], inputs, np.random.default_rng(1))
    for a, b in zip(laws.leaves((one[0], one[2])), laws.leaves((two[0], two[2])), strict=True):
        assert np.abs(a - b).max() <= tolerance("fused vs plain, float64")


@each_pair
def test_gradients(name):
    rng, pair = np.random.default_rng(7), FASTER[name]
    for _ in range(5):
        report = check(
            pair.forward, pair.backward, pair.example(rng), wrt=pair.wrt, saved=pair.saved,
            upstream=pair.upstream, analytic=pair.analytic, rng=rng, name=name,
        )  # fmt: skip
        assert report.ok, report


@each_pair
@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
def test_promises(name, law):
    rng = np.random.default_rng(8)
    for _ in range(10):
        law(FASTER[name], FASTER[name].example(rng), rng)


@each_pair
def test_extreme_inputs_give_no_nan_and_no_warning(name):
    rng = np.random.default_rng(10)
    for extreme in TABLE[name]:
        for _ in range(4):
            laws.survives(FASTER[name], extreme, FASTER[name].example(rng), rng)


def test_errors_are_those_of_the_plain_twins():
    x = np.ones((2, 3), np.float32)
    wrong = np.ones(4, np.float32)
    for ops in (functional, fused):
        with pytest.raises(ValueError, match=r"gamma must have shape \(3,\)"):
            ops.layer_norm(x, wrong, wrong)
        with pytest.raises(ValueError, match=r"gamma must have shape \(3,\)"):
            ops.rms_norm(x, wrong)
        with pytest.raises(TypeError, match="got a list"):
            ops.layer_norm([[1.0]], wrong, wrong)


def test_what_a_masked_key_holds_does_not_matter_however_large():
    rng = np.random.default_rng(9)
    Q, K, V, dO = (rng.standard_normal((2, 2, 4, 3)).astype(np.float32) for _ in range(4))
    _, P = functional.attention(Q, K, V, functional.padding_mask(np.array([3, 3]), 4))
    expected = functional.attention_backward(dO, Q, K, V, P)
    for junk in (3e38, -3e38, np.nan, np.inf, 1e16):
        K[:, :, 3], V[:, :, 3] = junk, junk
        for one, two in zip(fused.attention_backward(dO, Q, K, V, P), expected, strict=True):
            np.testing.assert_allclose(one, two, atol=tolerance("fused vs plain, float32"))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_models_agree_and_say_which_functions_they_use(norm):
    ids = np.random.default_rng(1).integers(0, 50, (3, 9))
    results = []
    for ops in ("plain", "fused"):
        model = TransformerClassifier(
            50, 3, max_len=9, d_model=8, n_heads=2, d_ff=12, norm=norm, dtype="float64", ops=ops
        )
        logits, cache = model.forward(ids, rng=np.random.default_rng(2))
        model.backward(np.cos(logits), cache)
        results.append((logits, model.flat.grads))
        assert model.config["ops"] == ops
        assert model.blocks[0].norm1.ops is (fused if ops == "fused" else functional)
    for a, b in zip(*results, strict=True):
        assert np.abs(a - b).max() <= tolerance("fused vs plain, float64")
    with pytest.raises(ValueError, match="ops must be one of fused, plain, got 'fast'"):
        TransformerClassifier(50, 3, ops="fast")


def test_the_benchmark_of_the_twins_measures_every_function_at_every_shape():
    found = twins.gains(rounds=2)
    assert [(gain.name, gain.shape) for gain in found] == [
        (name, shape) for name in fused.FASTER for shape in twins.SHAPES
    ]
    assert all(gain.plain > 0 and gain.fused > 0 for gain in found)
    assert twins.Gain("f", (1, 1, 1, 1), plain=3.0, fused=2.0).ratio == 1.5
    assert twins.table(found).row_count == len(found)


def test_arrays_on_the_host_never_reach_a_kernel():
    def kernel(*args, **kwargs):
        raise AssertionError("reached")

    chosen = fused.also_on_device(functional.softmax, kernel)
    assert chosen(np.array([[0.0, 0.0]])).tolist() == [[0.5, 0.5]]

    class Elsewhere:
        pass

    Elsewhere.__module__ = "cupy"
    with pytest.raises(AssertionError, match="reached"):
        chosen(Elsewhere())


def test_a_key_that_nobody_sees_does_not_choose_how_attention_is_computed():
    """Large scores take the plain way, small ones the fast way; unseen ones must not count."""
    rng = np.random.default_rng(8)
    Q, K, V = rng.standard_normal((3, 2, 2, 40, 8))
    mask = np.arange(40) < 37
    O, P = fused.attention(Q, K, V, mask)
    K[:, :, 37:] = 1e6
    for one, two in zip((O, P), fused.attention(Q, K, V, mask), strict=True):
        assert one.tobytes() == two.tobytes()


def test_large_scores_do_not_overflow():
    rng = np.random.default_rng(9)
    Q, K, V = 100 * rng.standard_normal((3, 2, 2, 20, 8)).astype(np.float32)
    for one, two in zip(fused.attention(Q, K, V), functional.attention(Q, K, V), strict=True):
        assert np.isfinite(one).all()
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_with_windows_larger_than_the_text(stride):
    rng = np.random.default_rng(8)
    for T, K in [(0, 4), (1, 10), (3, 10), (4, 5), (5, 4)]:
        x, W = rng.standard_normal((2, T, 4)), rng.standard_normal((K, 4, 3))
        options = {"stride": stride, "padding": "same"}
        dy = rng.standard_normal(functional.conv1d(x, W, **options).shape)
        one = functional.conv1d_backward(dy, x, W, **options)
        two = fused.conv1d_backward(dy, x, W, **options)
        for a, b in zip(one, two, strict=True):
            assert np.abs(a - b).max(initial=0) <= tolerance("fused vs plain, float64")


def test_convolution_refuses_a_gradient_of_another_shape():
    with pytest.raises(ValueError, match=r"dy must have .*\(2, 3, 3\), got \(3, 2, 3\)"):
        fused.conv1d_backward(np.zeros((3, 2, 3)), np.zeros((2, 5, 3)), np.zeros((3, 3, 3)))
