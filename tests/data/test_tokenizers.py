"""Tests for every kind of tokenizer: round trips, files, and errors."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.data import (
    ByteLevelBPE,
    CharacterTokenizer,
    Vocabulary,
    WordPiece,
    WordTokenizer,
    load_tokenizer,
    tokenize,
)
from tests.support.published_tables import STORED

TEXTS = ["a fine film, isn't it?", "the end \u2026\n caf\u00e9 \U0001f917 \ud800"]
PIECES = STORED["small wordpiece"]["vocabulary"]
TOKENIZERS = {
    "characters": CharacterTokenizer.build(TEXTS),
    "plain characters": CharacterTokenizer.build(TEXTS, specials=False),
    "words": WordTokenizer.build(TEXTS),
    "bpe": ByteLevelBPE.train(TEXTS, 30),
    "plain bpe": ByteLevelBPE.train(TEXTS, 30, specials=False, pattern="llama3"),
    "wordpiece": WordPiece(PIECES),
    "cased wordpiece": WordPiece(PIECES, lower_case=False),
}
every = pytest.mark.parametrize("name", TOKENIZERS)
ALPHABET = sorted(set("".join(TEXTS)))


@every
def test_what_every_tokenizer_has(name):
    tokenizer = TOKENIZERS[name]
    assert tokenizer.kind == name.split(" ")[-1]
    assert len(tokenizer) == len(tokenizer.tokens) > 15
    assert all(isinstance(token, str) and token.isprintable() for token in tokenizer.tokens)
    specials = [tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id]
    plain = name.startswith("plain")
    assert all((i is None) == plain for i in specials)
    for text in ["", *TEXTS] if plain else ["", "sth new \u4e16", *TEXTS]:
        ids = tokenizer.encode(text)
        assert ids.dtype == np.int64
        assert ids.ndim == 1
        assert not {i for i in specials if i is not None} & set(ids.tolist())
        assert isinstance(tokenizer.decode(ids), str)
        if not plain:
            padded = [specials[1], *ids, specials[2], specials[0], specials[0]]
            assert tokenizer.decode(padded) == tokenizer.decode(ids)
    assert [ids.tolist() for ids in tokenizer.encode_all(TEXTS)] == [
        tokenizer.encode(text).tolist() for text in TEXTS
    ]


@every
def test_a_saved_tokenizer_is_the_same(name, tmp_path):
    tokenizer = TOKENIZERS[name]
    tokenizer.save(tmp_path / "tokenizer.json")
    for load in (load_tokenizer, type(tokenizer).load):
        loaded = load(tmp_path / "tokenizer.json")
        assert loaded == tokenizer
        assert loaded.tokens == tokenizer.tokens
        for attribute in ("pad_id", "unknown_id", "start_id", "end_id", "kind"):
            assert getattr(loaded, attribute) == getattr(tokenizer, attribute)
        for text in TEXTS:
            np.testing.assert_array_equal(loaded.encode(text), tokenizer.encode(text))
    assert tokenizer != TOKENIZERS["words" if name != "words" else "bpe"]


@every
@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([-1], "ids must lie in 0 .. LAST, got -1"),
        ([10**6], "LAST, got 1000000"),
        ([1.0], "ids must be an integer array, got float64"),
        ([[1, 2]], "ids must be a flat sequence"),
    ],
)
def test_ids_that_are_none(name, ids, message):
    message = message.replace("LAST", str(len(TOKENIZERS[name]) - 1))
    with pytest.raises((ValueError, TypeError), match=message):
        TOKENIZERS[name].decode(ids)


@every
def test_the_last_id_is_the_number_of_tokens_less_one(name):
    n = len(TOKENIZERS[name])
    TOKENIZERS[name].decode([n - 1])
    with pytest.raises(ValueError, match=f"got {n}"):
        TOKENIZERS[name].decode([0, n])


@every
@pytest.mark.parametrize("text", [None, 3, ["a", "b"], np.array(["a"])])
def test_texts_that_are_none(name, text):
    with pytest.raises(TypeError, match="text must be a string, got"):
        TOKENIZERS[name].encode(text)


@every
def test_one_string_is_no_list_of_texts(name):
    with pytest.raises(TypeError, match="texts must be a list of strings, got one string"):
        TOKENIZERS[name].encode_all("ab")


# --- characters and words


@given(st.text(ALPHABET))
def test_characters_come_back(text):
    for name in ("characters", "plain characters"):
        assert TOKENIZERS[name].decode(TOKENIZERS[name].encode(text)) == printed(text)


@given(st.text(st.characters(exclude_categories=()), min_size=1))
def test_characters_of_any_text_come_back(text):
    for specials in (True, False):
        tokenizer = CharacterTokenizer.build([text], specials)
        assert tokenizer.decode(tokenizer.encode(text)) == printed(text)


def printed(text):
    """`text` with U+FFFD for what UTF-8 cannot encode."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


