"""Batches of similar length, padding, windows, and the requirements on a data set."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.data import Dataset, Split, length_batches, micro_batches, pad, windows
from minitransformer.data.examples.batching import CALL_COST, POOL, filled_groups

lengths_lists = st.lists(st.integers(1, 50), min_size=1, max_size=200)


def padded(groups, lengths):
    lengths = np.asarray(lengths)
    return [len(group) * lengths[group].max() for group in groups]


@given(lengths_lists, st.integers(1, 20), st.integers(0, 5))
def test_length_batches_hold_each_index_once(lengths, batch_size, seed):
    batches = length_batches(lengths, batch_size, np.random.default_rng(seed))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert sum(len(batch) < batch_size for batch in batches) <= 1
    assert max(len(batch) for batch in batches) <= batch_size


def test_length_batches_need_little_padding():
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 400, size=4000)
    batches = length_batches(lengths, 32, np.random.default_rng(1))
    assert sum(padded(batches, lengths)) < 1.05 * lengths.sum()
    shuffled = np.array_split(rng.permutation(4000), 125)
    assert sum(padded(shuffled, lengths)) > 1.8 * lengths.sum()


def test_length_batches_come_in_random_order():
    lengths = np.arange(1, POOL * 10 + 1)
    first, second, again = (
        length_batches(lengths, 10, np.random.default_rng(seed)) for seed in (0, 1, 0)
    )
    means = [lengths[batch].mean() for batch in first]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3
    assert any((a != b).any() for a, b in zip(first, second, strict=True))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_batches_mix_from_epoch_to_epoch():
    lengths = np.arange(1, 4 * POOL * 10 + 1)
    together = [
        {frozenset(batch.tolist()) for batch in length_batches(lengths, 10, rng)}
        for rng in map(np.random.default_rng, range(2))
    ]
    assert len(together[0] & together[1]) < 3


@given(lengths_lists, st.integers(1, 300))
def test_micro_batches(lengths, max_tokens):
    groups = micro_batches(lengths, max_tokens)
    order = np.concatenate(groups)
    assert sorted(order) == list(range(len(lengths)))
    assert (np.diff(np.asarray(lengths)[order]) >= 0).all()
    for group, tokens in zip(groups, padded(groups, lengths), strict=True):
        assert tokens <= max_tokens or len(group) == 1


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8), st.integers(1, 1500))
def test_no_other_cut_of_the_sorted_lengths_computes_less(lengths, max_tokens):
    def cost(groups):
        return sum(len(group) * max(group) + CALL_COST for group in groups)

    ascending, costs = sorted(lengths), []
    for cuts in itertools.product((False, True), repeat=len(lengths) - 1):
        groups = [[ascending[0]]]
        for length, cut in zip(ascending[1:], cuts, strict=True):
            if cut:
                groups.append([])
            groups[-1].append(length)
        if all(len(group) == 1 or len(group) * max(group) <= max_tokens for group in groups):
            costs.append(cost(groups))
    chosen = [[lengths[i] for i in group] for group in micro_batches(lengths, max_tokens)]
    assert cost(chosen) == min(costs)


@given(st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=9), min_size=1, max_size=9))
def test_pad(sequences):
    ids, mask = pad(sequences)
    assert ids.dtype == np.int64
    assert mask.dtype == bool
    assert ids.shape == mask.shape == (len(sequences), max(map(len, sequences)))
    assert [row[real].tolist() for row, real in zip(ids, mask, strict=True)] == sequences
    assert mask.sum(axis=1).tolist() == [len(sequence) for sequence in sequences]
    assert (ids[~mask] == 0).all()
    assert (np.diff(mask.astype(int), axis=1) <= 0).all()


@given(st.integers(1, 60), st.integers(1, 20), st.data())
def test_windows_hold_every_token(n, size, data):
    stride = data.draw(st.integers(1, size))
    ids = np.arange(n)
    pieces = windows(ids, size, stride)
    assert set(np.concatenate(pieces).tolist()) == set(range(n))
    assert all(len(piece) == min(n, size) for piece in pieces)
    assert all((np.diff(piece) == 1).all() for piece in pieces)
    steps = np.diff([piece[0] for piece in pieces])
    assert all(0 < step <= stride for step in steps)
    assert len(pieces) == 1 + max(0, -(-(n - size) // stride))


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pad([]), ValueError, "sequences is empty"),
        (lambda: pad([[1], []]), ValueError, r"sequences\[1\] must be a non-empty list"),
        (lambda: pad([[[1]]]), ValueError, r"sequences\[0\] must be a non-empty list"),
        (lambda: pad([[0.5]]), TypeError, "must contain integers, got float64"),
        (lambda: length_batches([], 2, RNG), ValueError, "lengths must be a non-empty list"),
        (lambda: length_batches([[1]], 2, RNG), ValueError, "lengths must be a non-empty list"),
        (lambda: length_batches([1.5], 2, RNG), TypeError, "lengths must be integers"),
        (lambda: length_batches([3, 0], 2, RNG), ValueError, "lengths must be >= 1, got 0"),
        (lambda: length_batches([3], 0, RNG), ValueError, "batch_size must be >= 1, got 0"),
        (lambda: length_batches([3], 1, 0), TypeError, "rng must be a Generator, got int"),
        (lambda: micro_batches([], 2), ValueError, "lengths must be a non-empty list"),
        (lambda: micro_batches([1], 0), ValueError, "max_tokens must be >= 1, got 0"),
        (lambda: windows([], 2, 1), ValueError, "ids must be a non-empty list"),
        (lambda: windows([1], 0, 1), ValueError, "size must be >= 1, got 0"),
        (lambda: windows([1], 2, 3), ValueError, r"stride must be in 1\.\.size = 2, got 3"),
        (lambda: windows([1], 2, 0), ValueError, "stride must be in"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- data sets

GOOD = Split(["a", "b"], [0, 1])
CLASSES = ("no", "yes")


def test_a_data_set():
    dataset = Dataset("toy", GOOD, GOOD, Split([], []), CLASSES, {"more": Split(["c"], [-1])})
    assert dataset.n_classes == 2
    assert len(dataset.train) == 2
    assert dataset.train.labels.dtype == np.int64
    assert repr(dataset) == "Dataset('toy', 2/2/0 texts, more: 1, classes no/yes)"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Split("ab", [0, 1]), TypeError, "texts must be a list of strings, got str"),
        (lambda: Split(["a", 3], [0, 1]), TypeError, r"texts\[1\] must be a string, got int"),
        (lambda: Split(["a", " \n"], [0, 1]), ValueError, "must contain at least one word"),
        (lambda: Split(["a", ""], [0, 1]), ValueError, "must contain at least one word"),
        (lambda: Split(["a"], [0, 1]), ValueError, "got 1 texts and 2 labels"),
        (lambda: Split(["a"], [0.5]), TypeError, "labels must be integers"),
        (lambda: Split(["a"], ["no"]), TypeError, "labels must be integers"),
        (lambda: Split(["a"], [[0, 1]]), ValueError, r"got shape \(1, 2\)"),
        (lambda: Dataset("d", GOOD, GOOD, GOOD, ("no",)), ValueError, "at least two different"),
        (lambda: Dataset("d", GOOD, GOOD, GOOD, ("a", "a")), ValueError, "at least two different"),
        (lambda: Dataset("d", Split([], []), GOOD, GOOD, CLASSES), ValueError, "train of 'd' must"),
        (lambda: Dataset("d", Split(["a"], [1]), GOOD, GOOD, CLASSES), ValueError, "are 'yes'"),
        (lambda: Dataset("d", GOOD, Split(["a"], [2]), GOOD, CLASSES), ValueError, "got 2"),
        (lambda: Dataset("d", GOOD, GOOD, Split(["a"], [-1]), CLASSES), ValueError, "got -1"),
        (lambda: Dataset("d", GOOD, GOOD, GOOD, CLASSES, {"e": Split(["a"], [-2])}), ValueError,
         "got -2"),
        (lambda: Dataset("d", GOOD, GOOD, (["a"], [0]), CLASSES), TypeError, "must be a Split"),
    ],
)  # fmt: skip
def test_bad_data_sets(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_groups_are_filled_up():
    lengths = np.array([[3], [9], [1], [4], [2], [2]])
    groups = filled_groups(lengths, 8)
    assert [g.tolist() for g in groups] == [[2, 4, 5], [0, 3], [1]]  # the longest is alone
    pairs = np.array([[2, 5], [2, 1], [7, 1]])  # sorted by the first length, then by the second
    assert [g.tolist() for g in filled_groups(pairs, 14)] == [[1, 0], [2]]
    assert [g.tolist() for g in filled_groups(pairs, 13)] == [[1], [0], [2]]
    assert [g.tolist() for g in filled_groups(pairs, 36)] == [[1, 0, 2]]
