"""Values, gradients and training losses against those stored from PyTorch, in float64."""

import numpy as np
import pytest

from minitransformer import functional
from minitransformer.functional import PAIRS
from minitransformer.models import TransformerClassifier
from minitransformer.training.optim.optimizers import Adam
from tests.support.reference import stored
from tests.support.tolerances import tolerance

PAIR_CASES = stored.cases("pairs")
MODEL_CASES = stored.cases("classifier")


def _tuple(result):
    return result if type(result) is tuple else (result,)


def _pair_errors(case, dtype):
    """Largest errors of the outputs and of the gradients of one stored call."""
    arrays, options = PAIR_CASES[case]
    pair = PAIRS[case.split("/")[0]]
    inputs = stored.group(arrays, "in", dtype) | options
    outputs = _tuple(pair.forward(**inputs))
    values = stored.group(arrays, "out")
    forward = max(stored.error(outputs[int(i)], value) for i, value in values.items())
    upstream = stored.group(arrays, "up", dtype)
    gradients = _tuple(
        pair.backward(
            *(upstream[str(i)] for i in range(pair.upstream)), **pair.saved(inputs, outputs)
        )
    )
    expected = stored.group(arrays, "grad")
    assert set(expected) == set(pair.wrt)
    assert all(g.dtype == dtype for g in gradients)
    backward = max(
        stored.error(g, expected[name]) for name, g in zip(pair.wrt, gradients, strict=True)
    )
    return forward, backward


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", PAIRS)
def test_pairs_against_stored_pytorch(name, dtype):
    cases = [case for case in PAIR_CASES if case.startswith(f"{name}/")]
    assert len(cases) >= 3
    forward, backward = np.max([_pair_errors(case, dtype) for case in cases], axis=0)
    assert forward <= tolerance(f"pair values vs PyTorch, {np.dtype(dtype)}")
    assert backward <= tolerance(f"pair gradients vs PyTorch, {np.dtype(dtype)}")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("attention", ["in/mask", "in/keep", "in/bias"]),
        ("tiled_attention", ["in/mask", "dropout", "in/bias"]),
        ("cross_entropy", ["label_smoothing", "in/class_weights", "ignore_index"]),
        ("mean_pool", ["in/mask"]),
        ("max_pool", ["in/mask"]),
    ],
)
def test_the_stored_cases_have_every_option_on_and_off(name, options):
    given = [
        set(arrays) | set(o)
        for case, (arrays, o) in PAIR_CASES.items()
        if case.startswith(f"{name}/")
    ]
    for option in options:
        assert {option in case for case in given} == {True, False}


def _model(case, arrays, dtype):
    """Our classifier with the stored weights."""
    settings = {k: v for k, v in MODEL_CASES[case][1].items() if k != "learning_rate"}
    model = TransformerClassifier(**settings, dtype=dtype)
    values = stored.group(arrays, "value")
    assert set(values) == set(model.parameters())
    for name, parameter in model.parameters().items():
        parameter.value[...] = values[name]
    return model


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", [case for case in MODEL_CASES if not case.startswith("run-")])
def test_classifier_against_stored_pytorch(case, dtype):
    arrays, _ = MODEL_CASES[case]
    model = _model(case, arrays, dtype)
    logits, cache = model.forward(arrays["ids"], mask=arrays["mask"])
    model.backward(arrays["dlogits"].astype(dtype), cache)
    gradients = stored.group(arrays, "grad")
    worst = max(stored.error(p.grad, gradients[n]) for n, p in model.parameters().items())
    assert stored.error(logits, arrays["logits"]) <= tolerance(f"logits vs PyTorch, {dtype}")
    assert worst <= tolerance(f"classifier gradients vs PyTorch, {dtype}")


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_100_adam_steps_against_stored_pytorch(norm):
    arrays, options = MODEL_CASES[f"run-{norm}"]
    model = _model(f"run-{norm}", arrays, "float64")
    adam = Adam()
    losses = []
    for step in range(len(arrays["losses"])):
        i = step % len(arrays["ids"])
        logits, cache = model.forward(arrays["ids"][i], mask=arrays["mask"][i])
        loss, saved = functional.cross_entropy(logits, arrays["labels"][i])
        model.flat.zero_grad()
        model.backward(functional.cross_entropy_backward(1.0, saved), cache)
        adam.step(model.flat.values, model.flat.grads, options["learning_rate"])
        losses.append(float(loss))
    assert len(losses) == 100
    assert losses[-1] < 0.1 * losses[0]
    error = np.abs(np.array(losses) / arrays["losses"] - 1)
    assert error.max() <= tolerance("100 Adam steps vs PyTorch")
