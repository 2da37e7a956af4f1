"""The live figure of the front page: its data are fractions, and the gradients are the package's.

The last bits of the weights behind the data depend on the machine, so these tests do not make the
file again. They compare the function that makes it with the model's own backward pass and with
central differences, and they check the file against the data set and for consistency.
"""

import json
import re

import numpy as np
import pytest

from docs import make_live_figure
from minitransformer import data
from minitransformer.data.reviews import reviews as bundled
from tests.support.tolerances import tolerance

FIGURE = json.loads(make_live_figure.FILE.read_text("utf-8"))
DOCS = make_live_figure.FILE.parent
SENTENCES = pytest.mark.parametrize(
    "sentence", FIGURE["sentences"], ids=[s["sentence"][:20] for s in FIGURE["sentences"]]
)


@pytest.fixture(scope="module")
def reviews():
    return data.load_reviews()


@pytest.fixture(scope="module")
def vocabulary(reviews):
    return data.Vocabulary.build(reviews.train.texts)


@pytest.fixture(scope="module")
def untrained(vocabulary):
    """The figure's model with random weights, in float64, and its pass over one sentence."""
    model = make_live_figure.build(vocabulary, dtype="float64")
    rng = np.random.default_rng(0)
    model.flat.values[...] += 0.1 * rng.standard_normal(model.flat.values.size)
    ids = vocabulary.encode(make_live_figure.SENTENCES[0])[None]
    logits, cache = model.forward(ids)
    _, dlogits = make_live_figure.score_gradient(logits)
    return model, cache, dlogits, make_live_figure.gradients(model, cache, dlogits)


def test_the_file_has_the_settings_and_the_sentences_of_the_program():
    assert (FIGURE["layers"], FIGURE["heads"]) == (make_live_figure.LAYERS, make_live_figure.HEADS)
    shown = tuple(s["sentence"] for s in FIGURE["sentences"])
    assert shown == make_live_figure.SENTENCES
    assert make_live_figure.FILE.stat().st_size < 50_000


@SENTENCES
def test_fractions_have_their_shapes_and_add_up(sentence):
    T, N = len(sentence["tokens"]), FIGURE["layers"]
    for name, shape in (("attention", (N, T, T)), ("gradient", (T, N + 1, T))):
        fractions = np.array(sentence[name])
        assert fractions.shape == shape
        assert fractions.min() >= 0
        np.testing.assert_array_equal(fractions.sum(axis=-1), 1000)
    # after the last layer, all of the gradient is on the token that is followed back
    start = np.array(sentence["gradient"])[:, N]
    np.testing.assert_array_equal(start, 1000 * np.eye(T, dtype=int))
    assert np.ptp(np.array(sentence["gradient"])[:, 0], axis=0).max() > 0


@SENTENCES
def test_the_sentence_was_not_in_the_training_part_and_its_class_is_right(
    sentence, reviews, vocabulary
):
    ids = vocabulary.encode(sentence["sentence"])
    assert sentence["tokens"] == [vocabulary.tokens[i] for i in ids]
    assert "<unk>" not in sentence["tokens"]
    place = reviews.test.texts.index(sentence["sentence"])
    assert sentence["sentence"] not in reviews.train.texts
    assert sentence["class"] == bundled.CLASS_NAMES[reviews.test.labels[place]]
    assert 0.5 < sentence["probability"] <= 1
    assert 0.9 < FIGURE["accuracy"] <= 1


def test_the_parts_of_the_gradient_add_up_to_that_of_the_models_own_backward_pass(untrained):
    model, cache, dlogits, found = untrained
    T, D = found.shape[0], found.shape[-1]
    assert found.shape == (T, make_live_figure.LAYERS + 1, T, D)
    assert not model.flat.grads.any(), "the model's own gradients have changed"
    dembedded = model.replica().backward(dlogits, cache)[0]
    error = np.abs(found[:, 0].sum(axis=0) - dembedded).max() / np.abs(dembedded).max()
    assert error <= tolerance("micro-batches vs batch")


@pytest.mark.parametrize(("t", "n", "s"), [(0, 0, 3), (4, 1, 4), (7, 2, 1), (2, 0, 2)])
def test_one_tokens_part_is_what_central_differences_find(untrained, t, n, s):
    """Entry [t, n, s], computed only from the blocks above level n and token t's last vector."""
    model, cache, _, found = untrained
    toward = found[t, -1, t]  # the gradient of the score at the last vector of token t
    level = cache.blocks[n].x.copy()
    direction = np.random.default_rng(n).standard_normal(level.shape[-1])

    def score(step):
        x = level.copy()
        x[0, s] += step * direction
        for block in model.blocks[n:]:
            x = block(x)
        return x[0, t] @ toward

    measured = (score(1e-4) - score(-1e-4)) / 2e-4
    expected = found[t, n, s] @ direction
    assert measured == pytest.approx(expected, rel=1e-5, abs=1e-7 * np.abs(toward).max())
    assert expected != 0


def test_the_description_agrees_with_the_cache_and_the_gradients(vocabulary):
    model = make_live_figure.build(vocabulary)
    text = make_live_figure.SENTENCES[1]
    found = make_live_figure.describe(vocabulary, model, text)
    logits, cache = model.forward(vocabulary.encode(text)[None])
    _, dlogits = make_live_figure.score_gradient(logits)
    heads = cache.blocks[1].attention.P[0].mean(axis=0)
    np.testing.assert_allclose(found["attention"][1], 1000 * heads, atol=1)
    lengths = np.linalg.norm(make_live_figure.gradients(model, cache, dlogits), axis=-1)
    fractions = lengths / lengths.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found["gradient"], 1000 * fractions, atol=1)


def test_thousandths_are_whole_and_add_up():
    rng = np.random.default_rng(0)
    lengths = rng.random((50, 7)) ** 4
    whole = np.array(make_live_figure.thousandths(lengths))
    np.testing.assert_array_equal(whole.sum(axis=1), 1000)
    exact = 1000 * lengths / lengths.sum(axis=1, keepdims=True)
    assert np.abs(whole - exact).max() < 1


def test_the_script_and_the_page_have_the_same_parts_and_load_nothing():
    page = (DOCS / "live_figure.html").read_text("utf-8")
    script = (DOCS / "_static" / "live.js").read_text("utf-8")
    style = (DOCS / "_static" / "live.css").read_text("utf-8")
    named = set(re.findall(r'part\("([\w-]+)"\)', script))
    assert {"sentence", "tokens", "drawing", "said", "table", "caption"} <= named
    for name in named:
        assert f'id="live-{name}"' in page, name
    assert page.count("{{data}}") == 1
    for text in (page, script, style):
        addresses = re.findall(r"https?://[^\s\"']+", text)
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}
        assert not re.search(r"\bfetch\b|XMLHttpRequest|\bimport\b|@import|url\(", text)
    for name, size in re.findall(r"\b(ROW|HEAD) = (\d+)", script):
        assert f"--{name.lower()}: {size}px" in style
