"""The encoder-decoder: what each token sees, gradients, tied tables, files and threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minitransformer import gradcheck
from minitransformer.models import Transformer
from minitransformer.verification import subjects
from tests.support import writers
from tests.support.tolerances import tolerance
from tests.support.writers import TRANSFORMERS, T, V

every_variant = pytest.mark.parametrize("variant", TRANSFORMERS)


def _both_passes(model, source, target, seed=None, **options):
    """Logits, all gradients in one array, and the returned gradients."""
    rng = None if seed is None else np.random.default_rng(seed)
    logits, cache = model.forward(source, target, rng=rng, **options)
    dlogits = np.random.default_rng(9).standard_normal(logits.shape).astype(logits.dtype)
    model.flat.zero_grad()
    returned = model.backward(dlogits, cache)
    return logits, model.flat.grads.copy(), *returned


def _logits(model, source, target, mask=None):
    return model.forward(source, target, source_mask=mask)[0]


@every_variant
@pytest.mark.parametrize("ops", ["fused", "plain"])
def test_a_later_target_token_changes_nothing_earlier_bit_for_bit(variant, ops):
    model = writers.transformer(variant, ops=ops)
    model.flat.values *= 0.4  # with moderate scores, fused attention uses one form
    (source, mask), target = writers.sources(), writers.ids(size=7)
    logits = _logits(model, source, target, mask)
    for t in range(1, T):
        later = target.copy()
        later[:, t:] = (later[:, t:] + 1 + np.arange(T - t)) % 7
        changed = _logits(model, source, later, mask)
        assert changed[:, :t].tobytes() == logits[:, :t].tobytes()
        assert not np.array_equal(changed[:, t], logits[:, t])


@every_variant
def test_every_target_token_sees_the_whole_source_and_no_padding(variant):
    model, (source, mask) = writers.transformer(variant), writers.sources()
    target = writers.ids(size=7)
    logits = _logits(model, source, target, mask)
    junk = np.where(mask, source, (source + 3) % V)
    assert writers.relative(_logits(model, junk, target, mask), logits) <= tolerance(
        "alone vs in a batch"
    )
    for s in range(6):
        other = source.copy()
        other[:, s] = (other[:, s] + 1) % V
        changed = (_logits(model, other, target, mask) != logits).any(axis=2)
        assert changed[mask[:, s]].all()


@every_variant
def test_padding_changes_nothing(variant):
    model, (source, mask) = writers.transformer(variant), writers.sources()
    target, target_mask = writers.ids(size=7), np.arange(T) < np.array([[8], [3], [5]])
    logits, cache = model.forward(source, target, source_mask=mask, target_mask=target_mask)
    model.backward(np.where(target_mask[..., None], logits - 1, 0.0), cache)
    whole = model.flat.grads.copy()
    model.flat.zero_grad()
    for i, (S, n) in enumerate(((6, 8), (2, 3), (4, 5))):
        alone, cache = model.forward(source[i : i + 1, :S], target[i : i + 1, :n])
        assert writers.relative(alone[0], logits[i, :n]) <= tolerance("alone vs in a batch")
        model.backward(alone - 1, cache)
    assert writers.relative(model.flat.grads, whole) <= tolerance("alone vs in a batch")


@pytest.mark.parametrize("variant", ["as published", "two vocabularies"])
def test_every_gradient_by_complex_step(variant):
    small = {"d_model": 4, "n_heads": 2, "d_ff": 3, "max_len": 4, "activation": "gelu"}
    model = writers.transformer(variant, n_layers=1, dropout=0.2, **small)
    inputs = writers.ids(B=2, length=3), writers.ids(1, B=2, length=4, size=7)
    mask = np.array([[True, True, True], [True, False, False]])
    report = gradcheck.check_layer(
        model, inputs, options={"source_mask": mask}, dropout_seed=2, entries=1
    )
    assert report.ok, str(report)


def test_edges():
    """An empty batch, a single token, and a source without tokens."""
    ledger = gradcheck.ledger(subjects("no encoder block"), shapes=1, progress=False)
    assert ledger.ok, str(ledger)
    assert ledger.lines[0].shapes == 4


def test_one_table_embeds_both_languages_and_scores():
    model = writers.transformer()
    names = list(model.parameters())
    assert [name for name in names if name.endswith("embedding.W") or "head" in name] == [
        "source_embedding.W"
    ]
    assert model.head.W is model.source_embedding.W is model.target_embedding.W
    assert model.source_embedding.scale == 4.0
    untied = writers.transformer(tied=False)
    for name, parameter in untied.parameters().items():
        if name in names:
            parameter.value[...] = model.parameters()[name].value
    table = model.source_embedding.W
    untied.target_embedding.W.value[...] = table.value
    untied.head.W.value[...] = table.value.T
    (source, mask), target = writers.sources(), writers.ids()
    ours = _both_passes(model, source, target, source_mask=mask)
    theirs = _both_passes(untied, source, target, source_mask=mask)
    assert writers.relative(ours[0], theirs[0]) <= tolerance("alone vs in a batch")
    three = untied.source_embedding.W.grad + untied.target_embedding.W.grad
    three += untied.head.W.grad.T
    assert writers.relative(table.grad, three) <= tolerance("alone vs in a batch")


def test_two_vocabularies_have_two_tables():
    model = writers.transformer("two vocabularies")
    assert (model.vocab_size, model.target_vocab_size) == (V, 7)
    assert model.source_embedding.W.shape == (V, 16)
    assert model.head.W is model.target_embedding.W
    assert model.head.W.shape == (7, 16)
    assert "target_positions.P" in model.parameters()


def test_final_norms_are_where_the_config_puts_them():
    ends = {"encoder_norm.gamma", "decoder_norm.gamma"}
    for variant, present in (
        ("as published", False),
        ("pre norm", True),
        ("gated, final norm", True),
    ):
        names = set(writers.transformer(variant).parameters())
        assert (names & ends) == (ends if present else set())


def test_names_that_loaders_rely_on():
    names = set(writers.transformer("as Marian").parameters())
    assert {
        "source_embedding.W", "head.b", "encoder.0.attention.W_qkv", "encoder.1.norm1.gamma",
        "encoder.0.feed_forward.linear1.W", "decoder.0.self_attention.W_qkv",
        "decoder.0.self_attention.W_o.b", "decoder.1.cross_attention.W_q.W",
        "decoder.1.cross_attention.W_kv", "decoder.1.cross_attention.b_kv",
        "decoder.1.cross_attention.W_o.W", "decoder.0.norm1.beta", "decoder.0.norm2.gamma",
        "decoder.0.norm3.gamma", "decoder.1.feed_forward.linear2.b",
    } <= names  # fmt: skip


def test_halves_are_the_sinusoids_with_their_features_sorted():
    halves = writers.transformer("as Marian").source_positions.table
    mixed = writers.transformer().source_positions.table
    assert np.array_equal(halves[:, :8], mixed[:, 0::2])
    assert np.array_equal(halves[:, 8:], mixed[:, 1::2])


def test_fused_and_plain_and_tiled_agree():
    (source, mask), target = writers.sources(), writers.ids()
    found = [
        _both_passes(writers.transformer(**options), source, target, source_mask=mask)
        for options in ({}, {"ops": "plain"}, {"attention": "tiled"})
    ]
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            assert writers.relative(ours, theirs) <= tolerance("fused vs plain, whole GPT")


def test_replicas_in_threads_give_what_one_after_the_other_gives():
    model = writers.transformer(dropout=0.2)

    def work(seed):
        twin = model.replica()
        assert twin.head.W is twin.source_embedding.W is not model.head.W
        source, mask = writers.sources(seed)
        return _both_passes(twin, source, writers.ids(seed), seed, source_mask=mask)[1]

    alone = [work(seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(work, range(6)))
    assert [a.tobytes() for a in alone] == [b.tobytes() for b in together]
    assert not model.flat.grads.any()


@every_variant
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_dtype_in_is_dtype_out(variant, dtype):
    model = writers.transformer(variant, dtype=dtype, dropout=0.1)
    (source, mask), target = writers.sources(), writers.ids(size=7)
    found = _both_passes(model, source, target, seed=1, source_mask=mask)
    assert {array.dtype for array in found} == {np.dtype(dtype)}
    assert model.extend(target, model.start(source, mask)).dtype == dtype


@every_variant
def test_save_and_load(tmp_path, variant):
    model = writers.transformer(variant)
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = Transformer.load(path)
    assert again.settings == model.settings
    assert again.flat.values.tobytes() == model.flat.values.tobytes()
