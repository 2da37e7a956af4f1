"""GPT and Transformer on the stand-in device: the host's numbers, and no waiting."""

import numpy as np
import pytest

from minitransformer.backend import to_device
from tests.support import strict_device, writers
from tests.support.strict_device import counters
from tests.support.tolerances import tolerance
from tests.support.writers import GPTS, TRANSFORMERS, T


def _both_passes(model, *ids, **options):
    """Logits, and all gradients in one array."""
    logits, cache = model.forward(*ids, **options)
    model.backward(np.random.default_rng(9).standard_normal(logits.shape), cache)
    return logits, model.flat.grads


@pytest.mark.parametrize("variant", GPTS)
def test_gpt_runs_on_a_device_with_the_same_bits_and_never_waits(variant):
    host, ids = writers.gpt(variant, ops="plain"), writers.ids()
    mask = np.arange(T) < np.array([[8], [3], [5]])
    logits, grads = _both_passes(host, ids, mask=mask)
    with strict_device.installed():
        model = writers.gpt(variant, ops="plain").to("cupy")
        there = [to_device(array, "cupy") for array in (ids, mask)]
        counters.reset()
        found, cache = model.forward(there[0], mask=there[1])
        dlogits = np.random.default_rng(9).standard_normal(logits.shape)
        model.backward(to_device(dlogits, "cupy"), cache)
        assert counters.waits == 0
        assert np.array_equal(found.get(), logits)
        assert writers.relative(model.flat.grads.get(), grads) <= tolerance("micro-batches")


def test_decoding_on_a_device_gives_the_same_bits():
    ids, mask = writers.ids(), np.arange(4) >= np.array([[0], [2], [1]])
    for variant in ("as GPT-2", "as Llama", "ALiBi"):
        found = []
        for device in ("numpy", "cupy"):
            with strict_device.installed():
                model = writers.gpt(variant, ops="plain").to(device)
                there = [to_device(array, device) for array in (ids, mask, np.array([2, 0, 0]))]
                state = model.start(3, T)
                first = model.extend(there[0][:, :4], state, mask=there[1])
                state.select(there[2])
                second = model.extend(there[0][:, 4:6], state, last=True)
                found.append([to_device(array, "numpy") for array in (first, second)])
        assert [a.tobytes() for a in found[0]] == [b.tobytes() for b in found[1]]


@pytest.mark.parametrize("variant", TRANSFORMERS)
def test_a_transformer_runs_on_a_device_with_the_same_bits_and_never_waits(variant):
    (source, mask), target = writers.sources(), writers.ids(size=7)
    host = writers.transformer(variant, ops="plain")
    logits, grads = _both_passes(host, source, target, source_mask=mask)
    with strict_device.installed():
        model = writers.transformer(variant, ops="plain").to("cupy")
        there = [to_device(array, "cupy") for array in (source, target, mask)]
        counters.reset()
        found, cache = model.forward(*there[:2], source_mask=there[2])
        dlogits = np.random.default_rng(9).standard_normal(logits.shape)
        model.backward(to_device(dlogits, "cupy"), cache)
        assert counters.waits == 0
        assert np.array_equal(found.get(), logits)
        assert writers.relative(model.flat.grads.get(), grads) <= tolerance("micro-batches")
        state = model.start(there[0], there[2])
        pieces = model.extend(there[1], state).get()
        assert writers.relative(pieces, logits) <= tolerance("decoding vs the full forward pass")
