"""The word tokenizer and the vocabulary."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.data import (
    PADDING,
    UNKNOWN,
    Tokenizer,
    Vocabulary,
    WordTokenizer,
    join,
    load_tokenizer,
    tokenize,
)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A fine FILM.", "a fine film ."),
        ("It isn't bad, I don't think", "it is n't bad , i do n't think"),
        ("can't won't cannot ain't", "ca n't wo n't cannot ai n't"),
        ("isn\u2019t it \u2018dull\u2019", "is n't it ' dull '"),
        ("film's they're I've we'll she'd I'm", "film 's they 're i 've we 'll she 'd i 'm"),
        ("seven o'clock rock'n'roll", "seven o'clock rock'n'roll"),
        ("the actors' work", "the actors ' work"),
        ("no!!! really??", "no ! really ?"),
        ("well.... maybe . . . not\u2026", "well ... maybe ... not ..."),
        ("a well-made film", "a well - made film"),
        ("a film - I think -- or not \u2014 yes", "a film -- i think -- or not -- yes"),
        ("8/10, 7.5 of 1,000 and/or 3.", "8/10 , 7.5 of 1,000 and / or 3 ."),
        ('("so-called")', '( " so - called " )'),
        ("an _emphasised_ word", "an emphasised word"),
        ("caf\u00e9 cafe\u0301 na\u00efve", "caf\u00e9 caf\u00e9 na\u00efve"),
        ("a\u00a0b\u200bc\x00d\ufeffe", "a b c d e"),
        ("<pad> <unk>", "< pad > < unk >"),
        ("  ", ""),
        ("", ""),
    ],
)
def test_tokens(text, tokens):
    assert tokenize(text) == tokens.split()


@given(st.text())
def test_tokens_of_any_text_are_clean(text):
    for token in tokenize(text):
        assert token
        assert not any(character.isspace() for character in token)
        assert token.isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", token)


@given(st.text())
def test_one_of_a_text_is_saved_and_loaded(tmp_path_factory, text):
    if tokenize(text):
        vocabulary = Vocabulary.build([text])
        path = tmp_path_factory.getbasetemp() / "vocab.txt"
        vocabulary.save(path)
        assert Vocabulary.load(path) == vocabulary


words = st.text("abcdefgn\u00e9", min_size=1, max_size=8) | st.sampled_from(
    ["isn't", "don't", "film's", "o'clock", "they're", "8/10", "1,000", "well-made"]
)
sentences = st.lists(
    st.tuples(words, st.sampled_from(["", "", ",", ".", "!", "?", ";", ":", "...", " --"])),
    min_size=1,
).map(lambda pairs: " ".join(word + mark for word, mark in pairs))


@given(sentences)
def test_joining_gives_the_text_back(text):
    assert join(tokenize(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "it isn't a well-made film, is it?",
        'he said "no" and left (early); 8/10!',
        'first "this one", then "that one" again',
        "they're the actors' friends -- all of them...",
        "$5 for a 3% better [cut]",
    ],
)
def test_joining_attaches_punctuation(text):
    assert join(tokenize(text)) == text


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a", "b"]])
def test_text_of_a_wrong_type(text):
    with pytest.raises(TypeError, match="text must be a string, got"):
        tokenize(text)


# --- vocabulary


def test_order_is_by_count_then_by_alphabet():
    vocabulary = Vocabulary.build(["b a c", "c d", "b a"])
    assert vocabulary.tokens == ("<pad>", "<unk>", "a", "b", "c", "d")
    assert (PADDING, UNKNOWN) == (0, 1)


@given(st.lists(sentences, min_size=1, max_size=5), st.integers(3, 20), st.integers(1, 3))
def test_build_keeps_the_most_frequent(texts, max_size, min_count):
    counts = Counter(token for text in texts for token in tokenize(text))
    vocabulary = Vocabulary.build(texts, max_size=max_size, min_count=min_count)
    assert len(vocabulary) <= max_size
    kept = [counts[token] for token in vocabulary.tokens[2:]]
    assert kept == sorted(kept, reverse=True)
    left_out = [counts[token] for token in counts if token not in vocabulary]
    assert all(count >= min_count for count in kept)
    if len(vocabulary) < max_size:
        assert all(count < min_count for count in left_out)
    else:
        assert max(left_out, default=0) <= min(kept)


@given(st.lists(sentences, min_size=1, max_size=5))
def test_decoding_shows_the_text(texts):
    vocabulary = Vocabulary.build(texts, max_size=10_000)
    for text in texts:
        ids = vocabulary.encode(text)
        assert ids.dtype == np.int64
        assert vocabulary.decode(ids) == text
        assert vocabulary.decode([*ids, 0, 0]) == text


def test_unknown_words():
    vocabulary = Vocabulary.build(["a fine film"])
    assert vocabulary.encode("a dull film").tolist() == [2, 1, 3]
    assert vocabulary.decode([2, 1, 3]) == "a <unk> film"
    assert "fine" in vocabulary
    assert "dull" not in vocabulary


@pytest.mark.parametrize(
    ("max_len", "truncate", "expected"),
    [
        (None, "end", "a b c d e"),
        (5, "ends", "a b c d e"),
        (3, "end", "a b c"),
        (3, "ends", "a b e"),
        (4, "ends", "a b d e"),
        (1, "ends", "a"),
        (1, "end", "a"),
    ],
)
def test_truncation(max_len, truncate, expected):
    vocabulary = Vocabulary.build(["a b c d e"])
    assert vocabulary.decode(vocabulary.encode("a b c d e", max_len, truncate)) == expected
    (ids,) = vocabulary.encode_all(["a b c d e"], max_len, truncate)
    assert vocabulary.decode(ids) == expected


def test_save_and_load(tmp_path):
    vocabulary = Vocabulary.build(["it isn't caf\u00e9 ...", "a \u4e2d"])
    vocabulary.save(tmp_path / "vocab.txt")
    assert Vocabulary.load(tmp_path / "vocab.txt") == vocabulary
    lines = (tmp_path / "vocab.txt").read_bytes().decode("utf-8").split("\n")
    assert lines[:2] == ["<pad>", "<unk>"]
    assert lines[-2:] == ["<split 2>", ""]
    assert len(lines) == len(vocabulary) + 2


def test_a_vocabulary_is_a_tokenizer(tmp_path):
    vocabulary = Vocabulary.build(["a fine film"])
    assert isinstance(vocabulary, Tokenizer)
    assert (vocabulary.pad_id, vocabulary.unknown_id) == (PADDING, UNKNOWN)
    assert vocabulary.start_id is vocabulary.end_id is None
    vocabulary.save(tmp_path / "vocab.txt")
    assert load_tokenizer(tmp_path / "vocab.txt") == vocabulary
    with pytest.raises(ValueError, match="of the kind 'vocabulary', not 'words'"):
        WordTokenizer.load(tmp_path / "vocab.txt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a complete vocabulary"),
        (b"a\nb\n", "not a complete vocabulary"),
        (b"<pad>\n<unk>\na\nb", "not a complete vocabulary"),
        (b"<pad>\n<unk>\na\n\nb\n", "tokens must be non-empty"),
        (b"<pad>\n<unk>\na\na\n", "tokens must be unique, got 'a' twice"),
        (b"<pad>\n<unk>\na b\n", "must not contain spaces"),
        (b"<pad>\n<unk>\n\xff\xfe\n", "not UTF-8"),
    ],
)
def test_files_that_are_no_vocabulary(tmp_path, content, message):
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        Vocabulary.load(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda v: Vocabulary.build([]), ValueError, "at least one word"),
        (lambda v: Vocabulary.build([" ", ""]), ValueError, "at least one word"),
        (lambda v: Vocabulary.build("a b"), TypeError, "got one string"),
        (lambda v: Vocabulary.build(["a", 3]), TypeError, "must be a string, got int"),
        (lambda v: Vocabulary.build(["a"], max_size=2), ValueError, "max_size must be >= 3"),
        (lambda v: Vocabulary.build(["a"], min_count=0), ValueError, "min_count must be >="),
        (
            lambda v: Vocabulary.build(["a"], min_count="x"),
            TypeError,
            "min_count must be a whole number",
        ),
        (lambda v: Vocabulary(None), TypeError, "tokens must be a sequence of strings, got None"),
        (lambda v: Vocabulary.build(None), TypeError, "texts must be a list of strings, got None"),
        (lambda v: Vocabulary("ab"), TypeError, "got one string"),
        (lambda v: Vocabulary([3]), TypeError, "tokens must be strings"),
        (lambda v: v.encode(" "), ValueError, "at least one word"),
        (lambda v: v.encode("a", max_len=0), ValueError, "max_len must be >= 1"),
        (
            lambda v: v.encode("a", truncate="start"),
            ValueError,
            "truncate must be one of end, ends, got 'start'",
        ),
        (lambda v: v.encode_all("a b"), TypeError, "got one string"),
        (lambda v: v.decode([3]), ValueError, r"ids must lie in 0 .. 2, got 3"),
        (lambda v: v.decode([-1]), ValueError, r"ids must lie in 0 .. 2, got -1"),
        (lambda v: v.decode([0.5]), TypeError, "ids must be an integer array"),
        (lambda v: v.decode([[1]]), ValueError, "ids must be a flat sequence"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call(Vocabulary.build(["a"]))


def test_decoding_nothing():
    assert Vocabulary.build(["a"]).decode([]) == ""
