"""The comparison with PyTorch on fresh random shapes, where PyTorch is installed."""

import numpy as np
import pytest

from minitransformer.functional import PAIRS
from minitransformer.models import TransformerClassifier
from tests.support.reference import cases, stored
from tests.support.tolerances import tolerance

torch = pytest.importorskip("torch", reason="PyTorch is only an oracle; stored values are tested")
torch_classifier = pytest.importorskip("tests.support.reference.torch_classifier")
torch_pairs = pytest.importorskip("tests.support.reference.torch_pairs")


def _tuple(result):
    return result if type(result) is tuple else (result,)


def _pair_error(name, inputs, rng):
    """Largest error of outputs and gradients of one call, in float64."""
    pair = PAIRS[name]
    values, upstream, expected = torch_pairs.values_and_gradients(name, inputs, pair.wrt, rng)
    outputs = _tuple(pair.forward(**inputs))
    gradients = _tuple(pair.backward(*upstream, **pair.saved(inputs, outputs)))
    errors = [stored.error(ours, theirs) for ours, theirs in zip(outputs, values, strict=False)]
    errors += [
        stored.error(ours, expected[key]) for key, ours in zip(pair.wrt, gradients, strict=True)
    ]
    return max(errors)


def _pytorch_differs(name, inputs):
    """Empty arrays, and the loss of no position at all: 0 here, NaN or an error in PyTorch."""
    if any(getattr(value, "size", 1) == 0 for value in inputs.values()):
        return True
    return name == "cross_entropy" and (inputs["targets"] == inputs.get("ignore_index")).all()


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_against_pytorch(name):
    errors = []
    for seed, sizes in enumerate([{}] * 40 + list(PAIRS[name].edges)):
        rng = np.random.default_rng([11, seed])
        inputs = PAIRS[name].example(rng, **sizes)
        if not _pytorch_differs(name, inputs):
            errors.append(_pair_error(name, inputs, rng))
    assert len(errors) >= 35
    assert max(errors) <= tolerance("live pairs vs PyTorch")


@pytest.mark.parametrize("choices", cases.MODELS.values(), ids=cases.MODELS)
def test_a_wider_classifier_against_pytorch(choices):
    sizes = cases.MODEL_SIZES | {"d_model": 24, "n_heads": 3, "d_ff": 40, "n_layers": 3}
    values = cases.initial_values(choices, sizes)
    ids, mask, _ = cases.batch(sizes, 7, seed=12)
    dlogits = np.random.default_rng(13).standard_normal((7, 3))
    expected = torch_classifier.logits_and_gradients(sizes | choices, values, ids, mask, dlogits)
    model = TransformerClassifier(**sizes, **choices, dtype="float64")
    for name, parameter in model.parameters().items():
        parameter.value[...] = values[name]
    logits, cache = model.forward(ids, mask=mask)
    model.backward(dlogits, cache)
    errors = [stored.error(logits, expected[0])]
    errors += [stored.error(p.grad, expected[1][name]) for name, p in model.parameters().items()]
    assert max(errors) <= tolerance("live classifier vs PyTorch")
