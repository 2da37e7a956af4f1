"""The bag of words: its features, its gradient, and what it learns."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer import functional
from minitransformer.models.baselines.bag_of_words import L2_PATH, BagOfWords
from minitransformer.models.baselines.bags import Bags, Features

ROWS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=8)
TOKENS = st.lists(ROWS, min_size=1, max_size=8)


def expected_features(tokens, pairs):
    """Distinct words and pairs of each text, computed the simplest way."""
    return [
        set(row) | {f"{a} {b}" for a, b in pairwise(row) if pairs}
        for row in tokens
    ]  # fmt: skip


@given(TOKENS, st.booleans(), st.integers(1, 3))
def test_features_are_the_distinct_words_and_pairs(tokens, pairs, min_count):
    sets = expected_features(tokens, pairs)
    frequent = {f for s in sets for f in s if sum(f in other for other in sets) >= min_count}
    if not frequent:
        with pytest.raises(ValueError, match="no word occurs in at least min_count"):
            Features.build(tokens, pairs, min_count)
        return
    features, bags = Features.build(tokens, pairs, min_count)
    names = features.names()
    assert set(names) == frequent
    assert len(names) == len(features) == len(frequent)
    for made in (bags, features.bags(tokens)):
        rows = np.split(made.ids, np.cumsum(made.counts)[:-1])
        assert [{names[i] for i in row} for row in rows] == [s & frequent for s in sets]
        assert sum(map(len, rows)) == sum(len(s & frequent) for s in sets)


@given(TOKENS, TOKENS, st.booleans())
def test_unknown_words_are_left_out(tokens, others, pairs):
    features, _ = Features.build(tokens, pairs)
    names, known = features.names(), set().union(*expected_features(tokens, pairs))
    others = [[word.replace("c", "new") for word in row] for row in others]
    bags = features.bags(others)
    rows = np.split(bags.ids, np.cumsum(bags.counts)[:-1])
    for row, wanted in zip(rows, expected_features(others, pairs), strict=True):
        assert {names[i] for i in row} == wanted & known


def test_max_features_keeps_those_of_most_texts():
    features, _ = Features.build(["a a a b", "b c", "b c", "c d"], max_features=2)
    assert sorted(features.names()) == ["b", "c"]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
def test_taking_bags(counts, data):
    texts = data.draw(st.lists(st.integers(0, len(counts) - 1), min_size=1, max_size=8))
    rows = np.split(np.arange(sum(counts)) * 7, np.cumsum(counts)[:-1])
    bags = Bags(np.arange(sum(counts)) * 7, np.array(counts)).take(np.array(texts))
    assert bags.ids.tolist() == [i for t in texts for i in rows[t]]
    assert bags.counts.tolist() == [counts[t] for t in texts]


def test_logits_are_sums_of_rows_also_for_texts_without_a_feature():
    model = BagOfWords(3, min_count=1, l2=0.1).fit(["a b", "b c", "a c"], [0, 1, 2])
    rng = np.random.default_rng(0)
    model.W[:], model.b[:] = rng.normal(size=model.W.shape), rng.normal(size=3)
    rows = dict(zip(model.features.names(), model.W, strict=True))
    texts = ["new", "a new a", "c b a", "new", "b", "new"]
    for got, text in zip(model.predict(texts), texts, strict=True):
        logits = model.b + sum(rows[word] for word in set(text.split()) if word in rows)
        np.testing.assert_allclose(got, functional.softmax(logits), atol=1e-6)
    np.testing.assert_allclose(model.predict(["x", "y"])[0], functional.softmax(model.b), atol=1e-6)


def problem(n=400, seed=0):
    """Texts in which the words "good" and "bad" give away the class nine times in ten."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=n)
    right = rng.random(n) < 0.9
    words = np.where(labels == right, "good", "bad")
    return [f"{word} w{rng.integers(20)} w{rng.integers(20)}" for word in words], labels


def test_it_finds_the_minimum():
    texts, labels = problem()
    texts, labels = texts + ["neither"] * 200, np.append(labels, np.ones(200, int))
    l2 = 0.01
    model = BagOfWords(2, l2=l2, epochs=300, batch_size=600, learning_rate=0.1, min_count=1)
    model.fit(texts, labels)
    bags = model.features.bags(texts)
    X = np.zeros((len(texts), len(model.features)))
    X[np.repeat(np.arange(len(texts)), bags.counts), bags.ids] = 1
    db = (model.predict(texts) - np.eye(2)[labels]) / len(texts)
    gradient = X.T @ db + l2 * model.W
    start = X.T @ (0.5 - np.eye(2)[labels]) / len(texts)
    assert np.abs(db.sum(axis=0)).max() < 1e-4
    assert np.abs(gradient).max() < 1e-4 * np.abs(start).max()


