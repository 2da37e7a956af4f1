"""Decoding piece by piece gives what the full forward pass gives, in every variant."""

import numpy as np
import pytest

from minitransformer.functional import causal_mask, sliding_window_mask
from minitransformer.layers import KVCache
from tests.support import writers
from tests.support.tolerances import tolerance
from tests.support.writers import GPTS, TRANSFORMERS, T, V

LIMIT = tolerance("decoding vs the full forward pass")
every_gpt = pytest.mark.parametrize("variant", GPTS)
every_transformer = pytest.mark.parametrize("variant", TRANSFORMERS)


def _pieces(model, state, ids, sizes):
    """Logits of `ids` in pieces of these sizes, put together."""
    ends = np.cumsum(sizes)
    pieces = [ids[:, end - n : end] for end, n in zip(ends, sizes, strict=True)]
    return np.concatenate([model.extend(piece, state) for piece in pieces], axis=1)


@every_gpt
@pytest.mark.parametrize("sizes", [(1,) * T, (5, 1, 1, 1), (3, 4, 1), (T,)])
def test_gpt_in_pieces_of_any_size(variant, sizes):
    model, ids = writers.gpt(variant), writers.ids()
    state = model.start(3, T)
    assert writers.relative(_pieces(model, state, ids, sizes), model(ids)) <= LIMIT
    assert state.length == T


@every_transformer
@pytest.mark.parametrize("sizes", [(1,) * T, (3, 4, 1)])
def test_a_transformer_in_pieces_of_any_size(variant, sizes):
    model, ids = writers.transformer(variant), writers.ids(size=7)
    source, mask = writers.sources()
    full, _ = model.forward(source, ids, source_mask=mask)
    state = model.start(source, mask, T)
    assert writers.relative(_pieces(model, state, ids, sizes), full) <= LIMIT
    unmasked, _ = model.forward(source, ids)
    state = model.start(source)
    assert writers.relative(_pieces(model, state, ids, sizes), unmasked) <= LIMIT


@every_gpt
def test_prompts_padded_on_the_left_are_as_if_alone(variant):
    """Positions count real tokens only, and no token sees the padding, whatever it contains."""
    model, ids = writers.gpt(variant), writers.ids()
    pads = np.array([0, 2, 3])
    mask = np.arange(4) >= pads[:, None]
    logits = []
    for junk in (0, 7):
        state = model.start(3, T)
        prompt = np.where(mask, ids[:, :4], junk)
        first = model.extend(prompt, state, mask=mask, last=True)
        rest = _pieces(model, state, ids[:, 4:], (1, 2))
        logits.append(np.concatenate([first[:, None], rest], axis=1))
    assert logits[0].tobytes() == logits[1].tobytes()
    for i, n in enumerate(pads):
        alone = model(ids[i : i + 1, n:7])[0, -4:]
        assert writers.relative(logits[0][i], alone) <= LIMIT


@every_gpt
def test_padding_before_a_later_piece(variant):
    """Rows that get fewer tokens in a second piece have padding in the middle of their cache."""
    model, ids = writers.gpt(variant), writers.ids()
    pads = np.array([0, 1, 2])
    state = model.start(3, T)
    model.extend(ids[:, :3], state)
    model.extend(ids[:, 3:6], state, mask=np.arange(3) >= pads[:, None])
    last = model.extend(ids[:, 6:7], state, last=True)
    for i, n in enumerate(pads):
        own = np.concatenate([ids[i, :3], ids[i, 3 + n : 7]])[None]
        assert writers.relative(last[i], model(own)[0, -1]) <= LIMIT


@every_transformer
def test_targets_padded_on_the_left_are_as_if_alone(variant):
    model, ids = writers.transformer(variant), writers.ids(size=7)
    source, source_mask = writers.sources()
    pads = np.array([1, 0, 3])
    state = model.start(source, source_mask, T)
    model.extend(ids[:, :4], state, mask=np.arange(4) >= pads[:, None])
    last = model.extend(ids[:, 4:5], state, last=True)
    for i, n in enumerate(pads):
        row = slice(i, i + 1)
        alone, _ = model.forward(source[row], ids[row, n:5], source_mask=source_mask[row])
        assert writers.relative(last[i], alone[0, -1]) <= LIMIT


@every_gpt
@pytest.mark.parametrize("padded", [False, True])
def test_selected_rows_continue_as_before(variant, padded):
    """As in beam search, rows are dropped, repeated and reordered, and may become more."""
    model, ids = writers.gpt(variant), writers.ids()
    mask = np.arange(3) >= np.array([[0], [1], [2]]) if padded else None
    state = model.start(3, T)
    model.extend(ids[:, :3], state, mask=mask)
    histories = [ids[i, :3] if mask is None else ids[i, :3][mask[i]] for i in range(3)]
    for step, rows in enumerate(([2, 0, 0, 1, 2], [4, 4, 1], [1, 0, 2])):
        state.select(np.array(rows))
        histories = [histories[row] for row in rows]
        new = writers.ids(step + 1, B=len(rows), length=1)
        last = model.extend(new, state, last=True)
        histories = [np.append(h, token) for h, token in zip(histories, new[:, 0], strict=True)]
        for i, history in enumerate(histories):
            assert writers.relative(last[i], model(history[None])[0, -1]) <= LIMIT
    assert state.n_rows == 3


