"""Examples for generative models: windows, next tokens, pairs, and refused arguments."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitransformer.data.examples.next_tokens import AnyWindow, NextTokens
from minitransformer.data.examples.pairs import micro_batches_of_pairs
from tests.support.toys import END, START, VOCAB, ToyTranslator, ToyWriter, toy_pairs, toy_text

TEXT = toy_text(101)


def writer_examples(x, **config):
    return ToyWriter(**config).read_examples(x, None, None, None)


def pair_examples(sources, targets):
    model = ToyTranslator()
    model.compile(start_id=START, end_id=END)
    return model.read_examples(sources, targets, None, None)


@pytest.mark.parametrize("n", [2, 5, 9, 10, 17, 18, 101])
def test_windows_predict_every_token_but_the_first_once(n):
    examples = writer_examples(TEXT[:n], max_len=8)
    assert isinstance(examples, NextTokens)
    assert len(examples) == -(-(n - 1) // 8)
    batch = examples.batch(np.arange(len(examples)))
    counts = batch.targets != -1
    np.testing.assert_array_equal(batch.targets[counts], TEXT[1:n])
    np.testing.assert_array_equal(batch.ids[counts], TEXT[: n - 1])
    assert (batch.ids[~counts] == 0).all()
    assert batch.mask is None
    assert examples.weight(None) == n - 1 == counts.sum()
    assert batch.ids.dtype == batch.targets.dtype == np.int64


def test_a_long_text_may_be_a_list_or_an_array_of_any_integer_type():
    expected = writer_examples(TEXT).batch(np.arange(3))
    for form in (TEXT.tolist(), tuple(TEXT.tolist()), TEXT.astype(np.uint16), TEXT.astype("int8")):
        batch = writer_examples(form).batch(np.arange(3))
        np.testing.assert_array_equal(batch.ids, expected.ids)
        np.testing.assert_array_equal(batch.targets, expected.targets)


def test_a_list_of_sequences_is_padded_on_the_right_to_the_longest_of_a_batch():
    examples = writer_examples([[3, 4], [5, 6, 7, 8], [9, 10, 11]], max_len=8)
    batch = examples.batch(np.array([2, 0]))
    np.testing.assert_array_equal(batch.ids, [[9, 10], [3, 0]])
    np.testing.assert_array_equal(batch.targets, [[10, 11], [4, -1]])
    assert examples.weight(None, np.array([2, 0])) == 3
    assert examples.to_draw_from() is examples


def test_the_last_sequence_of_all_is_read_to_its_end():
    """The ids end there, so nothing beyond may be read."""
    examples = writer_examples([[3, 4, 5, 6], [7, 8]], max_len=8)
    batch = examples.batch(np.array([1, 0]))
    np.testing.assert_array_equal(batch.targets, [[8, -1, -1], [4, 5, 6]])


def test_parts_are_those_of_the_whole():
    examples = writer_examples(TEXT, max_len=8)
    part = examples.part(3, 7)
    assert len(part) == 4
    np.testing.assert_array_equal(
        part.batch(np.arange(4)).targets, examples.batch(np.arange(3, 7)).targets
    )
    assert part.fingerprint() != examples.fingerprint()
    assert examples.fingerprint() == writer_examples(TEXT, max_len=8).fingerprint()
    assert examples.fingerprint() != writer_examples(TEXT, max_len=7).fingerprint()


def test_every_window_can_be_drawn_and_none_looks_beyond_its_part():
    part = writer_examples(TEXT, max_len=8).part(2, 5)  # ids 16 to 40
    anywhere = part.to_draw_from()
    assert isinstance(anywhere, AnyWindow)
    assert len(anywhere) == 17
    batch = anywhere.batch(np.arange(17))
    for k in range(17):
        np.testing.assert_array_equal(batch.ids[k], TEXT[16 + k : 24 + k])
        np.testing.assert_array_equal(batch.targets[k], TEXT[17 + k : 25 + k])
    drawn = anywhere.draw(2000, np.random.default_rng(0))
    np.testing.assert_array_equal(np.unique(drawn), np.arange(17))
    assert anywhere.weight(None, drawn) == 16_000
    assert anywhere.fingerprint() != AnyWindow(TEXT[16:41], 7).fingerprint()


def test_a_text_shorter_than_a_window_is_one_window():
    examples = writer_examples(TEXT[:6], max_len=8)
    assert examples.to_draw_from() is examples
    exact = writer_examples(TEXT[:9], max_len=8).to_draw_from()
    assert len(exact) == 1
    np.testing.assert_array_equal(exact.batch(np.array([0])).targets, [TEXT[1:9]])


def test_pairs():
    examples = pair_examples([[3, 4, 5], [6]], [[7], [8, 9]])
    batch = examples.batch(np.array([0, 1]))
    np.testing.assert_array_equal(batch.ids, [[3, 4, 5], [6, 0, 0]])
    np.testing.assert_array_equal(batch.mask, [[True] * 3, [True, False, False]])
    np.testing.assert_array_equal(batch.inputs, [[START, 7, 0], [START, 8, 9]])
    np.testing.assert_array_equal(batch.targets, [[7, END, -1], [8, 9, END]])
    assert examples.weight(None) == 5
    alone = examples.batch(np.array([1]))
    assert alone.mask is None
    np.testing.assert_array_equal(alone.targets, [[8, 9, END]])


def test_an_empty_target_is_its_end():
    batch = pair_examples([[3], [4]], [[], [5]]).batch(np.array([0]))
    np.testing.assert_array_equal(batch.inputs, [[START]])
    np.testing.assert_array_equal(batch.targets, [[END]])


def test_parts_and_fingerprints_of_pairs():
    sources, targets = toy_pairs(20)
    examples = pair_examples(sources, targets)
    some = examples.part(5, 9).batch(np.arange(4))
    for a, b in zip(some, pair_examples(sources[5:9], targets[5:9]).batch(np.arange(4))):  # noqa: B905
        np.testing.assert_array_equal(a, b)
    prints = {
        pair_examples(s, t).fingerprint()
        for s, t in [(sources, targets), (sources, targets[::-1]), (sources[::-1], targets)]
    }
    assert len(prints) == 3
    assert hashlib.sha256().digest_size * 2 == len(prints.pop())


def test_batches_of_pairs_contain_each_once_and_need_little_padding():
    rng = np.random.default_rng(0)
    n = rng.integers(4, 30, 3000)
    m = (n + rng.integers(-3, 4, 3000)).clip(1)
    model = ToyTranslator(max_len=64)
    model.compile(start_id=START, end_id=END)
    rows = [[np.full(k, 5) for k in lengths] for lengths in (n, m)]
    examples = model.read_examples(*rows, None, None)
    batches = examples.batches(64, np.random.default_rng(1))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(3000))
    padded = sum(len(b) * (n[b].max() + m[b].max() + 1) for b in batches)
    assert padded < 1.07 * (n.sum() + m.sum() + 3000)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=40),
    st.integers(1, 120),
)
def test_micro_batches_of_pairs(lengths, most):
    S, T = np.array(lengths).T
    groups = micro_batches_of_pairs(S, T, most)
    np.testing.assert_array_equal(np.sort(np.concatenate(groups)), np.arange(len(S)))
    for group in groups:
        assert len(group) == 1 or len(group) * (S[group].max() + T[group].max()) <= most


def test_micro_batches_of_pairs_are_cut_where_it_costs_least():
    """Compared with all ways of cutting a few pairs without changing their order."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        S, T = rng.integers(1, 300, (2, 6))
        order, best = np.lexsort((S, T)), np.inf
        for cuts in range(32):
            edges = [0, *(i + 1 for i in range(5) if cuts >> i & 1), 6]
            groups = [order[a:b] for a, b in zip(edges, edges[1:], strict=False)]
            cost = sum(100 + len(g) * (S[g].max() + T[g].max()) for g in groups)
            best = min(best, cost)
        found = micro_batches_of_pairs(S, T, 10_000)
        assert sum(100 + len(g) * (S[g].max() + T[g].max()) for g in found) == best