HALF = "a\udcff"


@pytest.mark.parametrize(
    "tokenizer",
    [
        WordTokenizer([HALF]),
        Vocabulary([HALF]),
        CharacterTokenizer(HALF),
        WordPiece(["[UNK]", HALF, "##" + HALF]),
    ],
)
def test_what_is_decoded_can_be_printed(tokenizer):
    text = tokenizer.decode(np.arange(len(tokenizer)))
    assert "\ufffd" in text
    assert text == printed(text)


def test_without_specials_there_are_only_the_sorted_characters():
    tokenizer = CharacterTokenizer.build(["banana", "cab\n"], specials=False)
    assert tokenizer.tokens == ["\\n", "a", "b", "c", "n"]
    assert tokenizer.encode("ban").tolist() == [2, 1, 4]


def test_unknown_characters():
    tokenizer = CharacterTokenizer.build(["ab"])
    assert tokenizer.tokens == ["<pad>", "<unknown>", "<start>", "<end>", "a", "b"]
    assert tokenizer.encode("a?b").tolist() == [4, 1, 5]
    assert tokenizer.decode([2, 4, 1, 5, 3, 0]) == "a\ufffdb"
    plain = CharacterTokenizer.build(["ab"], specials=False)
    with pytest.raises(ValueError, match=r"'\?' at position 1 is not one of the 2"):
        plain.encode("a?b")


def test_words_are_those_of_the_vocabulary():
    vocabulary = Vocabulary.build(TEXTS)
    words = TOKENIZERS["words"]
    assert words.tokens[:4] == ["<pad>", "<unknown>", "<start>", "<end>"]
    assert tuple(words.tokens[4:]) == vocabulary.tokens[2:]
    np.testing.assert_array_equal(words.encode(TEXTS[0]), vocabulary.encode(TEXTS[0]) + 2)
    assert words.decode(words.encode(TEXTS[0])) == TEXTS[0]
    assert words.decode(words.encode("a dull film")) == "a <unknown> film"
    assert len(WordTokenizer.build(TEXTS, max_size=7)) == 7
    assert tokenize("<start>") == ["<", "start", ">"]  # no text can contain a special token


