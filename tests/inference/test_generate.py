"""Generation with models that are tables, for which the right text is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitransformer.inference import Sampling, generate, tokens
from minitransformer.inference.repetition import Repetition, repeating
from minitransformer.inference.sampling import draw, largest
from tests.support.markov import MarkovModel, MarkovTranslator, random_table

V = 8
# The 0.999 quantiles of chi-square, by degrees of freedom, from any table.
CHI_SQUARE = {2: 13.82, 4: 18.47, 5: 20.52, 7: 24.32}


def greedy_path(table, first, n):
    path = []
    for _ in range(n):
        first = int(np.argmax(table[first]))
        path.append(first)
    return path


def test_greedy_takes_the_most_probable_token_every_time():
    table = random_table(V, 0)
    prompts = [[3], [1, 2, 5], [7, 7]]
    found = generate(MarkovModel(table), prompts, max_new_tokens=6, greedy=True)
    assert [text.tolist() for text in found] == [greedy_path(table, p[-1], 6) for p in prompts]
    assert all(text.dtype == np.int64 for text in found)


@pytest.mark.parametrize("seed", range(3))
def test_sampling_from_a_single_token_is_greedy(seed):
    model, prompts = MarkovModel(random_table(V, seed)), [[i] for i in range(V)]
    best = generate(model, prompts, max_new_tokens=5, greedy=True)
    for one in ({"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-3}):
        assert np.array_equal(generate(model, prompts, max_new_tokens=5, seed=4, **one), best)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("more", [{}, {"top_p": 0.9}, {"top_k": 3}])
def test_the_lowest_temperature_is_greedy(more):
    model, prompts = MarkovModel(random_table(V, 1)), [[i] for i in range(V)]
    best = generate(model, prompts, max_new_tokens=5, greedy=True)
    found = generate(model, prompts, max_new_tokens=5, temperature=5e-324, **more)
    assert np.array_equal(found, best)


def probabilities(z, temperature=1.0, top_k=None, top_p=None):
    """The distribution by its definition, token by token, starting with the most probable one."""
    p = np.exp((z - z.max()) / temperature)
    order = sorted(range(len(z)), key=lambda v: (-z[v], v))[:top_k]
    total, kept, reached = sum(p[v] for v in order), [], 0.0
    for v in order:
        if top_p is not None and reached >= top_p:
            break
        kept.append(v)
        reached += p[v] / total
    return np.array([p[v] if v in kept else 0.0 for v in range(len(z))]) / p[kept].sum()


@pytest.mark.parametrize(
    "options",
    [
        {}, {"temperature": 0.6}, {"temperature": 1.7}, {"top_k": 3}, {"top_p": 0.8},
        {"temperature": 2.0, "top_k": 5, "top_p": 0.9},
    ],
    ids=str,
)  # fmt: skip
def test_tokens_are_drawn_as_often_as_they_are_probable(options):
    table, n = random_table(V, 2, scale=0.8), 4000
    drawn = generate(MarkovModel(table), [[2]] * n, max_new_tokens=1, seed=1, **options)
    expected = n * probabilities(table[2], **options)
    counts = np.bincount(np.concatenate(drawn), minlength=V)
    likely = expected > 0
    assert not counts[~likely].any()
    distance = ((counts - expected)[likely] ** 2 / expected[likely]).sum()
    assert distance < CHI_SQUARE[int(likely.sum()) - 1]


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(1, 700), st.floats(0.01, 1), st.booleans(),
    st.sampled_from([None, 1, 5, 300, 1000]),
)  # fmt: skip
def test_the_kept_tokens_are_the_smallest_set_that_reaches_p(seed, n, top_p, ties, top_k):
    z = np.random.default_rng(seed).standard_normal(n)
    if ties:
        z = z.round(1)
    expected = probabilities(z, 1.0, top_k, top_p)
    ids, weights = Sampling(top_k=top_k, top_p=top_p).kept(z)
    ids = np.arange(n) if ids is None else ids
    # If a sum is p up to rounding, either set is right.
    sums = np.sort(probabilities(z, 1.0, top_k))[::-1].cumsum()
    if not np.isclose(sums, top_p, rtol=0, atol=1e-12).any():
        assert ids.tolist() == np.flatnonzero(expected > 0).tolist()
        np.testing.assert_allclose(weights / weights.sum(), expected[ids], rtol=1e-12)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 1000), st.integers(1, 1000), st.booleans())
def test_the_largest_come_first_and_ties_by_the_lower_index(seed, n, k, ties):
    x = np.random.default_rng(seed).standard_normal((2, n))
    x = x.round(1) if ties else x
    k = min(k, n)
    expected = [sorted(range(n), key=lambda i: (-row[i], i))[:k] for row in x]
    assert largest(x, k).tolist() == expected


def test_among_equal_tokens_the_lower_ids_are_kept():
    z = np.array([1.0, 5.0, 5.0, 5.0])
    assert Sampling(top_k=2).kept(z)[0].tolist() == [1, 2]
    assert Sampling(top_p=0.5).kept(z)[0].tolist() == [1, 2]
    assert Sampling(greedy=True).choose(z[None], [None]).tolist() == [1]


def test_nothing_impossible_is_drawn_at_the_ends_of_the_interval():
    weights = np.array([0.0, 1.0, 0.1, 0.0])
    assert draw(None, weights, 0.0) == 1
    assert draw(None, weights, np.nextafter(1, 0)) == 2
    assert draw(np.array([4, 5, 6, 7]), weights, 0.95) == 6


def test_the_seed_decides_and_the_other_rows_do_not():
    model = MarkovModel(random_table(V, 5, scale=0.5))
    prompts = [[1], [2, 3, 4], [5], [6, 6]]
    options = {"max_new_tokens": 12, "end_id": 0}
    texts = [t.tolist() for t in generate(model, prompts, seed=9, **options)]
    assert texts == [t.tolist() for t in generate(model, prompts, seed=9, batch_size=1, **options)]
    others = [prompts[0], [4], [1, 1, 1], prompts[3]]
    again = [t.tolist() for t in generate(model, others, seed=9, **options)]
    assert (again[0], again[3]) == (texts[0], texts[3])
    assert texts != [t.tolist() for t in generate(model, prompts, seed=10, **options)]
    alike = generate(model, [[1], [1]], seed=9, **options)
    assert alike[0].tolist() != alike[1].tolist()


def chain(*path, end=None):
    """A table that generates `path` and then `end` forever."""
    table = np.zeros((V, V))
    for a, b in zip(path, (*path[1:], end), strict=True):
        table[a, b] = 9.0
    return table


def test_a_text_ends_at_the_end_token_which_is_not_part_of_it():
    model, seen = MarkovModel(chain(1, 2, 3, 4, end=0)), []
    found = generate(
        model, [[3], [1], [4]], max_new_tokens=7, greedy=True, end_id=0,
        on_token=lambda row, token: seen.append((row, token)),
    )  # fmt: skip
    assert [text.tolist() for text in found] == [[4], [2, 3, 4], []]
    assert sorted(seen) == [(0, 4), (1, 2), (1, 3), (1, 4)]
    assert model.calls == 4  # nothing is computed after the last end


def test_without_a_limit_a_text_fills_the_context():
    model = MarkovModel(random_table(V, 1), max_len=6)
    prompts = [[1], [1, 2, 3, 4, 5, 6], [1, 2, 3]]
    texts = generate(model, prompts, greedy=True)
    assert [len(text) for text in texts] == [6, 1, 4]  # the model need not read the last token
    assert [t.tolist() for t in texts] == [
        greedy_path(model.table, p[-1], len(t)) for p, t in zip(prompts, texts, strict=True)
    ]


def test_a_window_slides_over_texts_longer_than_the_context():
    model = MarkovModel(random_table(V, 1), max_len=4)
    prompts = [[1, 2, 3, 4, 5, 6], [7]]
    texts = generate(model, prompts, greedy=True, max_new_tokens=9, slide=True)
    assert [t.tolist() for t in texts] == [greedy_path(model.table, p[-1], 9) for p in prompts]


def test_tokens_come_one_by_one():
    model = MarkovModel(chain(1, 2, 3, 4, end=0))
    written = tokens(model, [[1]], greedy=True, max_new_tokens=3)
    assert next(written) == (0, 2)
    assert model.calls == 1
    assert list(written) == [(0, 3), (0, 4)]


def test_each_source_is_translated_by_itself():
    model = MarkovTranslator(chain(2, 3, 4, 5, end=0))
    found = generate(model, [[0], [0, 7, 7]], greedy=True, start_id=2, end_id=0)
    assert [text.tolist() for text in found] == [[3, 4, 5], [3, 4, 5]]
    (other,) = generate(model, [[1, 2]], greedy=True, start_id=2, end_id=1, max_new_tokens=2)
    assert other.tolist() == [4, 6]  # 2 -> 3 + 1, 4 -> 5 + 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4), st.booleans())
def test_no_n_gram_occurs_twice(seed, n, greedy):
    prompt, model = [1, 2, 1, 3], MarkovModel(random_table(V, seed, 0.5), max_len=60)
    (text,) = generate(model, [prompt], no_repeat_ngram=n, greedy=greedy, seed=seed)
    path = [*prompt, *text.tolist()]
    ngrams = [tuple(path[i : i + n]) for i in range(len(path) - n + 1)]
    new = ngrams[max(len(prompt) - n + 1, 0) :]
    assert len(set(new)) == len(new)
    assert not set(new) & set(ngrams[: len(ngrams) - len(new)])
    if n == 1:
        assert len(text) == V - len(set(prompt))  # then every token is forbidden, and the text ends


def test_tokens_that_would_repeat_an_n_gram_are_found():
    history = np.array([1, 2, 3, 1, 2, 4, 1, 2])
    assert sorted(repeating(history, 3)) == [3, 4]
    assert repeating(history, 9).size == 0
    assert repeating(np.array([1, 1]), 2).tolist() == [1]
    assert sorted(set(repeating(history, 1))) == [1, 2, 3, 4]


def test_the_penalty_makes_seen_tokens_less_likely_whatever_their_sign():
    logits = np.array([[2.0, -2.0, 1.0, -1.0]], dtype=np.float32)
    changed = Repetition(penalty=2.0).apply(logits, [np.array([0, 1, 1])])
    assert changed.tolist() == [[1.0, -4.0, 1.0, -1.0]]
    assert changed.dtype == np.float32
    assert logits[0, 0] == 2.0


def test_the_penalty_counts_the_prompt_and_the_generated_text():
    table = np.zeros((V, V))
    table[:, 1], table[:, 2], table[:, 3] = 3.0, 2.0, 1.0
    model = MarkovModel(table)
    plain = generate(model, [[0]], max_new_tokens=3, greedy=True)
    assert plain[0].tolist() == [1, 1, 1]
    (text,) = generate(model, [[0]], max_new_tokens=3, greedy=True, repetition_penalty=9.0)
    assert text.tolist() == [1, 2, 3]
    (text,) = generate(model, [[1]], max_new_tokens=2, greedy=True, repetition_penalty=9.0)
    assert text.tolist() == [2, 3]


def test_the_source_is_not_part_of_the_generated_text():
    table = np.zeros((V, V))
    table[:, 4], table[:, 5] = 2.0, 1.9
    options = {"greedy": True, "start_id": 2, "end_id": 1, "max_new_tokens": 2}
    model = MarkovTranslator(table)
    (text,) = generate(model, [[0, 4]], repetition_penalty=2.0, **options)
    assert text.tolist() == [4, 5]


def test_at_most_batch_size_rows_are_computed_together():
    model = MarkovModel(random_table(V, 0))
    generate(model, [[1]] * 7, max_new_tokens=2, batch_size=3)
    assert model.max_rows == 3