def test_it_learns_and_evaluates():
    texts, labels = problem()
    other_texts, other_labels = problem(seed=1)
    model = BagOfWords(2, epochs=5, batch_size=32).fit(texts, labels)
    probabilities = model.predict(other_texts)
    assert probabilities.shape == (400, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    scores = model.evaluate(other_texts, other_labels, return_dict=True)
    assert scores["accuracy"] == np.mean(probabilities.argmax(axis=1) == other_labels) > 0.87
    right = probabilities[np.arange(400), other_labels]
    assert scores["loss"] == pytest.approx(-np.log(right).mean(), abs=1e-6)


def test_pairs_tell_what_words_cannot():
    phrases = ["not bad", "not good", "so bad", "so good"]
    texts, labels = phrases * 50, [1, 0, 0, 1] * 50
    words, pairs = (
        BagOfWords(2, pairs=pairs, l2=1e-4, epochs=10, batch_size=20).fit(texts, labels)
        for pairs in (False, True)
    )
    assert words.evaluate(texts, labels)[1] <= 0.75
    assert pairs.evaluate(texts, labels)[1] == 1


def test_validation_texts_choose_the_penalty():
    rng = np.random.default_rng(0)
    noise = [f"a{rng.integers(50)} b{rng.integers(50)}" for _ in range(400)]
    labels = rng.integers(0, 2, size=400)
    unrelated = noise[:100], rng.integers(0, 2, size=100)
    strict = BagOfWords(2, min_count=1).fit(noise, labels, validation_data=unrelated)
    eager = BagOfWords(2, min_count=1).fit(noise, labels, validation_data=(noise, labels))
    assert strict.chosen_l2 == max(L2_PATH)
    assert eager.chosen_l2 == min(L2_PATH)
    own = BagOfWords(2, min_count=1).fit(noise, labels)
    assert own.chosen_l2 in L2_PATH
    assert BagOfWords(2, l2=0.5).fit(noise, labels).chosen_l2 == 0.5


def test_the_same_seed_gives_the_same_bits():
    texts, labels = problem()
    for l2 in (None, 0.01):  # with None, the seed also decides the validation texts
        first, again, other = (
            BagOfWords(2, l2=l2, seed=seed).fit(texts, labels) for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first.W, again.W)
        np.testing.assert_array_equal(first.b, again.b)
        assert (first.b != other.b).any()


def test_tokens_are_as_good_as_texts():
    texts, labels = problem()
    from_texts = BagOfWords(2, l2=0.01).fit(texts, labels)
    from_tokens = BagOfWords(2, l2=0.01).fit([text.split() for text in texts], labels)
    np.testing.assert_array_equal(from_texts.W, from_tokens.W)


TWO = ["a b", "a c"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: BagOfWords(1), ValueError, "n_classes must be >= 2, got 1"),
        (lambda: BagOfWords(2, l2=-1), ValueError, "l2 must be finite and >= 0, got -1"),
        (lambda: BagOfWords(2, epochs=0), ValueError, "epochs must be >= 1, got 0"),
        (lambda: BagOfWords(2, min_count=0), ValueError, "min_count must be >= 1, got 0"),
        (lambda: BagOfWords(2, batch_size=0), ValueError, "batch_size must be >= 1, got 0"),
        (lambda: BagOfWords(2).predict(TWO), TypeError, "call fit first"),
        (lambda: BagOfWords(2).evaluate(TWO, [0, 1]), TypeError, "call fit first"),
        (lambda: BagOfWords(2).fit([], []), ValueError, "must have the same length, at least 1"),
        (lambda: BagOfWords(2).fit(TWO, [0]), ValueError, "must have the same length"),
        (lambda: BagOfWords(2).fit(TWO, [0, 2]), ValueError, r"labels must lie in 0 \.\. 1"),
        (lambda: BagOfWords(2).fit(TWO, [0.0, 1.0]), TypeError, "labels must be"),
        (lambda: BagOfWords(2).fit(TWO, [1, 1]), ValueError, "all 2 labels are 1"),
        (lambda: BagOfWords(2, l2=0.1).fit(["a", " "], [0, 1]), ValueError, r"texts\[1\] is empty"),
        (lambda: BagOfWords(2, l2=0.1).fit(["a", 3], [0, 1]), TypeError, r"texts\[1\] must be"),
        (lambda: BagOfWords(2, l2=0.1).fit("ab", [0, 1]), TypeError, "not one string"),
        (lambda: BagOfWords(2, l2=0.1, min_count=3).fit(TWO, [0, 1]), ValueError, "min_count"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_few_texts_are_enough_to_learn_two_words():
    """A baseline that has not converged would flatter the model that it is compared with."""
    texts = [f"a {word} film number {i}" for i in range(60) for word in ("good", "bad")]
    labels = np.array([1, 0] * 60)
    model = BagOfWords(2, min_count=1).fit(texts[:90], labels[:90])
    assert model.evaluate(texts[90:], labels[90:])[1] == 1.0
