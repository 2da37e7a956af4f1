"""The forward functions, compared element by element with scalar loops written from the paper."""

import numpy as np
import pytest

from minitransformer import functional
from minitransformer.functional import PAIRS
from minitransformer.models import TransformerClassifier
from minitransformer.models.config_base import CHOICES
from tests.support import (
    scalar_model,
    scalar_recurrence,
    scalar_reference,
    scalar_tiled,
    scalar_variants,
    scalar_windows,
)
from tests.support.tolerances import tolerance

LARGE = {
    "B": 2,
    "T": 7,
    "S": 6,
    "D": 12,
    "E": 4,
    "H": 3,
    "F": 9,
    "C": 7,
    "V": 11,
    "G": 2,
    "H/G": 2,
    "E/2": 5,
}
SCALAR = {
    "gelu_tanh": "gelu",
    "softmax_axis_1": "softmax",
    "log_softmax_axis_1": "log_softmax",
}


def _as(value, dtype):
    """Floating arrays in `dtype`, everything else as it is."""
    floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(dtype) if floating else value


def _as_lists(value):
    return value.tolist() if isinstance(value, np.ndarray) else value


def _outputs(result):
    """The arrays of a result that the scalar loops compute too: a loss comes without `saved`."""
    outputs = result if type(result) is tuple else (result,)
    return [out for out in outputs if not hasattr(out, "_fields")]


def _inputs(name, sizes, seed):
    return PAIRS[name].example(np.random.default_rng([seed, sorted(PAIRS).index(name)]), **sizes)


def _is_empty(inputs):
    return any(isinstance(v, np.ndarray) and v.size == 0 for v in inputs.values())


def _scalar(name):
    """The scalar loop of that name."""
    modules = (scalar_reference, scalar_variants, scalar_tiled, scalar_windows, scalar_recurrence)
    return next(getattr(module, name) for module in modules if hasattr(module, name))


def _worst(name, inputs, dtype):
    """Largest |engine - loops| / max(1, |loops|) over every element of every output."""
    inputs = {key: _as(value, dtype) for key, value in inputs.items()}
    ours = _outputs(PAIRS[name].forward(**inputs))
    scalar = _scalar(SCALAR.get(name, name))
    theirs = _outputs(scalar(**{key: _as_lists(value) for key, value in inputs.items()}))
    worst = 0.0
    for i, a in enumerate(ours):
        b = np.array(theirs[i], dtype=np.float64).reshape(np.shape(a))
        assert np.asarray(a).dtype in (dtype, np.int64)
        worst = max(worst, float(np.max(np.abs(a - b) / np.maximum(1, np.abs(b)), initial=0.0)))
    assert len(ours) == len(theirs)
    return worst


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", PAIRS)
def test_forward_against_scalar_loops(name, dtype):
    small = [_inputs(name, {}, seed) for seed in range(20)]
    edges = [_inputs(name, sizes, 100) for sizes in PAIRS[name].edges]
    large = [_inputs(name, LARGE, 200 + seed) for seed in range(4)]
    cases = [inputs for inputs in small + edges + large if not _is_empty(inputs)]
    assert len(cases) >= 26
    worst = max(_worst(name, inputs, dtype) for inputs in cases)
    assert worst <= tolerance(f"forward vs scalar loops, {np.dtype(dtype)}")


@pytest.mark.parametrize("sizes", [{"B": 0}, {"T": 0}, {"S": 0}])
def test_attention_without_queries_or_keys_against_scalar_loops(sizes):
    for seed in range(5):
        assert _worst("attention", _inputs("attention", LARGE | sizes, seed), np.float64) == 0


def test_sinusoidal_positions_against_the_paper():
    for d_model in (1, 2, 5, 8, 13):
        ours = functional.sinusoidal_positions(1000, d_model, np.float64)
        theirs = scalar_model.sinusoidal_positions(1000, d_model)
        assert np.max(np.abs(ours - theirs)) <= tolerance("positions vs scalar loops")


