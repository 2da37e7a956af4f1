"""Head ablation against forward passes by hand, for every model; the model does not change."""

import numpy as np
import pytest

from minitransformer import functional as F
from minitransformer import interpret
from minitransformer.models import TransformerClassifier
from tests.support import strict_device, writers
from tests.support.on_device import moved
from tests.support.tolerances import tolerance

IDS = np.array([[2, 3, 4, 5, 6], [7, 8, 9, 0, 0]])
MASK = IDS != 0
LIMIT = tolerance("ablation vs zeroed weights")


def model_of(**changes):
    return writers.scattered(TransformerClassifier(12, 3, **{
        "max_len": 8, "d_model": 8, "n_heads": 2, "d_ff": 16, "n_layers": 2, "dtype": "float64",
        **changes,
    }))  # fmt: skip


def projection(model, name):
    """The parameters W_o and b of a layer."""
    parameters = model.parameters()
    return parameters[f"{name}.W_o.W"].value, parameters.get(f"{name}.W_o.b")


def without_its_rows(model, name, head, value, run):
    """`run` of a model whose W_o has zeros in the rows of the head; value W_o[head] joins b."""
    W, b = projection(model, name)
    width = W.shape[0] // layer_of(model, name).n_heads
    rows = slice(head * width, (head + 1) * width)
    before = model.flat.values.copy()
    if b is not None:
        b.value += np.broadcast_to(value, width) @ W[rows]
    W[rows] = 0
    result = run(model)
    model.flat.values[:] = before
    return result


def layer_of(model, name):
    for part in name.split("."):
        model = model[int(part)] if part.isdigit() else getattr(model, part)
    return model


def runs():
    """Every kind of model with a batch: model, inputs, masks of the call, masks of the queries."""
    ids, mask = writers.ids(), np.arange(8) < np.array([[8], [5], [1]])
    for options in ({}, {"norm": "post", "attention": "tiled", "pooling": "max"}):
        yield model_of(**options), (IDS,), {"mask": MASK}, None
    for variant in ("as GPT-2", "as Llama"):
        yield writers.gpt(variant), (ids,), {"mask": mask}, mask
    target = np.arange(5) < np.array([[5], [2], [4]])
    masks = {"source_mask": mask, "target_mask": target}
    yield writers.transformer(), (ids, ids[:, :5]), masks, (mask, target)


@pytest.mark.parametrize("number", range(5))
def test_a_head_at_zero_equals_a_projection_without_its_rows(number):
    model, inputs, options, _ = list(runs())[number]
    whole, cache = model.forward(*inputs, **options)

    def run(m):
        return m.forward(*inputs, **options)[0]

    changes = interpret.head_ablation(model, cache, run)
    assert list(changes) == list(interpret.attention_maps(cache))
    for name, change in changes.items():
        assert change.shape == (layer_of(model, name).n_heads, *whole.shape)
        for head, some in enumerate(change):
            by_hand = without_its_rows(model, name, head, 0.0, run) - whole
            assert np.abs(some - by_hand).max() <= LIMIT
            assert np.abs(by_hand).max() > 1e-3


@pytest.mark.parametrize("number", [0, 1, 2, 4])  # not Llama, whose projection has no bias
def test_a_head_at_its_mean_equals_a_projection_with_another_bias(number):
    model, inputs, options, masks = list(runs())[number]
    whole, cache = model.forward(*inputs, **options)

    def run(m):
        return m.forward(*inputs, **options)[0]

    changes = interpret.head_ablation(model, cache, run, fill="mean", mask=masks)
    for name, layer in attention_caches(cache).items():
        real = MASK if masks is None else masks
        if isinstance(masks, tuple):
            real = masks[0] if name.startswith("encoder") else masks[1]
        for head in range(layer.O.shape[1]):
            tokens = [layer.O[b, head, t] for b, t in zip(*np.nonzero(real), strict=True)]
            mean = sum(tokens) / len(tokens)
            by_hand = without_its_rows(model, name, head, mean, run) - whole
            assert np.abs(changes[name][head] - by_hand).max() <= LIMIT


def attention_caches(cache):
    return interpret.attention.attention_caches(cache)


def test_a_loss_gives_one_number_per_head():
    model = model_of()
    labels = np.array([0, 2])
    logits, cache = model.forward(IDS, mask=MASK)

    def loss(m):
        return F.cross_entropy(m(IDS, mask=MASK), labels)[0]

    changes = interpret.head_ablation(model, cache, loss)
    assert [change.shape for change in changes.values()] == [(2,), (2,)]
    without = without_its_rows(model, "blocks.1.attention", 1, 0.0, loss)
    assert changes["blocks.1.attention"][1] == pytest.approx(
        without - F.cross_entropy(logits, labels)[0], abs=LIMIT
    )
    leads = interpret.head_ablation(
        model, cache, lambda m: interpret.lead(m(IDS, mask=MASK), labels)
    )
    assert leads["blocks.0.attention"].shape == (2, 2)  # heads, texts


def test_the_model_does_not_change():
    model = model_of()
    logits, cache = model.forward(IDS, mask=MASK)
    model.backward(np.ones((2, 3)), cache)
    grads, values = model.flat.grads.copy(), model.flat.values.copy()
    names = list(model.parameters())

    def score(m):
        result, made = m.forward(IDS, mask=MASK)
        m.backward(np.ones((2, 3)), made)
        return result

    for fill in ("zero", "mean"):
        interpret.head_ablation(model, cache, score, fill=fill)
    np.testing.assert_array_equal(model.flat.grads, grads)
    np.testing.assert_array_equal(model.flat.values, values)
    np.testing.assert_array_equal(model.forward(IDS, mask=MASK)[0], logits)
    twin = interpret.ablated(model, "blocks.0.attention", 0)
    assert np.shares_memory(twin.flat.values, model.flat.values)
    assert list(twin.parameters()) == list(model.parameters()) == names


