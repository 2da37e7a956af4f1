"""The bundled reviews: sizes, balance, held-out pairs, determinism, and a second labelling."""

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.data import Vocabulary, load_reviews, tokenize
from minitransformer.data.reviews import constructions as c
from minitransformer.data.reviews import grammar, lexicon, reviews
from minitransformer.models.baselines.bag_of_words import BagOfWords
from tests.support.review_digest import digest
from tests.support.review_judge import BLAME, PRAISE, judge

POLAR = PRAISE | BLAME
SHA256 = "ec527a5e45096c89ea33ce097b4a7993e60d7a999b54796a17304ff924b075e6"
FUNCTION_WORDS = set(
    """. , ; n't 's a about after all almost although an and another are as at back be been but can
    cannot could did do during even ever everyone expected far for from had half hardly has have
    her however i in is isn it its me most mostly must my never next no nobody not nothing of on
    once one other out over quite rather really said say says simply so some than that the their
    there they think this though to top true truly turned twice two unlike up us utterly very was
    we were what while who whole wholly why will with would yes yet you deeply genuinely highly
    particularly remarkably rightly wrongly""".split()
)


@pytest.fixture(scope="module")
def dataset():
    return load_reviews()


@pytest.fixture(scope="module")
def parts(dataset):
    """All parts that the grammar generates."""
    unseen = dataset.extra["unseen combinations"]
    return [dataset.train, dataset.validation, dataset.test, unseen]


def test_sizes_and_halves(dataset, parts):
    assert [len(part) for part in parts] == [8000, 1000, 2000, 1000]
    assert len(dataset.extra["handwritten"]) == 100
    assert dataset.class_names == ("negative", "positive")
    for part in (*parts, dataset.extra["handwritten"]):
        assert part.labels.sum() * 2 == len(part)


def test_labels_are_mixed(dataset):
    assert 0.4 < dataset.train.labels[:200].mean() < 0.6


def test_reviews_are_short(parts):
    lengths = [len(tokenize(text)) for part in parts for text in part.texts]
    assert min(lengths) >= 8
    assert max(lengths) <= grammar.MAX_TOKENS
    assert 15 < np.mean(lengths) < 20


def test_no_text_twice(dataset, parts):
    texts = [text.lower() for part in (*parts, dataset.extra["handwritten"]) for text in part.texts]
    assert len(set(texts)) == len(texts) == 12_100


def test_at_least_three_hundred_content_words(dataset):
    words = {word for text in dataset.train.texts for word in tokenize(text)}
    assert len(words - FUNCTION_WORDS) >= 300
    assert len(POLAR) == 120
    assert words >= POLAR


def test_seed_zero_is_what_it_always_was(dataset):
    assert digest(dataset) == SHA256


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_draws_the_same_reviews(hash_seed):
    code = (
        "from minitransformer.data import load_reviews\n"
        "from tests.support.review_digest import digest\n"
        "print(digest(load_reviews()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                         env={**os.environ, "PYTHONHASHSEED": hash_seed})  # fmt: skip
    assert run.stdout.strip() == SHA256


def test_another_seed_draws_other_reviews(dataset):
    other = load_reviews(seed=1)
    assert len(set(other.train.texts) & set(dataset.train.texts)) < 800


@pytest.mark.parametrize("seed", [1.0, True, "0", None])
def test_seed_of_a_wrong_type(seed):
    with pytest.raises(TypeError, match="seed must be a whole number"):
        load_reviews(seed)


def test_negative_seed():
    with pytest.raises(ValueError, match="seed must be >= 0, got -1"):
        load_reviews(-1)


# --- labels


def test_every_label_is_what_a_second_reading_finds(parts):
    for part in parts:
        wrong = [text for text, label in zip(part.texts, part.labels, strict=True)
                 if judge(text) != label]  # fmt: skip
        assert wrong == []


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The plot is charming.", 1),
        ("The plot is not at all charming.", 0),
        ("There is nothing dull about the plot.", 1),
        ("Nobody could say that the plot is charming.", 0),
        ("Nobody could say that the plot isn't charming.", 1),
        ("There is no denying that the plot is dull.", 0),
        ("The plot is charming, but the score is far from witty.", 0),
        ("Although the plot is dull, the score is witty.", 1),
        ("The score is witty, even though the plot is dull.", 1),
        ("Critics say that the plot is dull, but they are wrong.", 1),
        ("Critics wrongly say that the plot never bores.", 0),
        ("Critics say that the plot is dull, but I think that the score is a joy.", 1),
        ("The plot could have been dull.", 1),
        ("I expected the plot to be witty, but it is not.", 0),
        ("It is about the dull king who buys a boat. The plot is witty. The score shines.", 1),
    ],
)
def test_the_second_reading_itself(text, label):
    assert judge(text) == label