def test_a_large_vocabulary_makes_micro_batches_small():
    def parts(vocab, tokens=4096, **recipe):
        model = ToyWriter(20, max_len=64, dtype="float32")
        model.compile(**recipe)
        model.vocab_size = vocab  # only claimed: drawing a hundred million rows takes seconds
        given = model.recipe.micro_batch_tokens
        return given or model.learns_from.micro_batch_tokens(model, tokens)

    assert parts(65) == 1024
    assert parts(65, 768) == 384, "half of a small batch for each of two workers"
    assert parts(65, 300) == 256, "not less"
    assert parts(8000) == 524, "4 million logits"
    assert parts(50_257) == 83
    assert parts(10**8) == 1
    assert parts(8000, micro_batch_tokens=2000) == 2000
    pairs = ToyTranslator(8000, 8000)
    default = pairs.learns_from.micro_batch_tokens
    assert default(pairs, 4096) == 1024, "half of them are sources"
    assert default(ToyTranslator(8000, 32_000), 4096) == 262


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ("text", TypeError, "x must be a list of id sequences, got str"),
        (None, TypeError, "x must be a list of id sequences .* got NoneType"),
        ([], ValueError, "x is empty"),
        ([3], ValueError, r"x must contain at least 2 ids, an input and its target, got 1"),
        ([3, 4, VOCAB], ValueError, r"x\[2\] is id 20, allowed are 0..19"),
        ([3, -1, 4], ValueError, r"x\[1\] is id -1"),
        ([0.5, 1.0], ValueError, r"x\[0\] must be a whole number, got 0.5"),
        ([[3, 4], [5]], ValueError, r"x\[1\] has 1 ids, at least 2 are needed"),
        ([[3, 4], [5] * 10], ValueError, r"x\[1\] has 10 ids, at most 9 are allowed"),
        ([[3, 4], [5, 20]], ValueError, r"x\[1\]\[1\] is id 20"),
        ([[3, 4], "ab"], TypeError, r"x\[1\] is text"),
    ],
)
def test_bad_texts(x, error, message):
    with pytest.raises(error, match=message):
        writer_examples(x, max_len=8)


@pytest.mark.parametrize(
    ("sources", "targets", "error", "message"),
    [
        ([[3]], [[4], [5]], ValueError, "same number of sequences, got 1 and 2"),
        ([[3], []], [[4], [5]], ValueError, r"source\[1\] has 0 ids, at least 1"),
        ([[3] * 9], [[4]], ValueError, r"source\[0\] has 9 ids, at most 8"),
        ([[3]], [[4] * 8], ValueError, r"target\[0\] has 8 ids, at most 7"),
        ([[20]], [[4]], ValueError, r"source\[0\]\[0\] is id 20"),
        ([[3]], [[23]], ValueError, r"target\[0\]\[0\] is id 23"),
        (["ab"], [[4]], TypeError, r"source\[0\] is text"),
        ([[3]], None, TypeError, "data must be sources and targets"),
    ],
)
def test_bad_pairs(sources, targets, error, message):
    with pytest.raises(error, match=message):
        pair_examples(sources, targets)
