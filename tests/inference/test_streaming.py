"""Streaming: whole characters, as early as possible, and nothing lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitransformer.data import ByteLevelBPE, CharacterTokenizer, WordTokenizer
from minitransformer.inference import TextStream, continuation, generate, stream
from tests.support.markov import MarkovModel, MarkovTranslator, random_table

BPE = ByteLevelBPE.train(["the thin thing 🙂 über 漢字 " * 3], 30)
TEXTS = ["aé漢🙂z", "\N{FAMILY}\u200d\N{GIRL}", "the über thing", "", "\ufffd"]


def pieces(tokenizer, ids):
    text = TextStream(tokenizer)
    return [*(text.write(int(i)) for i in ids), text.end()]


@pytest.mark.parametrize("text", TEXTS)
def test_each_character_comes_with_its_last_byte(text):
    by_bytes = ByteLevelBPE.train(["a"], 0)  # every byte is a token
    ids = by_bytes.encode(text)
    expected = []
    for character in text:
        expected += [""] * (len(character.encode()) - 1) + [character]
    assert pieces(by_bytes, ids) == [*expected, ""]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, len(BPE) - 1), max_size=30))
def test_the_pieces_are_the_text_whatever_the_tokens(ids):
    found = pieces(BPE, ids)
    plain = BPE.decode(ids)
    assert "".join(found) == plain
    for i in range(len(ids)):  # only an incomplete character waits: three bytes at most
        held = len(BPE.decode_bytes(ids[: i + 1])) - len("".join(found[: i + 1]).encode())
        assert held <= 3 or "\ufffd" in plain


def test_an_incomplete_character_is_shown_at_the_end():
    by_bytes = ByteLevelBPE.train(["a"], 0)
    assert pieces(by_bytes, by_bytes.encode("é🙂")[:-1]) == ["", "é", "", "", "", "\ufffd"]


def test_special_tokens_have_no_text():
    assert pieces(BPE, [BPE.start_id, *BPE.encode("thin"), BPE.end_id])[0] == ""
    assert "".join(pieces(BPE, [BPE.start_id, *BPE.encode("thin"), BPE.end_id])) == "thin"


def test_words_get_their_spaces():
    words = WordTokenizer.build(['a fine film , they say : " a fine film " !'])
    ids = words.encode('A fine film, they say: "a fine film"!')
    found = pieces(words, ids)
    assert "".join(found) == words.decode(ids)
    assert found[:4] == ["a", " fine", " film", ","]


def test_a_text_is_streamed_as_it_is_generated():
    letters = CharacterTokenizer.build(["abcdefgh"], specials=False)
    model = MarkovModel(random_table(8, 3), max_len=10)
    options = {"max_new_tokens": 20, "slide": True, "seed": 4, "temperature": 1.5}
    streamed = stream(model, letters, "ab", **options)
    first = next(streamed)
    assert model.calls == 1
    (ids,) = generate(model, [letters.encode("ab")], **options)
    assert first + "".join(streamed) == letters.decode(ids)
    assert len(ids) == 20
    assert "".join(stream(model, letters, letters.encode("ab"), **options)) == letters.decode(ids)


@pytest.mark.parametrize("kind", ["words", "bpe"])
def test_a_continuation_is_separated_from_its_prompt(kind):
    tokenizer = WordTokenizer.build(['a cat , " a cat "']) if kind == "words" else BPE
    model = MarkovModel(random_table(len(tokenizer), 3), max_len=12)
    prompt = tokenizer.encode("a cat" if kind == "words" else "the thin")
    options = {"max_new_tokens": 8, "seed": 2, "temperature": 1.0, "slide": True}
    (ids,) = generate(model, [prompt], **options)
    whole = tokenizer.decode([*prompt, *ids])
    pieces = "".join(stream(model, tokenizer, prompt, **options))
    assert tokenizer.decode(prompt) + pieces == whole
    assert pieces == continuation(tokenizer, prompt, ids)
    if kind == "words":
        assert continuation(tokenizer, prompt, tokenizer.encode("cat")) == " cat"


def test_a_stream_uses_the_start_and_end_of_its_tokenizer():
    letters = CharacterTokenizer.build(["abcd"])
    table = np.zeros((8, 8))
    table[letters.start_id, 4] = table[4, 5] = table[5, letters.end_id] = 50.0
    table[6, letters.end_id] = 50.0
    assert "".join(stream(MarkovModel(table), letters, "c", max_new_tokens=5)) == ""
    translator = MarkovTranslator(table)
    translator.start = lambda source, mask, capacity: _start(source, capacity)
    assert "".join(stream(translator, letters, "dd", greedy=True)) == "ab"


def test_a_stream_that_ends_within_a_character_shows_it():
    by_bytes = ByteLevelBPE.train(["a"], 0)
    first, _ = by_bytes.encode("é").tolist()
    (a,) = by_bytes.encode("a").tolist()
    table = np.zeros((len(by_bytes), len(by_bytes)))
    table[a, first] = table[first, by_bytes.end_id] = 9.0
    found = list(stream(MarkovModel(table), by_bytes, "a", greedy=True))
    assert found == ["\ufffd"]


@pytest.mark.parametrize("specials", [False, True])
def test_the_end_token_given_by_the_caller_follows_the_source(specials):
    letters = CharacterTokenizer.build(["abcd"], specials=specials)
    translator, read = MarkovTranslator(random_table(8, 3)), []

    def start(source, mask, capacity):
        read.append(source)
        return MarkovTranslator.start(translator, source, mask, capacity)

    translator.start = start
    list(stream(translator, letters, "ab", start_id=1, end_id=0, max_new_tokens=2))
    assert read[0].tolist() == [[*letters.encode("ab"), 0]]
    assert read[0].dtype == np.int64


def test_a_translator_needs_start_and_end_from_the_tokenizer_or_the_caller():
    letters = CharacterTokenizer.build(["abcd"], specials=False)
    translator = MarkovTranslator(random_table(8, 3))
    with pytest.raises(ValueError, match="start_id must be a token id"):
        stream(translator, letters, "ab")
    with pytest.raises(ValueError, match="end_id must be a token id"):
        stream(translator, letters, "ab", start_id=1)
    with pytest.raises(TypeError, match="stream has no option 'seeds'; did you mean 'seed'"):
        stream(translator, letters, "ab", seeds=1)


def _start(source, capacity):
    assert source.tolist() == [[7, 7, 3]]  # the sentence and the end token
    return MarkovTranslator(np.zeros((8, 8))).start(0 * source, None, capacity)


def test_a_stream_checks_its_arguments_immediately():
    letters = CharacterTokenizer.build(["abcd"])
    with pytest.raises(ValueError, match="prompt 0 must have at least one token"):
        stream(MarkovModel(np.zeros((8, 8))), letters, "")