def test_the_examples_of_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "reviews.md").read_text("utf-8")
    rows = re.findall(r"^\|.+\| ([A-Z][^|]+\.) \| ((?:positive|negative)[^|]*) \|$", page, re.M)
    assert len(rows) == len(c.HELD_OUT) + 1  # plus one for the plain statement
    for examples, classes in rows:
        found = [judge(example.strip()) for example in re.findall(r"[^.]+\.", examples)]
        assert found == [int(name == "positive") for name in classes.split(", ")], examples


# --- balance, because of which counting words does not help


@given(st.integers(0, 2**32))
def test_a_group_has_the_same_words_in_both_classes(seed):
    group = grammar.draw_group(grammar.Draw(seed))
    counts = [Counter(), Counter()]
    for review in group:
        counts[review.praise].update(tokenize(review.text))
    assert sum(review.praise for review in group) * 2 == len(group) in (2, 4)
    if any(construction != "plain" for review in group for construction, _ in review.pairs):
        assert counts[0] == counts[1]
    else:  # one review of praise and one of blame: only the polar words differ
        assert not (set(counts[0] - counts[1]) | set(counts[1] - counts[0])) - POLAR


@pytest.mark.parametrize("part", [0, 1, 2])
def test_all_words_but_the_polar_ones_are_equally_often_in_both_classes(parts, part):
    negative, positive = class_counts(parts[part], lambda tokens: tokens)
    assert {word for word in negative | positive if negative[word] != positive[word]} <= POLAR


def test_polar_words_are_nearly_balanced(parts):
    negative, positive = class_counts(parts[0], lambda tokens: tokens)
    shares = [
        (positive if word in PRAISE else negative)[word] / (negative + positive)[word]
        for word in POLAR
    ]
    assert 0.5 < min(shares)
    assert max(shares) < 0.75
    assert np.mean(shares) < 0.6
    assert min((negative + positive)[word] for word in POLAR) >= 20


def test_frequent_pairs_are_nearly_balanced(parts):
    negative, positive = class_counts(parts[0], pairwise)
    counts = negative + positive
    shares = np.array([positive[pair] / n for pair, n in counts.items() if n >= 100])
    assert len(shares) > 200
    assert np.abs(shares - 0.5).max() < 0.25
    assert np.mean(np.abs(shares - 0.5) < 0.1) > 0.9


def class_counts(part, features):
    counts = Counter(), Counter()
    for text, label in zip(part.texts, part.labels, strict=True):
        counts[label].update(features(tokenize(text)))
    return counts


@pytest.mark.parametrize(("pairs", "documented"), [(False, 0.615), (True, 0.680)])
def test_counting_words_fails(dataset, pairs, documented):
    model = BagOfWords(2, pairs=pairs)
    model.fit(dataset.train.texts, dataset.train.labels,
              (dataset.validation.texts, dataset.validation.labels))  # fmt: skip
    accuracy = model.evaluate(dataset.test.texts, dataset.test.labels)[1]
    assert accuracy == pytest.approx(documented, abs=0.01)