def test_scalar_positions_against_the_text():
    ours = functional.scalar_positions(10_005, 2, np.float64)
    assert ours.tolist() == scalar_model.scalar_positions(10_005, 2)


def test_masks_against_scalar_loops():
    lengths = [0, 1, 4, 6]
    causal, padding = functional.causal_mask(6), functional.padding_mask(np.array(lengths), 6)
    both = functional.combine_masks(causal, None, padding)
    assert causal.tolist() == [[s <= t for s in range(6)] for t in range(6)]
    assert padding.tolist() == [[[[s < n for s in range(6)]]] for n in lengths]
    assert both.tolist() == [
        [[[s <= t and s < n for s in range(6)] for t in range(6)]] for n in lengths
    ]


@pytest.mark.parametrize("base", [10000.0, 500.0])
def test_rotary_tables_against_the_paper(base):
    for d_k in (2, 4, 6, 10, 64):
        ours = functional.rotary_tables(1000, d_k, base)
        theirs = scalar_variants.rotary_tables(1000, d_k, base)
        error = np.abs(np.subtract(ours, theirs)).max()
        assert error <= tolerance("rotary tables vs scalar loops")


def test_alibi_against_the_paper():
    queries, keys = [3, 0, 7, 12], [0, 1, 2, 3, 12, 20]
    for n_heads in range(1, 20):
        ours = functional.alibi_bias(n_heads, np.array(queries), np.array(keys))
        theirs = scalar_variants.alibi_bias(n_heads, queries, keys)
        error = np.abs(ours - theirs) / np.maximum(1, np.abs(theirs))
        assert error.max() <= tolerance("ALiBi vs scalar loops")


@pytest.mark.parametrize(("T", "S"), [(0, 0), (0, 3), (1, 1), (1, 6), (4, 4), (3, 7)])
def test_masks_of_the_last_queries_against_scalar_loops(T, S):
    whole = [[s <= t for s in range(S)] for t in range(S)]
    assert functional.causal_mask(T, S).tolist() == whole[S - T :]
    assert functional.causal_mask(T, S).shape == (T, S)
    for window in range(1, S + 3):
        ours = functional.sliding_window_mask(T, window, S)
        assert ours.tolist() == scalar_variants.sliding_window_mask(T, window, S)
        assert (ours.shape, ours.dtype) == ((T, S), bool)


NORM_AND_POOLING = [(norm, pooling) for norm in ("pre", "post") for pooling in CHOICES["pooling"]]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("norm", "pooling"), NORM_AND_POOLING)
@pytest.mark.parametrize(
    ("positions", "activation"),
    [("sinusoidal", "gelu"), ("learned", "relu"), ("scalar", "gelu_tanh"), ("none", "gelu")],
)
def test_classifier_against_scalar_loops(norm, pooling, positions, activation, dtype):
    choices = {
        "norm": norm,
        "pooling": pooling,
        "positions": positions,
        "activation": activation,
        "n_heads": 2,
        "n_layers": 2,
    }
    model = TransformerClassifier(
        11, 3, max_len=7, d_model=6, d_ff=10, dtype=dtype, seed=5, **choices
    )
    rng = np.random.default_rng(1)
    for values in model.parameters().values():  # biases start at 0 and scales at 1: move them
        values.value += 0.1 * rng.standard_normal(values.shape).astype(dtype)
    lengths = [1, 7, 4]
    ids, mask = rng.integers(0, 11, (3, 7)), np.arange(7) < np.array(lengths)[:, None]
    parameters = {name: p.value.tolist() for name, p in model.parameters().items()}
    theirs = [
        scalar_model.classifier(parameters, text[:n].tolist(), **choices)
        for text, n in zip(ids, lengths, strict=True)
    ]
    error = np.abs(model(ids, mask=mask) - theirs) / np.maximum(1, np.abs(theirs))
    assert error.max() <= tolerance(f"classifier vs scalar loops, {dtype}")
