"""Whole models compared with stored values of PyTorch and the transformers library."""

import pytest

from tests.support.reference import model_cases, ours, stored
from tests.support.tolerances import tolerance

STORED = stored.cases("models")


def test_the_stored_cases_are_those_of_the_script():
    assert {case: (o["kind"], o["settings"]) for case, (_, o) in STORED.items()} == (
        model_cases.CASES
    )


@pytest.mark.parametrize("case", model_cases.CASES)
def test_model_against_stored_values(case):
    """Logits, the gradient of every parameter, and the weights after 50 steps of AdamW."""
    expected, options = STORED[case]
    assert len(expected["losses"]) == 50
    assert expected["losses"][-4:].mean() < 0.5 * expected["losses"][:4].mean()
    kind, settings = options["kind"], options["settings"]
    inputs = {k: expected[k] for k in ("ids", "targets", "source", "source_mask") if k in expected}
    errors = ours.errors(kind, settings, inputs, expected)
    assert errors["logits"] <= tolerance("models: logits vs PyTorch")
    assert errors["gradients"] <= tolerance("models: gradients vs PyTorch")
    assert errors["steps"] <= tolerance("models: 50 AdamW steps vs PyTorch")
    assert errors["losses"] <= tolerance("models: 50 losses vs PyTorch")
    assert errors.get("unpatched", 0) <= tolerance("models: norms and tables in float32")