@every_transformer
def test_selected_beams_keep_their_own_source(variant):
    model, ids = writers.transformer(variant), writers.ids(size=7)
    source, source_mask = writers.sources()
    state = model.start(source, source_mask, T)
    model.extend(ids[:, :1], state)
    histories, owners = [row[:1] for row in ids], np.arange(3)
    for step, rows in enumerate(([0, 0, 1, 1, 2, 2], [1, 0, 2, 2, 5, 4], [4, 0])):
        state.select(np.array(rows))
        histories, owners = [histories[row] for row in rows], owners[rows]
        new = writers.ids(step + 1, B=len(rows), length=1, size=7)
        last = model.extend(new, state, last=True)
        histories = [np.append(h, token) for h, token in zip(histories, new[:, 0], strict=True)]
        for i, (history, owner) in enumerate(zip(histories, owners, strict=True)):
            row = slice(owner, owner + 1)
            alone, _ = model.forward(source[row], history[None], source_mask=source_mask[row])
            assert writers.relative(last[i], alone[0, -1]) <= LIMIT


def test_the_memorys_keys_are_computed_once_and_not_copied_within_a_source():
    model, (source, mask) = writers.transformer(), writers.sources()
    state = model.start(np.repeat(source, 2, axis=0), np.repeat(mask, 2, axis=0), T)
    state.select(np.array([0, 0, 2, 2, 4, 4]))  # the same number of rows, but not the same rows
    model.extend(np.zeros((6, 1), int), state)
    kept, own = state.cross[0].K, state.kv_caches[0].K
    state.select(np.array([1, 0, 2, 3, 5, 5]))  # rows 2k and 2k + 1 have the same source
    assert state.cross[0].K is kept
    assert state.kv_caches[0].K is not own
    state.select(np.array([2, 0]))
    assert state.cross[0].K is not kept


def test_last_scores_the_last_token_only():
    model, ids = writers.gpt(), writers.ids()
    logits = model.extend(ids, model.start(3, T), last=True)
    assert logits.shape == (3, V)
    assert writers.relative(logits, model(ids)[:, -1]) <= LIMIT


def test_decoding_alters_no_argument_and_no_gradient():
    model, ids = writers.gpt(), writers.ids()
    mask = np.arange(T) >= np.array([[0], [2], [3]])
    before = ids.copy(), mask.copy()
    model.extend(ids, model.start(3, T), mask=mask)
    assert np.array_equal(ids, before[0])
    assert np.array_equal(mask, before[1])
    assert all(parameter._grad is None for parameter in model.parameters().values())


def test_grouped_heads_keep_fewer_keys():
    state = writers.gpt("as Llama").start(3, T)
    writers.gpt("as Llama").extend(writers.ids(), state)
    assert state.kv_caches[0].K.shape == (3, 2, T, 4)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((-1, T), ValueError, "n_rows must be >= 0, got -1"),
        ((2.0, T), TypeError, "n_rows must be a whole number"),
        ((3, 0), ValueError, r"capacity must lie in 1 \.\. max_len = 8, got 0"),
        ((3, 2.5), TypeError, "capacity must be a whole number, got 2.5"),
        ((3, "8"), TypeError, "capacity must be a whole number, got '8'"),
    ],
)
def test_what_cannot_be_started_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        writers.gpt().start(*arguments)
    if arguments[0] == 3:
        source, mask = writers.sources()
        with pytest.raises(error, match=words):
            writers.transformer().start(source, mask, arguments[1])


def test_the_last_of_no_tokens_is_refused_and_changes_nothing():
    none, (source, mask) = writers.ids(length=0), writers.sources()
    gpt, transformer = writers.gpt(), writers.transformer()
    for model, state in ((gpt, gpt.start(3, T)), (transformer, transformer.start(source, mask))):
        with pytest.raises(ValueError, match="at least one token per row if last=True"):
            model.extend(none, state, last=True)
        assert state.length == 0
        assert model.extend(none, state).shape == (3, 0, V)


@pytest.mark.parametrize("window", [None, 1, 3, 20])
def test_the_models_masks_are_those_of_the_functions(window):
    """For whole texts, for a later piece, and with padding on the left for each text's own part."""
    model = writers.gpt(positions="none", window=window)
    expected = causal_mask(T) if window is None else sliding_window_mask(T, window)
    for n in (0, 3):  # number of cached tokens
        state = model.start(2, T)
        if n:
            state.advance(2, n)
        positions = state.advance(2, T - n)
        mask = model.attention_inputs.of(positions, np)["mask"]
        assert np.array_equal(mask, expected[n:])
    state, real = model.start(2, T), np.arange(T) >= np.array([[0], [2]])
    mask = model.attention_inputs.of(state.advance(2, T, real), np)["mask"]
    assert np.array_equal(mask[0, 0], expected)
    assert np.array_equal(mask[1, 0, 2:, 2:], expected[:-2, :-2])
    assert not mask[1, 0, :, :2].any()


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([3], ValueError, r"rows must lie in 0 \.\. 2"),
        ([-1], ValueError, r"rows must lie in 0 \.\. 2"),
        ([0.5], TypeError, "whole numbers"),
        ([[0]], TypeError, "whole numbers"),
    ],
)
def test_invalid_rows_are_refused(rows, error, words):
    state = writers.gpt().start(3, T)
    with pytest.raises(error, match=words):
        state.select(np.array(rows))


def test_keys_and_values_do_not_exceed_the_capacity():
    kept = KVCache(3)
    K = np.arange(8.0).reshape(1, 1, 2, 4)
    kept.append(K, -K)
    with pytest.raises(ValueError, match="4 tokens do not fit the capacity of 3"):
        kept.append(K, K)
    assert kept.length == 2
    assert np.array_equal(kept.so_far()[1], -K)
