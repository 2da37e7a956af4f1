"""Beam search against exhaustive search, on models so small that every text can be tried."""

import itertools

import numpy as np
import pytest

from minitransformer.inference import beam_search, generate
from tests.support.markov import (
    MarkovModel,
    MarkovTranslator,
    every_text,
    log_probability,
    log_softmax,
    random_table,
)

V, LIMIT, END = 5, 4, 0
NEVER = -60.0  # a logit far below the others, which are -30


def score(table, first, text, alpha):
    """Wu et al. 2016, equation (14), without coverage; `text` includes the end token."""
    return log_probability(table, first, text) * (6 / (5 + len(text))) ** alpha


def exhaustive(table, first, alpha):
    """The score of the best text that ends within LIMIT tokens, and the text."""
    texts = every_text(V, LIMIT, END)
    return max(((score(table, first, t, alpha), t) for t in texts), key=lambda pair: pair[0])


def in_a_large_vocabulary(table, size):
    """The same chain plus tokens that never occur, so that there may be more beams."""
    z = np.full((size, size), -1e3)
    z[:V, :V] = table
    return z


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_enough_beams_find_the_best_of_all_texts(alpha):
    beams = V * (V - 1) ** (LIMIT - 1)  # the number of candidates in the last step
    for seed in range(8):
        table = random_table(V, seed)
        model = MarkovModel(in_a_large_vocabulary(table, beams))
        texts, scores = beam_search(
            model, [[1], [2, 3]], beams=beams, end_id=END, length_penalty=alpha,
            max_new_tokens=LIMIT,
        )  # fmt: skip
        for first, text, found in zip((1, 3), texts, scores, strict=True):
            best, expected = exhaustive(table, first, alpha)
            assert (*text.tolist(), END) == expected, (seed, first)
            assert found == pytest.approx(best, rel=1e-12)


def garden_path():
    """Token 1 looks better than 2 at first, but only the tokens after 2 are certain."""
    z = np.full((V, V), -30.0)
    z[3, 1], z[3, 2] = np.log(0.6), np.log(0.4)
    z[1] = np.log(0.2)
    z[2, 4] = z[4, END] = 0.0
    return z


def test_two_beams_find_what_greedy_misses():
    model, options = MarkovModel(garden_path()), {"end_id": END, "max_new_tokens": 4}
    (greedy,), (worse,) = beam_search(model, [[3]], beams=1, length_penalty=0.0, **options)
    (found,), (better,) = beam_search(model, [[3]], beams=2, length_penalty=0.0, **options)
    assert greedy.tolist() == [1]  # among the equal tokens after 1, the end has the lowest id
    assert found.tolist() == [2, 4]
    assert (worse, better) == (pytest.approx(np.log(0.12)), pytest.approx(np.log(0.4)))


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_one_beam_is_greedy(alpha):
    for seed in range(20):
        model = MarkovModel(random_table(V, seed))
        prompts = [[i] for i in range(1, V)]
        options = {"end_id": END, "max_new_tokens": 9}
        expected = generate(model, prompts, greedy=True, **options)
        found, scores = beam_search(model, prompts, beams=1, length_penalty=alpha, **options)
        assert [t.tolist() for t in found] == [t.tolist() for t in expected]
        for prompt, text, value in zip(prompts, found, scores, strict=True):
            whole = [*text.tolist(), END][:9]
            assert value == pytest.approx(score(model.table, prompt[-1], whole, alpha))


def test_the_length_penalty_lets_longer_texts_win():
    z = np.full((V, V), -30.0)
    z[1, END], z[1, 2] = np.log(0.5), np.log(0.4)
    z[2, 3] = z[3, 4] = z[4, END] = 0.0
    lengths = []
    for alpha in (0.0, 1.0):
        (text,), _ = beam_search(
            MarkovModel(z), [[1]], beams=2, end_id=END, length_penalty=alpha, max_new_tokens=6
        )
        lengths.append(len(text))
    assert lengths == [0, 3]


def test_a_batch_gives_the_same_texts_as_each_prompt_alone():
    model = MarkovTranslator(random_table(7, 3), max_len=12)
    sources = [[0, 1, 1], [1], [2, 2], [3], [4, 1, 1, 1], [5]]
    options = {"beams": 3, "start_id": 1, "end_id": 0}
    together, scores = beam_search(model, sources, **options)
    in_twos, _ = beam_search(model, sources, batch_size=2, **options)
    for i, source in enumerate(sources):
        (alone,), value = beam_search(model, [source], **options)
        assert together[i].tolist() == in_twos[i].tolist() == alone.tolist()
        assert scores[i] == value[0]
    assert len({tuple(text) for text in map(np.ndarray.tolist, together)}) > 1