def test_an_ablated_model_has_the_gradients_of_what_it_computes():
    model = model_of()
    twin = interpret.ablated(model, "blocks.0.attention", 1, np.full(4, 0.3))
    dlogits = np.random.default_rng(1).standard_normal((2, 3))
    dx = twin.backward(dlogits, twin.forward(IDS, mask=MASK)[1])
    table, h = model.embedding.W.value, 1e-6
    scale = model.embedding.scale
    for t in range(5):  # every token occurs once in the first text
        rates = []
        for step in (h, -h):
            table[IDS[0, t], 2] += step
            rates.append((twin.forward(IDS, mask=MASK)[0] * dlogits).sum())
            table[IDS[0, t], 2] -= step
        rate = (rates[0] - rates[1]) / (2 * h) / scale
        assert dx[0, t, 2] == pytest.approx(rate, abs=1e-8)
    W = twin.parameters()["blocks.0.attention.W_o.W"].grad
    np.testing.assert_array_equal(W[4:], np.broadcast_to(W[4], (4, 8)))  # a constant input
    qkv = twin.parameters()["blocks.0.attention.W_qkv"].grad
    of_head = np.r_[4:8, 12:16, 20:24]  # its queries, keys and values
    assert (qkv[:, of_head] == 0).all()
    assert np.abs(np.delete(qkv, of_head, axis=1)).max() > 0


def test_the_real_output_of_the_head_is_still_in_the_cache():
    model = model_of(n_heads=1)  # a single head need not be copied to be merged
    O = model.forward(IDS)[1].blocks[0].attention.O
    twin = interpret.ablated(model, "blocks.0.attention", 0)
    np.testing.assert_array_equal(twin.forward(IDS)[1].blocks[0].attention.O, O)


def test_heads_can_be_ablated_one_after_another():
    model = model_of()
    both = interpret.ablated(model, "blocks.0.attention", 0)
    both = interpret.ablated(both, "blocks.0.attention", 1)
    W, _ = projection(model, "blocks.0.attention")
    logits = both.forward(IDS, mask=MASK)[0]
    W[:] = 0
    assert np.abs(model.forward(IDS, mask=MASK)[0] - logits).max() <= LIMIT


def test_workers_and_decoding_ablate_the_head_too():
    model = model_of()
    twin = interpret.ablated(model, "blocks.1.attention", 0)
    model.compile("adam", "categorical_crossentropy", workers=2, micro_batch_tokens=4)
    texts = [list(row[row > 0]) for row in IDS] * 4
    expected = F.softmax(twin.forward(IDS, mask=MASK)[0])
    twin = interpret.ablated(model, "blocks.1.attention", 0)
    assert np.abs(twin.predict(texts) - np.tile(expected, (4, 1))).max() <= LIMIT
    assert np.abs(model.predict(texts[:2]) - expected).max() > 1e-3
    gpt, ids = writers.gpt("as Llama"), writers.ids()
    twin = interpret.ablated(gpt, "blocks.0.attention", 2)
    pieces = twin.extend(ids, twin.start(3, 8))
    assert np.abs(pieces - twin.forward(ids)[0]).max() <= tolerance(
        "decoding vs the full forward pass"
    )


def test_a_device_gives_the_same():
    def answers(model, ids, mask):
        cache = model.forward(ids, mask=mask)[1]
        for fill in ("zero", "mean"):
            yield from interpret.head_ablation(
                model, cache, lambda m: m(ids, mask=mask), fill=fill
            ).values()

    here = list(answers(model_of(ops="plain"), IDS, MASK))
    with strict_device.installed():
        model = model_of(ops="plain").to("cupy")
        there = list(answers(model, moved(IDS), moved(MASK)))
    for a, b in zip(here, there, strict=True):
        assert type(b) is np.ndarray
        np.testing.assert_array_equal(b, a)


def test_bad_input_is_refused():
    model, gpt = model_of(), writers.gpt()
    cache = model.forward(IDS, mask=MASK)[1]
    with pytest.raises(ValueError, match="fill must be one of zero, mean, got 'median'"):
        interpret.head_ablation(model, cache, len, fill="median")
    with pytest.raises(ValueError, match=r"head must lie in 0 \.\. 1, got 2"):
        interpret.ablated(model, "blocks.0.attention", 2)
    with pytest.raises(ValueError, match=r"head must lie in 0 \.\. 1, got -1"):
        interpret.ablated(model, "blocks.0.attention", -1)
    with pytest.raises(ValueError, match=r"value must be a number or \(4,\), got shape \(8,\)"):
        interpret.ablated(model, "blocks.0.attention", 0, np.ones(8))
    for name in ("blocks.2.attention", "blocks.0.feed_forward", "blocks", "attention", "blocks.x"):
        with pytest.raises(
            ValueError, match=rf"layer must be .*, got '{name}'; the model has blocks\.0"
        ):
            interpret.ablated(model, name, 0)
    with pytest.raises(ValueError, match="the model has none"):
        interpret.ablated(model_of(n_layers=0), "blocks.0.attention", 0)
    ids = writers.ids()
    with pytest.raises(ValueError, match=r"mask must be \(B, T\) = \(3, 8\), got \(2, 5\)"):
        interpret.head_ablation(gpt, gpt.forward(ids)[1], lambda m: 0.0, fill="mean", mask=MASK)
