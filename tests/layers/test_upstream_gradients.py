"""An upstream gradient must have the shape of the logits; the message names it."""

import numpy as np
import pytest

from minitransformer.models.classifier import TransformerClassifier
from tests.support import writers
from tests.support.writers import T, V


def passes(kind):
    """The logits of a model, and a function that runs its backward pass."""
    ids = writers.ids()
    if kind == "GPT":
        model = writers.gpt()
        logits, cache = model.forward(ids)
    elif kind == "Transformer":
        model = writers.transformer("two vocabularies")
        logits, cache = model.forward(ids, writers.ids(size=7))
    else:
        model = TransformerClassifier(V, 3, max_len=T, d_model=8, n_heads=2, d_ff=8, n_layers=1)
        logits, cache = model.forward(ids)
    return logits, lambda dlogits: model.backward(dlogits, cache)


@pytest.mark.parametrize("kind", ["GPT", "Transformer", "classifier"])
def test_a_gradient_of_another_shape_is_refused(kind):
    logits, backward = passes(kind)
    backward(logits)
    # Swapped axes have the same number of entries, and a reshape would accept them.
    for wrong in (logits[:-1], logits[..., :-1], logits[None], logits.swapaxes(0, 1)[:, :1]):
        with pytest.raises(ValueError, match=r"dlogits must have the shape of the logits, \(3, "):
            backward(wrong)
    with pytest.raises(ValueError, match="got list"):
        backward(logits.tolist())
    if kind != "classifier":
        with pytest.raises(ValueError, match="dlogits must have the shape"):
            backward(np.ascontiguousarray(logits.swapaxes(0, 1)))
