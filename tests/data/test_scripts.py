"""Splitting texts of all scripts into words, and tokenizers saved before this was possible."""

import hashlib
import time

import pytest

from minitransformer.data import (
    Vocabulary,
    WordPiece,
    WordTokenizer,
    join,
    load_reviews,
    load_tokenizer,
    tokenize,
)

MARKED = [
    "यह फ़िल्म बहुत अच्छी है।",  # Hindi
    "এই ছবিটি ভালো",  # Bengali
    "இந்த படம் நன்றாக",  # Tamil
    "שָׁלוֹם עוֹלָם",  # pointed Hebrew
    "مُحَمَّدٌ كِتَابٌ، نعم؟",  # vowelled Arabic
    "می\u200cخواهم بروم",  # Persian, with a joiner inside a word
    "क्\u200dष है",  # Hindi, with a joiner
    "한국 영화",  # Korean
    "việt nam",
]
UNSPACED = ["这部电影很好看。", "コーヒーを飲みました", "หนังเรื่องนี้ดี", "ကောင်းပါတယ်"]


@pytest.mark.parametrize("text", MARKED)
def test_a_word_with_its_marks_is_one_token(text):
    words = text.replace("।", " ।").replace("،", " ،").replace("؟", " ؟").split()
    assert tokenize(text) == words
    assert join(tokenize(text)) == text


@pytest.mark.parametrize("text", UNSPACED)
def test_without_spaces_each_character_is_a_token(text):
    tokens = tokenize(text)
    assert "".join(tokens) == join(tokens) == text
    assert all(len(token) <= 4 for token in tokens)
    assert tokenize(UNSPACED[2]) == ["ห", "นั", "ง", "เ", "รื่", "อ", "ง", "นี้", "ดี"]


def test_mixed_scripts():
    assert tokenize("ABC中文def 2023年") == ["abc", "中", "文", "def", "2023", "年"]
    assert tokenize("don't है 7.5, it's o'है!!") == [
        "do", "n't", "है", "7.5", ",", "it", "'s", "o'है", "!",
    ]  # fmt: skip
    assert tokenize("I \u2764\ufe0f it") == tokenize("I \u2764 it") == ["i", "\u2764", "it"]


def digest(texts, version):
    found = hashlib.sha256()
    for text in texts:
        found.update("\n".join(tokenize(text, version)).encode() + b"\0")
    return found.hexdigest()


@pytest.mark.parametrize("version", [1, 2])
def test_the_bundled_reviews_are_split_as_ever(version):
    reviews = load_reviews()
    parts = (reviews.train, reviews.validation, reviews.test, *reviews.extra.values())
    texts = [text for part in parts for text in part.texts][::10]
    assert digest(texts, version) == (
        "e984c7ae3aa4c5779ed554111a608308b89ac57923bd7da627e96f68409919dd"
    )


@pytest.mark.parametrize("version", [1, 2])
def test_a_lone_accent_is_split_as_ever(version):
    assert tokenize("it\u00b4s cafe\u0301", version) == ["it", "\u0301s", "caf\u00e9"]


def test_old_files_split_as_they_did(tmp_path):
    hindi, words = "यह है", ["यह", "ह", "ै"]
    assert tokenize(hindi, version=1) == words
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(["<pad>", "<unk>", *words, ""]), encoding="utf-8")
    old = Vocabulary.load(path)
    assert old.version == 1
    assert old.encode(hindi).tolist() == [2, 3, 4]
    before = path.read_bytes()
    old.save(path)
    assert path.read_bytes() == before
    assert Vocabulary.build([hindi]).encode(hindi).tolist() == [2, 3]
    old = WordTokenizer(words, version=1)
    old.save(path)
    assert '"version"' not in path.read_text()
    assert load_tokenizer(path) == old
    assert load_tokenizer(path).encode(hindi).tolist() == [4, 5, 6]
    assert old != WordTokenizer(words)


def test_a_vocabulary_says_how_it_splits(tmp_path):
    path = tmp_path / "vocab.txt"
    vocabulary = Vocabulary.build(["a fine film"])
    vocabulary.save(path)
    assert path.read_text() == "<pad>\n<unk>\na\nfilm\nfine\n<split 2>\n"
    assert load_tokenizer(path) == vocabulary
    assert len(load_tokenizer(path)) == 5
    path.write_text(path.read_text().replace("2>", "3>"))
    with pytest.raises(ValueError, match="'<split 3>'"):
        Vocabulary.load(path)
    with pytest.raises(ValueError, match="version must be one of 1, 2, got 3"):
        Vocabulary(["a"], version=3)


def test_many_marks_take_linear_time():
    letter = "a" + "\u0301\u0316" * 200_000  # two marks whose order is changed
    start = time.perf_counter()
    assert len(tokenize(letter)) == 1
    assert WordPiece(["[UNK]", "a"]).encode(letter).tolist() == [1]
    assert time.perf_counter() - start < 5  # in quadratic time, minutes
