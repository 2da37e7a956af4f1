"""Attention maps, rollout and attributions to tokens, against their definitions."""

import numpy as np
import pytest

from minitransformer import interpret
from tests.support import strict_device, writers
from tests.support.interpreted import IDS, MASK, model_of, scattered
from tests.support.on_device import moved
from tests.support.tolerances import tolerance


def test_attention_received_sums_to_one_over_real_tokens():
    model = model_of()
    received = interpret.attention_received(model, model.forward(IDS, mask=MASK)[1])
    assert received.shape == IDS.shape
    assert np.abs(received.sum(axis=1) - 1).max() <= tolerance("attention received")
    assert (received[~MASK] == 0).all()
    assert (received[MASK] > 0).all()


def test_attention_received_averages_layers_heads_and_real_queries():
    model = model_of()
    cache = model.forward(IDS, mask=MASK)[1]
    expected = np.zeros(5)
    for block in cache.blocks:
        for head in range(2):
            for query in range(3):  # the second text has three tokens
                expected += block.attention.P[1, head, query] / (2 * 2 * 3)
    received = interpret.attention_received(model, cache)[1]
    assert np.abs(received - expected).max() <= tolerance("attention received")


def test_padding_changes_neither():
    model = model_of()
    padded = model.forward(IDS, mask=MASK)[1]
    alone = model.forward(IDS[1:, :3])[1]
    for scores in (
        interpret.attention_received,
        lambda m, c: interpret.gradient_x_input(m, c, [1] * len(c.embedded)),
    ):
        in_batch, by_itself = scores(model, padded)[1, :3], scores(model, alone)[0]
        error = np.abs(in_batch - by_itself).max() / np.abs(by_itself).max()
        assert error <= tolerance("alone vs in a batch")


@pytest.mark.parametrize("pooling", ["mean", "max", "first"])
def test_gradient_x_input_is_the_rate_of_lengthening_a_word(pooling):
    model = model_of(pooling=pooling)
    scores = interpret.gradient_x_input(model, model.forward(IDS, mask=MASK)[1], [2, 0])

    def lead(t, factor):
        # Every token occurs once, so lengthening its row of the table lengthens that token.
        table = model.embedding.W.value
        table[IDS[0, t]] *= factor
        z = model.forward(IDS[:1])[0][0]
        table[IDS[0, t]] /= factor
        return z[2] - (z[0] + z[1]) / 2

    h = 1e-5
    rates = [(lead(t, 1 + h) - lead(t, 1 - h)) / (2 * h) for t in range(5)]
    error = np.abs(scores[0] - rates).max() / np.abs(rates).max()
    assert error <= tolerance("gradient x input vs central differences")
    assert (scores[1, 3:] == 0).all()


def test_the_lead_of_two_classes_is_opposite():
    model = model_of(n_classes=2)
    cache = model.forward(IDS, mask=MASK)[1]
    first = interpret.gradient_x_input(model, cache, [0, 0])
    second = interpret.gradient_x_input(model, cache, [1, 1])
    np.testing.assert_array_equal(second, -first)


# -- maps and rollout -------------------------------------------------------------------------


def test_every_map_has_the_name_of_its_layer():
    ids = writers.ids()
    translator = writers.transformer()
    models = {
        ("blocks.0.attention", "blocks.1.attention"): [
            (model_of(), model_of().forward(IDS, mask=MASK)[1]),
            (writers.gpt(), writers.gpt().forward(ids)[1]),
        ],
        (
            "encoder.0.attention", "encoder.1.attention",
            "decoder.0.self_attention", "decoder.0.cross_attention",
            "decoder.1.self_attention", "decoder.1.cross_attention",
        ): [(translator, translator.forward(ids, ids[:, :5])[1])],
    }  # fmt: skip
    for names, members in models.items():
        for model, cache in members:
            maps = interpret.attention_maps(cache)
            assert tuple(maps) == names
            layers = {n.removesuffix(".W_o.W") for n in model.parameters() if n.endswith("W_o.W")}
            assert set(names) == layers
    cache = translator.forward(ids, ids[:, :5])[1]
    maps = interpret.attention_maps(cache)
    assert maps["decoder.1.cross_attention"].shape == (3, 4, 5, 8)
    assert maps["decoder.1.self_attention"] is cache.decoder.blocks[1].self_attention.P
    assert maps["encoder.0.attention"] is cache.encoder.blocks[0].attention.P


def rolled_by_hand(blocks, text, T):
    """Equation (1) of the paper with loops: the fraction of each input in each token."""
    fractions = [[float(s == t) for s in range(T)] for t in range(T)]
    for block in blocks:
        P = block.attention.P[text]
        mixed = [[0.0] * T for _ in range(T)]
        for t in range(T):
            for s in range(T):
                weight = 0.5 * sum(head[t, s] for head in P) / len(P) + 0.5 * (s == t)
                for source in range(T):
                    mixed[t][source] += weight * fractions[s][source]
        fractions = mixed
    return np.array(fractions)


def test_rollout_is_the_product_of_half_attention_and_half_identity():
    model = scattered(n_layers=3)
    cache = model.forward(IDS, mask=MASK)[1]
    rollout = interpret.attention_rollout(cache)
    limit = tolerance("rollout vs a loop")
    assert rollout.shape == (2, 5, 5)
    assert np.abs(rollout[0] - rolled_by_hand(cache.blocks, 0, 5)).max() <= limit
    assert np.abs(rollout[1, :3, :3] - rolled_by_hand(cache.blocks, 1, 3)).max() <= limit
    assert np.abs(rollout.sum(axis=2)[MASK] - 1).max() <= limit
    assert (rollout[1, 3:] == 0).all()
    assert (rollout[1, :, 3:] == 0).all()