def test_rare_words_are_left_out_when_asked():
    found = WordTokenizer.build(["a b b c c c"], min_count=2)
    assert found.tokens == ["<pad>", "<unknown>", "<start>", "<end>", "c", "b"]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CharacterTokenizer.build("ab"), "texts must be a list of strings"),
        (lambda: CharacterTokenizer.build([]), "at least one character"),
        (lambda: CharacterTokenizer.build([3]), "text must be a string, got int"),
        (lambda: CharacterTokenizer(["ab"]), "characters must be single characters, got 'ab'"),
        (lambda: CharacterTokenizer("aba"), "tokens must be unique, got 'a' twice"),
        (lambda: CharacterTokenizer("ab", specials=1), "specials must be True or False, got 1"),
        (lambda: WordTokenizer("ab"), "got one string"),
        (lambda: WordTokenizer(["a", ""]), "tokens must be non-empty"),
        (lambda: WordTokenizer(["<end>"]), "tokens must be unique, got '<end>' twice"),
        (lambda: WordTokenizer(["a", 2]), "tokens must be strings, got int"),
        (lambda: WordTokenizer.build(["a"], max_size=4), "max_size must be >= 5, got 4"),
        (
            lambda: WordTokenizer.build(["a"], max_size="5"),
            "max_size must be a whole number >= 5, got '5'",
        ),
        (lambda: WordTokenizer.build("a b"), "texts must be a list of strings"),
    ],
)
def test_what_no_tokenizer_is_made_of(build, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build()


# --- files


def rewritten(path, change):
    """Change a saved file, and update its checksum to match."""
    content = json.loads(path.read_text("ascii"))
    del content["sha256"]
    change(content)
    text = json.dumps(content, sort_keys=True)
    content["sha256"] = hashlib.sha256(text.encode("ascii")).hexdigest()
    path.write_text(json.dumps(content), encoding="ascii")


def loaded_or_none(path):
    try:
        return load_tokenizer(path)
    except ValueError:
        return None


@every
def test_every_changed_character_is_noticed(name, tmp_path):
    path = tmp_path / "tokenizer.json"
    TOKENIZERS[name].save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.integers(len(whole), size=60).tolist():
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        assert loaded_or_none(path) in (TOKENIZERS[name], None)  # spaces between values may change
    for length in (0, 1, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is not a tokenizer: .*not JSON"):
            load_tokenizer(path)


@pytest.mark.parametrize(
    "content",
    [b"[]", b"3", b'{"format": "another"}', b"{}", b"[" * 100_000, b"\xff\xfe", b'{"format": NaN}'],
)
def test_files_that_are_no_tokenizer(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError, match="x.json is not a tokenizer"):
        load_tokenizer(tmp_path / "x.json")


def put(key, value):
    return lambda content: content.__setitem__(key, value)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "words",
            put("kind", "syllables"),
            "kind must be one of bpe, characters, wordpiece, words, got 'syllables'",
        ),
        ("words", put("kind", ["words"]), r"got \['words'\]"),
        ("words", lambda content: content.pop("words"), "'words' is missing"),
        ("words", put("words", 3), "is not a tokenizer"),
        ("words", put("words", [3]), "tokens must be strings"),
        ("characters", put("characters", ["ab"]), "single characters"),
        ("characters", put("specials", "no"), "specials must be True or False"),
        ("wordpiece", put("vocabulary", ["a"]), r"must contain \[UNK\]"),
        ("wordpiece", put("lower_case", None), "lower_case must be True or False"),
        ("bpe", put("merges", ["a"]), "merge 1 must be a pair of tokens, got 'a'"),
        ("bpe", put("merges", {"a": 1}), "must be a list, got dict"),
        ("bpe", put("merges", ["a qq"]), "the token 'qq' is missing"),
        ("bpe", put("pattern", "(a+)+$"), "pattern must be one of"),
        ("bpe", put("pattern", []), "is not a tokenizer"),
        ("bpe", put("end", "<eos>"), "the token '<eos>' is missing"),
        ("bpe", put("end", "a"), "the token 'a' is missing"),  # a token, but not a special token
        ("bpe", put("vocabulary", ["a", "b"]), "is missing"),
        ("bpe", put("specials", "<pad>"), "got one string"),
    ],
)
def test_files_with_a_right_checksum_and_wrong_content(tmp_path, name, change, message):
    path = tmp_path / "tokenizer.json"
    TOKENIZERS[name].save(path)
    rewritten(path, change)
    with pytest.raises(ValueError, match=message) as info:
        load_tokenizer(path)
    assert str(path) in str(info.value)


def test_a_tokenizer_of_another_kind(tmp_path):
    TOKENIZERS["words"].save(tmp_path / "x.json")
    with pytest.raises(ValueError, match="of the kind 'words', not 'bpe'"):
        ByteLevelBPE.load(tmp_path / "x.json")
    with pytest.raises(FileNotFoundError):
        load_tokenizer(tmp_path / "absent.json")