def test_a_text_that_never_ends_is_truncated():
    z = np.full((V, V), -30.0)
    z[:, 1], z[:, END] = 0.0, NEVER
    model = MarkovModel(z, max_len=4)
    (text,), _ = beam_search(model, [[2, 3]], beams=2, end_id=END)
    assert text.tolist() == [1, 1, 1]  # the model need not read the last token


def test_a_text_that_ends_ranks_before_a_truncated_one():
    z = np.full((V, V), -30.0)
    z[:, 1], z[:, END] = 0.0, -8.0
    (text,), (value,) = beam_search(
        MarkovModel(z), [[2]], beams=2, end_id=END, max_new_tokens=3, length_penalty=0.0
    )
    assert text.tolist() == []
    assert value == pytest.approx(log_softmax(z[2])[END])


def test_equal_texts_are_decided_by_the_lower_ids():
    model = MarkovModel(np.zeros((V, V)))
    options = {"end_id": 2, "max_new_tokens": 2, "length_penalty": 0.0}
    (text,), _ = beam_search(model, [[1]], beams=2, **options)
    assert text.tolist() == [0, 0]  # the end is as probable, but two lower ids fill the beam
    (text,), _ = beam_search(model, [[1]], beams=3, **options)
    assert text.tolist() == []


def test_many_equal_texts_are_decided_by_the_lower_ids_too():
    (text,), _ = beam_search(
        MarkovModel(np.zeros((64, 64))), [[1]], beams=30, end_id=63, max_new_tokens=2
    )
    assert text.tolist() == [0, 0]


def test_without_an_end_token_the_most_probable_text_of_full_length_is_found():
    texts = list(itertools.product(range(V), repeat=LIMIT))
    for seed in range(8):
        table = random_table(V, seed)
        model = MarkovModel(in_a_large_vocabulary(table, V**LIMIT))
        (found,), (value,) = beam_search(
            model, [[1]], beams=V**LIMIT, max_new_tokens=LIMIT, length_penalty=1.0
        )
        best = max(texts, key=lambda text: log_probability(table, 1, text))
        assert tuple(found.tolist()) == best
        assert value == pytest.approx(score(table, 1, best, 1.0), rel=1e-12)


def test_a_text_that_ends_takes_no_place_in_the_beam():
    z = np.full((V, V), NEVER)
    z[1, END], z[1, 2], z[1, 3] = np.log(0.4), np.log(0.35), np.log(0.25)
    z[2, 1:] = z[3, 4] = z[4, END] = 0.0
    (text,), (value,) = beam_search(
        MarkovModel(z), [[1]], beams=2, end_id=END, length_penalty=2.0, max_new_tokens=3
    )
    assert text.tolist() == [3, 4]
    assert value == pytest.approx(np.log(0.25) * (6 / 8) ** 2)


def test_a_text_stops_when_every_token_is_forbidden():
    model = MarkovModel(random_table(V, 0))
    texts, _ = beam_search(
        model, [[0, 1, 2, 3, 4], [0, 1, 2, 3]], beams=2, end_id=END, no_repeat_ngram=1
    )
    assert [text.tolist() for text in texts] == [[], [4]]


def test_no_n_gram_occurs_twice_and_scores_use_the_probabilities_of_the_model():
    z = random_table(V, 4)
    options = {"beams": 3, "end_id": END, "length_penalty": 1.0, "max_new_tokens": 10}
    for n in (1, 2, 3):
        (text,), (value,) = beam_search(MarkovModel(z), [[1]], no_repeat_ngram=n, **options)
        path = [1, *text.tolist()]
        ngrams = [tuple(path[i : i + n]) for i in range(len(path) - n + 1)]
        assert len(set(ngrams)) == len(ngrams)
        assert value == pytest.approx(score(z, 1, [*text.tolist(), END], 1.0))


def test_a_search_ends_when_no_beam_can_score_better():
    z = np.full((V, V), -30.0)
    z[1, END], z[1, 2], z[1, 3] = 0.0, -5.0, -6.0
    z[2:, END] = 0.0
    model = MarkovModel(z)
    beam_search(model, [[1]], beams=2, end_id=END)
    assert model.calls == 2