def test_rollout_of_a_token_that_sees_nothing_is_itself():
    model = model_of()
    cache = model.forward(IDS, mask=np.array([[True] * 5, [False] * 5]))[1]
    assert (interpret.attention_rollout(cache)[1] == 0).all()  # a text that is all padding
    everything = interpret.attention_rollout(cache, mask=np.ones((2, 5), dtype=bool))
    np.testing.assert_array_equal(everything[1], np.eye(5))


def test_rollout_of_generative_models():
    ids, mask = writers.ids(), np.arange(8) < np.array([[8], [5], [1]])
    limit = tolerance("rollout vs a loop")
    rollout = interpret.attention_rollout(writers.gpt().forward(ids, mask=mask)[1], mask=mask)
    assert (np.triu(rollout, 1) == 0).all()  # no token sees later ones
    assert np.abs(rollout.sum(axis=2) - mask).max() <= limit
    model = writers.transformer()
    cache = model.forward(ids, ids[:, :5], source_mask=mask)[1]
    encoder = interpret.attention_rollout(cache.encoder, mask=mask)
    assert np.abs(encoder[1, :5, :5] - rolled_by_hand(cache.encoder.blocks, 1, 5)).max() <= limit
    decoder = interpret.attention_rollout(cache.decoder)
    by_hand = np.eye(5)
    for block in cache.decoder.blocks:
        by_hand = (block.self_attention.P[2].mean(axis=0) + np.eye(5)) / 2 @ by_hand
    assert np.abs(decoder[2] - by_hand).max() <= limit
    with pytest.raises(ValueError, match=r"cache\.encoder or cache\.decoder"):
        interpret.attention_rollout(cache)


def test_rollout_in_float32_is_as_exact_as_its_weights():
    cache = scattered(dtype="float32").forward(IDS, mask=MASK)[1]
    rollout = interpret.attention_rollout(cache)
    assert rollout.dtype == np.float64
    assert np.abs(rollout.sum(axis=2)[MASK] - 1).max() <= tolerance("rollout vs a loop")


# -- all methods ------------------------------------------------------------------------------


def test_the_gradients_of_the_model_do_not_change():
    model = model_of()
    cache = model.forward(IDS, mask=MASK)[1]
    model.backward(np.ones((2, 3)), cache)
    before = model.flat.grads.copy()
    values = model.flat.values.copy()
    logits = model.forward(IDS, mask=MASK)[0]
    interpret.gradient_x_input(model, cache, [0, 1])
    interpret.integrated_gradients(model, cache, [0, 1], steps=2)
    interpret.attention_rollout(cache)
    np.testing.assert_array_equal(model.flat.grads, before)
    np.testing.assert_array_equal(model.flat.values, values)
    np.testing.assert_array_equal(model.forward(IDS, mask=MASK)[0], logits)


@pytest.mark.parametrize("attention", ["full", "tiled"])
def test_a_device_gives_the_same(attention):
    def answers(model, ids, mask):
        logits, cache = model.forward(ids, mask=mask)
        classes = [2, 0]
        return [
            *interpret.attention_maps(cache).values(),
            interpret.attention_rollout(cache),
            interpret.lead(logits, classes),
            interpret.gradient_x_input(model, cache, classes),
            *interpret.integrated_gradients(model, cache, classes, steps=3),
            *interpret.integrated_gradients(
                model, cache, classes, steps=1, baseline=model.embedding(ids)
            ),
        ]

    here = answers(scattered(attention=attention, ops="plain"), IDS, MASK)
    with strict_device.installed():
        model = scattered(attention=attention, ops="plain").to("cupy")
        there = answers(model, moved(IDS), moved(MASK))
    for a, b in zip(here, there, strict=True):
        assert type(b) is np.ndarray
        np.testing.assert_array_equal(b, a)


def test_bad_input_is_refused():
    model = model_of()
    cache = model.forward(IDS, mask=MASK)[1]
    with pytest.raises(ValueError, match=r"2 class numbers in 0\.\.2, got \[0, 3\]"):
        interpret.gradient_x_input(model, cache, [0, 3])
    with pytest.raises(ValueError, match="2 class numbers"):
        interpret.gradient_x_input(model, cache, [0])
    shallow = model_of(n_layers=0)
    with pytest.raises(ValueError, match="n_layers >= 1"):
        interpret.attention_received(shallow, shallow.forward(IDS)[1])
    with pytest.raises(ValueError, match="n_layers >= 1"):
        interpret.attention_rollout(shallow.forward(IDS)[1])
    with pytest.raises(ValueError, match=r"mask must be \(B, T\) = \(2, 5\), got \(2, 4\)"):
        interpret.attention_rollout(cache, mask=MASK[:, :4])
    with pytest.raises(ValueError, match="2 class numbers"):
        interpret.integrated_gradients(model, cache, [0, -1])
    with pytest.raises(ValueError, match="2 class numbers"):
        interpret.lead(np.zeros((2, 3)), [1])
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        interpret.integrated_gradients(model, cache, [0, 1], steps=0)
    with pytest.raises(ValueError, match=r"baseline must broadcast to \(B, T, D\) = \(2, 5, 8\)"):
        interpret.integrated_gradients(model, cache, [0, 1], baseline=np.zeros((3, 8)))