# --- held-out pairs of construction and word


@pytest.fixture(scope="module")
def made():
    """The pairs of each review, by its text, and the held-out pairs, both with seed 0."""
    pairs, held_out, draw_group = {}, set(), grammar.draw_group

    def recording_group(draw):
        group = draw_group(draw)
        pairs.update({review.text: review.pairs for review in group})
        return group

    def recording_pairs(draw):
        held_out.update(held_out_pairs(draw))
        return frozenset(held_out)

    held_out_pairs = reviews.held_out_pairs
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reviews, "draw_group", recording_group)
        patch.setattr(reviews, "held_out_pairs", recording_pairs)
        load_reviews()
    return pairs, held_out


def test_unseen_pairs_are_unseen(parts, made):
    pairs, held_out = made
    seen = set().union(*(pairs[text] for part in parts[:3] for text in part.texts))
    assert not seen & held_out
    assert all(pairs[text] & held_out for text in parts[3].texts)


@pytest.mark.parametrize(
    ("construction", "pattern", "least"),
    [
        ("negation", r"(?:not|isn't|not at all|is never|hardly|far from) (?:an? )?({words})\b", 80),
        ("negation", r"(?:never|hardly ever|there is nothing) ({words})\b", 80),
        ("denial", r"(?:doubt|not think|could say|agree) that [\w ]+ (?:is|feels) ({words})\b", 40),
        ("fulfilled", r"turned out to be (?:an? )?(?:\w+ )?({words})\b", 30),
        ("rejected opinion", r"({words}), but (?:they are wrong|i disagree|that is nonsense)", 60),
        ("contrast", r"({words})(?:, yet|; however,)", 60),
        ("concession", r"although [^,]+ ({words}),", 60),
    ],
)
def test_unseen_pairs_are_unseen_in_the_text_itself(parts, made, construction, pattern, least):
    pattern = re.compile(pattern.format(words="|".join(sorted(POLAR))))
    held = {word.split()[-1] for name, word in made[1] if name == construction}
    known, unseen = (
        set(pattern.findall("\n".join(text for part in some for text in part.texts).lower()))
        for some in (parts[:3], parts[3:])
    )
    assert len(known) > least
    assert not known & held
    assert unseen & held


def test_every_word_is_held_out_of_one_construction_and_no_construction_of_many(made):
    _, held_out = made
    words = Counter(word for _, word in held_out)
    assert set(words.values()) == {1}
    assert {word.split()[-1] for word in words} == POLAR
    constructions = Counter(name for name, _ in held_out)
    assert set(constructions) == set(c.HELD_OUT)
    assert max(constructions.values()) <= 0.15 * len(POLAR)


def test_every_construction_stands_in_training_with_most_words(parts, made):
    pairs, held_out = made
    seen = set().union(*(pairs[text] for text in parts[0].texts))
    for construction in c.HELD_OUT:
        words = {word for name, word in seen if name == construction}
        assert len(words) > 0.55 * len(POLAR)


# --- the hand-written reviews


def test_handwritten_reviews_are_made_mostly_of_known_words(dataset):
    vocabulary = Vocabulary.build(dataset.train.texts)
    tokens = [t for text in dataset.extra["handwritten"].texts for t in tokenize(text)]
    assert np.mean([token not in vocabulary for token in tokens]) < 0.1


def test_lexicon_has_as_much_praise_as_blame():
    for praise, blame in lexicon.POLAR.values():
        assert len(praise) == len(blame) == len(set(praise)) == len(set(blame))
    assert not PRAISE & BLAME
    assert set(lexicon.CHARACTER_ADJECTIVES) <= POLAR


def test_articles_fit_their_words():
    for split in ("train", "test"):
        text = " ".join(getattr(load_reviews(), split).texts).lower()
        assert not re.findall(r"\ba [aeio]\w*", text)
        assert not re.findall(r"\ban [^aeiou]\w*", text)
