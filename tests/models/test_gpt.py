"""GPT: what each token sees, gradients, initial weights, files and threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minitransformer import gradcheck
from minitransformer.models import GPT, GPTConfig
from tests.support import writers
from tests.support.tolerances import tolerance
from tests.support.writers import GPTS, T, V

every_variant = pytest.mark.parametrize("variant", GPTS)


def _both_passes(model, ids, seed=None, **options):
    """Logits, and all gradients in one array."""
    rng = None if seed is None else np.random.default_rng(seed)
    logits, cache = model.forward(ids, rng=rng, **options)
    dlogits = np.random.default_rng(9).standard_normal(logits.shape).astype(logits.dtype)
    model.flat.zero_grad()
    returned = model.backward(dlogits, cache)
    return logits, model.flat.grads.copy(), returned


def _moderate(model):
    """The model with smaller weights. With large scores, fused attention switches to a form that
    rounds differently, for the whole batch at once."""
    model.flat.values *= 0.4
    return model


@every_variant
@pytest.mark.parametrize("ops", ["fused", "plain"])
def test_a_later_token_changes_nothing_earlier_bit_for_bit(variant, ops):
    model = _moderate(writers.gpt(variant, ops=ops))
    ids = writers.ids()
    logits = model(ids)
    for t in range(1, T):
        later = ids.copy()
        later[:, t:] = (later[:, t:] + 1 + np.arange(T - t)) % V
        changed = model(later)
        assert changed[:, :t].tobytes() == logits[:, :t].tobytes()
        assert not np.array_equal(changed[:, t], logits[:, t])


@every_variant
def test_nothing_flows_back_from_the_past_to_a_later_token(variant):
    model = writers.gpt(variant)
    logits, cache = model.forward(writers.ids())
    dlogits = np.zeros_like(logits)
    dlogits[:, :3] = 1.0
    dembedded = model.backward(dlogits, cache)
    assert not dembedded[:, 3:].any()
    assert dembedded[:, :3].any(axis=-1).all()


def test_a_window_reaches_as_far_back_as_it_says():
    model = writers.gpt(window=3, n_layers=1)
    ids = writers.ids()
    logits = model(ids)
    for t in range(T):
        other = ids.copy()
        other[:, t] = (other[:, t] + 1) % V
        changed = (model(other) != logits).any(axis=(0, 2))
        assert np.flatnonzero(changed).tolist() == list(range(t, min(t + 3, T)))


@every_variant
def test_padding_changes_nothing_bit_for_bit(variant):
    model = _moderate(writers.gpt(variant))
    ids, mask = writers.ids(), np.arange(T) < np.array([[8], [3], [5]])
    junk = np.where(mask, ids, (ids + 4) % V)
    logits, other = model(ids, mask=mask), model(junk, mask=mask)
    assert logits[mask].tobytes() == other[mask].tobytes()
    grads = []
    for batch in (ids, junk):
        _, cache = model.forward(batch, mask=mask)
        model.flat.zero_grad()
        model.backward(np.where(mask[..., None], 0.5 - logits, 0.0), cache)
        grads.append(model.flat.grads.copy())
    # The rows of the table that get the padding's zeros affect the order of the other additions.
    assert writers.relative(*grads) <= tolerance("alone vs in a batch")


@every_variant
def test_a_text_does_not_see_its_batch(variant):
    model = writers.gpt(variant)
    ids, lengths = writers.ids(), [8, 3, 5]
    logits = model(ids)
    for i, n in enumerate(lengths):
        alone = model(ids[i : i + 1, :n])[0]
        assert writers.relative(alone, logits[i, :n]) <= tolerance("alone vs in a batch")


@pytest.mark.parametrize("variant", ["as GPT-2", "as Llama", "ALiBi, tiled, window"])
def test_every_gradient_by_complex_step(variant):
    """The ledger has more variants; this is a whole model with dropout."""
    small = {"vocab_size": 5, "d_model": 8, "d_ff": 3, "max_len": 4, "dropout": 0.2}
    model = writers.gpt(variant, n_layers=1, **small)
    ids = writers.ids(B=2, length=4, size=5)
    report = gradcheck.check_layer(model, ids, dropout_seed=2, entries=1)
    assert report.ok, str(report)


def test_fused_and_plain_functions_agree():
    for variant in ("as GPT-2", "as Llama", "ALiBi"):
        found = [
            _both_passes(writers.gpt(variant, ops=ops, dropout=0.2), writers.ids(), seed=1)
            for ops in ("fused", "plain")
        ]
        for ours, theirs in zip(*found, strict=True):
            assert writers.relative(ours, theirs) <= tolerance("fused vs plain, whole GPT")


def test_tiled_and_full_attention_agree():
    for options in ({"positions": "alibi"}, {"positions": "rotary", "n_kv_heads": 2}):
        found = [
            _both_passes(writers.gpt(attention=kind, **options), writers.ids())
            for kind in ("full", "tiled")
        ]
        for ours, theirs in zip(*found, strict=True):
            assert writers.relative(ours, theirs) <= tolerance("fused vs plain, whole GPT")


# -- weights -----------------------------------------------------------------------------------


def test_weights_start_as_gpt2s_do():
    model = GPT(vocab_size=300, max_len=64, d_model=96, n_heads=4, n_layers=8)
    stds = {name: float(p.value.std()) for name, p in model.parameters().items()}
    for name, parameter in model.parameters().items():
        last = name.split(".")[-1]
        if len(parameter.shape) > 1:
            residual = name.endswith(("W_o.W", "linear2.W"))
            assert stds[name] == pytest.approx(0.02 / (4 if residual else 1), rel=0.05), name
        else:
            assert (parameter.value == (last == "gamma")).all()
    assert abs(float(model.embedding.W.value.mean())) < 1e-3


def test_the_tied_table_appears_once_and_gets_both_gradients():
    model = writers.gpt()
    names = list(model.parameters())
    assert "head.W" not in names
    assert model.head.W is model.embedding.W
    untied = writers.gpt(tied=False)
    assert list(untied.parameters()) == [*names, "head.W"]
    for name, parameter in model.parameters().items():
        untied.parameters()[name].value[...] = parameter.value
    untied.head.W.value[...] = model.embedding.W.value.T
    ids = writers.ids()
    ours, theirs = _both_passes(model, ids), _both_passes(untied, ids)
    assert writers.relative(ours[0], theirs[0]) <= tolerance("alone vs in a batch")
    both = untied.embedding.W.grad + untied.head.W.grad.T
    assert writers.relative(model.embedding.W.grad, both) <= tolerance("alone vs in a batch")


def test_names_that_loaders_rely_on():
    names = set(writers.gpt().parameters())
    assert {
        "embedding.W", "positions.P", "blocks.0.norm1.gamma", "blocks.0.norm1.beta",
        "blocks.1.attention.W_qkv", "blocks.1.attention.b_qkv", "blocks.1.attention.W_o.W",
        "blocks.1.attention.W_o.b", "blocks.0.norm2.gamma", "blocks.0.feed_forward.linear1.W",
        "blocks.0.feed_forward.linear2.b", "final_norm.gamma", "final_norm.beta",
    } <= names  # fmt: skip
    llama = writers.gpt("as Llama").parameters()
    assert {
        "embedding.W", "blocks.0.norm1.gamma", "blocks.0.attention.W_qkv",
        "blocks.0.attention.W_o.W", "blocks.0.norm2.gamma", "blocks.0.feed_forward.gate_up.W",
        "blocks.0.feed_forward.down.W", "final_norm.gamma", "head.W",
    } <= set(llama)  # fmt: skip
    assert not any(name.endswith((".b", "b_qkv", "beta")) for name in llama)
    assert llama["blocks.0.attention.W_qkv"].shape == (16, 16 + 2 * 2 * 4)


# -- pure calls, threads, dtypes, devices ------------------------------------------------------


def test_dropout_is_on_exactly_when_a_generator_is_passed():
    model, ids = writers.gpt(dropout=0.3), writers.ids()
    once, same, other = (_both_passes(model, ids, seed)[0] for seed in (1, 1, 2))
    assert once.tobytes() == same.tobytes()
    assert not np.array_equal(once, other)
    assert model(ids).tobytes() == writers.gpt(dropout=0.0)(ids).tobytes()


def test_replicas_in_threads_give_what_one_after_the_other_gives():
    model = writers.gpt("as Llama", dropout=0.2)

    def work(seed):
        twin = model.replica()
        assert twin.head.W is not model.head.W
        return _both_passes(twin, writers.ids(seed), seed)[1]

    alone = [work(seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(work, range(6)))
    assert [a.tobytes() for a in alone] == [b.tobytes() for b in together]
    assert not model.flat.grads.any()


@every_variant
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_dtype_in_is_dtype_out(variant, dtype):
    model = writers.gpt(variant, dtype=dtype, dropout=0.1)
    logits, grads, returned = _both_passes(model, writers.ids(), seed=1)
    assert {logits.dtype, grads.dtype, returned.dtype} == {np.dtype(dtype)}
    state = model.start(3, T)
    assert model.extend(writers.ids(), state).dtype == dtype
    assert state.kv_caches[0].K.dtype == dtype


# -- files -------------------------------------------------------------------------------------


@every_variant
def test_save_and_load(tmp_path, variant):
    model = writers.gpt(variant)
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = GPT.load(path)
    assert again.config == model.config
    assert again.settings == model.settings
    assert again.flat.values.tobytes() == model.flat.values.tobytes()
    assert again(writers.ids()).tobytes() == model(writers.ids()).tobytes()


def test_llama_changes_are_taken_over():
    config = GPTConfig.llama(100, d_model=64, n_heads=4, n_kv_heads=2, tied=True)
    assert (config.norm_kind, config.positions, config.bias) == ("rms", "rotary", False)
    assert (config.n_kv_heads, config.tied, config.hidden) == (2, True, 176)
